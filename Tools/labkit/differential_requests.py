"""Requests that two parsers could read differently, and plain ones beside them, with what RFC 9110 and 9112 say.

Every case is bytes as a client sends them. `refuse`: none of it may reach a server. `serve`: exactly that many requests
must. `either`: a server may get it, in one reading only.
"""

from dataclasses import dataclass

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"

_BLANKS = "RFC 9110 5.5: blanks around a value are no part of it; nginx takes a tab for one"


@dataclass(frozen=True)
class Case:
    """Bytes of a client, and how many requests a server may see of them."""

    name: str
    wire: bytes
    least: int
    most: int
    though: str = ""
    """Why it passes although a peer refuses it."""


def refuse(name: str, wire: bytes) -> Case:
    return Case(name, wire, 0, 0)


def serve(name: str, wire: bytes, requests: int = 1, though: str = "") -> Case:
    return Case(name, wire, requests, requests, though)


def either(name: str, wire: bytes, though: str = "") -> Case:
    return Case(name, wire, 0, 1, though)


def get(*fields: bytes, line: bytes = b"GET /t HTTP/1.1", host: bytes = b"Host: a.example") -> bytes:
    lines = [line, *([host] if host else []), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(*fields: bytes, body: bytes = b"") -> bytes:
    return get(*fields, line=b"POST /t HTTP/1.1") + body


def chunked(body: bytes, *fields: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", *fields, body=body)


def cases() -> list[Case]:
    return [
        *_plain(), *_two_lengths(), *_lengths(), *_codings(), *_chunks(), *_trailers(), *_line_ends(), *_field_names(),
        *_request_lines(), *_targets(), *_hosts(), *_control_bytes(), *_versions(), *_connections(), *_sizes(),
    ]


def _plain() -> list[Case]:
    return [
        serve("plain GET", get()),
        serve("GET with a query", get(line=b"GET /a?b=c&d=%20 HTTP/1.1")),
        serve("HEAD", get(line=b"HEAD /t HTTP/1.1")),
        serve("DELETE without a body", get(line=b"DELETE /t HTTP/1.1")),
        serve("GET with a body", get(b"Content-Length: 2") + b"ok"),
        serve("POST with a length", post(b"Content-Length: 5", body=b"hello")),
        serve("POST with length 0", post(b"Content-Length: 0")),
        serve("POST without a body", post()),
        serve("POST in chunks", chunked(b"5\r\nhello\r\n0\r\n\r\n")),
        serve("two pipelined GETs", get() + get(), 2),
        serve("POST, then a pipelined GET", post(b"Content-Length: 2", body=b"ok") + get(), 2),
        serve("chunks, then a pipelined GET", chunked(b"0\r\n\r\n") + get(), 2),
        serve("an empty line before the request line", b"\r\n" + get()),
        serve("lower-case field names", get(b"accept: */*")),
        serve("upper-case field names", get(b"ACCEPT: */*")),
        serve("an empty field value", get(b"X-Empty:")),
        serve("no blank behind the colon", get(b"X-A:b")),
        serve("blanks around a value", get(b"X-A: \t b \t ")),
        serve("an unknown method", get(line=b"BREW /t HTTP/1.1")),
        serve("a method in lower case is another method", get(line=b"get /t HTTP/1.1"), though="RFC 9110 9.1: methods are case-sensitive tokens; nginx knows none in lower case"),
        serve("obs-text in a value", get(b"X-A: caf\xe9")),
        serve("a tab in a value", get(b"X-A: a\tb")),
        serve("Expect: 100-continue", post(b"Content-Length: 2", b"Expect: 100-continue", body=b"ok")),
    ]


def _two_lengths() -> list[Case]:
    te, cl = b"Transfer-Encoding: chunked", b"Content-Length: %d"
    both = b"0\r\n\r\n" + SMUGGLED
    return [
        refuse("CL.TE", post(cl % len(both), te, body=both)),
        refuse("TE.CL", post(te, cl % 4, body=b"2c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n")),
        refuse("CL 0 and TE", post(cl % 0, te, body=both)),
        refuse("TE and CL, both right", post(te, cl % 5, body=b"0\r\n\r\n")),
        refuse("CL and TE: identity", post(cl % 2, b"Transfer-Encoding: identity", body=b"ok" + SMUGGLED)),
        refuse("two different lengths", post(cl % 0, cl % len(SMUGGLED), body=SMUGGLED)),
        refuse("two different lengths, the longer first", post(cl % len(SMUGGLED), cl % 0, body=SMUGGLED)),
        either("two equal lengths", post(cl % 2, cl % 2, body=b"ok")),
        either("a list of equal lengths", post(b"Content-Length: 2, 2", body=b"ok")),
        refuse("a list of different lengths", post(b"Content-Length: 2, 3", body=b"ok" + SMUGGLED)),
        refuse("a list with an empty element", post(b"Content-Length: ,2", body=b"ok")),
        refuse("a length in a field with an underscore", post(cl % 2, b"Content_Length: 44", body=b"ok")),
        refuse("a coding in a field with an underscore", post(cl % 5, b"Transfer_Encoding: chunked", body=b"0\r\n\r\n")),
        refuse("TE in a folded line", post(cl % len(both), b"X: y\r\n Transfer-Encoding: chunked", body=both)),
        refuse("length hidden behind a bare CR", post(b"X: y\rContent-Length: 44", body=SMUGGLED)),
        refuse("length hidden behind a bare LF", post(b"X: y\nContent-Length: 44", body=SMUGGLED)),
    ]


def _lengths() -> list[Case]:
    bad = {
        "+": b"+2", "-": b"-2", "hex": b"0x2", "hex digits": b"a", "empty": b"", "blank only": b" ", "inner blank": b"1 0",
        "decimal point": b"2.0", "exponent": b"2e0", "NUL": b"2\x00", "trailing letter": b"2a", "semicolon": b"2;3",
        "quotes": b'"2"', "vertical tab": b"\x0b2", "full-width digit": b"\xef\xbc\x92", "minus zero": b"-0",
        "underscore": b"1_0", "newline in quotes": b"2\n", "comma only": b",",
        "2^64": b"18446744073709551616", "2^64 + 2": b"18446744073709551618", "2^63": b"9223372036854775808",
        "a hundred digits": b"1" * 100,
    }
    found = [refuse(f"length: {name}", post(b"Content-Length: " + value, body=b"ok" + SMUGGLED)) for name, value in bad.items()]
    return found + [
        either("length with leading zeros", post(b"Content-Length: 0002", body=b"ok")),
        serve("length with blanks around it", post(b"Content-Length: \t2 ", body=b"ok"), though=_BLANKS),
        refuse("blank before the colon of a length", post(b"Content-Length : 2", body=b"ok" + SMUGGLED)),
        refuse("tab before the colon of a length", post(b"Content-Length\t: 2", body=b"ok" + SMUGGLED)),
        either("body shorter than its length", post(b"Content-Length: 10", body=b"ok")),
    ]


def _codings() -> list[Case]:
    body = b"0\r\n\r\n" + SMUGGLED
    bad = {
        "two fields": b"chunked\r\nTransfer-Encoding: chunked", "list of two": b"chunked, chunked",
        "chunked, identity": b"chunked, identity", "identity": b"identity", "identity, chunked": b"identity, chunked",
        "gzip": b"gzip", "chunked, gzip": b"chunked, gzip", "xchunked": b"xchunked", "chunkedx": b"chunkedx",
        "quoted": b'"chunked"', "parameter": b"chunked;q=1", "vertical tab": b"\x0bchunked", "form feed": b"\x0cchunked",
        "NUL": b"chunked\x00", "bare CR": b"chunked\rx", "empty": b"", "comma": b",chunked", "trailing comma": b"chunked,",
        "second field empty": b"chunked\r\nTransfer-Encoding:", "no-break space": b"\xa0chunked", "slash": b"chunked/1",
        "folded": b"\r\n chunked", "cow, then chunked": b"cow\r\nTransfer-Encoding: chunked",
        "chunked, then cow": b"chunked\r\nTransfer-Encoding: cow",
    }
    found = [refuse(f"coding: {name}", post(b"Transfer-Encoding: " + value, body=body)) for name, value in bad.items()]
    with_length = [
        refuse(f"length, and coding: {name}", post(b"Content-Length: 5", b"Transfer-Encoding: " + value, body=body))
        for name, value in bad.items()
    ]
    return found + with_length + [
        either("coding: gzip, chunked", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
        serve("coding in upper case", post(b"Transfer-Encoding: CHUNKED", body=b"0\r\n\r\n")),
        serve("coding with blanks around it", post(b"Transfer-Encoding:  chunked\t", body=b"0\r\n\r\n"), though=_BLANKS),
        refuse("blank before the colon of a coding", post(b"Transfer-Encoding : chunked", body=body)),
        refuse("tab before the colon of a coding", post(b"Transfer-Encoding\t: chunked", body=body)),
        refuse("a coding with a control byte in its name", post(b"\x01Transfer-Encoding: chunked", body=body)),
        refuse("a coding with CR before its name", post(b"X: y\r\n\rTransfer-Encoding: chunked", body=body)),
        refuse("coding in HTTP/1.0", b"POST /t HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n" + body),
        refuse("coding and length in HTTP/1.0", b"POST /t HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + body),
        serve("TE says trailers", get(b"TE: trailers")),
        serve("GET in chunks", get(b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    ]


def _chunks() -> list[Case]:
    end = b"0\r\n\r\n"
    bad = {
        "size with +": b"+5\r\nhello\r\n" + end, "size with -": b"-5\r\nhello\r\n" + end, "size 0x5": b"0x5\r\nhello\r\n" + end,
        "no size": b"\r\nhello\r\n" + end, "size not hexadecimal": b"g\r\nhello\r\n" + end,
        "blank before the size": b" 5\r\nhello\r\n" + end, "size ends in LF": b"5\nhello\r\n" + end,
        "size ends in CR": b"5\rhello\r\n" + end, "size ends in LF CR": b"5\n\rhello\r\n" + end,
        "17 digits": b"00000000000000005\r\nhello\r\n" + end, "overflow to 5": b"10000000000000005\r\nhello\r\n" + end,
        "size 2^64 - 1": b"ffffffffffffffff\r\nhello\r\n" + end, "size 2^63": b"8000000000000000\r\nhello\r\n" + end,
        "data longer than the size": b"5\r\nhello!\r\n" + end, "data ends in LF": b"5\r\nhello\n" + end,
        "data ends in CR": b"5\r\nhello\r" + end, "data without an end": b"5\r\nhello" + end,
        "extension with bare LF": b"5;a\nhello\r\n" + end, "extension with bare CR": b"5;a\rb\r\nhello\r\n" + end,
        "extension with NUL": b"5;a\x00\r\nhello\r\n" + end, "LF hides a chunk in an extension": b"2;\nxx\r\n45\r\n0\r\n\r\n" + SMUGGLED,
        "comma behind the size": b"5,5\r\nhello\r\n" + end, "two sizes": b"5 5\r\nhello\r\n" + end,
        "last chunk ends in LF": b"0\n\r\n", "end of trailers in LF": b"0\r\n\n", "bare CR at the end": b"0\r\n\rX" + SMUGGLED,
        "underscore in the size": b"1_0\r\nhello\r\n" + end, "letters behind the size": b"5z\r\nhello\r\n" + end,
    }
    # What came before the fault may be with a server already; a whole message may not.
    found = [either(f"chunk: {name}", chunked(value)) for name, value in bad.items()]
    return found + [
        serve("chunk: upper-case size", chunked(b"A\r\n0123456789\r\n" + end)),
        serve("chunk: leading zero", chunked(b"05\r\nhello\r\n" + end)),
        serve("chunk: an extension", chunked(b"5;a=b\r\nhello\r\n" + end)),
        serve("chunk: a quoted extension", chunked(b'5;a="b;c"\r\nhello\r\n' + end)),
        either("chunk: blank behind the size", chunked(b"5 \r\nhello\r\n" + end)),
        either("chunk: an extension of 16 KiB", chunked(b"5;a=" + b"b" * 16_384 + b"\r\nhello\r\n" + end)),
        either("chunk: the last one missing", chunked(b"5\r\nhello\r\n")),
        serve("chunk: the last one as 000", chunked(b"5\r\nhello\r\n000\r\n\r\n")),
        serve("chunk: many small ones", chunked(b"1\r\nx\r\n" * 200 + end)),
    ]


def _trailers() -> list[Case]:
    fields = [
        b"Content-Length: 44", b"Transfer-Encoding: chunked", b"Host: evil", b"Connection: close", b"Content_Length: 44",
        b"Authorization: x", b"Cookie: a=b", b"Content-Length : 44", b" Folded: x", b"Bad Name: x", b"NoColon", b"X: a\x00b",
        b"X: a\nContent-Length: 44", b": x",
    ]
    found = [either(f"trailer {field!r}", chunked(b"0\r\n" + field + b"\r\n\r\n" + SMUGGLED)) for field in fields]
    return found + [
        serve("an ordinary trailer", chunked(b"0\r\nX-Sum: 1\r\n\r\n", b"Trailer: X-Sum")),
        either("64 KiB of trailers", chunked(b"0\r\n" + b"X-Sum: 1\r\n" * 6_554 + b"\r\n")),
    ]


def _line_ends() -> list[Case]:
    return [
        refuse("LF only", b"GET /t HTTP/1.1\nHost: a.example\n\n"),
        refuse("LF behind the request line", b"GET /t HTTP/1.1\nHost: a.example\r\n\r\n"),
        refuse("LF behind a field", b"GET /t HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n"),
        refuse("LF as the empty line", b"GET /t HTTP/1.1\r\nHost: a.example\r\n\n"),
        refuse("CR only", b"GET /t HTTP/1.1\rHost: a.example\r\r"),
        refuse("CR in a value", get(b"X: a\rb")),
        refuse("CR CR LF", b"GET /t HTTP/1.1\r\r\nHost: a.example\r\n\r\n"),
        refuse("LF CR", b"GET /t HTTP/1.1\n\rHost: a.example\n\r\n\r"),
        refuse("LF before the request line", b"\n" + get()),
        refuse("CR before the request line", b"\r" + get()),
        refuse("obs-fold with a space", get(b"X: a\r\n b")),
        refuse("obs-fold with a tab", get(b"X: a\r\n\tb")),
        refuse("obs-fold of nothing", get(b"X: a\r\n ")),
        refuse("a folded first field", b"GET /t HTTP/1.1\r\n X: y\r\nHost: a.example\r\n\r\n"),
        refuse("a folded Host", b"GET /t HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n"),
    ]


def _field_names() -> list[Case]:
    bad = {
        "blank before the colon": b"X : y", "tab before the colon": b"X\t: y", "empty": b": y", "no colon": b"Xy",
        "blank inside": b"X y: z", "parenthesis": b"X(y): z", "slash": b"X/y: z", "at": b"X@y: z", "obs-text": b"X\xe9: y",
        "NUL": b"X\x00: y", "DEL": b"X\x7f: y", "quote": b'"X": y', "comma": b"X,y: z", "equals": b"X=y: z", "bracket": b"X[0]: z",
        "leading blank": b" X: y", "semicolon": b"X;y: z", "backslash": b"X\\y: z", "brace": b"X{y}: z",
    }
    return [refuse(f"field name: {name}", get(b"A: b", value)) for name, value in bad.items()] + [
        serve("field name: every token character", get(b"!#$%&'*+-.^_`|~09azAZ: x"), though="RFC 9110 5.6.2: all of these are tchar; nginx ignores such a field or refuses it"),
        refuse("field name: Host with a blank", b"GET /t HTTP/1.1\r\nHost : a.example\r\n\r\n"),
    ]


def _request_lines() -> list[Case]:
    bad = {
        "no version": b"GET /t", "two blanks": b"GET  /t HTTP/1.1", "blank at the end": b"GET /t HTTP/1.1 ",
        "tab for a blank": b"GET\t/t\tHTTP/1.1", "leading blank": b" GET /t HTTP/1.1", "blank in the target": b"GET /t x HTTP/1.1",
        "no target": b"GET HTTP/1.1", "method not a token": b"G@T /t HTTP/1.1", "method empty": b" /t HTTP/1.1",
        "NUL in the method": b"G\x00T /t HTTP/1.1", "NUL in the target": b"GET /\x00t HTTP/1.1", "two blanks before the version": b"GET /t  HTTP/1.1",
        "form feed for a blank": b"GET\x0c/t HTTP/1.1", "DEL in the target": b"GET /\x7f HTTP/1.1", "LF in the target": b"GET /\nt HTTP/1.1",
        "CR in the target": b"GET /\rt HTTP/1.1", "obs-text in the target": b"GET /\xe9 HTTP/1.1", "a fragment": b"GET /t#x HTTP/1.1",
        "colon in the method": b"GET: /t HTTP/1.1", "a very long method": b"G" * 300 + b" /t HTTP/1.1",
    }
    return [refuse(f"request line: {name}", get(line=line)) for name, line in bad.items()]


def _targets() -> list[Case]:
    return [
        serve("absolute-form like Host", get(line=b"GET http://a.example/t HTTP/1.1")),
        refuse("absolute-form unlike Host", get(line=b"GET http://b.example/t HTTP/1.1")),
        refuse("absolute-form with another port", get(line=b"GET http://a.example:81/t HTTP/1.1")),
        refuse("absolute-form with userinfo", get(line=b"GET http://u:p@a.example/t HTTP/1.1")),
        refuse("absolute-form without authority", get(line=b"GET http:///t HTTP/1.1")),
        refuse("an unknown scheme", get(line=b"GET ftp://a.example/t HTTP/1.1")),
        refuse("authority-form with GET", get(line=b"GET a.example:80 HTTP/1.1")),
        refuse("CONNECT", get(line=b"CONNECT a.example:80 HTTP/1.1")),
        refuse("CONNECT with a path", get(line=b"CONNECT /t HTTP/1.1")),
        refuse("* with GET", get(line=b"GET * HTTP/1.1")),
        serve("* with OPTIONS", get(line=b"OPTIONS * HTTP/1.1"), though="RFC 9110 9.3.7; nginx doesn't serve it"),
        refuse("a relative target", get(line=b"GET t HTTP/1.1")),
        refuse("a backslash target", get(line=b"GET \\t HTTP/1.1")),
        serve("dot segments go on as they are", get(line=b"GET /a/../t HTTP/1.1")),
        serve("percent-encoded NUL goes on as it is", get(line=b"GET /%00 HTTP/1.1"), though="RFC 3986 2.1: a valid target; nginx must decode it for its locations"),
        serve("two slashes", get(line=b"GET //b.example/t HTTP/1.1")),
    ]


def _hosts() -> list[Case]:
    bad = {
        "none": b"", "two equal": b"Host: a.example\r\nHost: a.example", "two different": b"Host: a.example\r\nHost: b.example",
        "a list": b"Host: a.example, b.example", "a blank inside": b"Host: a.example b", "a slash": b"Host: a.example/t",
        "userinfo": b"Host: u@a.example", "a backslash": b"Host: a.example\\t", "NUL": b"Host: a\x00.example",
        "obs-text": b"Host: a\xe9.example", "control byte": b"Host: a\x01.example", "a fragment": b"Host: a.example#x",
        "a query": b"Host: a.example?x", "port not a number": b"Host: a.example:x", "two ports": b"Host: a.example:80:80",
        "an open bracket": b"Host: [::1", "quotes": b'Host: "a.example"', "angle brackets": b"Host: <a.example>",
    }
    return [refuse(f"Host: {name}", get(host=value)) for name, value in bad.items()] + [
        serve("Host with a port", get(host=b"Host: a.example:8080")),
        serve("Host as an IPv6 address", get(host=b"Host: [::1]:80")),
        either("an empty Host", get(host=b"Host:"), though="RFC 9112 3.2: what a client sends that has no authority; nginx refuses it"),
        either("Host that begins with a dot", get(host=b"Host: .a.example")),
    ]


def _control_bytes() -> list[Case]:
    names = {0: "NUL", 1: "SOH", 8: "BS", 11: "VT", 12: "FF", 27: "ESC", 127: "DEL"}
    return [refuse(f"value with {name}", get(b"X: a" + bytes([byte]) + b"b")) for byte, name in names.items()]


def _versions() -> list[Case]:
    bad = [
        b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1", b"HTTP/1.", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.01", b"http/1.1",
        b"HTTP 1.1", b"HTTP/+1.1", b"HTTP/1,1", b"HTTPS/1.1", b"HTTP/1.x", b"HTTP/3.0",
    ]
    found = [refuse(f"version {version.decode()}", get(line=b"GET /t " + version)) for version in bad if version != b"HTTP/1.2"]
    return found + [
        either("version HTTP/1.2", get(line=b"GET /t HTTP/1.2")),
        refuse("HTTP/0.9", b"GET /t\r\n"),
        refuse("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        serve("HTTP/1.0", b"GET /t HTTP/1.0\r\n\r\n"),
        serve("HTTP/1.0 with Host", b"GET /t HTTP/1.0\r\nHost: a.example\r\n\r\n"),
        serve("HTTP/1.0 doesn't pipeline", b"GET /t HTTP/1.0\r\nHost: a.example\r\n\r\n" + SMUGGLED),
        refuse("HTTP/1.0 with two hosts", b"GET /t HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        refuse("bytes of TLS", bytes.fromhex("16030100c8010000c40303") + bytes(200)),
        refuse("PROXY protocol that nobody asked for", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get()),
    ]


def _connections() -> list[Case]:
    hidden = [b"Host", b"Content-Length", b"Transfer-Encoding", b"Cookie", b"X-Forwarded-For", b"Authorization"]
    found = [
        either(f"Connection names {name.decode()}", post(b"Content-Length: 2", b"Connection: " + name, body=b"ok"))
        for name in hidden
    ]
    return found + [
        serve("Connection names a field of its own", get(b"Connection: X-Hop", b"X-Hop: 1")),
        serve("Connection: close", get(b"Connection: close")),
        serve("Connection: close ends the requests", get(b"Connection: close") + SMUGGLED),
        serve("Connection: keep-alive", get(b"Connection: keep-alive", b"Keep-Alive: timeout=5")),
        serve("Upgrade: h2c goes no further", get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")),
        serve("Upgrade without Connection", get(b"Upgrade: websocket")),
        either("two Upgrade fields", get(b"Connection: upgrade", b"Upgrade: websocket", b"Upgrade: h2c")),
        either("Expect: something else", post(b"Content-Length: 2", b"Expect: 200-ok", body=b"ok")),
        serve("Expect without a body", get(b"Expect: 100-continue")),
        serve("Proxy-Connection", get(b"Proxy-Connection: keep-alive")),
        either("Max-Forwards", get(b"Max-Forwards: 0", line=b"TRACE /t HTTP/1.1")),
    ]


def _sizes() -> list[Case]:
    return [
        serve("a head of 6 KiB", get(*(b"X-%02d: " % i + b"x" * 512 for i in range(12)))),
        refuse("a field of 64 KiB", get(b"X: " + b"x" * 65_536)),
        refuse("a head of 1 MiB", get(*(b"X-%03d: " % i + b"x" * 8_192 for i in range(128)))),
        refuse("a target of 64 KiB", get(line=b"GET /" + b"x" * 65_536 + b" HTTP/1.1")),
        either("150 fields", get(*(b"X-%03d: y" % i for i in range(150)))),
    ]
