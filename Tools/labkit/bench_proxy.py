"""CPU per request: electd's proxy and HAProxy, one thread each, in turns, on the same machine of one lab.

Same web servers, same listener features (the seed's), wrk in the client's namespace. CPU is what the scheduler
booked on the proxy's threads (schedstat), so neither waiting nor the neighbours' noise counts; the work that the
kernel does in softirqs on a thread's account is in it on both sides.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from . import configuration, electd, landlord, statistics, topology
from .cluster import Cluster
from .commands import CommandFailed
from .electd import Electd
from .network import Network
from .processes import Process
from .report import Line

MODES = {"keep-alive": (80, 8180), "close": (81, 8181), "tcp": (82, 8182)}
"""Per mode the port of ours (on the VIP) and of the peer (on fred's own address)."""

_REQUESTS = re.compile(r"(\d+) requests in")
_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)|Non-2xx.*: (\d+)")


@dataclass(frozen=True)
class Side:
    """A proxy under load."""

    pid: int
    address: str
    port: int


def main(arguments: argparse.Namespace) -> list[Line]:
    """Runs the bench, one line per mode. `arguments.peer_only` measures HAProxy against itself, to try the lab."""
    with Network.up() as network:
        peer = _start_haproxy(network, "haproxy", first_port=8180)
        if arguments.peer_only:
            twin = _start_haproxy(network, "twin", first_port=8280)
            cluster: Cluster | None = None
            landlord.Landlord(network).start_web_servers()
        else:
            cluster = _start_electd(network)
        lines = []
        for mode in arguments.modes or MODES:
            ours_port, peer_port = MODES[mode]
            if cluster is None:
                ours = Side(twin.pid, topology.FRED.address, peer_port + 100)
            else:
                ours = Side(cluster.proxy_pid(topology.FRED.name), topology.VIP, ours_port)
            theirs = Side(peer.pid, topology.FRED.address, peer_port)
            lines.append(_compare(network, mode, {"ours": ours, "peer": theirs}, arguments))
        return lines


def _compare(network: Network, mode: str, sides: dict[str, Side], arguments: argparse.Namespace) -> Line:
    costs: dict[str, list[float]] = {name: [] for name in sides}
    for name, side in sides.items():
        _load(network, side, mode, seconds=1)  # fills pools and caches
    for number in range(arguments.rounds):
        for name, side in sides.items():
            cost = _cost(network, side, mode, arguments.seconds)
            costs[name].append(cost)
            print(f"{mode} round {number + 1}: {name} {cost:.1f} us per request", file=sys.stderr, flush=True)
    return Line(
        name=f"proxy, HTTP {mode}, CPU per request" if mode != "tcp" else "proxy, TCP mode, CPU per request",
        ours=statistics.median(costs["ours"]),
        peer=statistics.median(costs["peer"]),
        runs=arguments.rounds,
        unit="us",
    )


def _cost(network: Network, side: Side, mode: str, seconds: float) -> float:
    """Microseconds of the proxy's CPU per request."""
    before = cpu_ns(side.pid)
    requests = _load(network, side, mode, seconds)
    return (cpu_ns(side.pid) - before) / requests / 1000


def _load(network: Network, side: Side, mode: str, seconds: float) -> int:
    """Lets wrk ask for `seconds`; returns how many requests were answered. Raises CommandFailed on any error."""
    headers = ["-H", "Connection: close"] if mode == "close" else []
    command = ["wrk", "-t1", "-c32", f"-d{seconds:g}s", *headers, f"http://{side.address}:{side.port}/"]
    said = network.run(topology.CLIENT.name, *command, timeout=seconds + 30).stdout
    found = _REQUESTS.search(said)
    errors = _ERRORS.search(said)
    # wrk counts a connection that the server closes as announced as a read error; it isn't one.
    harmless = errors is None or (mode == "close" and errors[5] is None and errors[1] == "0" and errors[4] == "0")
    if not found or int(found[1]) == 0 or not harmless:
        raise CommandFailed(f"wrk against {side.address}:{side.port} ({mode}):\n{said}")
    return int(found[1])


def cpu_ns(pid: int) -> int:
    """The time that all threads of `pid` have spent on a CPU (first field of schedstat)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total


def _start_haproxy(network: Network, label: str, first_port: int) -> Process:
    listeners = [
        landlord.haproxy_conf(f"0.0.0.0:{first_port}", close=False),
        landlord.haproxy_listener(f"0.0.0.0:{first_port + 1}", "http", close=True, name="close"),
        landlord.haproxy_listener(f"0.0.0.0:{first_port + 2}", "tcp", close=False, name="tcp"),
    ]
    config = network.directory / f"{label}.cfg"
    config.write_text("".join(listeners))
    return network.start(topology.FRED.name, label, "haproxy", "-db", "-f", str(config))


def _start_electd(network: Network) -> Electd:
    cluster = Electd(network, electd.binary(), connection="keep-alive", preempt_after="never")
    ports = {mode: ours for mode, (ours, _) in MODES.items()}
    cluster.settings.extra_services = "".join(
        [
            configuration.service(cluster.settings, "closing", f":{ports['close']}", "http", "close"),
            configuration.service(cluster.settings, "plain", f":{ports['tcp']}", "tcp", "close"),
        ]
    )
    cluster.write_configuration()
    cluster.start_web_servers()
    cluster.start()
    if cluster.wait_for_holder() != topology.FRED.name:
        cluster.nodes[topology.FRED.name].command("transfer", "router37", topology.FRED.name)
        cluster.wait_for_holder(besides=topology.ETHYL.name)
    return cluster
