"""What the proxy does when there is no more of something."""

import concurrent.futures
import http.client
import shutil
import sys
import tempfile
from pathlib import Path

from harness import ROOT, expect, plain_test
from labkit import electd, fronts, processes, solo
from labkit.solo import Solo

_DESCRIPTORS = 72
_CLIENTS = 90


@plain_test("90 clients and 72 open files: they wait for each other, nobody is turned away, and it goes on afterwards")
def descriptors() -> None:
    directory = Path(tempfile.mkdtemp(prefix="electd-descriptors-"))
    server_port, port = solo.free_port(), solo.free_port(solo.ADDRESS)
    words = [sys.executable, "-B", "-m", "labkit.pages", "127.0.0.1", str(server_port), "page"]
    server = processes.start("page", words, directory / "page.log", {"PYTHONPATH": str(ROOT / "Tools")})
    ours = Solo(electd.binary(), directory / "electd", fronts.service("front", port, [server_port], timeout="60s"))
    try:
        solo.wait_for("127.0.0.1", server_port, server)
        ours.start([port], descriptors=_DESCRIPTORS)
        expect(_ask(port) == 200, "nobody is served")
        pid = ours.proxy_pid
        with concurrent.futures.ThreadPoolExecutor(_CLIENTS) as pool:
            answers = list(pool.map(lambda _: _ask(port), range(_CLIENTS)))
        expect(answers == [200] * _CLIENTS, f"answers: {sorted(map(str, answers))}")
        expect([_ask(port) for _ in range(10)] == [200] * 10, "some aren't served afterwards")
        expect(ours.proxy_pid == pid, "the proxy process is another one")
    finally:
        ours.stop()
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _ask(port: int) -> int | str:
    """The status of an answer, or why there is none."""
    connection = http.client.HTTPConnection(solo.ADDRESS, port, timeout=30)
    try:
        connection.request("GET", "/", headers={"Host": "t", "Connection": "close"})
        return connection.getresponse().status
    except OSError as error:
        return str(error)
    finally:
        connection.close()
