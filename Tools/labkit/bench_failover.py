"""How long the VIP is silent for a client, and what it costs to watch over it: electd and keepalived, in turns.

Both use the same interval between heartbeats and tolerate the loss of three: keepalived by VRRP's rule (3 intervals and
the skew), electd with a lease of three heartbeats. Each side has a lab of its own, and they take turns cut by cut.

    cut        the holder's cable is pulled. A client pings the VIP every 2 ms through its ordinary neighbour cache; the
               measure is the longest time between two answers. No proxy and no health check on either side.
    transfer   a planned move at 100 ms: `electd transfer`, and SIGTERM of keepalived's master, which has no such command.
               The same pings, and an HTTP request every 10 ms, each on a connection of its own.
    crash      SIGKILL of the holder's daemon alone, at 100 ms; the same pings and requests. keepalived then leaves the
               address where it was, and the other one takes it too: two holders, and therefore no silence.
    load       CPU and packets of many groups at 100 ms, nothing happening (bench_load).
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from . import bench_load, electd, statistics, topology
from .client import Client
from .cluster import Cluster
from .commands import CommandFailed
from .electd import Electd
from .evidence import MILLISECOND
from .landlord import Landlord
from .network import Network
from .report import Line
from .scenario import now

PARTS = ["cut", "transfer", "crash", "load"]
_BEFORE = 100 * MILLISECOND
_INTERVAL_MS = 100
"""Of the parts that measure one interval only."""
_REALTIME_MS = 20
"""Up to this interval both sides have real-time scheduling and locked memory, as their manuals advise."""


@dataclass
class Figures:
    """What one side's client saw, each time."""

    silent_ms: list[float] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    """HTTP requests that failed; nothing where there is no HTTP."""


def main(arguments: argparse.Namespace) -> Iterator[Line]:
    """Runs the chosen parts. `arguments.peer_only` measures keepalived against itself, to try the lab."""
    if "cut" in arguments.parts:
        for interval in arguments.interval:
            yield from _cuts(_milliseconds(interval), arguments)
    if "transfer" in arguments.parts:
        yield from _moves("planned move", _transfer, arguments, limit=20)
    if "crash" in arguments.parts:
        yield from _moves("SIGKILL of the holder's daemon", _crash, arguments, limit=100)
    if "load" in arguments.parts:
        yield from _loads(arguments.groups)


def _loads(counts: list[int]) -> Iterator[Line]:
    """Measures each number of groups, also where a cluster couldn't carry another one; raises that afterwards."""
    failures = []
    for groups in counts:
        try:
            yield from bench_load.measure(groups, _INTERVAL_MS)
        except CommandFailed as failure:
            failures.append(f"{groups} groups: {failure}")
    if failures:
        raise CommandFailed("; ".join(failures))


def _milliseconds(interval: str) -> int:
    if interval.endswith("ms"):
        return int(interval.removesuffix("ms"))
    return round(float(interval.removesuffix("s")) * 1000)


def _cuts(interval_ms: int, arguments: argparse.Namespace) -> list[Line]:
    found = _in_turns(interval_ms, _cut, arguments, with_http=False)
    name = f"failover, holder's link cut, {interval_ms} ms interval"
    return _lines(name, {side: figures.silent_ms for side, figures in found.items()}, arguments.cuts, bound=1.0)


def _moves(what: str, act: Callable, arguments: argparse.Namespace, limit: float) -> list[Line]:
    found = _in_turns(_INTERVAL_MS, act, arguments, with_http=True)
    name = f"failover, {what}, {_INTERVAL_MS} ms interval"
    silences = {side: figures.silent_ms for side, figures in found.items()}
    lines = _lines(f"{name}, silence", silences, arguments.cuts, limit=limit)
    ours, peer = (float(sum(found[side].failed)) for side in ("ours", "peer"))
    return [*lines, Line(f"{name}, failed HTTP requests", ours, peer, arguments.cuts, "requests", limit=0)]


def _lines(
    name: str, values: dict[str, list[float]], runs: int, bound: float | None = None, limit: float | None = None
) -> list[Line]:
    ranks: list[tuple[str, Callable[[list[float]], float]]] = [
        ("median", statistics.median),
        ("p95", lambda measured: statistics.percentile(measured, 95)),
    ]
    return [
        Line(f"{name}, {label}", of(values["ours"]), of(values["peer"]), runs, "ms", bound, limit) for label, of in ranks
    ]


def _in_turns(
    interval_ms: int, act: Callable, arguments: argparse.Namespace, with_http: bool
) -> dict[str, Figures]:
    """`act` on each side in turn, in labs that stay up, so that neither side starts anew each time."""
    found = {"ours": Figures(), "peer": Figures()}
    with ExitStack() as stack:
        networks = {side: stack.enter_context(Network.up()) for side in found}
        clusters: dict[str, Cluster] = {
            side: _peer(network, interval_ms, with_http)
            if side == "peer" or arguments.peer_only
            else _ours(network, interval_ms, with_http)
            for side, network in networks.items()
        }
        for cluster in clusters.values():
            if with_http:
                cluster.start_web_servers()
            cluster.start()
        clients = {
            side: stack.enter_context(Client(network, http=with_http, ping_ms=2)) for side, network in networks.items()
        }
        for number in range(arguments.cuts):
            for side, cluster in clusters.items():
                silent, failed = act(cluster, clients[side], interval_ms)
                found[side].silent_ms.append(silent)
                found[side].failed.append(failed)
                told = f", {failed} requests failed" if with_http else ""
                print(f"{number + 1}: {side} {silent:.0f} ms{told}", file=sys.stderr, flush=True)
    return found


def _ours(network: Network, interval_ms: int, with_http: bool) -> Electd:
    return Electd(
        network,
        electd.binary(),
        heartbeat=f"{interval_ms}ms",
        lease=f"{3 * interval_ms}ms",
        services=with_http,
        web_check=False,
        preempt_after="never",
        election="{ realtime: true, lock_memory: true }" if interval_ms <= _REALTIME_MS else "",
    )


def _peer(network: Network, interval_ms: int, with_http: bool) -> Landlord:
    realtime = interval_ms <= _REALTIME_MS
    return Landlord(network, str(interval_ms / 1000), with_proxy=with_http, preempt=False, realtime=realtime)


def _cut(cluster: Cluster, client: Client, interval_ms: int) -> tuple[float, int]:
    def pulled(holder: str) -> Callable[[], object]:
        cluster.network.cut(holder)
        return cluster.network.heal

    return _watched(cluster, client, interval_ms, pulled)


def _transfer(cluster: Cluster, client: Client, interval_ms: int) -> tuple[float, int]:
    def moved(holder: str) -> Callable[[], object]:
        if isinstance(cluster, Electd):
            cluster.nodes[holder].command("transfer", "router37", cluster.other(holder))
            return lambda: None
        cluster.daemon(holder).stop()
        return lambda: cluster.start_daemon(holder)

    return _watched(cluster, client, interval_ms, moved)


def _crash(cluster: Cluster, client: Client, interval_ms: int) -> tuple[float, int]:
    def killed(holder: str) -> Callable[[], object]:
        cluster.kill_daemon(holder)

        def started() -> None:
            if not isinstance(cluster, Electd):
                # Nobody else takes it away: until here two machines have it, which the client's cache hides.
                words = ["address", "del", f"{topology.VIP}/32", "dev", topology.INTERFACE]
                cluster.network.run(holder, "ip", *words, check=False)
            cluster.start_daemon(holder)

        return started

    return _watched(cluster, client, interval_ms, killed)


def _watched(
    cluster: Cluster, client: Client, interval_ms: int, act: Callable[[str], Callable[[], object]]
) -> tuple[float, int]:
    """One fault and its repair, which `act` returns: the longest silence in ms, and the requests that failed."""
    holder = cluster.wait_for_holder(timeout=30)
    if not client.wait_until_steady(seconds=1.0):
        raise CommandFailed(f"{cluster.title}: no steady answers before the fault")
    # At a random phase of the heartbeat, as real cables are pulled.
    time.sleep(random.uniform(0, 2 * interval_ms / 1000))
    start = now()
    mend = act(holder)
    _wait_for_other(cluster, holder)
    if not client.wait_until_steady(seconds=0.7):
        raise CommandFailed(f"{cluster.title}: no steady answers after the fault")
    client.read()
    end = now()
    silent, _ = client.ping_outage_ms(start - _BEFORE, end)
    failed = client.seen(start - _BEFORE, end).failed
    mend()
    # Until the mended machine is ready to take over: it has to start, to listen for a while, to be heard.
    time.sleep(1.5 + 6 * interval_ms / 1000)
    return silent, failed


def _wait_for_other(cluster: Cluster, holder: str) -> None:
    """Until the other machine has the address, by its own kernel: asking daemons for their roles would load them."""
    other = cluster.other(holder)
    deadline = time.monotonic() + 30
    while not cluster.has_address(other):
        if time.monotonic() > deadline:
            raise CommandFailed(f"{cluster.title}: {other} has no address 30 s after the fault")
        time.sleep(0.05)
