"""What electd's proxy lets through, beside what HAProxy and nginx let through and RFC 9110 and 9112 say."""

import os
import shutil
import subprocess

from harness import ROOT, expect, plain_test


@plain_test("nothing ambiguous passes: 380 odd requests and answers beside HAProxy and nginx")
def differential() -> None:
    if not all(shutil.which(peer, path="/usr/sbin:/usr/bin:/sbin:/bin") for peer in ("haproxy", "nginx")):
        expect("CI" not in os.environ, "haproxy and nginx are missing")
        print("LEFT OUT, haproxy or nginx is missing: apt-get install haproxy nginx")
        return
    done = subprocess.run(
        [ROOT / "Tools/differential", "--brief"], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )
    expect(done.returncode == 0, f"exit {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
