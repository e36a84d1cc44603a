"""What the machine that all this runs on is doing besides."""

import os
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
