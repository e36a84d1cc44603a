"""The seed's listener, through the VIP, with real clients and web servers."""

import time

from harness import Stage, eventually, expect, test
from labkit import processes, topology, webservers

SERVERS = {host.name for host in topology.HOLDERS}


@test("requests go to both web servers in turn, with X-Forwarded-For")
def round_robin(stage: Stage) -> None:
    stage.settle()
    bodies = [stage.get().body.split()[0] for _ in range(10)]
    expect(set(bodies) == SERVERS, f"served by {bodies}")
    expect(abs(bodies.count("fred") - bodies.count("ethyl")) <= 6, f"not in turn: {bodies}")
    if webservers.available() == "nginx":
        told = stage.get("/headers").body.strip()
        expect(told == topology.CLIENT.address, f"the server was told {told!r} as the client's address")


@test("the cookie binds a client to its server, and is there once")
def cookie(stage: Stage) -> None:
    stage.settle()
    first = stage.get()
    told = first.header("Set-Cookie") or ""
    expect(told.startswith("SERVERNAME="), f"Set-Cookie: {told!r}")
    value = told.split(";")[0]
    server = first.body.split()[0]
    expect(value == f"SERVERNAME={server}", f"{server} answered, the cookie says {value}")
    cache = first.header("Cache-Control") or ""
    expect("private" in cache or "no-store" in cache or "no-cache" in cache, f"nocache, but Cache-Control: {cache!r}")
    for _ in range(10):
        again = stage.get(headers={"Cookie": value})
        expect(again.body.split()[0] == server, f"bound to {server}, served by {again.body.split()[0]}")
        expect(again.header("Set-Cookie") is None, "the cookie is set again for a client that has it")


@test("a web server that is killed costs no request, also for clients bound to it")
def server_killed(stage: Stage) -> None:
    stage.settle()
    since = stage.mark()
    stage.cluster.web["ethyl"].kill(tree=True)
    try:
        reply = stage.get(headers={"Cookie": "SERVERNAME=ethyl"})
        expect(reply.status == 200 and reply.body.startswith("fred"), f"a bound client got {reply.status} {reply.body!r}")
        time.sleep(1.5)
        stage.expect_unharmed(since)
    finally:
        stage.cluster.web["ethyl"] = webservers.start(stage.network, "ethyl")


@test("a web server that stops answering is taken out by its check")
def server_frozen(stage: Stage) -> None:
    stage.settle()
    web = stage.cluster.web["ethyl"]
    web.freeze(tree=True)
    try:
        # Two failed checks of 200 ms each, and a little.
        time.sleep(1.5)
        bodies = {stage.get().body.split()[0] for _ in range(6)}
        expect(bodies == {"fred"}, f"served by {bodies} while ethyl's server is frozen")
    finally:
        web.thaw(tree=True)
    eventually(lambda: stage.get().body.startswith("ethyl"), 5, "ethyl's server does not come back")


@test("`electd server … drain`: no new client, bound ones stay; `ready`: as before")
def drain(stage: Stage) -> None:
    holder = stage.settle()
    node = stage.cluster.nodes[holder]
    node.command("server", "cluster37/ethyl", "drain")
    eventually(lambda: _served_by(stage) == {"fred"}, 3, lambda: f"drained, and served by {_served_by(stage)}")
    bound = stage.get(headers={"Cookie": "SERVERNAME=ethyl"})
    expect(bound.body.startswith("ethyl"), f"a client that is bound to a draining server got {bound.body!r}")
    node.command("server", "cluster37/ethyl", "ready")
    eventually(lambda: _served_by(stage) == SERVERS, 3, lambda: f"ready again, and served by {_served_by(stage)}")


@test("ambiguous requests are refused: two lengths, a bare line feed, no Host")
def strictness(stage: Stage) -> None:
    stage.settle()
    for name, request in {
        "two lengths": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "length and coding": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "bare line feed": b"GET / HTTP/1.1\nHost: a\n\n",
        "no Host": b"GET / HTTP/1.1\r\n\r\n",
        "blank before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    }.items():
        answer = stage.raw(request)
        expect(answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")), f"{name}: {answer[:60]!r}")


@test("ten megabytes arrive whole")
def large_body(stage: Stage) -> None:
    stage.settle()
    body = stage.network.run(
        topology.CLIENT.name,
        "python3",
        "-c",
        f"import urllib.request as u; print(len(u.urlopen('http://{topology.VIP}/10m', timeout=20).read()))",
    ).stdout.strip()
    expect(body == str(10 << 20), f"{body} bytes arrived")


@test("a client that sends nothing, or one byte at a time, is cut off after the request timeout")
def slow_client(stage: Stage) -> None:
    stage.settle()
    begun = time.monotonic()
    answer = stage.raw(b"GET / HT", wait=13)
    took = time.monotonic() - begun
    expect(8 < took < 12.5, f"cut off after {took:.1f} s, the timeout is 10 s; it said {answer[:40]!r}")


@test("requests don't wear the proxy process out: it is the same one after 50")
def proxy_survives(stage: Stage) -> None:
    holder = stage.settle()
    before = stage.cluster.proxy_pid(holder)
    for _ in range(50):
        stage.get()
    expect(stage.cluster.proxy_pid(holder) == before, "the proxy process was replaced")
    expect(processes.state(before) != "gone", "the proxy process is gone")


def _served_by(stage: Stage) -> set[str]:
    return {stage.get().body.split()[0] for _ in range(6)}
