"""The common frame of the probes: steady ticks, the end of the job, and the file of observations."""

import gc
import os
import select
import sys
import time
from pathlib import Path


class Pace:
    """Says when the next question is due. After a stall it goes on from now: a burst would measure itself."""

    def __init__(self, interval_ms: float) -> None:
        self.interval = int(interval_ms * 1_000_000)
        self.due = time.monotonic_ns()

    def seconds_left(self) -> float:
        return max(0, self.due - time.monotonic_ns()) / 1e9

    def take(self) -> int | None:
        """How late this tick is, in ns, when one is due, else None."""
        now = time.monotonic_ns()
        if now < self.due:
            return None
        late = now - self.due
        self.due = max(self.due + self.interval, now)
        return late


class Notebook:
    """The observations, flushed in small batches: the demo reads along while the probe runs."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        self._lines: list[str] = []

    def note(self, *fields: object) -> None:
        self._lines.append(" ".join(map(str, fields)))
        if len(self._lines) >= 16:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            self._file.write("\n".join(self._lines) + "\n")
            self._file.flush()
            self._lines.clear()


LATE = "late"
"""The word that starts a line about the probe itself: a tick that came more than a few ms late."""


def prepare() -> None:
    """Keeps the probe on time, since a late probe looks like an outage: no collector pauses, real-time scheduling.

    A low nice value would not do: the kernel weighs it only within the probe's own session (autogroup).
    """
    gc.disable()
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    except OSError:
        pass  # without root it measures a little worse


def ready() -> None:
    print("ready", flush=True)


def told_to_end(epoll: select.epoll) -> None:
    epoll.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
