"""The seed's set-up with keepalived and HAProxy: the peer that electd is measured against."""

import shutil

from . import topology
from .cluster import Cluster
from .network import Network
from .processes import Process

PRIORITY = {topology.FRED.name: 101, topology.ETHYL.name: 100}
HAPROXY_PORT = 80
_ROUTER_ID = 37


def missing() -> list[str]:
    """The Debian packages of the peer that are not installed."""
    return [name for name in ("keepalived", "haproxy") if shutil.which(name, path="/usr/sbin:/usr/bin") is None]


class Landlord(Cluster):
    """keepalived and HAProxy on fred and ethyl, configured as in the seed, at a chosen advertisement interval."""

    title = "keepalived + HAProxy"
    daemon_is_tree = True

    def __init__(
        self,
        network: Network,
        interval: str = "0.1",
        with_proxy: bool = True,
        preempt: bool = True,
        instances: int = 1,
        realtime: bool = False,
    ) -> None:
        """`instances`: VRRP instances, up to 255, of which the first has the VIP. `preempt`: fred takes it back.
        `realtime`: what `election: { realtime: true, lock_memory: true }` is to electd."""
        super().__init__(network)
        self._preempt = preempt
        self._instances = instances
        self._realtime = realtime
        self._interval = interval
        self._with_proxy = with_proxy
        self._keepalived: dict[str, Process] = {}
        self._haproxy: dict[str, Process] = {}

    def start(self) -> None:
        for host in topology.HOLDERS:
            if self._with_proxy:
                self._start_proxy(host.name)
            self.start_daemon(host.name)

    def start_daemon(self, node: str) -> None:
        directory = self.network.directory / f"{node}-keepalived"
        directory.mkdir(exist_ok=True)
        script = directory / "check"
        script.write_text(f"#!/bin/sh\nkill -0 $(cat {self.network.directory}/{node}-haproxy.pid)\n")
        script.chmod(0o755)
        config = directory / "keepalived.conf"
        config.write_text(self._keepalived_conf(node, str(script)))
        pids = ["--pid", f"{directory}/pid", "--vrrp_pid", f"{directory}/vrrp-pid"]
        for left in ("pid", "vrrp-pid"):
            # Of a killed one whose child nobody has reaped yet: keepalived would take it for alive, and end.
            (directory / left).unlink(missing_ok=True)
        command = ["keepalived", "-f", str(config), *pids, "--dont-fork", "--log-console", "--vrrp"]
        self._keepalived[node] = self.network.start(node, "keepalived", *command)

    def _start_proxy(self, node: str) -> None:
        config = self.network.directory / f"{node}-haproxy.cfg"
        config.write_text(haproxy_conf(f"0.0.0.0:{HAPROXY_PORT}"))
        self._haproxy[node] = self.network.start(node, "haproxy", "haproxy", "-db", "-f", str(config))

    def restore_proxy(self, node: str) -> None:
        if not self._haproxy[node].is_running():
            self._start_proxy(node)

    def daemon(self, node: str) -> Process:
        return self._keepalived[node]

    def proxy_pid(self, node: str) -> int:
        return self._haproxy[node].pid

    def kill_proxy(self, node: str) -> None:
        # Reaped at once: a zombie would still satisfy the seed's check, which only asks whether the pid exists.
        self._haproxy[node].kill()

    def holder(self) -> str | None:
        holders = [host.name for host in topology.HOLDERS if self.has_address(host.name)]
        return holders[0] if len(holders) == 1 else None

    def stop(self) -> None:
        """Ends both keepalived, so that another cluster can use the lab."""
        for process in (*self._keepalived.values(), *self._haproxy.values()):
            process.stop()

    def _keepalived_conf(self, node: str, script: str) -> str:
        check = ""
        track = ""
        if self._with_proxy:
            check = f'vrrp_script check_haproxy {{\n    script "{script}"\n    interval 2\n    weight 2\n    user root\n}}\n'
            track = "    track_script {\n        check_haproxy\n    }\n"
        head = f"""global_defs {{
    lvs_id landlord_{node}
    vrrp_version 3
    enable_script_security
{"    vrrp_rt_priority 20" + chr(10) + "    vrrp_no_swap" + chr(10) if self._realtime else ""}}}
"""
        others = (number for number in range(1, self._instances + 1) if number != _ROUTER_ID)
        more = [(f"more{number}", number, topology.more_vip(number)) for number in others][: self._instances - 1]
        own = self._instance(node, "router37", _ROUTER_ID, topology.VIP, track)
        return head + check + own + "".join(self._instance(node, *each) for each in more)

    def _instance(self, node: str, name: str, router: int, address: str, track: str = "") -> str:
        # Who may not preempt has to begin as a backup.
        state = "MASTER" if node == topology.FRED.name and self._preempt else "BACKUP"
        return f"""vrrp_instance {name} {{
    state {state}
    interface {topology.INTERFACE}
    virtual_router_id {router}
    priority {PRIORITY[node]}
    advert_int {self._interval}
    virtual_ipaddress {{
        {address}
    }}
{track}{"" if self._preempt else "    nopreempt" + chr(10)}}}
"""


def haproxy_conf(bind: str, mode: str = "http", close: bool = True) -> str:
    """The seed's haproxy.cfg, on one thread."""
    return haproxy_global() + haproxy_listener(bind, mode, close)


def haproxy_global(threads: int = 1) -> str:
    """What stands before the listeners."""
    return f"""global
    maxconn 4096
    nbthread {threads}
    user haproxy
    group haproxy
defaults
    option dontlognull
    retries 3
    option redispatch
    maxconn 2000
    timeout connect 5000
    timeout client 50000
    timeout server 50000
"""


def haproxy_listener(bind: str, mode: str, close: bool, name: str = "cluster37") -> str:
    """The seed's listener. `close`: with its httpclose; without it, keep-alive as HAProxy does it by default."""
    lines = [f"listen {name}", f"    bind {bind}", f"    mode {mode}", "    balance roundrobin"]
    if mode == "http":
        lines += ["    option forwardfor", "    cookie SERVERNAME insert indirect nocache"]
        lines += ["    option httpclose"] if close else []
    for host in topology.HOLDERS:
        cookie = f" cookie {host.name}" if mode == "http" else ""
        lines.append(f"    server {host.name} {host.address}:{topology.WEB_PORT}{cookie} check")
    return "\n".join(lines) + "\n"
