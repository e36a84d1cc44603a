"""The operator's hands on a running cluster: transfer, maintenance, reload, status."""

import signal
import time

from harness import Stage, eventually, expect, test
from labkit import configuration, topology

LIMIT_MS = 500 + 300


@test("transfer: the address moves within 400 ms without service, and the term goes up")
def transfer(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    term = stage.cluster.nodes[holder].group()["term"]
    since = stage.mark()
    stage.transfer(other)
    stage.moved(other, since, LIMIT_MS)
    expect(stage.cluster.nodes[other].group()["term"] > term, "the term did not go up")
    seen = stage.seen(since)
    expect(seen.outage_ms < 400, f"{seen.outage_ms:.0f} ms without an answer in a planned move")


@test("transfer to somebody who can't hold is refused with the reason")
def transfer_refused(stage: Stage) -> None:
    holder = stage.settle()
    for target in (topology.LUCY.name, "nobody"):
        done = stage.cluster.nodes[holder].command("transfer", "router37", target, check=False)
        expect(done.returncode != 0, f"transfer to {target} was accepted")
        expect(done.stderr.strip() != "", f"transfer to {target} was refused without a word")
    expect(stage.cluster.holder() == holder, "it moved all the same")


@test("maintenance on: the node gives up and stays away; off: it comes back")
def maintenance(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    node = stage.cluster.nodes[holder]
    since = stage.mark()
    node.command("maintenance", "on")
    stage.moved(other, since, LIMIT_MS)
    time.sleep(3)
    expect(stage.cluster.holder() == other, f"it came back in maintenance: {stage.cluster.roles()}")
    expect(node.group()["eligible"] is False, "a node in maintenance calls itself eligible")
    node.command("maintenance", "off")
    eventually(lambda: stage.cluster.holder() == holder, 20, "it does not come back after maintenance")


@test("SIGHUP with a bad file: nothing changes and the log says why; with a good one it is taken")
def reload(stage: Stage) -> None:
    holder = stage.settle()
    node = stage.cluster.nodes[holder]
    good = node.config.read_text()
    before = node.status()
    node.config.write_text(good.replace("lease:", "leese:"))
    node.process.hang_up()
    time.sleep(1)
    after = node.status()
    expect(after is not None, "the daemon did not survive a bad file")
    expect(_config_hash(after, holder) == _config_hash(before, holder), "a bad file changed the configuration")
    expect("leese" in node.process.log.read_text(errors="replace"), "the log does not say what is wrong")
    stage.cluster.settings.preempt_after = "3s"
    for name, each in stage.cluster.nodes.items():
        each.config.write_text(
            configuration.render(stage.cluster.settings, str(stage.cluster.keys.identity_file(name)))
        )
        each.process.hang_up()
    eventually(
        lambda: _config_hash(node.status(), holder) != _config_hash(before, holder), 5, "a good file was not taken"
    )
    stage.settle()
    stage.cluster.settings.preempt_after = "2s"
    stage.cluster.write_configuration()
    for each in stage.cluster.nodes.values():
        each.process.hang_up()


@test("`status --json` has every field of the contract")
def status_contract(stage: Stage) -> None:
    holder = stage.settle()
    status = stage.cluster.nodes[holder].status()
    _expect_keys("status", status, "schema version node groups nodes services")
    expect(status["node"] == holder, f"node is {status['node']}")
    group = status["groups"][0]
    _expect_keys(
        "group",
        group,
        "name mode role term holder lease_ms_left priority eligible certificate virtual_addresses fence checks",
    )
    expect(0 < group["lease_ms_left"] <= 500, f"lease_ms_left is {group['lease_ms_left']}")
    for address in group["virtual_addresses"]:
        _expect_keys("virtual address", address, "address held")
        expect(address["held"] is True, f"the holder's {address['address']} is not held")
    for node in status["nodes"]:
        _expect_keys("node", node, "name address heard_ms_ago incarnation eligible config_hash")
    expect({node["name"] for node in status["nodes"]} == {host.name for host in topology.VOTERS}, "nodes are missing")


@test("`electd status` is a table without colours when nobody looks")
def status_table(stage: Stage) -> None:
    holder = stage.settle()
    shown = stage.cluster.nodes[holder].command("status").stdout
    for word in ("router37", "holder", "fred", "ethyl", "lucy", topology.VIP):
        expect(word in shown, f"`{word}` is missing in:\n{shown}")
    expect("\x1b" not in shown, "escape sequences in a pipe")


@test("a SIGHUP storm does no harm: the daemon lives, and the proxy goes on accepting")
def hang_up_storm(stage: Stage) -> None:
    holder = stage.settle()
    since = stage.mark()
    process = stage.cluster.daemon(holder)
    for _ in range(20):
        process.popen.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    time.sleep(1)
    expect(process.is_running(), "the daemon ended")
    stage.expect_unharmed(since)


def _config_hash(status: dict, name: str) -> str:
    return next(node["config_hash"] for node in status["nodes"] if node["name"] == name)


def _expect_keys(what: str, found: dict, wanted: str) -> None:
    missing = [key for key in wanted.split() if key not in found]
    expect(not missing, f"{what} lacks {', '.join(missing)}; it has {', '.join(found)}")
