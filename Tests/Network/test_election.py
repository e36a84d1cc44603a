"""Who holds: the first election, what it announces, and what happens when voters are lost."""

import time

from harness import Failed, Stage, eventually, expect, test
from labkit import topology
from labkit.recorder import frames
from labkit.sockets import inside_namespace, raw_socket

FRED, ETHYL, LUCY = (host.name for host in topology.VOTERS)
ARP, IPV6 = b"\x08\x06", b"\x86\xdd"
LEASE_MS = 500


@test("first election: one holder, the preferred one, and all agree (I1, I8)")
def first_election(stage: Stage) -> None:
    holder = stage.settle()
    stage.client.read()
    now = stage.mark()
    expect(stage.client.answering(now - 10**9) == {holder}, f"{stage.client.answering(now - 10**9)} answer ARP")
    groups = {name: node.group() for name, node in stage.cluster.nodes.items()}
    expect(all(groups.values()), f"a node gives no status: {groups}")
    expect({group["holder"] for group in groups.values()} == {holder}, f"they disagree: {groups}")
    expect(len({group["term"] for group in groups.values()}) == 1, f"different terms: {groups}")
    expect(groups[LUCY]["role"] == "witness", f"lucy is {groups[LUCY]['role']}")
    expect(groups[ETHYL]["role"] == "standby", f"ethyl is {groups[ETHYL]['role']}")
    certificate = groups[holder]["certificate"]
    expect(len(certificate) >= 2, f"a majority of three is two, the certificate has {certificate} (I10)")


@test("the address is there with a lifetime, on the holder only (I3)")
def address_is_leased(stage: Stage) -> None:
    holder = stage.settle()
    shown = stage.in_kernel(holder, "ip", "address", "show", "dev", topology.INTERFACE)
    expect(topology.VIP in shown and topology.VIP6 in shown, f"missing on {holder}:\n{shown}")
    lines = shown.split(topology.VIP + "/")[1].splitlines()
    expect("forever" not in lines[1], f"the address has no lifetime, so the kernel wouldn't remove it: {lines[1]}")
    for node in (stage.cluster.other(holder), LUCY):
        expect(not stage.cluster.has_address(node), f"{node} has the address too")


@test("a new holder announces itself by ARP in both accepted forms, and by NA")
def announcements(stage: Stage) -> None:
    holder = stage.settle()
    target = topology.host(stage.cluster.other(holder))
    with inside_namespace(stage.network.namespace(topology.CLIENT.name)):
        tap = raw_socket(topology.INTERFACE, promiscuous=True)
    with tap:
        stage.transfer(target.name)
        heard = frames(tap, seconds=2.0)
    mac = bytes.fromhex(target.mac.replace(":", ""))
    vip = bytes(map(int, topology.VIP.split(".")))
    own = [frame for frame in heard if frame[12:14] == ARP and frame[22:28] == mac and frame[28:32] == vip]
    requests = [frame for frame in own if frame[20:22] == b"\x00\x01" and frame[38:42] == vip]
    replies = [frame for frame in own if frame[20:22] == b"\x00\x02" and frame[32:38] == mac and frame[:6] == b"\xff" * 6]
    advertisements = [frame for frame in heard if frame[12:14] == IPV6 and frame[6:12] == mac and frame[54:55] == b"\x88"]
    expect(len(requests) >= 4, f"{len(requests)} gratuitous requests in 2 s, expected those at 0, 20, 100, 300 ms")
    expect(len(replies) >= 4, f"{len(replies)} gratuitous replies that Linux accepts in 2 s")
    expect(len(advertisements) >= 4, f"{len(advertisements)} unsolicited neighbour advertisements in 2 s")
    expect(all(frame[58] & 0x20 for frame in advertisements), "an advertisement without the override flag")


@test("the IPv6 address serves too")
def ipv6(stage: Stage) -> None:
    stage.settle()
    reply = stage.get(address=topology.VIP6)
    expect(reply.status == 200, f"status {reply.status} over IPv6")


@test("the witness is lost: nothing moves, and the two still agree on a move")
def witness_lost(stage: Stage) -> None:
    holder = stage.settle()
    term = stage.cluster.nodes[holder].group()["term"]
    since = stage.mark()
    stage.cluster.kill_daemon(LUCY)
    time.sleep(2)
    group = stage.cluster.nodes[holder].group()
    expect((group["role"], group["term"]) == ("holder", term), f"something moved: {group}")
    stage.expect_unharmed(since)
    other = stage.cluster.other(holder)
    stage.transfer(other)
    eventually(lambda: stage.cluster.holder() == other, 5, lambda: f"no transfer without lucy: {stage.cluster.roles()}")


@test("no majority, no holder: with the witness dead and the holder cut off nobody answers (I2)")
def no_majority(stage: Stage) -> None:
    holder = stage.settle()
    stage.cluster.kill_daemon(LUCY)
    stage.network.partition([[holder], [stage.cluster.other(holder)]])
    time.sleep(2)
    since = stage.mark()
    time.sleep(1)
    stage.client.read()
    expect(not stage.client.answering(since), f"{stage.client.answering(since)} answers without a majority")
    stage.network.heal()
    stage.cluster.start_daemon(LUCY)
    try:
        stage.cluster.wait_for_holder(timeout=10)
    except RuntimeError:
        raise Failed(f"no holder 10 s after the majority is back (I7): {stage.cluster.roles()}") from None
