"""The faults of the demo, one method each: break something, watch what the client sees, mend it.

They work on any `Cluster`, so the same faults can be shown on keepalived + HAProxy.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from . import processes, topology, webservers
from .client import Client, Seen
from .cluster import Cluster
from .evidence import BRIDGE, MILLISECOND, SECOND, Collision

_WEB_CUT_OFF = """   Nobody had to move. A request that was meant for the web server behind the cut waited 300 ms for it, then
   got its page from the other one, until the server's check failed."""

_BEFORE = 100 * MILLISECOND
"""How much of the calm before a fault belongs to its window, so that the last good answer is in it."""


@dataclass
class Outcome:
    """What one fault came to."""

    fault: str
    outage_ms: float
    failed: int
    requests: int
    two_holders: int
    moved_ms: float | None = None
    """From the fault to the first page from the machine that took over; None when nobody had to."""
    silent_ms: float | None = None
    """From the fault to the old holder's last answer for the VIP."""
    observer_late_ms: float = 0
    results: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Promises that did not hold, in words."""

    def as_json(self) -> dict:
        return {key: round(value, 1) if isinstance(value, float) else value for key, value in asdict(self).items()}


class Scenario:
    """Runs faults against a cluster while a client watches, and tells what happens."""

    def __init__(
        self,
        cluster: Cluster,
        client: Client,
        say: Callable[[str], None],
        lease_ms: float = 500,
        preferred: str = topology.FRED.name,
    ) -> None:
        self.cluster = cluster
        self.client = client
        self.say = say
        self.limit_ms = lease_ms + 300
        """The promise for a dead or frozen daemon or proxy: the other machine answers within lease + 300 ms."""
        self.preferred = preferred
        self.outcomes: list[Outcome] = []
        self.ways_back: list[Outcome] = []
        self.begun = time.monotonic_ns()

    # Faults of the network

    def cut_link(self) -> None:
        """Pulls the holder's cable and plugs it in again."""
        holder = self._begin("Pull the cable of {}, who holds the address.")
        network = self.cluster.network
        start = now()
        network.cut(holder)
        self._end("link cut", start, holder)
        self._mend(f"Plug {holder}'s cable in again.", lambda: network.heal())

    def cut_one_way(self, direction: str) -> None:
        """The holder hears everything and isn't heard, or the other way round. No carrier loss tells anybody."""
        words = "hears nothing" if direction == "in" else "is not heard"
        holder = self._begin("From now on {} " + words + "; the interface stays up.")
        network = self.cluster.network
        start = now()
        network.cut_one_way(holder, direction)
        self._end(f"holder {words}", start, holder)
        self._mend("Mend it.", lambda: network.heal())

    def partition_pair(self) -> None:
        """The two can't hear each other; everybody else hears both."""
        holder = self._begin("Separate fred and ethyl from each other; {} holds, the client and lucy reach both.")
        network = self.cluster.network
        start = now()
        network.partition([[holder], [self.cluster.other(holder)]])
        self._end("partition of the two", start, None)
        self.say(_WEB_CUT_OFF)
        self._mend("End the partition.", lambda: network.heal())

    def partition_holder(self) -> None:
        """The holder hears no other member, while the client reaches both sides: where two holders hurt most."""
        holder = self._begin("Separate {}, who holds, from the other two; the client reaches both sides.")
        network = self.cluster.network
        others = [host.name for host in topology.VOTERS if host.name != holder]
        start = now()
        network.partition([[holder], others])
        self._end("partition, holder alone", start, holder)
        self._mend("End the partition.", lambda: network.heal())

    # Faults of processes

    def kill_daemon(self) -> None:
        holder = self._begin("SIGKILL the daemon of {}, who holds: it can't take the address away itself.")
        start = now()
        self.cluster.kill_daemon(holder)
        self._end("SIGKILL of the daemon", start, holder, limited=True)
        self._mend(f"Start {holder}'s daemon again.", lambda: self.cluster.start_daemon(holder))

    def freeze_daemon(self) -> None:
        holder = self._begin("SIGSTOP the daemon of {}, who holds: alive, but it does nothing any more.")
        start = now()
        self.cluster.freeze_daemon(holder)
        self._end("SIGSTOP of the daemon", start, holder, limited=True)
        self._mend(f"Wake {holder}'s daemon: it must not believe that it still holds.", lambda: self.cluster.thaw_daemon(holder))

    def stop_daemon(self) -> None:
        holder = self._begin("SIGTERM the daemon of {}, who holds: it may hand over before it ends.")
        start = now()
        code = self.cluster.daemon(holder).stop(patience=5)
        took_ms = (now() - start) / MILLISECOND
        outcome = self._end("SIGTERM of the daemon", start, holder, limited=True)
        if code is None:
            self._break(outcome, "the daemon did not end within 5 s")
        else:
            self.say(f"   The daemon ended after {took_ms:.0f} ms.")
        self._mend(f"Start {holder}'s daemon again.", lambda: self.cluster.start_daemon(holder))

    def kill_proxy(self) -> None:
        holder = self._begin("SIGKILL the proxy process of {}, who holds.")
        start = now()
        self.cluster.kill_proxy(holder)
        self._end("SIGKILL of the proxy", start, None, limited=True)
        self._mend("The proxy comes back.", lambda: self.cluster.restore_proxy(holder))

    def freeze_proxy(self) -> None:
        holder = self._begin("SIGSTOP the proxy process of {}, who holds: connections open, nobody serves them.")
        pid = self.cluster.proxy_pid(holder)
        start = now()
        processes.send(pid, signal.SIGSTOP)
        self._end("SIGSTOP of the proxy", start, None, limited=True)
        self._mend("Wake the proxy, if it still lives.", lambda: processes.send(pid, signal.SIGCONT))

    def kill_web_server(self) -> None:
        holder = self._begin("Kill a web server, the one beside {}.")
        web = self.cluster.web[holder]
        start = now()
        web.kill(tree=True)
        outcome = self._end("SIGKILL of a web server", start, None)
        if outcome.failed:
            self._break(outcome, f"{outcome.failed} requests failed; the other server should have answered them")
        self._mend(f"Start {holder}'s web server again.", lambda: self._restart_web(holder))

    def _restart_web(self, node: str) -> None:
        self.cluster.web[node] = webservers.start(self.cluster.network, node)

    # The frame around every fault

    def _begin(self, what: str) -> str:
        """Waits for calm, tells the fault, and returns who holds."""
        holder = self.settle()
        self.say(f"\n{len(self.outcomes) + 1}. {what.format(holder)}")
        return holder

    def settle(self, patience: float = 20) -> str:
        """Waits until the preferred machine holds, or for `patience` whoever does, and the client is content."""
        def calm() -> bool:
            return self.cluster.holder() == self.preferred

        processes.wait_until(calm, patience, interval=0.1)
        holder = self.cluster.wait_for_holder()
        time.sleep(2 * BRIDGE / SECOND)
        if not self.client.wait_until_steady(seconds=1.0):
            raise RuntimeError(f"{self.cluster.title}: the client gets no steady answers from {holder}")
        return holder

    def _end(self, fault: str, start: int, lost: str | None, limited: bool = False, watch: float = 2.5) -> Outcome:
        """Watches for `watch` seconds, and judges. `lost`: who can't hold any more, so that the other must."""
        time.sleep(watch)
        if not self.client.wait_until_steady(seconds=0.5, timeout=10):
            self.say("   The client still has no steady answers 10 s later.")
        self.client.read()
        seen = self.client.seen(start - _BEFORE, now())
        outcome = Outcome(
            fault=fault,
            outage_ms=seen.outage_ms,
            failed=seen.failed,
            requests=seen.requests,
            two_holders=len(seen.collisions),
            observer_late_ms=seen.observer_late_ms,
            results=seen.results,
        )
        if lost is not None:
            self._judge_move(outcome, lost, start, limited)
        elif limited and outcome.outage_ms > self.limit_ms:
            outcome.broken.append(f"{outcome.outage_ms:.0f} ms without an answer, promised: {self.limit_ms:.0f}")
        self._judge_seen(outcome, seen)
        self.outcomes.append(outcome)
        self._tell(outcome, lost)
        return outcome

    def _judge_move(self, outcome: Outcome, lost: str, start: int, limited: bool) -> None:
        """A daemon that is dead at `start` must be silent, and the other machine serving, within the limit."""
        served = self.client.first_page_from(self.cluster.other(lost), start)
        outcome.moved_ms = (served - start) / MILLISECOND if served else None
        last = self.client.last_answer_from(lost, start)
        outcome.silent_ms = (last - start) / MILLISECOND if last else 0.0
        if outcome.moved_ms is None:
            outcome.broken.append(f"{self.cluster.other(lost)} never answered")
        elif limited and outcome.moved_ms > self.limit_ms:
            outcome.broken.append(f"the other answered after {outcome.moved_ms:.0f} ms, promised: {self.limit_ms:.0f}")
        if limited and outcome.silent_ms > self.limit_ms:
            outcome.broken.append(f"{lost} still answered after {outcome.silent_ms:.0f} ms")

    def _judge_seen(self, outcome: Outcome, seen: Seen) -> None:
        if seen.collisions:
            outcome.broken.append(f"two holders {len(seen.collisions)} times; first: {_described(seen.collisions[0])}")
        if not seen.recovered:
            outcome.broken.append("the client had no answer any more")

    def _mend(self, what: str, act: Callable[[], object]) -> None:
        """Undoes the fault, and watches the way back too: that is where an old holder may wake up."""
        start = now()
        act()
        self.settle()
        self.client.read()
        seen = self.client.seen(start, now())
        back = Outcome("ways back", seen.outage_ms, seen.failed, seen.requests, len(seen.collisions), results=seen.results)
        self._judge_seen(back, seen)
        self.ways_back.append(back)
        self.say(f"   {what} {sight(back)}")
        for promise in back.broken:
            self.say(f"   BROKEN: {promise}")

    def _break(self, outcome: Outcome, promise: str) -> None:
        """Notes a promise that turned out broken after the outcome was told."""
        outcome.broken.append(promise)
        self.say(f"   BROKEN: {promise}")

    def _tell(self, outcome: Outcome, lost: str | None) -> None:
        if lost is not None and outcome.moved_ms is not None:
            self.say(
                f"   {lost} was silent after {outcome.silent_ms:.0f} ms,"
                f" {self.cluster.other(lost)} served after {outcome.moved_ms:.0f} ms."
            )
        self.say(f"   {sight(outcome)}")
        for promise in outcome.broken:
            self.say(f"   BROKEN: {promise}")


def now() -> int:
    """Nanoseconds of the clock that the probes use."""
    return time.monotonic_ns()


def sight(outcome: Outcome) -> str:
    """What the client saw, in a sentence."""
    holders = "never two holders" if outcome.two_holders == 0 else f"TWO HOLDERS {outcome.two_holders} times"
    failed = "no request failed" if outcome.failed == 0 else _failures(outcome)
    late = f" (observer itself late by {outcome.observer_late_ms:.0f} ms)" if outcome.observer_late_ms > 20 else ""
    return f"The client: longest wait {outcome.outage_ms:.0f} ms{late}, {failed}, {holders}."


def _failures(outcome: Outcome) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.results.items()) if kind != "200")
    return f"{outcome.failed} of {outcome.requests} requests failed" + (f" ({kinds})" if kinds else "")


def _described(collision: Collision) -> str:
    return f"{collision.intruder} answered while {collision.holder} held"
