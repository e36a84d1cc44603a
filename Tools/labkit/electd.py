"""electd in the lab: keys, files, daemons, and its command line, used only as design's contract promises it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from . import configuration, processes, topology
from .cluster import Cluster
from .commands import CommandFailed, run
from .network import Network
from .processes import Process

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY_VARIABLE = "ELECTD"
"""Names a built binary, for those who have one elsewhere."""


def binary() -> Path:
    """The electd to try: $ELECTD, or the release build of this checkout. Raises FileNotFoundError with the mend."""
    path = Path(os.environ.get(BINARY_VARIABLE, ROOT / ".build/release/electd"))
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"no electd at {path}: swift build -c release --product electd, or set {BINARY_VARIABLE}")
    return path


class Keys:
    """Keys of the three nodes and the cluster's secret, made by electd itself."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.secret_file = directory / "cluster.secret"
        run(str(program), "secret", "--out", str(self.secret_file))
        self.public = {}
        for host in topology.VOTERS:
            told = run(str(program), "keygen", "--out", str(self.identity_file(host.name))).stdout
            self.public[host.name] = next(word for word in told.split() if word.startswith("ed25519:"))

    def identity_file(self, node: str) -> Path:
        return self.directory / f"{node}.key"


class Node:
    """One machine's files and its daemon. It doesn't know where it runs: `launch` starts a command in the right place."""

    def __init__(self, name: str, program: Path, directory: Path, launch: Callable[..., Process]) -> None:
        self.name = name
        self.program = program
        self.directory = directory
        self.state = directory / "state"
        self.socket = directory / "electd.sock"
        self.config = directory / "electd.yaml"
        self.process: Process | None = None
        self.environment: dict[str, str] = {}
        """What its daemon gets besides the environment of the tool."""
        self._launch = launch
        directory.mkdir(parents=True, exist_ok=True)

    def start(self) -> Process:
        places = ["--config", self.config, "--state-dir", self.state, "--socket", self.socket]
        self.process = self._launch(self.name, "electd", str(self.program), "run", *map(str, places), env=self.environment)
        return self.process

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess:
        """An electd verb that talks to this node's daemon."""
        return run(str(self.program), *words, "--socket", str(self.socket), check=check)

    def status(self) -> dict | None:
        """`electd status --json`, None while the daemon can't be reached."""
        try:
            answer = run(str(self.program), "status", "--json", "--socket", str(self.socket), timeout=3)
        except (CommandFailed, subprocess.TimeoutExpired):
            return None
        return json.loads(answer.stdout)

    def group(self, name: str = "router37") -> dict | None:
        """The group's part of the status."""
        status = self.status()
        return next((group for group in status["groups"] if group["name"] == name), None) if status else None

    def journals(self) -> list[Path]:
        """What to give to `electd replay`."""
        return [self.state / "journal"] if (self.state / "journal").is_dir() else [self.state]

    def is_frozen(self) -> bool:
        return self.process is not None and processes.state(self.process.pid) == "stopped"


class Electd(Cluster):
    """fred, ethyl and the witness lucy, each running electd."""

    title = "electd"

    def __init__(self, network: Network, program: Path, **settings) -> None:
        super().__init__(network)
        self.program = program
        self.keys = Keys(program, network.directory / "keys")
        self.settings = configuration.Settings(
            keys=self.keys.public, secret_file=str(self.keys.secret_file), **settings
        )
        names = configuration.members(self.settings)
        self.nodes = {name: Node(name, program, network.directory / name, network.start) for name in names}
        self.write_configuration()

    def write_configuration(self) -> None:
        for node in self.nodes.values():
            node.config.write_text(configuration.render(self.settings, str(self.keys.identity_file(node.name))))

    def start(self) -> None:
        for node in self.nodes.values():
            node.start()

    def start_daemon(self, node: str) -> None:
        self.nodes[node].start()

    def daemon(self, node: str) -> Process:
        process = self.nodes[node].process
        if process is None:
            raise RuntimeError(f"electd of {node} was never started")
        return process

    def proxy_pid(self, node: str) -> int:
        for child in processes.descendants(self.daemon(node).pid):
            if processes.command_line(child)[1:2] == ["proxy"]:
                return child
        raise RuntimeError(f"electd of {node} has no proxy process")

    def holder(self, group: str = "router37") -> str | None:
        holders = self.roles(group).get("holder", [])
        return holders[0] if len(holders) == 1 else None

    def roles(self, group: str = "router37") -> dict[str, list[str]]:
        """Which nodes have which role, by their own account. A node that can't be asked is missing."""
        found: dict[str, list[str]] = {}
        for node in self.nodes.values():
            if node.is_frozen():
                continue
            if own := node.group(group):
                found.setdefault(own["role"], []).append(node.name)
        return found

    def stop(self) -> list[str]:
        """Ends all daemons that run, and names those that did not end by SIGTERM with exit code 0."""
        unclean = []
        for node in self.nodes.values():
            if node.process is not None and node.process.is_running():
                node.process.thaw(tree=True)
                if node.process.stop() != 0:
                    unclean.append(node.name)
        return unclean

    def replay(self) -> subprocess.CompletedProcess:
        """`electd replay` over the journals of all nodes."""
        journals = [str(path) for node in self.nodes.values() for path in node.journals()]
        return run(str(self.program), "replay", *journals, check=False, timeout=300)
