"""One electd by itself on 127.0.0.x: its proxy, for whoever wants to try the data plane and not the election.

The group is a pair whose other node never starts, so this one holds it after a moment and keeps it.
"""

import signal
import socket
import time
from pathlib import Path

from . import processes
from .commands import run
from .processes import Process

ADDRESS = "127.0.0.61"


class Solo:
    """A daemon with the services that `services` describes as YAML, indented by two; their group is `solo`."""

    def __init__(self, program: Path, directory: Path, services: str, threads: int = 1) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.directory = directory
        self.threads = threads
        self.config = directory / "electd.yaml"
        self.socket = directory / "electd.sock"
        self.process: Process | None = None
        self._node_port = free_port(ADDRESS)  # of TCP, and as good as any for UDP
        self._keys = [self._key(name) for name in ("one", "other")]
        run(str(program), "secret", "--out", str(directory / "cluster.secret"))
        self.write(services)

    def _key(self, name: str) -> str:
        told = run(str(self.program), "keygen", "--out", str(self.directory / f"{name}.key")).stdout
        return next(word for word in told.split() if word.startswith("ed25519:"))

    def write(self, services: str) -> None:
        self.config.write_text(
            f"""cluster: solo
secret_file: {self.directory}/cluster.secret
identity_file: {self.directory}/one.key
nodes:
  one: {{ address: "{ADDRESS}:{self._node_port}", key: "{self._keys[0]}" }}
  other: {{ address: "127.0.0.62:{self._node_port}", key: "{self._keys[1]}" }}
groups:
  solo:
    mode: pair
    priority: {{ one: 101, other: 100 }}
proxy: {{ threads: {self.threads} }}
services:
{services}"""
        )

    def start(self, ports: list[int], descriptors: int | None = None) -> None:
        """Starts the daemon, with no more than so many open files, and waits until it accepts on `ports` of ADDRESS."""
        places = ["--config", self.config, "--state-dir", self.directory / "state", "--socket", self.socket]
        command = [str(self.program), "run", *map(str, places)]
        if descriptors is not None:
            command = ["prlimit", f"--nofile={descriptors}:{descriptors}", *command]
        self.process = processes.start("electd", command, self.directory / "electd.log")
        for port in ports:
            if not processes.wait_until(lambda: accepts(ADDRESS, port), timeout=20):
                raise RuntimeError(f"electd does not accept on port {port}:\n{self.process.last_words()}")

    def reload(self) -> None:
        if self.process is None:
            raise RuntimeError("electd was never started")
        processes.send(self.process.pid, signal.SIGHUP)

    def command(self, *words: str, check: bool = True):
        return run(str(self.program), *words, "--socket", str(self.socket), check=check)

    @property
    def proxy_pid(self) -> int:
        for child in processes.descendants(self.process.pid if self.process else 0):
            if processes.command_line(child)[1:2] == ["proxy"]:
                return child
        raise RuntimeError("electd has no proxy process")

    def stop(self) -> None:
        if self.process is not None and self.process.is_running():
            self.process.stop()


def accepts(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=0.5):
            return True
    except OSError:
        return False


def free_port(address: str = "127.0.0.1") -> int:
    """A port of `address` on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def wait_for(address: str, port: int, process: Process, patience: float = 10) -> None:
    """Waits until `process` accepts there."""
    deadline = time.monotonic() + patience
    while not accepts(address, port):
        if time.monotonic() > deadline or not process.is_running():
            raise RuntimeError(f"{process.label} does not accept on {address}:{port}:\n{process.last_words()}")
        time.sleep(0.02)
