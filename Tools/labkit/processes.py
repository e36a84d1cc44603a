"""Processes of the lab, known by pid and ended by pid."""

import os
import signal
import subprocess
import time
from pathlib import Path


class Process:
    """A daemon that the lab started."""

    def __init__(self, label: str, popen: subprocess.Popen, log: Path) -> None:
        self.label = label
        self.log = log
        self.popen = popen

    @property
    def pid(self) -> int:
        return self.popen.pid

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def freeze(self, tree: bool = False) -> None:
        send(self.pid, signal.SIGSTOP, tree)

    def thaw(self, tree: bool = False) -> None:
        send(self.pid, signal.SIGCONT, tree)

    def kill(self, tree: bool = False) -> None:
        """SIGKILL: no chance to clean up. Reaps it, so that its pid can't be mistaken for a living process."""
        send(self.pid, signal.SIGKILL, tree)
        self.popen.wait(timeout=10)

    def hang_up(self) -> None:
        send(self.pid, signal.SIGHUP)

    def stop(self, patience: float = 5) -> int | None:
        """SIGTERM and, after `patience` seconds, SIGKILL. Returns the exit code, None if it had to be killed."""
        send(self.pid, signal.SIGTERM)
        try:
            return self.popen.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.kill(tree=True)
            return None

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, for a message that says why something did not start."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def start(label: str, command: list[str], log: Path, env: dict[str, str] | None = None) -> Process:
    """Starts `command` with its output appended to `log`, in a session of its own: Ctrl-C reaches only us."""
    with log.open("ab") as sink:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    return Process(label, popen, log)


def children(pid: int) -> list[int]:
    """The direct children of `pid`, as the kernel lists them per thread."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    except OSError:
        pass  # it ended meanwhile, and so has no children
    return found


def descendants(pid: int) -> list[int]:
    """Everything below `pid`, parents before children."""
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def command_line(pid: int) -> list[str]:
    """The arguments of `pid`, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def state(pid: int) -> str:
    """What the kernel says that `pid` does: running, sleeping, stopped, gone."""
    try:
        letter = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"
    return {"R": "running", "S": "sleeping", "D": "in the kernel", "T": "stopped", "Z": "ended"}.get(letter, letter)


def send(pid: int, number: int, tree: bool = False) -> None:
    """Sends a signal to `pid`, and with `tree` to everything below it. A process that is gone is no error."""
    for target in [pid, *(descendants(pid) if tree else [])]:
        try:
            os.kill(target, number)
        except ProcessLookupError:
            pass


def wait_until(condition, timeout: float, interval: float = 0.02) -> bool:
    """Polls `condition` until it holds, or `timeout` seconds have passed; says which."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
