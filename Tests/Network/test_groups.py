"""Other settings: pair mode, several groups on one daemon."""

import time

from harness import Stage, eventually, expect, test
from labkit import forge, topology

PAIR = {"mode": "pair", "witness": False, "virtual_addresses": [f"{topology.VIP}/32"]}
MORE_GROUPS = "".join(
    f"""  more{number}:
    mode: majority
    interface: {topology.INTERFACE}
    virtual_addresses: [192.0.2.{210 + number}/32]
    priority: {{ fred: 100, ethyl: 101 }}
"""
    for number in range(5)
)


@test("pair mode: a partition gives two holders, says so, and heals to one", **PAIR)
def pair(stage: Stage) -> None:
    stage.settle()
    stage.network.partition([["fred"], ["ethyl"]])
    eventually(
        lambda: sorted(stage.cluster.roles().get("holder", [])) == ["ethyl", "fred"],
        5,
        lambda: f"no two holders in a pair's partition: {stage.cluster.roles()}",
    )
    group = stage.cluster.nodes["ethyl"].group()
    expect(not group["certificate"], f"a certificate in pair mode: {group['certificate']}")
    expect(group["mode"] == "pair", f"mode is {group['mode']}")
    stage.network.heal()
    eventually(
        lambda: stage.cluster.roles().get("holder") == ["fred"],
        5,
        lambda: f"not one holder after healing: {stage.cluster.roles()}",
    )
    time.sleep(0.5)
    since = stage.mark()
    time.sleep(1)
    stage.client.read()
    expect(stage.client.answering(since) == {"fred"}, f"{stage.client.answering(since)} answer after healing")


@test("pair mode: the holder's link is cut, the other one serves", **PAIR)
def pair_cut(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    stage.network.cut(holder)
    stage.moved(stage.cluster.other(holder), since, 800, web_lost=True)


@test("six groups on one daemon: each has its own holder, one datagram per peer and interval", extra_groups=MORE_GROUPS)
def several_groups(stage: Stage) -> None:
    stage.settle()
    for number in range(5):
        name = f"more{number}"
        eventually(lambda: stage.cluster.holder(name) == "ethyl", 10, lambda: f"{name}: {stage.cluster.roles(name)}")
        expect(stage.cluster.has_address("ethyl", f"192.0.2.{210 + number}"), f"ethyl lacks the address of {name}")
    # A tap on fred's port sees four directed pairs. Each carries ten heartbeats per second, and as many answers where
    # one end holds: about 160 in 2 s for one group, and six times that if each group had its own.
    count = len(forge.collect(stage.network, seconds=2.0))
    expect(count <= 320, f"{count} datagrams in 2 s at fred's port: groups don't share them")
