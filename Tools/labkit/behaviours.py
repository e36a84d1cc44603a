"""How electd, HAProxy and nginx behave when servers and clients don't: one table, all three in one run on loopback."""

import argparse
import json
import random
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import exchange, processes, solo, table
from .commands import CommandFailed
from .interrupts import become_interruptible
from .trio import NAMES, SERVER_ADDRESS, Trio

_GET = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
_BOUND = b"GET / HTTP/1.1\r\nHost: t\r\nCookie: SERVERNAME=b\r\nConnection: close\r\n\r\n"
_UPGRADE = b"""GET /ws HTTP/1.1\r
Host: t\r
Connection: Upgrade\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
\r
"""
_NOT_2XX = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_SOCKET_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_TOTAL = re.compile(r"(\d+) requests in")


@dataclass(frozen=True)
class Row:
    behaviour: str
    seen: dict[str, str]
    promise: str
    kept: bool

    def as_json(self) -> str:
        return json.dumps({"name": self.behaviour, **self.seen, "promise": self.promise, "kept": self.kept})


def together(work: Callable[[str], object]) -> dict:
    """`work` for all three at once, so that all see the same fault at the same time."""
    with ThreadPoolExecutor(len(NAMES)) as pool:
        return dict(zip(NAMES, pool.map(work, NAMES)))


def timed_get(trio: Trio, name: str, wire: bytes, patience: float) -> tuple[float, str]:
    """Seconds until the answer's first byte, and its status."""
    begun = time.monotonic()
    with socket.create_connection((trio.address(name), trio.ports[name]), timeout=patience) as connection:
        connection.sendall(wire)
        try:
            said = connection.recv(65_536)
        except TimeoutError:
            return patience, "silent"
        except OSError:
            return time.monotonic() - begun, "reset"
    return time.monotonic() - begun, exchange.statuses(said)


def _worst_of(trio: Trio, wire: bytes, count: int, patience: float) -> tuple[dict[str, str], bool, float]:
    def work(name: str) -> list[tuple[float, str]]:
        return [timed_get(trio, name, wire, patience) for _ in range(count)]

    found = together(work)
    words = {
        name: f"{max(seconds for seconds, _ in answers):.2f} s, {'/'.join(sorted({status for _, status in answers}))}"
        for name, answers in found.items()
    }
    ours = found["electd"]
    return words, all(status == "200" for _, status in ours), max(seconds for seconds, _ in ours)


def refusing(directory: Path, _: argparse.Namespace) -> list[Row]:
    rows = []
    for label, wire, count in (("", _GET, 4), (", client bound to it by cookie", _BOUND, 2)):
        with Trio(directory / f"refusing{count}") as trio:
            trio.servers["b"].kill()
            seen, good, worst = _worst_of(trio, wire, count, 15)
        rows.append(Row(f"a server refuses{label}: slowest answer", seen, "200 within 0.5 s", good and worst < 0.5))
    return rows


def silent(directory: Path, _: argparse.Namespace) -> list[Row]:
    rows = []
    for label, wire, count in (("", _GET, 2), (", client bound to it by cookie", _BOUND, 1)):
        with Trio(directory / f"silent{count}") as trio, _silence(trio, "b"):
            seen, good, worst = _worst_of(trio, wire, count, 30)
        rows.append(Row(f"a server doesn't answer SYN{label}: slowest answer", seen, "200 within 2 s", good and worst < 2))
    return rows


class _silence:
    """In place of a server a socket whose queue is full: the kernel drops further SYNs, as a dead machine would."""

    def __init__(self, trio: Trio, name: str) -> None:
        self._trio, self._name = trio, name
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> None:
        self._trio.servers[self._name].kill()
        place = (SERVER_ADDRESS, self._trio.server_ports[self._name])
        listener = socket.socket()
        self._sockets.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(place)
            self._sockets.append(filler)
        time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        for opened in self._sockets:
            opened.close()


def killed_under_load(directory: Path, arguments: argparse.Namespace) -> list[Row]:
    with Trio(directory / "killed", check_ms=200) as trio:
        load = _Load(trio, seconds=arguments.kills * 2.2 + 2)
        time.sleep(1)
        for number in range(arguments.kills):
            victim = "ab"[number % 2]
            trio.servers[victim].kill()
            time.sleep(0.6)
            trio.start_server(victim)
            time.sleep(1.5)
        seen, failed = load.results()
    label = f"a server is killed under load, {arguments.kills} times: requests without 2xx"
    return [Row(label, seen, "0", failed["electd"] == 0)]


class _Load:
    """wrk against all three in the background."""

    def __init__(self, trio: Trio, seconds: float) -> None:
        self._running = {}
        for name in NAMES:
            url = f"http://{trio.address(name)}:{trio.ports[name]}/"
            words = ["wrk", "-t1", "-c8", f"-d{seconds:.0f}s", "--timeout", "30s", url]
            self._running[name] = processes.start(f"wrk {name}", words, trio.directory / f"wrk-{name}.log")

    def results(self) -> tuple[dict[str, str], dict[str, int]]:
        seen, failed = {}, {}
        for name, process in self._running.items():
            process.popen.wait(timeout=120)
            said = process.log.read_text()
            total, bad, errors = _TOTAL.search(said), _NOT_2XX.search(said), _SOCKET_ERRORS.search(said)
            if not total:
                raise CommandFailed(f"wrk against {name}:\n{said}")
            failed[name] = int(bad[1]) if bad else 0
            failed[name] += sum(int(count) for count in errors.groups()) if errors else 0
            seen[name] = f"{failed[name]} of {total[1]}"
        return seen, failed


def stale(directory: Path, arguments: argparse.Namespace) -> list[Row]:
    """The servers close each connection 1 ms after its answer, while the next request is on its way."""
    with Trio(directory / "stale", idle_ms=1) as trio:
        found = together(lambda name: _ask_often(trio, name, arguments.requests))
    seen = {name: f"{errors} of {arguments.requests}" for name, errors in found.items()}
    return [Row("servers close pooled connections: requests without 2xx", seen, "0", found["electd"] == 0)]


def _ask_often(trio: Trio, name: str, count: int) -> int:
    chance = random.Random(37)
    errors = 0
    connection: socket.socket | None = None
    for _ in range(count):
        try:
            if connection is None:
                connection = socket.create_connection((trio.address(name), trio.ports[name]), timeout=10)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
            said = connection.recv(4096)
            if not said.startswith(b"HTTP/1.1 200"):
                raise ConnectionError
        except OSError:
            errors += 1
            connection = None
        time.sleep(chance.uniform(0, 0.002))
    return errors


def slow(directory: Path, arguments: argparse.Namespace) -> list[Row]:
    rows = []
    with Trio(directory / "slow") as trio:
        for label, start, promise in (
            ("a head of 1 byte a second", b"GET / HTTP/1.1\r\nX: ", 11.0),
            ("a body of 1 byte a second", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n", 25.0),
        ):
            found = together(lambda name: _cut_after(trio, name, start, arguments.patience))
            seen = {name: f"{seconds:.0f} s" if seconds else f"not in {arguments.patience} s" for name, seconds in found.items()}
            kept = found["electd"] is not None and found["electd"] <= promise
            rows.append(Row(f"{label}: cut off after", seen, f"{promise:.0f} s", kept))
    return rows


def _cut_after(trio: Trio, name: str, start: bytes, patience: float) -> float | None:
    begun = time.monotonic()
    with socket.create_connection((trio.address(name), trio.ports[name]), timeout=1) as connection:
        connection.sendall(start)
        while (took := time.monotonic() - begun) < patience:
            try:
                said = connection.recv(4096)
                if not said or not said.startswith(b"HTTP/1.1 1"):
                    return time.monotonic() - begun
            except TimeoutError:
                pass  # a second without an answer: the next byte
            except OSError:
                return took
            try:
                connection.sendall(b"x")
            except OSError:
                return time.monotonic() - begun
    return None


def cold_start(directory: Path, _: argparse.Namespace) -> list[Row]:
    with Trio(directory / "cold") as trio:
        found = {}
        for name in NAMES:
            trio.processes[name].stop()
            trio.start(name)
            found[name] = _until_first_page(trio, name)
    seen = {name: f"{seconds * 1000:.0f} ms, {errors} errors" for name, (seconds, errors) in found.items()}
    return [Row("started: from the first accept to the first page, errors before", seen, "0 errors", found["electd"][1] == 0)]


def _until_first_page(trio: Trio, name: str) -> tuple[float, int]:
    deadline = time.monotonic() + 30
    while not solo.accepts(trio.address(name), trio.ports[name]):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not accept again")
        time.sleep(0.002)
    begun, errors = time.monotonic(), 0
    while timed_get(trio, name, _GET, 10)[1] != "200":
        errors += 1
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not serve again")
    return time.monotonic() - begun, errors


def reloads(directory: Path, arguments: argparse.Namespace) -> list[Row]:
    with Trio(directory / "reloads") as trio:
        tunnels = {name: [_open_tunnel(trio, name) for _ in range(100)] for name in NAMES}
        load = _Load(trio, seconds=arguments.reloads * 0.15 + 3)
        for number in range(1, arguments.reloads + 1):
            for name in NAMES:
                trio.reload(name, number)
            time.sleep(0.15)
        seen, failed = load.results()
        lost = {name: sum(not _echoes(tunnel) for tunnel in tunnels[name]) for name in NAMES}
        for tunnel in (tunnel for opened in tunnels.values() for tunnel in opened):
            tunnel.close()
    label = f"{arguments.reloads} reloads under load"
    return [
        Row(f"{label}: of 100 WebSockets lost", {name: str(lost[name]) for name in NAMES}, "0", lost["electd"] == 0),
        Row(f"{label}: requests without 2xx", seen, "0", failed["electd"] == 0),
    ]


def _open_tunnel(trio: Trio, name: str) -> socket.socket:
    connection = socket.create_connection((trio.address(name), trio.ports[name]), timeout=10)
    connection.sendall(_UPGRADE)
    said = connection.recv(4096)
    if not said.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(f"{name} does not upgrade: {said[:60]!r}")
    return connection


def _echoes(tunnel: socket.socket) -> bool:
    try:
        tunnel.sendall(b"still there?")
        return tunnel.recv(64) == b"still there?"
    except OSError:
        return False


CASES: dict[str, Callable[[Path, argparse.Namespace], list[Row]]] = {
    "refusing": refusing, "silent": silent, "killed": killed_under_load, "stale": stale, "slow": slow,
    "cold-start": cold_start, "reloads": reloads,
}


def main() -> int:
    arguments = _arguments()
    become_interruptible()
    directory = Path(tempfile.mkdtemp(prefix="electd-behaviours-"))
    rows: list[Row] = []
    try:
        directory.chmod(0o755)
        for name in arguments.cases or CASES:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += CASES[name](directory, arguments)
    except KeyboardInterrupt:
        return 130
    except (CommandFailed, RuntimeError, FileNotFoundError, OSError) as error:
        print(f"behaviours: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if arguments.json:
        print("\n".join(row.as_json() for row in rows))
    else:
        cells = [[row.behaviour, *(row.seen[name] for name in NAMES), row.promise, "yes" if row.kept else "NO"] for row in rows]
        print(table.rendered(["behaviour", *NAMES, "electd promises", "kept"], cells))
    return 0 if all(row.kept for row in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Tools/behaviours", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--cases", nargs="*", choices=list(CASES))
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--requests", type=int, default=10_000, help="for the pooled connections that servers close")
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--patience", type=int, default=30, help="seconds that a slow client goes on")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
