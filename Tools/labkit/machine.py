"""What the machine that all this runs on is doing besides."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def busy() -> str | None:
    """A warning when others keep every core busy: three nodes, their clients and web servers then wait for their turn."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load < 1.5 * cores:
        return None
    return (
        f"This machine is busy (load {load:.1f} on {cores} cores). Three nodes, their disks and all clients share it, so\n"
        "times will be long, and the address may move although nobody broke anything. Nothing excuses two holders."
    )


class Stolen:
    """How much of this machine's time its hypervisor gives to others, from now on."""

    def __init__(self) -> None:
        self._before = self._read()

    def warning(self) -> str | None:
        """What to say of it, when it is enough to spoil latencies and to move an address."""
        stolen, total = (now - before for now, before in zip(self._read(), self._before))
        if total == 0 or stolen / total < 0.05:
            return None
        return f"The hypervisor gave {100 * stolen / total:.0f} % of this machine's time to others meanwhile."

    @staticmethod
    def _read() -> tuple[int, int]:
        """Ticks stolen, and all (proc_stat(5))."""
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return ticks[7], sum(ticks)


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keeps every core from halting, by loops that give way to everything else (SCHED_IDLE).

    A virtual machine that halts and wakes for each packet waits for its hypervisor each time, tens of ms when that is
    busy: a tail of latencies would tell of that and nothing else.
    """
    children = [_loop_on(core) for core in sorted(os.sched_getaffinity(0))]
    try:
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _loop_on(core: int) -> int:
    parent = os.getpid()
    child = os.fork()
    if child != 0:
        return child
    with contextlib.suppress(BaseException):
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while os.getppid() == parent:
            for _ in range(1_000_000):
                pass
    os._exit(0)
