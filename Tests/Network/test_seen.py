"""What the proxy tells of its work: the access log, and metrics."""

import os
import re
import signal
import tempfile
import time
from pathlib import Path

from harness import Stage, eventually, expect, test
from labkit import processes, topology

LOG = Path(tempfile.gettempdir()) / f"electd-access-{os.getpid()}.log"
METRICS = "127.0.0.1:9101"
SEEN = {"access_log": f"{{ to: {LOG}, format: httplog }}", "metrics": METRICS}

HTTPLOG = re.compile(
    rf"{re.escape(topology.CLIENT.address)}:\d+ \[\d\d/[A-Z][a-z][a-z]/\d{{4}}:\d\d:\d\d:\d\d\.\d{{3}}\] cluster37 "
    r"cluster37/(fred|ethyl) \d+/\d+/\d+/\d+/\d+ 200 \d+ - - --NI \d+/\d+/\d+/\d+/0 0/0 \"GET (\S+) HTTP/1\.1\""
)


@test("each request is a line in HAProxy's form, and a renamed log file gives way to a new one on SIGHUP", **SEEN)
def access_log(stage: Stage) -> None:
    holder = stage.settle()
    old = LOG.with_suffix(".1")
    try:
        for number in range(5):
            stage.get(f"/?{number}")
        eventually(lambda: len(_lines(LOG, "/?")) >= 5, 5, lambda: f"the log says {_lines(LOG, '/')}")
        for line in _lines(LOG, "/?"):
            expect(HTTPLOG.fullmatch(line) is not None, f"not httplog: {line!r}")
        LOG.rename(old)
        processes.send(stage.cluster.daemon(holder).pid, signal.SIGHUP)
        eventually(LOG.exists, 5, "SIGHUP opened no new file")
        eventually(lambda: stage.get("/?new").status == 200 and bool(_lines(LOG, "/?new")), 5, "no line in the new file")
    finally:
        LOG.unlink(missing_ok=True)
        old.unlink(missing_ok=True)


@test("metrics on a TCP address count requests and latencies, and go on when the proxy process is replaced", **SEEN)
def metrics(stage: Stage) -> None:
    holder = stage.settle()
    for _ in range(5):
        stage.get()
    name = 'electd_service_requests_total{service="cluster37"}'
    eventually(lambda: _metric(stage, holder, name) >= 5, 5, lambda: f"{name} {_metric(stage, holder, name)}")
    for family in ("electd_service_duration_seconds_count", "electd_server_response_seconds_bucket"):
        expect(family in _text(stage, holder), f"no {family}")
    before = _metric(stage, holder, name)
    stage.cluster.kill_proxy(holder)
    time.sleep(1)
    eventually(lambda: _metric(stage, holder, name) >= before, 5, lambda: f"{before}, then {_metric(stage, holder, name)}")


def _lines(path: Path, part: str) -> list[str]:
    return [line for line in path.read_text().splitlines() if part in line] if path.exists() else []


def _text(stage: Stage, node: str) -> str:
    code = f"import urllib.request as u; print(u.urlopen('http://{METRICS}/metrics', timeout=5).read().decode())"
    return stage.network.run(node, "python3", "-c", code).stdout


def _metric(stage: Stage, node: str, name: str) -> float:
    return next((float(line.rsplit(" ", 1)[1]) for line in _text(stage, node).splitlines() if line.startswith(name)), -1)
