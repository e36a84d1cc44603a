"""Killed and frozen processes: the kernel takes the address away, and what comes back finds order."""

import signal
import time

from harness import Stage, eventually, expect, test
from labkit import namespaces, processes, topology

LIMIT_MS = 500 + 300


@test("SIGKILL of the holder's daemon: silent and replaced within lease + 300 ms")
def killed(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    stage.cluster.kill_daemon(holder)
    stage.moved(stage.cluster.other(holder), since, LIMIT_MS)
    _expect_silent(stage, holder, since)


@test("a restart after SIGKILL puts right what was left: no address, one proxy, one set of rules")
def restart_cleans(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    stage.cluster.kill_daemon(holder)
    stage.cluster.wait_for_holder(besides=holder)
    leftovers = [pid for pid in namespaces.processes(stage.network.namespace(holder)) if _is_proxy(pid)]
    stage.cluster.start_daemon(holder)
    node = stage.cluster.nodes[holder]
    eventually(lambda: node.group() is not None, 10, f"{holder} does not come back: {node.process.last_words()}")
    eventually(lambda: not any(_is_proxy(pid) for pid in leftovers), 3, "a proxy of the killed daemon still lives")
    if stage.cluster.holder() == other:
        expect(not stage.cluster.has_address(holder), f"{holder} is standby and has the address")
    tables = stage.in_kernel(holder, "nft", "list", "tables")
    expect(tables.count("electd") <= 1, f"more than one table:\n{tables}")


@test("killed, and nothing says which proxy it left: it waits until that ends, and starts")
def restart_without_record(stage: Stage) -> None:
    holder = stage.settle()
    node = stage.cluster.nodes[holder]
    stage.cluster.kill_daemon(holder)
    # As when the disk was full while the proxy started.
    (node.state / "proxy.process").unlink()
    stage.cluster.start_daemon(holder)
    eventually(lambda: node.group() is not None, 10, lambda: f"{holder} does not come back: {node.process.last_words()}")
    expect("waiting" in node.process.last_words(12), f"it waited for nothing: {node.process.last_words(12)}")


@test("SIGSTOP of the holder's daemon: the kernel silences it; SIGCONT: it knows that it lost (I3)")
def frozen(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    since = stage.mark()
    stage.cluster.freeze_daemon(holder)
    stage.moved(other, since, LIMIT_MS)
    _expect_silent(stage, holder, since)
    time.sleep(1)
    stage.cluster.thaw_daemon(holder)
    eventually(lambda: stage.cluster.nodes[holder].group() is not None, 3, f"{holder} does not answer after SIGCONT")
    role = stage.cluster.nodes[holder].group()["role"]
    expect(role != "holder" or stage.cluster.holder() == holder, f"{holder} woke up as {role}")


@test("SIGKILL of the holder's proxy process: served again within lease + 300 ms")
def proxy_killed(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    stage.cluster.kill_proxy(holder)
    time.sleep(2)
    seen = stage.seen(since)
    expect(seen.recovered and seen.outage_ms <= LIMIT_MS, f"{seen.outage_ms:.0f} ms without an answer")


@test("SIGSTOP of the holder's proxy process: noticed, and served by the other within lease + 300 ms")
def proxy_frozen(stage: Stage) -> None:
    holder = stage.settle()
    pid = stage.cluster.proxy_pid(holder)
    since = stage.mark()
    processes.send(pid, signal.SIGSTOP)
    try:
        stage.moved(stage.cluster.other(holder), since, LIMIT_MS)
    finally:
        processes.send(pid, signal.SIGCONT)


@test("SIGTERM of the holder's daemon: it hands over before it leaves")
def hands_over(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    code = stage.cluster.daemon(holder).stop(patience=5)
    ended = (stage.mark() - since) / 1e6
    stage.moved(stage.cluster.other(holder), since, LIMIT_MS)
    expect(code == 0, f"exit {code} after SIGTERM (None: it did not end within 5 s)")
    expect(ended < 2000, f"it took {ended:.0f} ms to end")
    expect(not stage.cluster.has_address(holder), "it left its address behind")
    seen = stage.seen(since)
    expect(seen.outage_ms < 400, f"the hand-over took {seen.outage_ms:.0f} ms")


@test("the proxy process runs without privileges")
def proxy_is_unprivileged(stage: Stage) -> None:
    pid = stage.cluster.proxy_pid(stage.settle())
    fields = dict(
        line.split(":", 1) for line in open(f"/proc/{pid}/status", encoding="ascii").read().splitlines() if ":" in line
    )
    expect("0" not in fields["Uid"].split(), f"uid {fields['Uid']}")
    expect(int(fields["CapEff"], 16) == 0, f"effective capabilities {fields['CapEff']}")
    expect(int(fields["CapPrm"], 16) == 0, f"permitted capabilities {fields['CapPrm']}")


def _is_proxy(pid: int) -> bool:
    return processes.command_line(pid)[1:2] == ["proxy"]


def _expect_silent(stage: Stage, holder: str, since: int) -> None:
    time.sleep(max(0.0, LIMIT_MS / 1000 + 0.5 - (stage.mark() - since) / 1e9))
    stage.client.read()
    last = stage.client.last_answer_from(holder, since)
    silent = (last - since) / 1e6 if last else 0
    expect(silent <= LIMIT_MS, f"{holder} ({topology.VIP}) still answered {silent:.0f} ms after it died")
