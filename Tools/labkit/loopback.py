"""The demo for a user without root or namespaces: the same cluster on loopback addresses, and what that leaves out."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import configuration, processes, topology, webservers
from .client import Client
from .commands import CommandFailed
from .electd import Keys, Node
from .evidence import MILLISECOND
from .processes import Process
from .scenario import Outcome, now

ADDRESSES = {host.name: f"127.0.0.{host.octet}" for host in topology.VOTERS}
SHARED = "127.0.0.200"
PORT = 18080
LEASE_MS = 500.0

LEFT_OUT = """Left out, for want of network namespaces:
  - the address doesn't move: every machine has 127.0.0.200, and the holder is who listens there
  - no ARP, no lease gate in the kernel: a killed daemon's proxy is stopped by its parent's death alone
  - no cut links, no partitions, no forged datagrams, no proof that two never answer at once"""


class Loopback:
    """Three daemons and two web servers as ordinary processes."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.directory = directory
        keys = Keys(program, directory / "keys")
        self.settings = configuration.Settings(
            keys=keys.public,
            secret_file=str(keys.secret_file),
            virtual_addresses=[],
            addresses=ADDRESSES,
            web_check=False,
            listen=f"{SHARED}:{PORT}",
            web_port=PORT,
        )
        self.nodes = {name: Node(name, program, directory / name, self._launch) for name in ADDRESSES}
        for node in self.nodes.values():
            node.config.write_text(configuration.render(self.settings, str(keys.identity_file(node.name))))
        self.web: dict[str, Process] = {}

    def _launch(self, name: str, label: str, *command: str) -> Process:
        return processes.start(f"{label} on {name}", list(command), self.directory / f"{name}-{label}.log")

    def start(self) -> None:
        for host in topology.HOLDERS:
            self.start_web(host.name)
        for node in self.nodes.values():
            node.start()

    def start_web(self, name: str) -> None:
        root = self.directory / f"{name}-web"
        if webservers.available():
            command = webservers.prepare(root, ADDRESSES[name], name, port=PORT)
        else:
            pages = root / "pages"
            pages.mkdir(parents=True, exist_ok=True)
            (pages / "index.html").write_text(f"{name} serves this page\n")
            command = [sys.executable, "-m", "http.server", "--bind", ADDRESSES[name], "-d", str(pages), str(PORT)]
        self.web[name] = self._launch(name, "web", *command)

    def holder(self) -> str | None:
        holders = [node.name for node in self.nodes.values() if self._role(node) == "holder"]
        return holders[0] if len(holders) == 1 else None

    def _role(self, node: Node) -> str | None:
        group = None if node.is_frozen() else node.group()
        return group["role"] if group else None

    def stop(self) -> None:
        for node in self.nodes.values():
            if node.process is not None and node.process.is_running():
                node.process.thaw(tree=True)
                node.process.stop()
        for process in self.web.values():
            process.stop()

    def proxy_pid(self, name: str) -> int:
        process = self.nodes[name].process
        for child in processes.descendants(process.pid) if process else []:
            if processes.command_line(child)[1:2] == ["proxy"]:
                return child
        raise RuntimeError(f"electd of {name} has no proxy process")


def run(program: Path, runs: int, keep: bool, reason: str, say) -> dict:
    """All that loopback can show, `runs` times; returns the report."""
    say(f"No network namespaces ({reason}): fred, ethyl and lucy run on 127.0.0.201 to .203.")
    say(LEFT_OUT)
    report: dict = {"runs": [], "loopback": True}
    for _ in range(runs):
        directory = Path(tempfile.mkdtemp(prefix="electd-loopback-"))
        cluster = Loopback(program, directory)
        try:
            report["runs"].append(_one_run(cluster, say))
        except CommandFailed as error:
            raise RuntimeError(str(error)) from None
        finally:
            cluster.stop()
            if keep:
                say(f"Kept: {directory}")
            else:
                shutil.rmtree(directory, ignore_errors=True)
    return report


def _one_run(cluster: Loopback, say) -> dict:
    cluster.start()
    if not processes.wait_until(lambda: cluster.holder() is not None, timeout=15, interval=0.05):
        raise RuntimeError("nobody holds the group after 15 s; see the logs with --keep")
    say(f"{cluster.holder()} holds.")
    outcomes: list[Outcome] = []
    with Client(None, cluster.directory, target=SHARED, port=PORT) as client:
        for fault in (_kill_daemon, _freeze_daemon, _kill_web, _kill_proxy, _transfer):
            holder = _settle(cluster, client)
            outcomes.append(fault(cluster, client, holder, say))
    cluster.stop()
    journals = [str(path) for node in cluster.nodes.values() for path in node.journals()]
    replay = subprocess.run([str(cluster.nodes["fred"].program), "replay", *journals])
    broken = [f"{outcome.fault}: {promise}" for outcome in outcomes for promise in outcome.broken]
    if replay.returncode != 0:
        broken.append(f"electd replay: exit {replay.returncode}")
    return {"faults": [outcome.as_json() for outcome in outcomes], "broken": broken, "replay": replay.returncode}


def _settle(cluster: Loopback, client: Client) -> str:
    processes.wait_until(lambda: cluster.holder() == topology.FRED.name, timeout=15, interval=0.1)
    if not client.wait_until_steady():
        raise RuntimeError(f"no steady answers from {SHARED}:{PORT}")
    holder = cluster.holder()
    if holder is None:
        raise RuntimeError("nobody holds, or two do")
    return holder


def _kill_daemon(cluster: Loopback, client: Client, holder: str, say) -> Outcome:
    process = cluster.nodes[holder].process
    outcome = _watch(client, f"SIGKILL of {holder}'s daemon", lambda: process and process.kill(), say, limited=True)
    cluster.nodes[holder].start()
    return outcome


def _freeze_daemon(cluster: Loopback, client: Client, holder: str, say) -> Outcome:
    process = cluster.nodes[holder].process
    # Its proxy still runs and listens on the shared address: without the kernel's gate nobody else can silence it.
    outcome = _watch(client, f"SIGSTOP of {holder}'s daemon", lambda: process and process.freeze(), say)
    if process:
        process.thaw()
    return outcome


def _kill_web(cluster: Loopback, client: Client, holder: str, say) -> Outcome:
    web = cluster.web[holder]
    outcome = _watch(client, "SIGKILL of a web server", lambda: web.kill(tree=True), say)
    if outcome.failed:
        outcome.broken.append(f"{outcome.failed} requests failed")
    cluster.start_web(holder)
    return outcome


def _kill_proxy(cluster: Loopback, client: Client, holder: str, say) -> Outcome:
    pid = cluster.proxy_pid(holder)
    return _watch(
        client, "SIGKILL of the proxy", lambda: processes.send(pid, signal.SIGKILL), say, limited=True
    )


def _transfer(cluster: Loopback, client: Client, holder: str, say) -> Outcome:
    target = next(host.name for host in topology.HOLDERS if host.name != holder)
    return _watch(
        client, "planned transfer", lambda: cluster.nodes[holder].command("transfer", "router37", target, check=False), say
    )


def _watch(client: Client, fault: str, act, say, limited: bool = False) -> Outcome:
    say(f"\n{fault}.")
    start = now()
    act()
    time.sleep(2.5)
    client.wait_until_steady(seconds=0.5, timeout=10)
    client.read()
    seen = client.seen(start - 100 * MILLISECOND, now())
    outcome = Outcome(fault, seen.outage_ms, seen.failed, seen.requests, 0, results=seen.results)
    if limited and seen.outage_ms > LEASE_MS + 300:
        outcome.broken.append(f"{seen.outage_ms:.0f} ms without an answer")
    say(f"   The client: longest wait {seen.outage_ms:.0f} ms, {seen.failed} of {seen.requests} requests failed.")
    return outcome
