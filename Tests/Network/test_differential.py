"""electd's proxy beside HAProxy and nginx: what it lets through, and what it loses when others fail."""

import os
import shutil
import subprocess

from harness import ROOT, expect, plain_test

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"


@plain_test("nothing ambiguous passes: 380 odd requests and answers beside HAProxy and nginx")
def differential() -> None:
    _try("Tools/differential", "--brief")


@plain_test("no request and no WebSocket is lost: servers killed, pooled connections closed, reloads under load")
def behaviours() -> None:
    counts = ["--kills", "3", "--requests", "500", "--reloads", "15"]
    _try("Tools/behaviours", "--cases", "killed", "stale", "reloads", *counts)


def _try(tool: str, *words: str) -> None:
    missing = [peer for peer in ("haproxy", "nginx", "wrk") if not shutil.which(peer, path=_PATH)]
    if missing:
        expect("CI" not in os.environ, f"missing: {missing}")
        print(f"LEFT OUT: apt-get install {' '.join(missing)}")
        return
    done = subprocess.run(
        [ROOT / tool, *words], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )
    expect(done.returncode == 0, f"exit {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
