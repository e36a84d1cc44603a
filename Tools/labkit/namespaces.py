"""Network namespaces of one lab by name: list them, empty them, delete them.

Deliberately free of everything else: the keeper uses it to clean up after a lab whose process was killed.
"""

import os
import re
import shutil
import signal
import time
from pathlib import Path

from .commands import output, run

ROOT = Path("/var/tmp")
"""Where a lab keeps its files: a real disk, because a journal on tmpfs would make fdatasync look free."""

_NAME = re.compile(r"electd-(\d+)")


def directory(lab: str) -> Path:
    """The files of `lab`: configurations, keys, state directories, logs, observations."""
    return ROOT / lab


def of_lab(lab: str) -> list[str]:
    """The namespaces that belong to `lab`."""
    listed = output("ip", "netns", "list", check=False)
    names = [line.split()[0] for line in listed.splitlines() if line.strip()]
    return [name for name in names if name.startswith(f"{lab}-")]


def processes(namespace: str) -> list[int]:
    """The pids that live in `namespace`."""
    return [int(pid) for pid in output("ip", "netns", "pids", namespace, check=False).split()]


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def destroy(lab: str) -> None:
    """Ends every process inside the namespaces of `lab`, and deletes them. Harmless when there is nothing left."""
    spaces = of_lab(lab)
    for number, patience in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 3.0)):
        deadline = time.monotonic() + patience
        pids = [pid for space in spaces for pid in processes(space)]
        _signal_all(pids, number)
        # A stopped process takes the SIGTERM only when it runs again; it gets SIGKILL, which needs no co-operation.
        while pids and time.monotonic() < deadline:
            time.sleep(0.05)
            pids = [pid for space in spaces for pid in processes(space)]
    for space in spaces:
        run("ip", "netns", "delete", space, check=False)


def remove_files(lab: str) -> None:
    """Unmounts what is in the lab's directory, and deletes it unless somebody left a file `keep` there."""
    unmount_below(directory(lab))
    if not (directory(lab) / "keep").exists():
        shutil.rmtree(directory(lab), ignore_errors=True)


def unmount_below(root: Path) -> None:
    """Unmounts every file system below `root`, also where something still has files open there."""
    mounted = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    for place in [place for place in mounted if place.startswith(f"{root}/")]:
        run("umount", "--lazy", place, check=False)


def keeper_is_alive(lab: str) -> bool:
    """Whether the process that the lab is named after still runs, and is a keeper rather than a later owner of its pid."""
    found = _NAME.fullmatch(lab)
    if not found:
        return False
    try:
        return b"labkit.keeper" in Path(f"/proc/{found[1]}/cmdline").read_bytes()
    except OSError:
        return False


def all_labs() -> list[str]:
    """Every lab on this machine that still has a namespace or files, alive or not."""
    listed = output("ip", "netns", "list", check=False).split()
    labs = {found[0] for name in listed if (found := _NAME.match(name))}
    labs |= {path.name for path in ROOT.glob("electd-*") if _NAME.fullmatch(path.name)}
    return sorted(labs)


def sweep() -> list[str]:
    """Removes what labs of dead processes left behind; returns their names. Kept files stay."""
    swept = []
    for lab in all_labs():
        if keeper_is_alive(lab):
            continue
        had_namespaces = bool(of_lab(lab))
        destroy(lab)
        remove_files(lab)
        if had_namespaces or not directory(lab).exists():
            swept.append(lab)
    return swept
