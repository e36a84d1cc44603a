"""electd and HAProxy with the same listeners, for the bench of the data plane."""

import socket
import threading
from dataclasses import dataclass

from . import configuration, electd, landlord, topology
from .electd import Electd
from .network import Network
from .sockets import inside_namespace
from .solo import wait_for

PORTS = {"keep-alive": 80, "close": 81, "tcp": 82, "keep-alive-log": 83, "close-log": 84}
"""Ours, on the VIP. HAProxy's are the same from its first port on, and two more that splice."""
_SPLICING = {"splice-http": 5, "splice-tcp": 6}
_LOG_PORT = 5514


@dataclass(frozen=True)
class Side:
    """A listener under load."""

    pid: int
    address: str
    port: int


class Peers:
    """HAProxy on fred's own address."""

    def __init__(self, network: Network, label: str, threads: int, first_port: int) -> None:
        self._first_port = first_port
        listen_for_logs(network)
        listeners = [landlord.haproxy_global(threads)]
        for listener, port in PORTS.items():
            mode = "tcp" if listener == "tcp" else "http"
            listeners.append(self._listener(listener, port - 80, mode, listener))
        for listener, place in _SPLICING.items():
            listeners.append(self._listener(listener, place, listener.removeprefix("splice-"), listener))
        config = network.directory / f"{label}-{threads}.cfg"
        config.write_text("".join(listeners))
        self._process = network.start(topology.FRED.name, label, "haproxy", "-db", "-f", str(config))
        with inside_namespace(network.namespace(topology.FRED.name)):
            wait_for("127.0.0.1", first_port, self._process)

    def _listener(self, listener: str, place: int, mode: str, name: str) -> str:
        text = landlord.haproxy_listener(
            f"0.0.0.0:{self._first_port + place}", mode, close=listener.startswith("close"), name=name
        )
        if listener.endswith("-log"):
            text += f"    log 127.0.0.1:{_LOG_PORT} local0\n    option httplog\n"
        if listener in _SPLICING:
            text += "    option splice-auto\n"
        return text

    def side(self, listener: str) -> Side:
        place = _SPLICING.get(listener)
        return Side(
            self._process.pid, topology.FRED.address, self._first_port + (PORTS[listener] - 80 if place is None else place)
        )

    def stop(self) -> None:
        self._process.stop()


def our_cluster(network: Network, listeners: set[str]) -> Electd:
    """electd on all nodes with these of `PORTS`, not started yet."""
    # Checks as patient as HAProxy's default, and a long lease: the load itself, on a machine that it shares with the
    # servers and clients, would take a server out in the lab's usual 200 ms, or the address away.
    patience = {"check_interval": "2s", "lease": "3s", "preempt_after": "never"}
    cluster = Electd(network, electd.binary(), connection="keep-alive", **patience)
    log = f'    access_log: {{ to: "syslog:127.0.0.1:{_LOG_PORT}", format: httplog }}\n'
    services = []
    for listener, port in PORTS.items():
        if listener == "keep-alive" or listener not in listeners:
            continue  # the first is the cluster's own service
        mode = "tcp" if listener == "tcp" else "http"
        connection = "close" if listener.startswith("close") else "keep-alive"
        more = log if listener.endswith("-log") else ""
        services.append(configuration.service(cluster.settings, listener, f":{port}", mode, connection, more))
    cluster.settings.extra_services = "".join(services)
    return cluster


def start_ours(cluster: Electd, threads: int) -> None:
    """Starts it anew, held by fred."""
    cluster.stop()
    cluster.settings.threads = threads
    cluster.write_configuration()
    cluster.start()
    if cluster.wait_for_holder() != topology.FRED.name:
        cluster.nodes[topology.FRED.name].command("transfer", "router37", topology.FRED.name)
        cluster.wait_for_holder(besides=topology.ETHYL.name)


def listen_for_logs(network: Network) -> None:
    """Takes the log lines of both sides on fred and throws them away, until this process ends."""
    if network.lab in _listening:
        return
    _listening.add(network.lab)
    with inside_namespace(network.namespace(topology.FRED.name)):
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.bind(("127.0.0.1", _LOG_PORT))

    def drain() -> None:
        buffer = bytearray(65_536)
        while True:
            sink.recv_into(buffer)

    threading.Thread(target=drain, daemon=True).start()


_listening: set[str] = set()
