"""The demo for a user without root or namespaces: the same cluster on loopback addresses, and what that leaves out."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import configuration, processes, topology, webservers
from .commands import CommandFailed, run as run_command
from .electd import Keys, Node
from .evidence import MILLISECOND
from .follower import Follower, Front
from .processes import Process
from .scenario import Outcome, now, sight

ADDRESSES = {host.name: f"127.0.0.{host.octet}" for host in topology.VOTERS}
WEB_PORT = 18080
FRONT_PORT = 18037
LEASE_MS = 500.0

LEFT_OUT = """What this leaves out:
  - There is no virtual address. Each proxy listens on its own machine's address, and the client asks the daemons
    who holds, and goes there. So nothing here shows ARP, or that a stale holder is silenced by its kernel.
  - No cable can be cut here, nothing be partitioned, and nobody forges datagrams.
  - "Two holders" is by the daemons' own account, not by what answers on a wire."""


class Loopback:
    """Three daemons and two web servers as ordinary processes."""

    def __init__(self, program: Path, directory: Path, user: int | None = None) -> None:
        """`user`: whom everything runs as, for root; None: whoever calls."""
        self.directory = directory
        self.user = user
        self.program = program
        keys = Keys(program, directory / "keys")
        self.nodes = {name: Node(name, program, directory / name, self._launch) for name in ADDRESSES}
        for node in self.nodes.values():
            settings = configuration.Settings(
                keys=keys.public,
                secret_file=str(keys.secret_file),
                virtual_addresses=[],
                addresses=ADDRESSES,
                web_check=False,
                # Listening is all that differs between the nodes; with a virtual address it would not.
                listen=f"{ADDRESSES[node.name]}:{FRONT_PORT}",
                web_port=WEB_PORT,
            )
            node.config.write_text(configuration.render(settings, str(keys.identity_file(node.name))))
        self.web: dict[str, Process] = {}

    def _launch(self, name: str, label: str, *command: str, env: dict[str, str] | None = None) -> Process:
        words = list(command)
        if self.user is not None:
            self._give_away()
            words = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *words]
        return processes.start(f"{label} on {name}", words, self.directory / f"{name}-{label}.log", env)

    def _give_away(self) -> None:
        for path in [self.directory, *self.directory.rglob("*")]:
            os.chown(path, self.user, self.user)

    def start(self) -> None:
        for host in topology.HOLDERS:
            self.start_web(host.name)
        for node in self.nodes.values():
            node.start()

    def start_web(self, name: str) -> None:
        root = self.directory / f"{name}-web"
        if webservers.available():
            command = webservers.prepare(root, ADDRESSES[name], name, port=WEB_PORT)
        else:
            pages = root / "pages"
            pages.mkdir(parents=True, exist_ok=True)
            (pages / "index.html").write_text(f"{name} serves this page\n")
            command = [sys.executable, "-m", "http.server", "--bind", ADDRESSES[name], "-d", str(pages), str(WEB_PORT)]
        self.web[name] = self._launch(name, "web", *command)

    def fronts(self) -> list[Front]:
        """What a client needs to follow the holder."""
        names = [host.name for host in topology.HOLDERS]
        return [Front(name, self.nodes[name].socket, ADDRESSES[name], FRONT_PORT) for name in names]

    def daemon(self, name: str) -> Process:
        process = self.nodes[name].process
        if process is None:
            raise RuntimeError(f"electd of {name} was never started")
        return process

    def proxy_pid(self, name: str) -> int:
        for child in processes.descendants(self.daemon(name).pid):
            if processes.command_line(child)[1:2] == ["proxy"]:
                return child
        raise RuntimeError(f"electd of {name} has no proxy process")

    def complaints(self) -> str:
        """The last words of daemons that ended by themselves."""
        dead = [node for node in self.nodes.values() if node.process and not node.process.is_running()]
        return "\n".join(f"{node.name}: {node.process.last_words(2)}" for node in dead)

    def stop(self) -> None:
        for node in self.nodes.values():
            if node.process is not None and node.process.is_running():
                node.process.thaw(tree=True)
                node.process.stop()
        for process in self.web.values():
            process.stop()


def run(program: Path, runs: int, keep: bool, reason: str, say) -> dict:
    """All that loopback can show, `runs` times; returns the report."""
    say(f"No network namespaces ({reason}).")
    say("So fred, ethyl and the witness lucy are three daemons on 127.0.0.201, .202 and .203 of this machine.")
    say(LEFT_OUT)
    report: dict = {"runs": [], "loopback": True}
    for number in range(1, runs + 1):
        if runs > 1:
            say(f"\n===== Run {number} of {runs} =====")
        directory = Path(tempfile.mkdtemp(prefix="electd-loopback-"))
        cluster = None
        try:
            cluster = Loopback(program, directory)
            report["runs"].append(_one_run(cluster, say))
        except CommandFailed as error:
            raise RuntimeError(str(error)) from None
        finally:
            if cluster is not None:
                cluster.stop()
            if keep:
                say(f"Kept: {directory}")
            else:
                shutil.rmtree(directory, ignore_errors=True)
    return report


def _one_run(cluster: Loopback, say) -> dict:
    cluster.start()
    play = LoopbackScenario(cluster, say)
    with Follower(cluster.fronts()) as client:
        play.client = client
        for fault in play.faults():
            fault()
        say("\nelectd status (it is right that the files differ: here each one says where its own node listens):")
        shown = cluster.nodes[topology.FRED.name].command("status", check=False)
        say((shown.stdout or shown.stderr).rstrip())
    cluster.stop()
    say("\nelectd replay over the journals of all three:")
    journals = [str(path) for node in cluster.nodes.values() for path in node.journals()]
    replay = run_command(str(cluster.program), "replay", *journals, check=False, timeout=300)
    say((replay.stdout + replay.stderr).rstrip())
    broken = [f"{outcome.fault}: {promise}" for outcome in play.outcomes for promise in outcome.broken]
    if replay.returncode != 0:
        broken.append(f"electd replay: exit {replay.returncode}")
    return {
        "faults": [outcome.as_json() for outcome in play.outcomes], "broken": broken, "replay": replay.returncode
    }


class LoopbackScenario:
    """Faults of processes, and what a client that follows the holder sees of them."""

    client: Follower

    def __init__(self, cluster: Loopback, say: Callable[[str], None]) -> None:
        self.cluster = cluster
        self.say = say
        self.outcomes: list[Outcome] = []

    def faults(self) -> list[Callable[[], None]]:
        return [
            self.kill_daemon, self.freeze_daemon, self.stop_daemon, self.kill_web, self.kill_proxy, self.freeze_proxy,
            self.transfer,
        ]

    def kill_daemon(self) -> None:
        holder = self._begin("SIGKILL the daemon of {}, who holds.")
        self._watch("SIGKILL of the daemon", self.cluster.daemon(holder).kill)
        self.cluster.nodes[holder].start()

    def freeze_daemon(self) -> None:
        holder = self._begin("SIGSTOP the daemon of {}, who holds.")
        self._watch("SIGSTOP of the daemon", self.cluster.daemon(holder).freeze)
        start = now()
        self.cluster.daemon(holder).thaw()
        time.sleep(1)
        found = self.client.seen(start, now()).collisions
        if found:
            self.outcomes[-1].two_holders += len(found)
            self._break(f"woken, {holder} claimed to hold beside the other, {len(found)} times")

    def stop_daemon(self) -> None:
        holder = self._begin("SIGTERM the daemon of {}, who holds: it hands over, then ends.")
        self._watch("SIGTERM of the daemon", self.cluster.daemon(holder).stop)
        self.cluster.nodes[holder].start()

    def kill_web(self) -> None:
        holder = self._begin("Kill a web server, the one beside {}.")
        self._watch("SIGKILL of a web server", lambda: self.cluster.web[holder].kill(tree=True))
        if failed := self.outcomes[-1].failed:
            self._break(f"{failed} requests failed; the other server should have answered them")
        self.cluster.start_web(holder)

    def kill_proxy(self) -> None:
        holder = self._begin("SIGKILL the proxy process of {}, who holds.")
        pid = self.cluster.proxy_pid(holder)
        self._watch("SIGKILL of the proxy", lambda: processes.send(pid, signal.SIGKILL))

    def freeze_proxy(self) -> None:
        holder = self._begin("SIGSTOP the proxy process of {}, who holds.")
        pid = self.cluster.proxy_pid(holder)
        self._watch("SIGSTOP of the proxy", lambda: processes.send(pid, signal.SIGSTOP))

    def transfer(self) -> None:
        holder = self._begin("The operator moves the group away from {}.")
        target = next(host.name for host in topology.HOLDERS if host.name != holder)
        order = lambda: self.cluster.nodes[holder].command("transfer", "router37", target, check=False)
        self._watch("planned transfer", order)
        if self.client.holder() != target:
            self._break(f"{target} does not hold")

    def _begin(self, what: str) -> str:
        """Waits for calm, tells the fault, and returns who holds."""
        processes.wait_until(lambda: self.client.holder() == topology.FRED.name, timeout=15, interval=0.1)
        if not self.client.wait_until_steady():
            words = self.cluster.complaints() or "--keep keeps the logs"
            raise RuntimeError(f"the client gets no steady answers; {words}")
        holder = self.client.holder()
        if holder is None:
            raise RuntimeError("nobody holds; --keep keeps the logs")
        self.say(f"\n{len(self.outcomes) + 1}. {what.format(holder)}")
        return holder

    def _watch(self, fault: str, act: Callable[[], object]) -> None:
        start = now()
        act()
        time.sleep(max(0.5, 2.5 - (now() - start) / 1e9))
        self.client.wait_until_steady(seconds=0.5, timeout=10)
        seen = self.client.seen(start - 100 * MILLISECOND, now())
        outcome = Outcome(fault, seen.outage_ms, seen.failed, seen.requests, len(seen.collisions), results=seen.results)
        self.outcomes.append(outcome)
        self.say(f"   {sight(outcome)}")
        # The client asks 50 times a second who holds, so it learns it a little later.
        limit = LEASE_MS + 300 + 100
        if outcome.outage_ms > limit:
            self._break(f"{outcome.outage_ms:.0f} ms without an answer, promised: {limit:.0f}")
        if outcome.two_holders:
            self._break(f"two nodes claimed to hold, {outcome.two_holders} times")
        if not seen.recovered:
            self._break("the client had no answer any more")

    def _break(self, promise: str) -> None:
        self.outcomes[-1].broken.append(promise)
        self.say(f"   BROKEN: {promise}")
