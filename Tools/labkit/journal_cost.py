"""What a journal costs: bytes a day, CPU of the thread that writes it, and how fast it is verified and replayed.

A cluster of three runs in the lab with heartbeats every 100 ms, in peace, for a while; the figures are of that while: bytes a
day as they are written, by kind of frame, and as they stay once the segment is closed and packed. CPU is what the kernel
counts for the thread `electd-store` in ticks of 10 ms, so a short while says little.
"""

import argparse
import gzip
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

from . import electd
from .commands import run
from .electd import Electd
from .interrupts import become_interruptible
from .network import Network, require_privilege

DAY = 86_400
STORE = "electd-store"
_TICKS = os.sysconf("SC_CLK_TCK")

# Specs/journal.md, "Kinds of frames".
KINDS = {1: "opening", 2: "step", 3: "state", 4: "checkpoint", 5: "recovery", 6: "closing", 7: "run"}
KINDS |= {8: "cosignature", 9: "witnessed", 10: "room", 11: "pruned"}
PREAMBLE = 8
HEAD = 8
LEVEL = 6
"""As the daemon packs."""


def _bytes(journal: Path) -> bytes:
    """All segments, as far as they are written."""
    return b"".join(file.read_bytes() for file in sorted(journal.iterdir()))


def _kinds(journal: bytes) -> Counter:
    """How many bytes of one segment lie in which kind of frame, the frames' heads apart."""
    kinds: Counter = Counter()
    place = PREAMBLE
    while place + HEAD <= len(journal):
        length = int.from_bytes(journal[place : place + 3], "little")
        kinds[KINDS.get(journal[place + 3], "unknown")] += length
        kinds["heads"] += HEAD
        place += HEAD + length
    return kinds


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
    before = {name: (_bytes(node.journals()[0]), _ticks(node.process.pid, STORE)) for name, node in nodes.items()}
    begun = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    figures = {}
    for name, node in nodes.items():
        old, ticks_before = before[name]
        whole = _bytes(node.journals()[0])
        ticks = _ticks(node.process.pid, STORE) - ticks_before

        def a_day(count: float) -> float:
            return round(count / took * DAY / 1e6, 1)

        packed = len(gzip.compress(whole, LEVEL)) / len(whole)
        figures[name] = {
            "megabytes_a_day": a_day(len(whole) - len(old)),
            "megabytes_a_day_packed": a_day((len(whole) - len(old)) * packed),
            "by_kind": {kind: a_day(count) for kind, count in (_kinds(whole) - _kinds(old)).most_common()},
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
