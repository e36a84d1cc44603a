"""Pings an address through the kernel's ordinary neighbour cache, as any client would: `asked answered`."""

import argparse
import select
import socket
import struct
import sys
import time
from pathlib import Path

from . import pace

_ECHO_REQUEST, _ECHO_REPLY = 8, 0


def main() -> None:
    arguments = _arguments()
    # A raw socket, because the unprivileged kind is refused unless a sysctl allows its group.
    pings = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    pings.setblocking(False)
    identity = time.monotonic_ns() & 0xFFFF
    notebook = pace.Notebook(arguments.out)
    ticks = pace.Pace(arguments.interval_ms)
    asked: dict[int, int] = {}
    number = 0
    with select.epoll() as epoll:
        pace.told_to_end(epoll)
        epoll.register(pings, select.EPOLLIN)
        pace.prepare()
        pace.ready()
        while True:
            for descriptor, _ in epoll.poll(ticks.seconds_left()):
                if descriptor == sys.stdin.fileno():
                    notebook.flush()
                    return
                _read_replies(pings, identity, asked, notebook)
            late = ticks.take()
            if late is None:
                continue
            number = (number + 1) & 0xFFFF
            asked[number] = time.monotonic_ns()
            if late > 5_000_000:
                notebook.note(pace.LATE, asked[number], late)
            try:
                pings.sendto(_request(identity, number), (arguments.target, 0))
            except OSError:
                pass  # unreachable right now: an unanswered question
            notebook.flush()


def _read_replies(pings: socket.socket, identity: int, asked: dict[int, int], notebook: pace.Notebook) -> None:
    while True:
        try:
            packet = pings.recv(256)
        except OSError:
            return
        start = 4 * (packet[0] & 0x0F)
        kind, _, _, owner, number = struct.unpack("!BBHHH", packet[start : start + 8])
        if kind == _ECHO_REPLY and owner == identity and number in asked:
            notebook.note(asked.pop(number), time.monotonic_ns())


def _request(identity: int, number: int) -> bytes:
    head = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, identity, number)
    total = sum(struct.unpack("!4H", head))
    total = (total >> 16) + (total & 0xFFFF)
    return head[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[4:]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--interval-ms", type=float, default=2)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
