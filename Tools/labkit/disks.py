"""A node's disk of its own, which can be full, or stop to answer: an ext4 image on a loop device."""

import subprocess
import sys
from pathlib import Path

from .commands import CommandFailed, run

_SIZE = "48M"


class Disk:
    """Mounted on a node's state directory before its daemon starts; the lab's end unmounts it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"
        self._freezer: subprocess.Popen | None = None
        place.mkdir(parents=True)
        image = place.parent / f"{place.name}.ext4"
        run("truncate", "--size", _SIZE, str(image))
        # No reserve for root: the daemon is root, and has to find the disk full too.
        run("mkfs.ext4", "-q", "-m", "0", str(image))
        run("mount", "-o", "loop", str(image), str(place))
        place.chmod(0o700)

    def fill(self) -> None:
        """Leaves no byte on it."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 10):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass  # full for pieces of this size

    def freeze(self) -> None:
        """From now on whoever writes or syncs waits. A helper thaws it when this process is gone, however that died."""
        self._freezer = subprocess.Popen(
            [sys.executable, "-B", "-m", "labkit.freezer", str(self.place)],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._freezer.stdout is not None
        if self._freezer.stdout.readline() != b"frozen\n":
            raise CommandFailed(f"{self.place} can't be frozen")

    def mend(self) -> None:
        """Room again, and an answer for whoever waited."""
        if self._freezer is not None:
            assert self._freezer.stdin is not None
            self._freezer.stdin.close()
            self._freezer.wait(timeout=10)
            self._freezer = None
        self._filler.unlink(missing_ok=True)
