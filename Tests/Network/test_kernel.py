"""Somebody else changes the kernel's state, and strangers send datagrams."""

import time

from harness import Stage, eventually, expect, test
from labkit import forge, topology
from labkit.electd_faults import refusals


@test("`nft flush ruleset` on the holder: the gate is back within 2 s")
def gate_is_restored(stage: Stage) -> None:
    holder = stage.settle()
    before = stage.in_kernel(holder, "nft", "list", "tables")
    expect("netdev" in before, f"no netdev table on the holder, so no gate: {before!r}")
    stage.in_kernel(holder, "nft", "flush", "ruleset")
    eventually(
        lambda: stage.in_kernel(holder, "nft", "list", "tables") == before,
        2,
        lambda: f"not restored: {stage.in_kernel(holder, 'nft', 'list', 'tables')!r}",
    )
    expect(stage.client.wait_until_steady(seconds=0.5, timeout=3), "the client is not served after the restoration")


@test("the address removed by hand: back within 2 s")
def address_is_restored(stage: Stage) -> None:
    holder = stage.settle()
    shown = stage.in_kernel(holder, "ip", "-oneline", "-4", "address", "show", "dev", topology.INTERFACE)
    prefix = next(word for word in shown.split() if word.startswith(topology.VIP + "/"))
    stage.in_kernel(holder, "ip", "address", "del", prefix, "dev", topology.INTERFACE)
    eventually(lambda: stage.cluster.has_address(holder), 2, "the address did not come back")
    expect(stage.cluster.holder() == holder, "the address moved for it")
    expect(stage.client.wait_until_steady(seconds=0.5, timeout=3), "the client is not served after the restoration")


@test("replayed and forged datagrams: refused, counted, and nothing changes")
def forgery(stage: Stage) -> None:
    holder = stage.settle()
    genuine = forge.collect(stage.network, seconds=2)
    expect(len(genuine) > 20, f"only {len(genuine)} datagrams in 2 s")
    before = _stand(stage)
    refused = sum(refusals(node.status()) for node in stage.cluster.nodes.values())
    since = stage.mark()
    sent = forge.send(stage.network, (genuine * 40)[:800])
    for kind in (forge.flipped, forge.truncated, forge.dressed):
        sent += forge.send(stage.network, kind(genuine, 800))
    sent += forge.send(stage.network, forge.junk(800))
    time.sleep(0.5)
    expect(_stand(stage) == before, f"{before} became {_stand(stage)}; {_reasons(stage)}")
    stage.expect_unharmed(since)
    counted = sum(refusals(node.status()) for node in stage.cluster.nodes.values()) - refused
    expect(counted >= sent // 2, f"{sent} forged, {counted} counted as refused")
    expect(stage.cluster.holder() == holder, "the holder changed")


@test("a flood of junk is no flood of log lines")
def no_log_flood(stage: Stage) -> None:
    holder = stage.settle()
    log = stage.cluster.daemon(holder).log
    before = log.stat().st_size
    forge.send(stage.network, forge.junk(2000), targets=(topology.host(holder),))
    time.sleep(0.5)
    grown = log.stat().st_size - before
    expect(grown < 20_000, f"2000 datagrams of junk made {grown} bytes of log")


def _reasons(stage: Stage) -> dict:
    """Why each node last changed its mind: a busy machine loses leases too, and that is another failure."""
    groups = {name: node.group() for name, node in stage.cluster.nodes.items()}
    return {name: group.get("last_change") for name, group in groups.items() if group}


def _stand(stage: Stage) -> dict:
    groups = {name: node.group() for name, node in stage.cluster.nodes.items()}
    return {name: (group["role"], group["term"], group["holder"]) if group else None for name, group in groups.items()}
