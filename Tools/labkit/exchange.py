"""One raw exchange with a proxy, and what it said in a word."""

import itertools
import re
import socket
import time

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_PATIENCE = 2.5
"""Longer than any timeout that the proxies are configured with, so that their own verdict is heard."""
_QUIET = 0.15
"""So long after an answer nothing more is expected; a second request would be answered by then."""


def ask(address: str, port: int, wire: bytes) -> bytes:
    """Sends `wire` and returns all that comes until the other side closes, or is quiet."""
    said = b""
    with socket.create_connection((address, port), timeout=_PATIENCE) as connection:
        try:
            connection.sendall(wire)
        except OSError:
            pass  # refused while it was still being sent: the answer says so
        deadline = time.monotonic() + _PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(min(left, _QUIET) if is_final(said) else left)
            try:
                piece = connection.recv(65_536)
            except OSError:
                break
            if not piece:
                break
            said += piece
    return said


def is_final(said: bytes) -> bool:
    """An answer that isn't an interim one has begun."""
    return any(code[0:1] != b"1" for code in _STATUS.findall(said))


def statuses(said: bytes) -> str:
    """The status codes of the answers, repeated ones with their number; `closed` for none."""
    codes = [code.decode() for code in _STATUS.findall(said)]
    counted = [(code, len(list(group))) for code, group in itertools.groupby(codes)]
    return " ".join(f"{code} x{count}" if count > 2 else " ".join([code] * count) for code, count in counted) or "closed"
