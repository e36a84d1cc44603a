"""Answers of a server that two clients could read differently, and plain ones beside them."""

from dataclasses import dataclass

from . import exchange
from .differential_requests import Case, get

_HEAD = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Answer:
    """What a server says to a GET, and what a client may make of it."""

    name: str
    wire: bytes
    passes: bool
    body: bytes | None = None
    """What the client gets, where it is told."""
    though: str = ""
    line: bytes = b"GET /t HTTP/1.1"

    def as_case(self) -> Case:
        return Case(f"answer: {self.name}", get(line=self.line), 0, 1, self.though)

    def judge(self, said: bytes) -> str:
        """What is wrong with what the client got, or nothing."""
        final = [code for code in exchange.statuses(said).split() if code.isdigit() and (code[0] != "1" or code == "101")]
        if len(final) > 1:
            return f"the client saw {len(final)} answers"
        if not self.passes and final and final[0] != "502" and not _is_cut(said):
            return f"the client got {final[0]} as if it were whole"
        if self.passes and (not final or final[0][0] == "5"):
            return f"the client got {final or 'nothing'}"
        if self.body is not None and not said.endswith(self.body):
            return f"the client got the body {said[-60:]!r}"
        return ""


def _is_cut(said: bytes) -> bool:
    """Whether a client sees that the answer isn't whole: less than its length, or no last chunk."""
    head, _, body = said.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) < int(line.split(b":")[1])
        if line.startswith(b"transfer-encoding:"):
            return not body.endswith(b"0\r\n\r\n")
    return False


def cases() -> list[Answer]:
    return [*_good(), *_bad()]


def _good() -> list[Answer]:
    chunks = b"Transfer-Encoding: chunked\r\n\r\n"
    return [
        Answer("a length", _HEAD + b"Content-Length: 5\r\n\r\nhello", True, b"hello"),
        Answer("chunks", _HEAD + chunks + b"5\r\nhello\r\n0\r\n\r\n", True),
        Answer("until it closes", _HEAD + b"\r\nhello", True),
        Answer("HTTP/1.0 until it closes", b"HTTP/1.0 200 OK\r\n\r\nhello", True),
        Answer("no reason", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", True),
        Answer("204", b"HTTP/1.1 204 No Content\r\n\r\n", True),
        Answer("304 with the length of what it would be", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True, b"\r\n\r\n"),
        Answer("HEAD with a length", _HEAD + b"Content-Length: 5\r\n\r\n", True, b"\r\n\r\n", line=b"HEAD /t HTTP/1.1"),
        Answer("100, then 200", b"HTTP/1.1 100 Continue\r\n\r\n" + _HEAD + b"Content-Length: 0\r\n\r\n", True),
        Answer("103, then 200", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _HEAD + b"Content-Length: 0\r\n\r\n", True),
        Answer("an ordinary trailer", _HEAD + chunks + b"0\r\nX-Sum: 1\r\n\r\n", True),
        Answer("obs-text in a value", _HEAD + b"X: caf\xe9\r\nContent-Length: 0\r\n\r\n", True),
        Answer("an answer before another one nobody asked for", _HEAD + b"Content-Length: 2\r\n\r\nok" + _HEAD + b"Content-Length: 4\r\n\r\nevil", True, b"ok"),
        Answer("204 with a body", b"HTTP/1.1 204 No Content\r\n\r\nevil", True, b"\r\n\r\n"),
        Answer("304 with a body", b"HTTP/1.1 304 Not Modified\r\n\r\nevil", True, b"\r\n\r\n"),
    ]


def _bad() -> list[Answer]:
    end = b"0\r\n\r\n"
    heads = {
        "no status line": b"hello\r\n\r\n", "another protocol": b"SSH-2.0-x\r\n\r\n", "status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
        "status of four digits": b"HTTP/1.1 2000 OK\r\n\r\n", "status 000": b"HTTP/1.1 000 X\r\n\r\n", "status 999": b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
        "version 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "version in lower case": b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "LF line ends": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "NUL in the reason": b"HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n",
        "CR in the reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
    }
    fields = {
        "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!", "length and coding": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + end,
        "a list of lengths": b"Content-Length: 2, 3\r\n\r\nok!", "length with +": b"Content-Length: +2\r\n\r\nok", "length with -": b"Content-Length: -2\r\n\r\nok",
        "length beyond 2^64": b"Content-Length: 18446744073709551618\r\n\r\nok", "blank before the colon": b"Content-Length : 2\r\n\r\nok",
        "obs-fold": b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n", "NUL in a value": b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
        "CR in a value": b"X: a\rb\r\nContent-Length: 0\r\n\r\n", "two codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + end,
        "coding gzip": b"Transfer-Encoding: gzip\r\n\r\nxx", "coding identity and length": b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
        "no colon": b"Xy\r\nContent-Length: 0\r\n\r\n", "LF hides a length": b"X: a\nContent-Length: 4\r\nContent-Length: 0\r\n\r\nevil",
    }
    bodies = {
        "no last chunk": b"5\r\nhello\r\n", "chunk size not a number": b"g\r\nhello\r\n" + end, "chunk size overflows": b"10000000000000005\r\nhello\r\n" + end,
        "chunk data too long": b"5\r\nhello!\r\n" + end, "chunk size with LF": b"5\nhello\r\n" + end, "a framing trailer": b"0\r\nContent-Length: 4\r\n\r\n",
        "a chunk extension of 64 KiB": b"5;" + b"x" * 65_536 + b"\r\nhello\r\n" + end,
    }
    found = [Answer(name, wire, False) for name, wire in heads.items()]
    found += [Answer(name, _HEAD + wire, False) for name, wire in fields.items()]
    found += [Answer(name, _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + wire, False) for name, wire in bodies.items()]
    return found + [
        Answer("coding in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + end, False),
        Answer("shorter than its length", _HEAD + b"Content-Length: 10\r\n\r\nok", False),
        Answer("a flood of 1xx", b"HTTP/1.1 102 Processing\r\n\r\n" * 2_000, False),
        Answer("1xx with a length", b"HTTP/1.1 103 X\r\nContent-Length: 4\r\n\r\nevil" + _HEAD + b"Content-Length: 0\r\n\r\n", False),
        Answer("101 that nobody asked for", b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nevil", False),
        Answer("a head of 1 MiB", _HEAD + b"X: " + b"x" * 1_048_576 + b"\r\n\r\n", False),
        Answer("a thousand fields", _HEAD + b"X: y\r\n" * 1_000 + b"\r\n", False),
        Answer("nothing", b"", False),
        Answer("half a status line", b"HTTP/1.1 20", False),
    ]
