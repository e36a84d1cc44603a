"""How long the VIP is silent when the holder's cable is pulled: electd and keepalived, in turns, in one lab.

Both use 100 ms between heartbeats and tolerate the loss of three: keepalived by VRRP's rule (3 intervals and the
skew), electd with a lease of three heartbeats. The measure is a client that pings the VIP every 2 ms through its
ordinary neighbour cache: the longest time between two answers. No proxy and no health check on either side.
"""

import argparse
import random
import sys
import time

from . import electd, statistics
from .client import Client
from .cluster import Cluster
from .commands import CommandFailed
from .electd import Electd
from .evidence import MILLISECOND
from .landlord import Landlord
from .network import Network
from .report import Line
from .scenario import now

_BEFORE = 100 * MILLISECOND


def main(arguments: argparse.Namespace) -> list[Line]:
    """Runs the bench; returns its one line. `arguments.peer_only` measures keepalived against itself, to try the lab."""
    interval_ms = int(arguments.interval.removesuffix("ms"))
    outages: dict[str, list[float]] = {"ours": [], "peer": []}
    # Two labs at a time, each with its own switch: the sides take turns cut by cut without starting anew each time.
    with Network.up() as ours_network, Network.up() as peer_network:
        peer = Landlord(peer_network, interval=str(interval_ms / 1000), with_proxy=False)
        if arguments.peer_only:
            ours: Cluster = Landlord(ours_network, interval=str(interval_ms / 1000), with_proxy=False)
        else:
            ours = _ours(ours_network, interval_ms)
        sides = {"ours": ours, "peer": peer}
        for cluster in sides.values():
            cluster.start()
        clients = {side: Client(cluster.network, http=False, ping_ms=2) for side, cluster in sides.items()}
        for number in range(arguments.cuts):
            for side in sides:
                outage = _cut(sides[side], clients[side])
                outages[side].append(outage)
                print(f"cut {number + 1}: {side} {outage:.0f} ms", file=sys.stderr, flush=True)
    return [
        Line(
            name=f"failover, holder's link cut, {interval_ms} ms interval, {label}",
            ours=of(outages["ours"]),
            peer=of(outages["peer"]),
            runs=arguments.cuts,
            unit="ms",
        )
        for label, of in (
            ("median", statistics.median),
            ("p95", lambda values: statistics.percentile(values, 95)),
        )
    ]


def _ours(network: Network, interval_ms: int) -> Electd:
    return Electd(
        network,
        electd.binary(),
        heartbeat=f"{interval_ms}ms",
        lease=f"{3 * interval_ms}ms",
        services=False,
        web_check=False,
        preempt_after="2s",
    )


def _cut(cluster: Cluster, client: Client) -> float:
    """One cut and its repair; the outage in ms, as the client's pings saw it."""
    holder = cluster.wait_for_holder(timeout=30)
    if not client.wait_until_steady(seconds=1.0):
        raise CommandFailed(f"{cluster.title}: no steady answers before the cut")
    # At a random phase of the heartbeat, as real cables are pulled.
    time.sleep(random.uniform(0, 0.2))
    start = now()
    cluster.network.cut(holder)
    cluster.wait_for_holder(timeout=30, besides=holder)
    if not client.wait_until_steady(seconds=0.3):
        raise CommandFailed(f"{cluster.title}: no steady answers after the cut")
    client.read()
    outage, _ = client.ping_outage_ms(start - _BEFORE, now())
    cluster.network.heal()
    # Long enough for the healed machine to be ready again, and for a voluntary move, if there is one, to be over.
    time.sleep(4.0)
    return outage
