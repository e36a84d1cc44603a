"""Asks by ARP who has an address, and notes each machine that answers: `asked answered mac`.

The number of the question travels in the sender's hardware address, which a reply repeats: so each reply
names its question, and two machines that answer the same question can't hide behind their order of arrival.
"""

import argparse
import select
import socket
import sys
import time
from pathlib import Path

from ..sockets import raw_socket
from . import pace

ETH_P_ARP = 0x0806
_REQUEST = bytes.fromhex("0001080006040001")
_REPLY = bytes.fromhex("0001080006040002")
_MARK = bytes.fromhex("0637")
"""First bytes of the numbered sender address: locally administered, used by nothing else in the lab."""


def main() -> None:
    arguments = _arguments()
    target = socket.inet_aton(arguments.target)
    sender = socket.inet_aton(arguments.sender)
    tap = raw_socket(arguments.interface, ETH_P_ARP, promiscuous=True)
    tap.setblocking(False)
    own_mac = tap.getsockname()[4]
    notebook = pace.Notebook(arguments.out)
    ticks = pace.Pace(arguments.interval_ms)
    asked: dict[int, int] = {}
    number = 0
    with select.epoll() as epoll:
        pace.told_to_end(epoll)
        epoll.register(tap, select.EPOLLIN)
        pace.prepare()
        pace.ready()
        while True:
            for descriptor, _ in epoll.poll(ticks.seconds_left()):
                if descriptor == sys.stdin.fileno():
                    notebook.flush()
                    return
                _read_replies(tap, target, asked, notebook)
            late = ticks.take()
            if late is None:
                continue
            number = (number + 1) % 2**32
            asked[number] = time.monotonic_ns()
            asked.pop((number - 400) % 2**32, None)
            if late > 5_000_000:
                notebook.note(pace.LATE, asked[number], late)
            source = _MARK + number.to_bytes(4, "big")
            question = _REQUEST + source + sender + bytes(6) + target
            try:
                tap.send(b"\xff" * 6 + own_mac + ETH_P_ARP.to_bytes(2, "big") + question)
            except OSError:
                pass  # no carrier on our side: an unanswered question
            notebook.flush()


def _read_replies(tap: socket.socket, target: bytes, asked: dict[int, int], notebook: pace.Notebook) -> None:
    while True:
        try:
            frame = tap.recv(128)
        except BlockingIOError:
            return
        except OSError:
            return  # the interface went down and says so once
        if frame[14:22] != _REPLY or frame[28:32] != target or frame[32:34] != _MARK:
            continue
        question = int.from_bytes(frame[34:38], "big")
        if question in asked:
            notebook.note(asked[question], time.monotonic_ns(), frame[22:28].hex(":"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--sender", required=True)
    parser.add_argument("--interface", required=True)
    parser.add_argument("--interval-ms", type=float, default=5)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
