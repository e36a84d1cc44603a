"""The client's side of a run: starts the probes, reads their notes, answers what they saw."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import topology
from .evidence import (
    MILLISECOND,
    Collision,
    Proof,
    Request,
    collisions,
    http_proofs,
    longest_gap,
    same_question,
)
from .network import Network
from .probes.pace import LATE

_TOOLS = Path(__file__).parent.parent


class Probe:
    """One probe process and what it has noted so far."""

    def __init__(self, prefix: list[str], module: str, arguments: list[str], out: Path) -> None:
        self.rows: list[list[str]] = []
        self.lateness: list[tuple[int, int]] = []
        self._out = out
        self._offset = 0
        out.unlink(missing_ok=True)
        command = [*prefix, sys.executable, "-m", f"labkit.probes.{module}", *arguments, "--out", str(out)]
        self._popen = subprocess.Popen(
            command, cwd=_TOOLS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._popen.stdout is not None
        if self._popen.stdout.readline() != b"ready\n":
            raise RuntimeError(f"the {module} probe did not start")

    def read(self) -> None:
        """Takes over what was noted since the last call."""
        with self._out.open("rb") as notes:
            notes.seek(self._offset)
            fresh = notes.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode().splitlines():
            fields = line.split()
            if fields[0] == LATE:
                self.lateness.append((int(fields[1]), int(fields[2])))
            else:
                self.rows.append(fields)

    def stop(self) -> None:
        """Ends the probe and reads the rest."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        try:
            self._popen.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self.read()


@dataclass(frozen=True)
class Seen:
    """What the client saw in a stretch of time."""

    outage_ms: float
    """The longest time between two successful answers."""
    recovered: bool
    requests: int
    failed: int
    results: dict[str, int]
    collisions: list[Collision]
    observer_late_ms: float
    """The worst delay of a probe itself: an outage is known no better than this."""


class Client:
    """Steady ordinary traffic from one client, and beside it the probes that look for a second holder.

    `network` None: everything is on this machine's loopback. There the ordinary traffic is all that can be seen:
    there is no ARP, and no way to ask one machine past the other.
    """

    def __init__(
        self,
        network: Network | None,
        directory: Path | None = None,
        http: bool = True,
        ping_ms: float | None = None,
        target: str = topology.VIP,
        port: int = 80,
    ) -> None:
        self._network = network
        self._directory = directory or network.directory
        self._requests: list[Request] = []
        self._forced: dict[str, list[Request]] = {name: [] for name in topology.FORCED}
        self._answers: list[Proof] = []
        self._pings: list[tuple[int, int]] = []
        aim = ["--target", target]
        web = [*aim, "--port", str(port)]
        self._steady = self._start(topology.CLIENT, "http", web) if http else None
        self._arp = self._ping = None
        self._forced_probes: dict[str, Probe] = {}
        if network is None:
            return
        sender = ["--sender", topology.ARP_PROBER, "--interface", topology.INTERFACE]
        # Not where the ordinary traffic is: the kernel learns from the answers, and would never need an announcement.
        self._arp = self._start(topology.VIA_FRED, "arp", aim + sender)
        if ping_ms is not None:
            self._ping = self._start(topology.CLIENT, "ping", [*aim, "--interval-ms", str(ping_ms)])
        for name, client in topology.FORCED.items() if http else ():
            # Short limits: these look for answers that should not be; they need no patience.
            limits = ["--connect-timeout-ms", "60", "--timeout-ms", "1000"]
            self._forced_probes[name] = self._start(client, "http", web + limits)

    def _start(self, host: topology.Host, module: str, arguments: list[str]) -> Probe:
        out = self._directory / f"{host.name}-{module}.seen"
        prefix = self._network.inside(host.name) if self._network else []
        return Probe(prefix, module, arguments, out)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _probes(self) -> list[Probe]:
        return [
            probe for probe in (self._arp, self._steady, self._ping, *self._forced_probes.values()) if probe is not None
        ]

    def stop(self) -> None:
        for probe in self._probes():
            probe.stop()
        self._digest()

    def read(self) -> None:
        """Brings the answers below up to date."""
        for probe in self._probes():
            probe.read()
        self._digest()

    def _digest(self) -> None:
        if self._arp is not None:
            for asked, answered, mac in _taken(self._arp):
                known = topology.BY_MAC.get(mac)
                self._answers.append(Proof(int(asked), int(answered), known.name if known else mac))
        if self._steady is not None:
            self._requests += _requests(self._steady)
        for name, probe in self._forced_probes.items():
            self._forced[name] += _requests(probe)
        if self._ping is not None:
            self._pings += [(int(asked), int(answered)) for asked, answered in _taken(self._ping)]

    # What it saw

    def seen(self, start: int, end: int) -> Seen:
        """Outage and failures of the ordinary traffic, and every sign of a second holder, from `start` to `end`."""
        window = [request for request in self._requests if start <= request.started <= end]
        results: dict[str, int] = {}
        for request in window:
            results[request.result] = results.get(request.result, 0) + 1
        successes = [request.ended for request in self._requests if request.is_success]
        gap, recovered = longest_gap(successes, start, end)
        return Seen(
            outage_ms=gap / MILLISECOND,
            recovered=recovered,
            requests=len(window),
            failed=sum(1 for request in window if not request.is_success),
            results=results,
            collisions=self.collisions(start, end),
            observer_late_ms=self.late_ms(start, end),
        )

    def late_ms(self, start: int, end: int) -> float:
        """The worst delay of a probe itself from `start` to `end`: an instant is known no better than this."""
        late = [delay for probe in self._probes() for at, delay in probe.lateness if start <= at <= end]
        return max(late, default=0) / MILLISECOND

    def collisions(self, start: int, end: int, besides: str | None = None) -> list[Collision]:
        """Moments with two holders by ARP or by HTTP to each machine directly. `besides` isn't counted as one."""
        answers = [proof for proof in self._answers if start <= proof.earliest <= end and proof.node != besides]
        found = same_question(answers)
        return sorted({*found, *collisions(self.proofs(start, end, besides))}, key=lambda collision: collision.at)

    def proofs(self, start: int, end: int, besides: str | None = None) -> list[Proof]:
        """Everything that showed which machine had the address, from `start` to `end`: ARP and HTTP."""
        proofs = [proof for proof in self._answers if start <= proof.earliest <= end and proof.node != besides]
        for name, requests in self._forced.items():
            proofs += http_proofs(name, [request for request in requests if start <= request.started <= end])
        return proofs

    def ping_outage_ms(self, start: int, end: int) -> tuple[float, bool]:
        """The longest time without an answer to a ping, and whether it ended."""
        gap, recovered = longest_gap([answered for _, answered in self._pings], start, end)
        return gap / MILLISECOND, recovered

    def arp_outage_ms(self, start: int, end: int) -> tuple[float, bool]:
        """The longest time in which no machine answered ARP for the VIP, and whether it ended."""
        gap, recovered = longest_gap([answer.latest for answer in self._answers], start, end)
        return gap / MILLISECOND, recovered

    def first_page_from(self, node: str, after: int) -> int | None:
        """When `node` first served a page for the VIP after `after`, None if not yet."""
        ended = (request.ended for request in self._forced[node] if request.started > after and request.is_success)
        return min(ended, default=None)

    def first_answer_from(self, node: str, after: int) -> int | None:
        """When `node` first answered ARP for the VIP, or accepted a connection, after `after`; None if not yet."""
        instants = [answer.latest for answer in self._answers if answer.node == node and answer.earliest > after]
        asked = (request for request in self._forced.get(node, []) if request.started > after)
        instants += [request.connected for request in asked if request.connected]
        return min(instants, default=None)

    def last_answer_from(self, node: str, after: int) -> int | None:
        """When `node` last answered anything for the VIP after `after`: ARP or a connection."""
        instants = [answer.latest for answer in self._answers if answer.node == node]
        instants += [request.connected for request in self._forced.get(node, []) if request.connected]
        return max((instant for instant in instants if instant > after), default=None)

    def answering(self, since: int) -> set[str]:
        """The machines that answered ARP for the VIP since `since`."""
        return {answer.node for answer in self._answers if answer.earliest >= since}

    def wait_until_steady(self, seconds: float = 1.0, timeout: float = 30) -> bool:
        """Waits until requests (or pings) have succeeded for `seconds` without a failure or a gap; says whether."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.read()
            now = time.monotonic_ns()
            start = now - int(seconds * 1e9)
            if self._is_steady(start, now):
                return True
            time.sleep(0.1)
        return False

    def _is_steady(self, start: int, now: int) -> bool:
        if self._steady is not None:
            ended = [request for request in self._requests if request.ended >= start]
            times = [request.ended for request in ended]
            clean = all(request.is_success for request in ended)
        else:
            source = self._pings if self._ping is not None else [(a.earliest, a.latest) for a in self._answers]
            times, clean = [answered for _, answered in source if answered >= start], True
        marks = [start, *sorted(times), now]
        return clean and all(later - earlier < 250 * MILLISECOND for earlier, later in zip(marks, marks[1:]))


def _taken(probe: Probe) -> list[list[str]]:
    rows, probe.rows = probe.rows, []
    return rows


def _requests(probe: Probe) -> list[Request]:
    return [Request(*map(int, row[:4]), row[4], row[5]) for row in _taken(probe)]
