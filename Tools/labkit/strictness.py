"""The strictest reading of what a server got: every byte has to have one meaning only."""

import re

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e]+ HTTP/1\.[01]")
_TEXT = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def messages(heard: bytes) -> list[bytes]:
    """Heads of the requests that a lax reader finds, whatever frames them: also such as begin in the middle of a body."""
    return re.findall(rb"(?:^|\n)[A-Za-z]+ \S+ HTTP/\d\.\d(?=\r?\n)", heard)


def faults(heard: bytes) -> list[str]:
    """What isn't strict in `heard`, the bytes of one connection; the last message may be incomplete."""
    found: list[str] = []
    while heard and not found:
        head, mark, rest = heard.partition(b"\r\n\r\n")
        if not mark:
            break
        lines = head.split(b"\r\n")
        found += _line_faults(lines)
        body = _body(lines[1:], found)
        if body == "chunked":
            rest, fault = _after_chunks(rest)
            found += [fault] if fault else []
        else:
            rest = rest[int(body) :]
        heard = rest
    return found


def _line_faults(lines: list[bytes]) -> list[str]:
    found = [] if _LINE.fullmatch(lines[0]) else [f"the request line {lines[0][:60]!r}"]
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or not _TEXT.fullmatch(value):
            found.append(f"the field line {line[:60]!r}")
    return found


def _body(fields: list[bytes], found: list[str]) -> str:
    """`chunked`, or the length in digits."""
    named = [(name.lower().replace(b"_", b"-"), value.strip()) for name, _, value in (line.partition(b":") for line in fields)]
    lengths = [value for name, value in named if name == b"content-length"]
    codings = [value for name, value in named if name == b"transfer-encoding"]
    hosts = [value for name, value in named if name == b"host"]
    if len(lengths) + len(codings) > 1:
        found.append("two fields that frame one message")
    if len(hosts) > 1:
        found.append("two hosts")
    if codings and codings[0].lower() != b"chunked":
        found.append(f"the coding {codings[0]!r}")
    if lengths and not re.fullmatch(rb"[0-9]{1,19}", lengths[0]):
        found.append(f"the length {lengths[0]!r}")
        return "0"
    return "chunked" if codings else (lengths[0].decode() if lengths else "0")


def _after_chunks(rest: bytes) -> tuple[bytes, str]:
    """What follows a chunked body, and what is wrong with it. An incomplete one is followed by nothing."""
    while True:
        line, mark, after = rest.partition(b"\r\n")
        if not mark:
            return b"", ""
        size = line.split(b";")[0].strip(b" \t")
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size) or not _TEXT.fullmatch(line):
            return b"", f"the chunk size {line[:40]!r}"
        count = int(size, 16)
        if count == 0:
            return _after_trailers(after)
        if len(after) < count + 2:
            return b"", ""
        if after[count : count + 2] != b"\r\n":
            return b"", "a chunk that doesn't end where it should"
        rest = after[count + 2 :]


def _after_trailers(rest: bytes) -> tuple[bytes, str]:
    while True:
        line, mark, rest = rest.partition(b"\r\n")
        if not mark or not line:
            return rest, ""
        name, colon, value = line.partition(b":")
        framing = name.lower().replace(b"_", b"-") in (b"content-length", b"transfer-encoding", b"host")
        if not colon or not _TOKEN.fullmatch(name) or not _TEXT.fullmatch(value) or framing:
            return b"", f"the trailer {line[:40]!r}"
