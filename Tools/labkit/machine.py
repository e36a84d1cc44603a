"""What the machine that all this runs on is doing besides."""

import os


def busy() -> str | None:
    """A warning when others keep every core busy: three nodes, their clients and web servers then wait for their turn."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load < 1.5 * cores:
        return None
    return (
        f"This machine is busy (load {load:.1f} on {cores} cores). Three nodes, their disks and all clients share it, so\n"
        "times will be long, and the address may move although nobody broke anything. Nothing excuses two holders."
    )
