"""What the data plane promises of itself, tried on the process that ships."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import ROOT, expect, plain_test
from labkit import electd, fronts, processes, solo
from labkit.solo import Solo

_REQUESTS = 2_000
_FUNCTIONS = ("malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign")


@plain_test("a keep-alive request allocates nothing: calls of malloc counted over 2000")
def no_allocation() -> None:
    if shutil.which("gdb") is None:
        print("LEFT OUT, gdb is missing: apt-get install gdb")
        return
    directory = Path(tempfile.mkdtemp(prefix="electd-allocations-"))
    server_port, port = solo.free_port(), solo.free_port(solo.ADDRESS)
    words = [sys.executable, "-B", "-m", "labkit.pages", "127.0.0.1", str(server_port), "page"]
    server = processes.start("page", words, directory / "page.log", {"PYTHONPATH": str(ROOT / "Tools")})
    ours = Solo(electd.binary(), directory / "electd", fronts.service("front", port, [server_port], timeout="60s"))
    try:
        solo.wait_for("127.0.0.1", server_port, server)
        ours.start([port])
        with socket.create_connection((solo.ADDRESS, port), timeout=20) as client:
            _ask(client, 500)
            pid = ours.proxy_pid
            # The control process takes a proxy that stands still, as it does while gdb begins, for wedged.
            ours.process.freeze()
            try:
                counted = _calls(pid, lambda: _ask(client, _REQUESTS))
            finally:
                ours.process.thaw()
        # A pulse every 100 ms may; requests may not.
        expect(counted < _REQUESTS / 4, f"{counted} calls of {'/'.join(_FUNCTIONS)} in {_REQUESTS} requests")
    finally:
        ours.stop()
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _ask(client: socket.socket, count: int) -> None:
    for _ in range(count):
        client.sendall(b"GET / HTTP/1.1\r\nHost: t\r\nCookie: a=b\r\n\r\n")
        said = client.recv(4096)
        expect(said.startswith(b"HTTP/1.1 200"), f"answered {said[:60]!r}")


def _calls(pid: int, meanwhile) -> int:
    """How often the process calls one of `_FUNCTIONS` meanwhile: breakpoints that never stop it count."""
    words = ["gdb", "-nx", "-q", "-batch", str(electd.binary()), "-ex", "set breakpoint pending on", "-ex", f"attach {pid}"]
    for number, function in enumerate(_FUNCTIONS, 1):
        words += ["-ex", f"break {function}", "-ex", f"ignore {number} 1000000000"]
    words += ["-ex", "echo counting\\n", "-ex", "continue", "-ex", "info breakpoints", "-ex", "detach"]
    gdb = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    assert gdb.stdout is not None
    said = ""
    try:
        for line in gdb.stdout:
            said += line
            if line.startswith("counting"):
                break
        expect("counting" in said, f"gdb: {said[-500:]}")
        time.sleep(0.3)
        meanwhile()
        processes.send(pid, signal.SIGINT)  # the tracer gets it before the process can ignore it
        rest, _ = gdb.communicate(timeout=30)
    finally:
        gdb.kill()
    expect(rest.count("breakpoint already hit") <= len(_FUNCTIONS) and "Num" in rest, f"gdb: {rest[-500:]}")
    return sum(int(count) for count in re.findall(r"breakpoint already hit (\d+) time", rest))
