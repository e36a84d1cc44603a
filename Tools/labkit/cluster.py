"""What the faults need to know of a cluster, whichever programs it is made of."""

import signal
from abc import ABC, abstractmethod

from . import topology, webservers
from .network import Network
from .processes import Process, send, wait_until


class Cluster(ABC):
    """fred and ethyl in front of their web servers, sharing the VIP."""

    title: str

    def __init__(self, network: Network) -> None:
        self.network = network
        self.web: dict[str, Process] = {}

    @abstractmethod
    def start(self) -> None:
        """Starts everything on every machine."""

    daemon_is_tree = False
    """Whether the deciding is done by a child, so that a fault has to hit the whole tree."""

    @abstractmethod
    def daemon(self, node: str) -> Process:
        """The process on `node` that decides who holds the VIP."""

    @abstractmethod
    def start_daemon(self, node: str) -> None:
        """Starts that process again, after it was killed."""

    @abstractmethod
    def proxy_pid(self, node: str) -> int:
        """The process on `node` that carries the traffic; raises RuntimeError when there is none."""

    @abstractmethod
    def holder(self) -> str | None:
        """Who holds the VIP by the cluster's own account, None when nobody or more than one says so."""

    def kill_daemon(self, node: str) -> None:
        self.daemon(node).kill(tree=self.daemon_is_tree)

    def freeze_daemon(self, node: str) -> None:
        self.daemon(node).freeze(tree=self.daemon_is_tree)

    def thaw_daemon(self, node: str) -> None:
        self.daemon(node).thaw(tree=self.daemon_is_tree)

    def kill_proxy(self, node: str) -> None:
        send(self.proxy_pid(node), signal.SIGKILL)

    def restore_proxy(self, node: str) -> None:
        """Brings back a proxy that was killed. A cluster that does so by itself needs nothing here."""

    def start_web_servers(self, kind: str | None = None) -> None:
        for host in topology.HOLDERS:
            self.web[host.name] = webservers.start(self.network, host.name, kind)

    def other(self, node: str) -> str:
        """The machine that takes over from `node`."""
        return next(host.name for host in topology.HOLDERS if host.name != node)

    def has_address(self, node: str, address: str = topology.VIP) -> bool:
        """Whether the kernel of `node` has `address` right now."""
        shown = self.network.run(node, "ip", "-oneline", "address", "show", "dev", topology.INTERFACE).stdout
        return f" {address}/" in shown

    def wait_for_holder(self, timeout: float = 15, besides: str | None = None) -> str:
        """The holder, once there is one (other than `besides`); raises RuntimeError when there is none in time."""
        found: list[str] = []

        def settled() -> bool:
            holder = self.holder()
            if holder is not None and holder != besides:
                found.append(holder)
            return bool(found)

        if not wait_until(settled, timeout, interval=0.05):
            raise RuntimeError(f"{self.title}: nobody holds the VIP after {timeout:g} s")
        return found[-1]
