"""Kills the daemons of a cluster under load, again and again, and reads what their journals say afterwards.

Nothing that was acknowledged may be lost: each heartbeat says how far its sender's journal is on disk, the others record
it, and `electd log verify` of all journals holds the one against the other. Then every decision is derived again.
"""

import argparse
import json
import random
import sys
import time
from dataclasses import asdict, dataclass

from . import electd
from .client import Client
from .commands import CommandFailed, run
from .electd import Electd
from .interrupts import become_interruptible
from .network import Network, require_privilege
from .processes import wait_until


@dataclass
class Outcome:
    kills: int
    seconds: float
    segments: int
    records: int
    marks: int
    torn_tails: int
    findings: list[str]
    replay_is_good: bool

    @property
    def is_good(self) -> bool:
        return not self.findings and self.replay_is_good


def kill_at_random(cluster: Electd, kills: int, seed: int = 1) -> float:
    """Kills a random daemon `kills` times, 20 ms to 1.2 s apart, and starts it again. Returns the seconds it took."""
    dice = random.Random(seed)
    begun = time.monotonic()
    names = sorted(cluster.nodes)
    for _ in range(kills):
        time.sleep(dice.uniform(0.02, 1.2))
        name = dice.choice(names)
        cluster.kill_daemon(name)
        time.sleep(dice.uniform(0, 0.3))
        cluster.start_daemon(name)
        if dice.random() < 0.2:
            # Work for the disk that must be done before it is answered.
            cluster.nodes[dice.choice(names)].command("maintenance", dice.choice(["on", "off"]), check=False)
    for name in names:
        # The last one killed has to find the holder first, and there may be none yet.
        node = cluster.nodes[name]
        if not wait_until(lambda: node.command("maintenance", "off", check=False).returncode == 0, 20, interval=0.2):
            raise CommandFailed(f"{name} stays in maintenance")
    return time.monotonic() - begun


def judge(cluster: Electd, kills: int, seconds: float) -> Outcome:
    """What the journals of all nodes, whose daemons have ended, say of themselves and of each other."""
    nodes = list(cluster.nodes.values())
    journals = [str(path) for node in nodes for path in node.journals()]
    program = str(nodes[0].program)
    verified = run(program, "log", "verify", "--json", *journals, check=False)
    report = json.loads(verified.stdout)
    replayed = run(program, "replay", *journals, check=False)
    return Outcome(
        kills=kills,
        seconds=round(seconds, 1),
        segments=len(report["segments"]),
        records=report["records"],
        marks=report["pinned"],
        torn_tails=sum(1 for finding in report["findings"] if finding["harmless"]),
        findings=[f"{each['path']}: {each['text']}" for each in report["findings"] if not each["harmless"]],
        replay_is_good=replayed.returncode == 0,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="Tools/crash", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    become_interruptible()
    require_privilege()
    network = Network.up()
    try:
        # Every life's journal stays, to be judged.
        cluster = Electd(network, electd.binary(), journal="{ retain: 10000 }")
        cluster.start_web_servers()
        client = Client(network)
        cluster.start()
        cluster.wait_for_holder(timeout=30)
        seconds = kill_at_random(cluster, options.kills, options.seed)
        cluster.wait_for_holder(timeout=30)
        client.stop()
        cluster.stop()
        outcome = judge(cluster, options.kills, seconds)
    finally:
        network.down()
    if options.json:
        print(json.dumps(asdict(outcome), indent=2))
    else:
        print(f"{outcome.kills} kills in {outcome.seconds} s: {outcome.segments} segments, {outcome.records} records, "
              f"{outcome.marks} marks of peers hold; replay {'as recorded' if outcome.replay_is_good else 'DIFFERS'}")
        for finding in outcome.findings:
            print(finding)
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
