"""Breaks a cluster of three voters in every way that the lab knows, while a client watches who answers for the address.

For each fault: how long the client had no page, who answered it in which order, whether two ever held at once, and
whether the group moved more often than the fault was a cause to. Exits with 1 when two held or one moved for nothing.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import electd, machine, namespaces, statistics, topology
from .client import Client
from .commands import CommandFailed, run
from .disks import Disk
from .electd import Electd
from .evidence import BRIDGE, MILLISECOND, SECOND, turns
from .interrupts import become_interruptible
from .matrix_rows import ROWS, STRANGER, Play, Row
from .network import Network
from .processes import wait_until
from .scenario import now
from .wall_clock import WallClock

_GROUP = "router37"
_TAKEN = f"{_GROUP}: holder in term "
_ROLE = re.compile(rf"{_GROUP}: (?:holder|standby|fault) in term .*")
_BEFORE = 100 * MILLISECOND


@dataclass
class Outcome:
    """One fault, once. Times in ms from the fault."""

    name: str
    what: str
    outage_ms: float
    """The client's longest wait between two pages, from the fault until all is mended and calm."""
    back_ms: float
    """The same, of the time after the mend alone."""
    holders_seen: list[list]
    """[machine, first answer, last answer] for each turn, in order."""
    most_at_once: int
    moves: list[str]
    """Who took the group, by the daemons' own words."""
    told: list[str]
    """All that the daemons said of the group, with their reasons."""
    expected_moves: int
    failed: int
    requests: int
    observer_late_ms: float
    """How late a probe itself was at worst: an outage is known no better."""
    collisions: list[str] = field(default_factory=list)
    error: str | None = None

    @property
    def false_moves(self) -> int:
        return max(0, len(self.moves) - self.expected_moves)

    @property
    def is_good(self) -> bool:
        return self.error is None and self.most_at_once <= 1 and self.false_moves == 0

    def as_json(self) -> str:
        shown = {key: round(value, 1) if isinstance(value, float) else value for key, value in asdict(self).items()}
        return json.dumps({**shown, "false_moves": self.false_moves, "good": self.is_good})


class Stage:
    """A cluster on what its rows need, and the client that watches it."""

    def __init__(self, kind: str) -> None:
        self.network = Network.up()
        self.disks: dict[str, Disk] = {}
        self.clocks: dict[str, WallClock] = {}
        try:
            election = "{ realtime: true, lock_memory: true }" if kind == "realtime" else ""
            # No move back after the mend: every move that is seen then has another cause.
            self.cluster = Electd(self.network, electd.binary(), preempt_after="never", election=election)
            for node in self.cluster.nodes.values():
                if kind == "disks":
                    self.disks[node.name] = Disk(node.state)
                if kind == "clocks":
                    clock = self.clocks[node.name] = WallClock(node.directory / "clock")
                    node.environment = clock.environment
            self.cluster.start_web_servers()
            self.client = Client(self.network)
            self.cluster.start()
            self.cluster.wait_for_holder(20)
            # Until every check and every server behind the proxies has had its first verdicts.
            time.sleep(2)
            if kind == "realtime":
                self._expect_real_time()
        except BaseException:
            self.network.down()
            raise

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            for disk in self.disks.values():
                disk.mend()
            self.client.stop()
        finally:
            self.network.down()

    def _expect_real_time(self) -> None:
        """Raises RuntimeError unless the options of `election` are in force."""
        for name in self.cluster.nodes:
            process = Path(f"/proc/{self.cluster.daemon(name).pid}")
            threads = {int(task.name): (task / "comm").read_text().strip() for task in (process / "task").iterdir()}
            policies = [os.sched_getscheduler(thread) for thread, comm in threads.items() if comm == "electd-election"]
            locked = next(line.split()[1] for line in (process / "status").read_text().splitlines() if "VmLck" in line)
            if not policies or policies[0] & os.SCHED_FIFO == 0 or int(locked) == 0:
                raise RuntimeError(f"{name}: policies {policies}, {locked} kB locked: realtime and lock_memory aren't in force")

    def perform(self, row: Row) -> Outcome:
        return perform(row, self.cluster, self.client, self.disks, self.clocks)

    def overlap(self) -> str | None:
        """What the journals of all nodes say of two holders at once; None: nothing. Ends the daemons."""
        self.cluster.stop()
        journals = [str(path) for node in self.cluster.nodes.values() for path in node.journals()]
        asked = run(str(self.cluster.program), "overlaps", *journals, check=False, timeout=120)
        return None if asked.returncode == 0 else (asked.stdout or asked.stderr).strip()


def perform(
    row: Row, cluster: Electd, client: Client, disks: dict[str, Disk] | None = None, clocks: dict[str, WallClock] | None = None
) -> Outcome:
    """Plays the fault and its mend; raises RuntimeError when there is no calm before it, or after."""
    play = Play(cluster, _calm(cluster, client), disks or {}, clocks or {}, [])
    before = {name: len(_said(cluster, name)) for name in cluster.nodes}
    start = now()
    try:
        row.break_it(play)
        time.sleep(max(0.0, row.seconds - (now() - start) / SECOND))
    finally:
        mended = now()
        play.mend()
    _calm(cluster, client)
    client.read()
    end = now()
    told = [f"{name}: {line}" for name in cluster.nodes for line in _said(cluster, name)[before[name] :]]
    return _judged(row, client, (start, mended, end), told)


def _calm(cluster: Electd, client: Client) -> str:
    """Waits until all nodes answer, one of them holds, and the client has been served steadily; says who holds."""

    def agreed() -> bool:
        roles = cluster.roles()
        return roles.get("holder", []) != [] and sum(map(len, roles.values())) == len(cluster.nodes)

    if not wait_until(agreed, 20, interval=0.1):
        raise RuntimeError(f"no calm after 20 s: {cluster.roles()}")
    time.sleep(2 * BRIDGE / SECOND)
    if not client.wait_until_steady(seconds=1.0, timeout=30):
        raise RuntimeError("the client has no steady answers")
    return cluster.wait_for_holder()


def _judged(row: Row, client: Client, instants: tuple[int, int, int], told: list[str]) -> Outcome:
    start, mended, end = instants
    whole, back = client.seen(start - _BEFORE, end), client.seen(mended, end)
    doubles = client.collisions(start - _BEFORE, end, STRANGER if row.watch_stranger else None)
    proofs = client.proofs(start - _BEFORE, end)
    return Outcome(
        name=row.name,
        what=row.what,
        outage_ms=whole.outage_ms,
        back_ms=back.outage_ms,
        holders_seen=[[who, _ms(first - start), _ms(last - start)] for who, first, last in turns(proofs)],
        most_at_once=2 if doubles else 1,
        moves=[line for line in told if _TAKEN in line],
        told=told,
        expected_moves=row.moves,
        failed=whole.failed,
        requests=whole.requests,
        observer_late_ms=whole.observer_late_ms,
        collisions=[f"{each.intruder} answered while {each.holder} held, {_ms(each.at - start)} ms" for each in doubles[:5]],
    )


def _ms(nanoseconds: int) -> int:
    return round(nanoseconds / MILLISECOND)


def _said(cluster: Electd, name: str) -> list[str]:
    """What this node said whenever it took the group, or couldn't hold it any longer."""
    log = cluster.network.directory / f"{name}-electd.log"
    return _ROLE.findall(log.read_text(errors="replace")) if log.exists() else []


def play(rows: list[Row], times: int, tell: Callable[[Outcome], object]) -> list[str]:
    """Plays the rows, each `times` times; returns what the journals say of two holders, which must be nothing."""
    overlaps = []
    for kind in sorted({row.stage for row in rows}, key=lambda kind: [row.stage for row in rows].index(kind)):
        waiting = [row for row in rows if row.stage == kind for _ in range(times)]
        while waiting:
            with Stage(kind) as stage:
                while waiting:
                    row = waiting.pop(0)
                    try:
                        tell(stage.perform(row))
                    except (CommandFailed, RuntimeError, OSError) as error:
                        tell(Outcome(row.name, row.what, 0, 0, [], 0, [], [], row.moves, 0, 0, 0, error=str(error)))
                        break  # what it left behind isn't the next one's fault
                if found := stage.overlap():
                    overlaps.append(found)
    return overlaps


def table(outcomes: list[Outcome]) -> str:
    """A row per fault for Specs/safety.md."""
    lines = [
        "| fault | outage, median (worst) | held, as the client saw it | most at once | moves | false |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(outcome.name for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.name == name]
        outages = [outcome.outage_ms for outcome in own]
        turns_seen = max((outcome.holders_seen for outcome in own), key=len)
        lines.append(
            f"| {own[0].what} | {statistics.median(outages):.0f} ms ({max(outages):.0f}) | {_sequence(turns_seen)} |"
            f" {max(outcome.most_at_once for outcome in own)} | {'/'.join(str(len(outcome.moves)) for outcome in own)} |"
            f" {sum(outcome.false_moves for outcome in own)} |"
        )
    return "\n".join(lines)


_TURNS_TOLD = 4


def _sequence(seen: list[list]) -> str:
    """Who answered in turn. The names differ from one time to the next, so the roles are told."""
    if not seen:
        return "nobody"
    first = seen[0][0]
    if any(who == STRANGER for who, _, _ in seen):
        return f"{_sequence([turn for turn in seen if turn[0] != STRANGER][:1])}, and the stranger all the time"
    names = {first: "A"}
    told = [names.get(who, "B") + (f" from {begun} ms" if number else "") for number, (who, begun, _) in enumerate(seen)]
    more = [f"and {len(told) - _TURNS_TOLD} turns more"] if len(told) > _TURNS_TOLD else []
    return ", ".join(told[:_TURNS_TOLD] + more)


def _sentence(outcome: Outcome) -> str:
    verdict = "good" if outcome.is_good else "WRONG"
    if outcome.error is not None:
        return f"{verdict}: {outcome.name}: {outcome.error}"
    words = [
        f"{verdict}: {outcome.name}: {outcome.outage_ms:.0f} ms without a page ({outcome.back_ms:.0f} after the mend)",
        f"held by {_sequence(outcome.holders_seen)}",
        f"{len(outcome.moves)} moves of {outcome.expected_moves}",
    ]
    if outcome.observer_late_ms > 20:
        words.append(f"observer late by {outcome.observer_late_ms:.0f} ms")
    trouble = outcome.collisions + (outcome.told if outcome.false_moves else [])
    return "; ".join(words) + "".join(f"\n    {line}" for line in trouble)


def main() -> int:
    arguments = _arguments()
    become_interruptible()
    namespaces.sweep()
    if warning := machine.busy():
        print(warning, file=sys.stderr)
    rows = [row for row in ROWS if not arguments.only or any(word in row.name for word in arguments.only)]
    if arguments.quick:
        rows = [row for row in rows if row.quick]
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        where = sys.stderr if arguments.markdown else sys.stdout
        print(outcome.as_json() if arguments.json else _sentence(outcome), flush=True, file=where)

    try:
        overlaps = play(rows, arguments.times, tell)
    except KeyboardInterrupt:
        return 130
    except (CommandFailed, RuntimeError, OSError) as error:
        print(f"matrix: {error}", file=sys.stderr)
        return 2
    if arguments.markdown:
        print(table(outcomes))
    for overlap in overlaps:
        print(f"TWO HOLDERS by the journals:\n{overlap}", file=sys.stderr)
    return 0 if not overlaps and all(outcome.is_good for outcome in outcomes) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Tools/matrix", description=__doc__)
    parser.add_argument("only", nargs="*", help="faults with one of these words in their name; all when none is given")
    parser.add_argument("--times", type=int, default=3, help="how often each is played (3)")
    parser.add_argument("--quick", action="store_true", help="only those that the network tests play too")
    parser.add_argument("--json", action="store_true", help="one JSON object for each time")
    parser.add_argument("--markdown", action="store_true", help="the table of Specs/safety.md; the rest goes to stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
