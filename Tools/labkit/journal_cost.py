"""What a journal costs: bytes a day, CPU of the thread that writes it, and how fast it is verified and replayed.

A cluster of three runs in the lab with heartbeats every 100 ms, in peace, for a while; the figures are of that while. CPU is
what the kernel counts for the thread `electd-store` in ticks of 10 ms, so a short while says little.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from . import electd
from .commands import run
from .electd import Electd
from .interrupts import become_interruptible
from .network import Network, require_privilege

DAY = 86_400
STORE = "electd-store"
_TICKS = os.sysconf("SC_CLK_TCK")


def _size(journal: Path) -> int:
    return sum(file.stat().st_size for file in journal.iterdir())


def _ticks(pid: int, thread: str) -> int:
    """CPU of the process's threads of that name."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        if name == thread[:15]:
            fields = rest.split()
            total += int(fields[11]) + int(fields[12])
    return total


def measure(cluster: Electd, seconds: float) -> dict:
    """Of each node: bytes a day, and per cent of a core that the journal's thread took."""
    nodes = cluster.nodes
    before = {name: (_size(node.journals()[0]), _ticks(node.process.pid, STORE)) for name, node in nodes.items()}
    begun = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    figures = {}
    for name, node in nodes.items():
        grown = _size(node.journals()[0]) - before[name][0]
        ticks = _ticks(node.process.pid, STORE) - before[name][1]
        figures[name] = {
            "megabytes_a_day": round(grown / took * DAY / 1e6, 1),
            "store_percent_of_a_core": round(100 * ticks / _TICKS / took, 2),
        }
    return figures


def _rates(cluster: Electd) -> dict:
    node = next(iter(cluster.nodes.values()))
    journals = [str(path) for each in cluster.nodes.values() for path in each.journals()]
    rates = {}
    for name, words in (("verify", ["log", "verify"]), ("replay", ["replay"])):
        done = run(str(node.program), *words, *journals, check=False, timeout=300)
        rates[name] = {"exit": done.returncode, "said": done.stdout.rstrip().rpartition("\n")[2]}
    return rates


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tools/journal-cost", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    become_interruptible()
    require_privilege()
    network = Network.up()
    try:
        cluster = Electd(network, electd.binary())
        cluster.start_web_servers()
        cluster.start()
        holder = cluster.wait_for_holder(timeout=30)
        time.sleep(5)
        report = {"holder": holder, "seconds": options.seconds, "nodes": measure(cluster, options.seconds)}
        cluster.stop()
        report |= _rates(cluster)
    finally:
        network.down()
    print(json.dumps(report, indent=2))
    return 0 if all(report[name]["exit"] == 0 for name in ("verify", "replay")) else 1


if __name__ == "__main__":
    sys.exit(main())
