"""The peer of the injuries: a sealed journal of systemd's journald, hurt in the same ways, and `journalctl --verify`.

journald runs without systemd, within a mount namespace of its own: /run and /var/log/journal are empty there, and gone
afterwards. What needs the structure of journald's files (records exchanged or inserted with good checksums) isn't done. Two
injuries need none of it: the file as it was earlier is put back, and one of several files is taken away.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DAEMON = Path("/lib/systemd/systemd-journald")
_INSIDE = "ELECTD_JOURNALD_INSIDE"
_SETTINGS = """[Journal]
Storage=persistent
Seal=yes
ReadKMsg=no
Audit=no
RateLimitIntervalSec=0
RateLimitBurst=0
ForwardToSyslog=no
"""


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _prepare(directory: Path) -> str:
    """Empty places for journald, and the keys of the seal; returns the verification key."""
    _mount("--make-rprivate", "/")
    machine = Path("/etc/machine-id").read_text().strip()
    logs = Path("/var/log/journal")
    logs.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "tmpfs", "/run")
    _mount("-t", "tmpfs", "tmpfs", str(logs))
    for path in (Path("/run/systemd/journal"), Path("/run/log"), logs / machine):
        path.mkdir(parents=True)
    Path("/run/systemd/journal/flushed").touch()
    settings = directory / "journald.conf"
    settings.write_text(_SETTINGS)
    _mount("--bind", str(settings), "/etc/systemd/journald.conf")
    made = subprocess.run(
        ["journalctl", "--setup-keys", "--interval=1s", "--force"], capture_output=True, text=True, check=True)
    return re.search(r"([0-9a-f]{6}-){3}[0-9a-f]{6}/[0-9a-f-]+", made.stdout + made.stderr).group(0)


def _write(count: int, earlier: Path) -> Path:
    """Sealed journals of `count` entries each, one after the other, over several epochs of the seal; the directory.

    In `earlier` are copies of the last one as it was while it was written.
    """
    daemon = subprocess.Popen([str(DAEMON)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not Path("/run/systemd/journal/socket").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        for last in (False, False, True):
            _send(count)
            if not last:
                daemon.send_signal(signal.SIGUSR2)  # rotates
                time.sleep(0.5)
        directory = next(Path("/var/log/journal").glob("*/system.journal")).parent
        for number in range(10):
            _send(count // 10)
            daemon.send_signal(signal.SIGRTMIN + 1)  # syncs
            time.sleep(0.2)
            shutil.copy(directory / "system.journal", earlier / f"{number}.journal")
        time.sleep(1.5)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(10)
    return directory


def _send(count: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("/run/systemd/journal/socket")
        for number in range(count):
            channel.send(f"MESSAGE=heartbeat {number} of fred, router37 in term 12\nPRIORITY=6\n".encode())
            time.sleep(3 / count)


def _passes(place: Path, key: str) -> bool:
    where = f"--directory={place}" if place.is_dir() else f"--file={place}"
    return subprocess.run(
        ["journalctl", "--verify", f"--verify-key={key}", where], capture_output=True).returncode == 0


def _injuries(content: bytes, used: int, dice: random.Random) -> dict:
    def flip() -> bytes:
        hurt = bytearray(content)
        hurt[dice.randrange(used)] ^= 1 << dice.randrange(8)
        return bytes(hurt)

    def burst() -> bytes:
        hurt = bytearray(content)
        at = dice.randrange(used)
        count = min(dice.randint(1, 16), used - at)
        hurt[at : at + count] = dice.randbytes(count)
        return bytes(hurt)

    def cut() -> bytes:
        return content[: dice.randrange(8, used)]

    return {"a bit flipped": flip, "up to 16 bytes overwritten": burst, "the tail cut at any byte": cut}


def _earlier(directory: Path, copies: Path, key: str) -> dict:
    """The newest file as it was earlier, put back."""
    newest = directory / "system.journal"
    whole = newest.read_bytes()
    figures = {"done": 0, "found": 0}
    for copy in sorted(copies.iterdir())[:-1]:
        newest.write_bytes(copy.read_bytes())
        figures["done"] += 1
        figures["found"] += not _passes(directory, key)
    newest.write_bytes(whole)
    return figures


def _deleted(directory: Path, key: str) -> dict:
    """Each of the files taken away, one at a time."""
    figures = {"done": 0, "found": 0}
    for file in sorted(directory.glob("*.journal")):
        kept = file.rename(directory / "kept")
        figures["done"] += 1
        figures["found"] += not _passes(directory, key)
        kept.rename(file)
    return figures


def measure(count: int, seed: int = 1) -> dict:
    directory = Path(tempfile.mkdtemp(prefix="electd-journald-"))
    try:
        key = _prepare(directory)
        earlier = directory / "earlier"
        earlier.mkdir()
        journals = _write(400, earlier)
        content = (journals / "system.journal").read_bytes()
        # journald allocates 8 MiB at once: what is not written yet isn't hurt.
        used = len(content.rstrip(b"\0"))
        copy = Path("/run/hurt.journal")
        copy.write_bytes(content)
        if not _passes(copy, key) or not _passes(journals, key):
            raise RuntimeError("journalctl doesn't verify the whole journal")
        dice = random.Random(seed)
        figures = {}
        for kind, hurt in _injuries(content, used, dice).items():
            found = done = 0
            while done < count:
                changed = hurt()
                if changed == content:
                    continue
                copy.write_bytes(changed)
                done += 1
                found += not _passes(copy, key)
            figures[kind] = {"done": done, "found": found}
        figures["the newest file put back as it was earlier"] = _earlier(journals, earlier, key)
        figures["a whole file deleted"] = _deleted(journals, key)
        return figures
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="injuries of each kind")
    options = parser.parse_args()
    if not DAEMON.exists():
        print(f"{DAEMON} isn't installed: apt-get install systemd", file=sys.stderr)
        return 1
    if not os.environ.get(_INSIDE):
        os.environ[_INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-B", "-m", "labkit.journald", *sys.argv[1:]])
    print(json.dumps(measure(options.count), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
