"""The data plane and HAProxy's, side by side in one lab: same servers, same listener features, in turns.

CPU is what the scheduler booked on the proxy's threads (schedstat), so neither waiting nor the neighbours' noise
counts; what the kernel does in softirqs on a thread's account is in it on both sides. Latencies come from a generator
with a fixed schedule. Listeners have all that the seed's has: cookie insert indirect nocache, X-Forwarded-For, checks,
connection limit, timeouts; and with `log` each request is logged as HTTP log to a syslog socket.
"""

import argparse
import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import machine, statistics, topology
from .bench_sides import PORTS, Peers, Side, our_cluster, start_ours
from .commands import CommandFailed, run
from .landlord import Landlord
from .network import Network
from .report import Line
from .sockets import inside_namespace

_REQUESTS = re.compile(r"(\d+) requests in")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)|Non-2xx.*: (\d+)")
_LOADGEN = Path(__file__).resolve().parent.parent / "loadgen"


@dataclass(frozen=True)
class Cost:
    """A case whose measure is the CPU of one request."""

    name: str
    listener: str
    bound: float
    path: str = "/"
    closes: bool = False
    connections: int = 32
    unit: str = "us"
    peer: str = ""
    """The peer's listener, where it has another name than ours."""


COSTS = {
    "keep-alive": Cost("HTTP keep-alive", "keep-alive", 0.70),
    "keep-alive-log": Cost("HTTP keep-alive, access log", "keep-alive-log", 0.70),
    "close": Cost("HTTP, new connection each", "close", 0.85, closes=True),
    "close-log": Cost("HTTP, new connection each, access log", "close-log", 0.85, closes=True),
    "tcp": Cost("TCP, small messages", "tcp", 0.95),
    "body-http": Cost("HTTP, 10 MB bodies", "keep-alive", 0.30, "/10m", False, 4, "us"),
    "body-http-splice": Cost("HTTP, 10 MB bodies, HAProxy with splice", "keep-alive", 1.0, "/10m", False, 4, "us", "splice-http"),
    "body-tcp": Cost("TCP, 10 MB bodies", "tcp", 0.30, "/10m", False, 4, "us"),
    "body-tcp-splice": Cost("TCP, 10 MB bodies, HAProxy with splice", "tcp", 1.0, "/10m", False, 4, "us", "splice-tcp"),
}
CASES = [*COSTS, "latency", "memory", "threads"]
_IDLE_CONNECTIONS = 1_500


def main(arguments: argparse.Namespace) -> Iterator[Line]:
    """Runs the bench, one line per case as soon as it is known. `arguments.peer_only` measures HAProxy against itself, to try the lab."""
    wanted = arguments.cases or CASES
    with Network.up() as network:
        listeners = {COSTS[name].listener for name in wanted if name in COSTS}
        bench = _Bench(network, arguments, listeners)
        one = bench.begin(threads=1)
        for name in wanted:
            if name in COSTS:
                yield from bench.compare(COSTS[name], one)
            elif name == "latency":
                yield from bench.latency(one)
            elif name == "memory":
                yield from bench.memory(one)
        if "threads" in wanted:
            yield from bench.scaling(one)


class _Bench:
    def __init__(self, network: Network, arguments: argparse.Namespace, listeners: set[str]) -> None:
        self._network = network
        self._rounds: int = arguments.rounds
        self._seconds: int = arguments.seconds
        self._peer_only: bool = arguments.peer_only
        self._peers: list[Peers] = []
        self._ours = None if self._peer_only else our_cluster(network, listeners)
        Landlord(network).start_web_servers()

    def begin(self, threads: int) -> dict[str, Callable[[str], Side]]:
        """Starts both sides anew; returns how each finds its listener."""
        for peers in self._peers:
            peers.stop()
        self._peers = [Peers(self._network, "haproxy", threads, first_port=8180)]
        if self._ours is None:
            self._peers.append(Peers(self._network, "twin", threads, first_port=8280))
            return {"ours": self._peers[1].side, "peer": self._peers[0].side}
        start_ours(self._ours, threads)
        pid = self._ours.proxy_pid(topology.FRED.name)
        return {"ours": lambda listener: Side(pid, topology.VIP, PORTS[listener]), "peer": self._peers[0].side}

    def compare(self, cost: Cost, sides: dict[str, Callable[[str], Side]]) -> list[Line]:
        found = {"ours": sides["ours"](cost.listener), "peer": sides["peer"](cost.peer or cost.listener)}
        values = self._costs(cost, found)
        return [
            Line(
                f"proxy, {cost.name}, CPU per request", statistics.median(values["ours"]),
                statistics.median(values["peer"]), self._rounds, cost.unit, cost.bound,
            )
        ]

    def _costs(self, cost: Cost, sides: dict[str, Side]) -> dict[str, list[float]]:
        values: dict[str, list[float]] = {name: [] for name in sides}
        # On a machine that stands still for a while, no large body may come through in a shorter round.
        seconds = max(self._seconds, 3) if cost.path != "/" else self._seconds
        for side in sides.values():
            self._load(side, cost, seconds)  # fills pools and caches
        for number in range(self._rounds):
            # Whoever comes second finds what the first has warmed, or heated: each is first in turn.
            order = list(sides.items())
            for name, side in order if number % 2 == 0 else reversed(order):
                before = cpu_ns(side.pid)
                requests, _ = self._load(side, cost, seconds)
                self._expect_ours_unmoved(sides["ours"])
                value = (cpu_ns(side.pid) - before) / requests / 1000
                values[name].append(value)
                print(f"{cost.name}, round {number + 1}: {name} {value:.1f} us", file=sys.stderr, flush=True)
        return values

    def _expect_ours_unmoved(self, side: Side) -> None:
        """Raises CommandFailed when another process than the measured one has the address by now."""
        if self._ours is None:
            return
        fred = topology.FRED.name
        if self._ours.holder() != fred or self._ours.proxy_pid(fred) != side.pid:
            words = "\n".join(f"{name}: {self._ours.daemon(name).last_words()}" for name in self._ours.nodes)
            raise CommandFailed(f"the address left the process that is measured; roles: {self._ours.roles()}\n{words}")

    def _load(self, side: Side, cost: Cost, seconds: int) -> tuple[int, float]:
        """Lets wrk ask; how many requests were answered, and how many a second. Raises CommandFailed on any error."""
        headers = ["-H", "Connection: close"] if cost.closes else []
        url = f"http://{side.address}:{side.port}{cost.path}"
        command = ["wrk", "-t1", f"-c{cost.connections}", f"-d{seconds}s", "--timeout", "10s", *headers, url]
        said = self._network.run(topology.CLIENT.name, *command, timeout=seconds + 30).stdout
        found, rate, errors = _REQUESTS.search(said), _RATE.search(said), _ERRORS.search(said)
        # wrk counts a connection that the server closes as announced as a read error; it isn't one.
        harmless = errors is None or (cost.closes and errors[5] is None and errors[1] == "0" and errors[4] == "0")
        if not found or not rate or int(found[1]) == 0 or not harmless:
            raise CommandFailed(f"wrk against {url}:\n{said}")
        return int(found[1]), float(rate[1])

    def latency(self, sides: dict[str, Callable[[str], Side]]) -> list[Line]:
        """The 99th percentile at half of what HAProxy manages at its best."""
        generator = _build_loadgen()
        with machine.awake():
            return self._latency(generator, sides)

    def _latency(self, generator: Path, sides: dict[str, Callable[[str], Side]]) -> list[Line]:
        found = {name: side("keep-alive") for name, side in sides.items()}
        best = max(self._load(found["peer"], COSTS["keep-alive"], self._seconds)[1] for _ in range(2))
        values: dict[str, list[float]] = {name: [] for name in found}
        # A tail moves more from one round to the next than a mean does.
        rounds = 3 * self._rounds
        for number in range(rounds):
            order = list(found.items())
            for name, side in order if number % 2 == 0 else reversed(order):
                value = self._p99(generator, side, best / 2)
                values[name].append(value)
                print(f"latency at {best / 2:.0f}/s, round {number + 1}: {name} {value:.0f} us", file=sys.stderr, flush=True)
        label = f"proxy, HTTP keep-alive, p99 latency at {best / 2:.0f} requests a second (half of HAProxy's best)"
        ours, peer = (statistics.median(values[name]) for name in ("ours", "peer"))
        return [Line(label, ours, peer, rounds, "us", 1.0)]

    def _p99(self, generator: Path, side: Side, rate: float) -> float:
        words = [str(generator), side.address, str(side.port), f"{rate:.0f}", f"{self._seconds}", "64"]
        said = self._network.run(topology.CLIENT.name, *words, timeout=self._seconds * 3 + 30).stdout
        told = json.loads(said)
        if told["errors"]:
            # A machine that stands still longer than a lease moves the address away from the proxy that is measured.
            roles = self._ours.roles() if self._ours is not None else {}
            raise CommandFailed(f"loadgen against {side.address}:{side.port}: {said}; roles: {roles}")
        return told["p99_us"]

    def memory(self, sides: dict[str, Callable[[str], Side]]) -> list[Line]:
        """What the process has for itself when nothing happens, and what one more idle connection takes."""
        empty: dict[str, float] = {}
        each: dict[str, float] = {}
        for name, find in sides.items():
            side = find("keep-alive")
            self._load(side, COSTS["keep-alive"], seconds=1)
            time.sleep(3)  # what the load needed is given back
            empty[name] = private_bytes(side.pid)
            with contextlib.ExitStack() as opened:
                for _ in range(_IDLE_CONNECTIONS):
                    opened.enter_context(self._idle_connection(side))
                time.sleep(1)
                each[name] = (private_bytes(side.pid) - empty[name]) / _IDLE_CONNECTIONS
        return [
            Line("proxy, memory when idle", empty["ours"] / 1e6, empty["peer"] / 1e6, 1, "MB"),
            Line("proxy, memory of an idle connection", each["ours"], each["peer"], 1, "B"),
        ]

    def _idle_connection(self, side: Side) -> socket.socket:
        """One that has had a request and may have another."""
        with inside_namespace(self._network.namespace(topology.CLIENT.name)):
            connection = socket.socket()
        connection.settimeout(5)
        connection.connect((side.address, side.port))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
            raise CommandFailed(f"{side.address}:{side.port} doesn't answer")
        return connection

    def scaling(self, one: dict[str, Callable[[str], Side]]) -> list[Line]:
        """What a request costs with two threads, against what it costs with one, before and after."""
        cost = COSTS["keep-alive"]
        before = self._cost_of(cost, one)
        double = self._cost_of(cost, self.begin(threads=2))
        after = self._cost_of(cost, self.begin(threads=1))
        ours, peer = (
            statistics.median(double[name]) / statistics.median(before[name] + after[name]) for name in ("ours", "peer")
        )
        return [Line("proxy, CPU per request with two threads over one", ours, peer, self._rounds, "times", 1.1)]

    def _cost_of(self, cost: Cost, sides: dict[str, Callable[[str], Side]]) -> dict[str, list[float]]:
        return self._costs(cost, {name: side(cost.listener) for name, side in sides.items()})


def _build_loadgen() -> Path:
    try:
        run("swift", "build", "-c", "release", "--package-path", str(_LOADGEN), timeout=600)
    except subprocess.TimeoutExpired:
        raise CommandFailed("the load generator didn't build in time") from None
    return _LOADGEN / ".build/release/loadgen"


def private_bytes(pid: int) -> int:
    """What nobody else would have if `pid` weren't there."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def cpu_ns(pid: int) -> int:
    """The time that all threads of `pid` have spent on a CPU (first field of schedstat)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total
