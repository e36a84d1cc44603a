"""What it costs to watch over many groups while nothing happens: CPU of all daemons, and packets on the segment.

electd runs on three machines, the witness included, keepalived on two. CPU is what the kernel accounts to the daemons'
processes and their children; packets are counted where they enter the switch.
"""

import os
import time
from dataclasses import dataclass

from . import configuration, electd, processes, topology
from .cluster import Cluster
from .commands import CommandFailed
from .electd import Electd
from .landlord import Landlord
from .network import BRIDGE, Network
from .processes import wait_until
from .report import Line

_SECONDS = 5
_ROUNDS = 3
_FIFTH = 0.2
"""The promised ratio, for the largest number of groups."""
_MANY = 250


@dataclass
class Cost:
    cpu_percent: float = 0
    """Of one core, over all machines of the cluster."""
    packets: float = 0
    """Per second."""


def measure(groups: int, interval_ms: int) -> list[Line]:
    """CPU and packets of both sides with `groups` groups, in turns; raises CommandFailed when they don't settle."""
    with Network.up() as ours_network, Network.up() as peer_network:
        sides: dict[str, Cluster] = {
            "ours": Electd(
                ours_network,
                electd.binary(),
                heartbeat=f"{interval_ms}ms",
                lease=f"{3 * interval_ms}ms",
                services=False,
                web_check=False,
                extra_groups=configuration.more_groups(groups - 1),
            ),
            "peer": Landlord(peer_network, interval=str(interval_ms / 1000), with_proxy=False, instances=groups),
        }
        for cluster in sides.values():
            cluster.start()
            if not wait_until(lambda: _addresses(cluster) == groups, 60, interval=0.5):
                raise CommandFailed(f"{cluster.title}: {_addresses(cluster)} of {groups} groups are held after 60 s")
        time.sleep(5)
        costs = {side: Cost() for side in sides}
        for _ in range(_ROUNDS):
            for side, cluster in sides.items():
                _add(costs[side], cluster)
        moved = [cluster.title for cluster in sides.values() if _addresses(cluster) != groups]
        if moved:
            raise CommandFailed(f"{moved} don't hold all their groups any more")
    bound = _FIFTH if groups >= _MANY else None
    name = f"failover, {groups} groups at {interval_ms} ms"
    ours, peer = costs["ours"], costs["peer"]
    return [
        Line(f"{name}, CPU of all nodes", ours.cpu_percent, peer.cpu_percent, _ROUNDS, "% of a core", bound),
        Line(f"{name}, packets", ours.packets, peer.packets, _ROUNDS, "per second"),
    ]


def _addresses(cluster: Cluster) -> int:
    """How many virtual addresses fred, whom all groups prefer, has."""
    shown = cluster.network.run(topology.FRED.name, "ip", "-oneline", "-4", "address", "show", "dev", topology.INTERFACE)
    return sum(1 for line in shown.stdout.splitlines() if f" {topology.FRED.address}/" not in line)


def _add(cost: Cost, cluster: Cluster) -> None:
    """Watches one side for a while."""
    before = _ticks(cluster), _packets(cluster), time.monotonic()
    time.sleep(_SECONDS)
    ticks, packets, seconds = _ticks(cluster) - before[0], _packets(cluster) - before[1], time.monotonic() - before[2]
    cost.cpu_percent += 100 * ticks / os.sysconf("SC_CLK_TCK") / seconds / _ROUNDS
    cost.packets += packets / seconds / _ROUNDS


def _ticks(cluster: Cluster) -> int:
    """Clock ticks that the daemons have used on all machines."""
    names = cluster.nodes if isinstance(cluster, Electd) else [host.name for host in topology.HOLDERS]
    pids = [cluster.daemon(name).pid for name in names]
    return sum(_ticks_of(pid) for first in pids for pid in [first, *processes.descendants(first)])


def _ticks_of(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _packets(cluster: Cluster) -> int:
    """Packets that entered the switch from any machine."""
    counted = 0
    for host in topology.VOTERS:
        path = f"/sys/class/net/{host.name}/statistics/rx_packets"
        counted += int(cluster.network.run(BRIDGE, "cat", path).stdout)
    return counted
