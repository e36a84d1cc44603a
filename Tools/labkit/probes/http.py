"""Opens a new connection and GETs a page, many times a second: `started connected requested ended result body`.

`connected` and `requested` are 0 when it never came to that. `result` is the HTTP status, or what went wrong:
`connect-timeout`, `timeout`, `refused`, `reset`, `unreachable`, `garbled`. `body` is the first word of the page,
which names the web server, or `-`.
"""

import argparse
import errno
import select
import socket
import struct
import sys
import time
from pathlib import Path

from . import pace

_RESULTS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "connect-timeout",
}
_ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER that resets on close: an abandoned attempt must not send a SYN again, seconds later."""


class Attempt:
    """One request on its way."""

    __slots__ = ("connected", "received", "requested", "socket", "started")

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self.started = time.monotonic_ns()
        self.connected = 0
        self.requested = 0
        self.received = b""


class Poller:
    """Starts an attempt per tick and carries all that are in flight."""

    def __init__(self, arguments: argparse.Namespace, epoll: select.epoll, notebook: pace.Notebook) -> None:
        self.target = (arguments.target, arguments.port)
        self.family = socket.AF_INET6 if ":" in arguments.target else socket.AF_INET
        self.connect_limit = int(arguments.connect_timeout_ms * 1e6)
        self.limit = int(arguments.timeout_ms * 1e6)
        self.request = (
            f"GET {arguments.path} HTTP/1.1\r\nHost: landlord.example\r\nUser-Agent: lab\r\nConnection: close\r\n\r\n"
        ).encode()
        self.epoll = epoll
        self.notebook = notebook
        self.attempts: dict[int, Attempt] = {}

    def begin(self) -> None:
        opened = socket.socket(self.family, socket.SOCK_STREAM)
        opened.setblocking(False)
        attempt = Attempt(opened)
        code = opened.connect_ex(self.target)
        if code not in (0, errno.EINPROGRESS):
            self._end(attempt, _RESULTS.get(code, "unreachable"), registered=False)
            return
        self.attempts[opened.fileno()] = attempt
        self.epoll.register(opened, select.EPOLLOUT)

    def ready(self, descriptor: int) -> None:
        attempt = self.attempts.get(descriptor)
        if attempt is None:
            return
        try:
            if attempt.connected == 0:
                self._connected(attempt)
            else:
                self._receive(attempt)
        except OSError as error:
            self._end(attempt, _RESULTS.get(error.errno or 0, "unreachable"))

    def _connected(self, attempt: Attempt) -> None:
        now = time.monotonic_ns()
        code = attempt.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code != 0:
            raise OSError(code, "connect")
        attempt.connected = now
        attempt.requested = time.monotonic_ns()
        attempt.socket.send(self.request)
        self.epoll.modify(attempt.socket, select.EPOLLIN)

    def _receive(self, attempt: Attempt) -> None:
        received = attempt.socket.recv(65536)
        attempt.received += received
        head, found, body = attempt.received.partition(b"\r\n\r\n")
        announced = _announced_length(head)
        if found and (len(body) >= announced if announced is not None else not received):
            self._end(attempt, head[9:12].decode("latin-1"), body)
        elif not received:
            self._end(attempt, "garbled" if attempt.received else "reset")

    def expire(self) -> None:
        now = time.monotonic_ns()
        for attempt in list(self.attempts.values()):
            age = now - attempt.started
            if attempt.connected == 0 and age > self.connect_limit:
                self._end(attempt, "connect-timeout")
            elif age > self.limit:
                self._end(attempt, "timeout")
            elif age < self.connect_limit:
                break  # they are in order of their start, so the rest is younger

    def abandon(self) -> None:
        """Notes what is still in flight at the end as nothing: it had no time to fail or to succeed."""
        for attempt in self.attempts.values():
            attempt.socket.close()

    def _end(self, attempt: Attempt, result: str, body: bytes = b"", registered: bool = True) -> None:
        ended = time.monotonic_ns()
        if registered:
            del self.attempts[attempt.socket.fileno()]
            self.epoll.unregister(attempt.socket)
        if not result.isdigit():
            attempt.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        attempt.socket.close()
        words = body.split()
        server = words[0].decode("latin-1") if words else "-"
        self.notebook.note(attempt.started, attempt.connected, attempt.requested, ended, result, server)


def _announced_length(head: bytes) -> int | None:
    """The body's length that `head` announces; without one (None) the body ends with the connection."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return None


def main() -> None:
    arguments = _arguments()
    notebook = pace.Notebook(arguments.out)
    ticks = pace.Pace(arguments.interval_ms)
    with select.epoll() as epoll:
        poller = Poller(arguments, epoll, notebook)
        pace.told_to_end(epoll)
        pace.prepare()
        pace.ready()
        while True:
            for descriptor, _ in epoll.poll(ticks.seconds_left()):
                if descriptor == sys.stdin.fileno():
                    poller.abandon()
                    notebook.flush()
                    return
                poller.ready(descriptor)
            poller.expire()
            late = ticks.take()
            if late is None:
                continue
            if late > 5_000_000:
                notebook.note(pace.LATE, time.monotonic_ns(), late)
            poller.begin()
            notebook.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--path", default="/")
    parser.add_argument("--interval-ms", type=float, default=10)
    parser.add_argument("--connect-timeout-ms", type=float, default=500)
    parser.add_argument("--timeout-ms", type=float, default=2000)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
