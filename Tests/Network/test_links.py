"""Broken networks: links cut both ways or one way, partitions, loss."""

import time

from harness import Stage, expect, test
from labkit import topology

FRED, ETHYL, LUCY = (host.name for host in topology.VOTERS)
LEASE_MS = 500
LIMIT_MS = LEASE_MS + 300


@test("the holder's link is cut: the other one serves, the holder knows it at once")
def cut_link(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    since = stage.mark()
    stage.network.cut(holder)
    stage.moved(other, since, LIMIT_MS, web_lost=True)
    role = stage.cluster.nodes[holder].group()["role"]
    expect(role == "fault", f"{holder} without a link calls itself {role}")
    expect(not stage.cluster.has_address(holder), f"{holder} kept the address")


@test("the holder's packets vanish without carrier loss: its own kernel silences it (I3)")
def silenced(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    stage.network.silence(holder)
    stage.moved(stage.cluster.other(holder), since, LIMIT_MS, web_lost=True)
    # Its clients come back before it hears the others: what answered then would be a second holder.
    time.sleep(0.3)
    expect(not stage.cluster.has_address(holder), f"{holder} kept the address")


@test("the holder isn't heard: the other one serves")
def not_heard(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    stage.network.cut_one_way(holder, "out")
    stage.moved(stage.cluster.other(holder), since, LIMIT_MS, web_lost=True)


@test("the holder hears nothing: the other one serves")
def hears_nothing(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    stage.network.cut_one_way(holder, "in")
    stage.moved(stage.cluster.other(holder), since, LIMIT_MS, web_lost=True)


@test("fred and ethyl are separated: nothing moves, the witness carries the lease")
def partition_of_the_two(stage: Stage) -> None:
    holder = stage.settle()
    term = stage.cluster.nodes[holder].group()["term"]
    since = stage.mark()
    stage.network.partition([[FRED], [ETHYL]])
    time.sleep(3)
    group = stage.cluster.nodes[holder].group()
    expect((group["role"], group["term"]) == ("holder", term), f"something moved: {group}")
    stage.expect_unharmed(since)


@test("the holder alone on its side, the client on both: it falls silent before the other one serves (I2)")
def partition_holder_alone(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    since = stage.mark()
    stage.network.partition([[holder], [other, LUCY]])
    stage.moved(other, since, LIMIT_MS, web_lost=True)
    time.sleep(1)
    stage.client.read()
    last = stage.client.last_answer_from(holder, since)
    expect(last is None or (last - since) / 1e6 < LIMIT_MS, f"{holder} still answered after {LIMIT_MS} ms")


@test("a fifth of the round trips lost for 10 s: no false move")
def loss(stage: Stage) -> None:
    holder = stage.settle()
    term = stage.cluster.nodes[holder].group()["term"]
    # 11 % in each direction is 21 % of the round trips of each peer.
    stage.network.drop(holder, 11)
    time.sleep(10)
    group = stage.cluster.nodes[holder].group()
    expect((group["role"], group["term"]) == ("holder", term), f"it moved: {group}, the term was {term}")


@test("heals to the preferred node, once, without an interruption (I8)")
def heals(stage: Stage) -> None:
    holder = stage.settle()
    stage.network.cut(holder)
    stage.cluster.wait_for_holder(besides=holder)
    stage.client.wait_until_steady()
    since = stage.mark()
    stage.settle(on=holder)
    time.sleep(1)
    seen = stage.seen(since)
    expect(seen.outage_ms < 500, f"the planned way back cost {seen.outage_ms:.0f} ms")
