"""The replicated logs: what an operator orders on one node holds on all of them, and outlives failovers and restarts."""

import json
import time

from harness import Stage, eventually, expect, test


def _servers(stage: Stage, node: str) -> dict[str, str]:
    status = stage.cluster.nodes[node].status()
    return {
        f"{service['name']}/{server['name']}": server["state"]
        for service in (status or {}).get("services", [])
        for server in service["servers"]
    }


def _log(stage: Stage, node: str) -> dict | None:
    group = stage.cluster.nodes[node].group()
    return group["log"] if group else None


def _agree(stage: Stage) -> bool:
    logs = [_log(stage, name) for name in stage.cluster.nodes]
    return all(logs) and len({(log["committed"], log["hash"], log["epoch"]) for log in logs}) == 1


def _all_agree(stage: Stage) -> None:
    eventually(
        lambda: _agree(stage), 10, lambda: f"the logs differ: {[_log(stage, name) for name in stage.cluster.nodes]}"
    )


@test("a drain that any node was asked for holds on all, outlives a failover, and a restart")
def drain_survives(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    server = next(iter(sorted(_servers(stage, holder))))
    # The witness serves nothing and holds nothing; it may be asked all the same.
    witness = next(name for name in stage.cluster.nodes if name not in (holder, other))
    stage.cluster.nodes[witness].command("server", server, "drain")
    try:
        for name in (holder, other):
            eventually(lambda: _servers(stage, name)[server] == "drain", 2, f"{server} is not drained on {name}")
        _all_agree(stage)
        stage.cluster.daemon(holder).kill()
        eventually(lambda: stage.cluster.holder() == other, 10, "nobody took over")
        expect(_servers(stage, other)[server] == "drain", "the drain was lost by the failover")
        stage.cluster.nodes[holder].start()
        eventually(
            lambda: _servers(stage, holder).get(server) == "drain", 10, "the drain was lost by the restart"
        )
        _all_agree(stage)
    finally:
        stage.settle()
        stage.cluster.nodes[other].command("server", server, "ready")
    eventually(lambda: _servers(stage, other)[server] != "drain", 2, "ready did not end the drain")


@test("without a majority an order is refused with what became of it, and nothing changes")
def order_without_majority(stage: Stage) -> None:
    holder = stage.settle()
    server = next(iter(sorted(_servers(stage, holder))))
    others = [name for name in stage.cluster.nodes if name != holder]
    for name in others:
        stage.cluster.daemon(name).freeze()
    eventually(lambda: stage.cluster.nodes[holder].group()["role"] != "holder", 5, "it holds without a majority")
    done = stage.cluster.nodes[holder].command("server", server, "drain", check=False)
    expect(done.returncode != 0 and "nothing was changed" in done.stderr, f"it says: {done.stderr}")
    for name in others:
        stage.cluster.daemon(name).thaw()
    stage.settle()
    expect(_servers(stage, holder)[server] != "drain", "it was drained all the same")


@test("`electd history` shows who held and who ordered what, the same on every node")
def history(stage: Stage) -> None:
    holder = stage.settle()
    _all_agree(stage)
    told = {}
    for name, node in stage.cluster.nodes.items():
        report = json.loads(node.command("history", "--json").stdout)
        told[name] = {entry["index"]: entry["hash"] for entry in report["groups"][0]["entries"] if entry["committed"]}
        expect(any("held by" in entry["text"] for entry in report["groups"][0]["entries"]), "no holder in it")
    for index in set.intersection(*(set(each) for each in told.values())):
        expect(len({each[index] for each in told.values()}) == 1, f"entry {index} differs between nodes")
    expect(f"held by {holder}" in stage.cluster.nodes[holder].command("history").stdout, "the table lacks the holder")


@test("apply: in force on every node, on return too, and `--previous` goes back")
def apply(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    before = {name: _own_hash(stage, name) for name in stage.cluster.nodes}
    file = stage.cluster.nodes[holder].directory / "next.yaml"
    file.write_text(stage.cluster.nodes[holder].config.read_text().replace("preempt_after: 2s", "preempt_after: 3s"))
    stage.cluster.daemon(other).kill()
    time.sleep(1)
    stage.cluster.nodes[holder].command("apply", str(file))
    eventually(lambda: _own_hash(stage, holder) != before[holder], 5, "it is not in force on the holder")
    wanted = _own_hash(stage, holder)
    stage.cluster.nodes[other].start()
    for name in stage.cluster.nodes:
        eventually(lambda: _own_hash(stage, name) == wanted, 10, f"it is not in force on {name}")
    _all_agree(stage)
    expect(_log(stage, holder)["epoch"] == 1, f"the epoch is {_log(stage, holder)['epoch']}")
    stage.cluster.nodes[holder].command("apply", "--previous")
    for name in stage.cluster.nodes:
        eventually(lambda: _own_hash(stage, name) == before[name], 5, f"{name} did not go back")


@test("apply: what one node can't take is in force nowhere, and the answer names the node")
def apply_nowhere(stage: Stage) -> None:
    holder = stage.settle()
    other = stage.cluster.other(holder)
    before = {name: _own_hash(stage, name) for name in stage.cluster.nodes}
    place = stage.cluster.nodes[other].state / "configuration"
    place.rename(place.with_suffix(".away")) if place.exists() else None
    place.write_text("in the way")
    file = stage.cluster.nodes[holder].directory / "next.yaml"
    file.write_text(stage.cluster.nodes[holder].config.read_text().replace("preempt_after: 2s", "preempt_after: 4s"))
    try:
        done = stage.cluster.nodes[holder].command("apply", str(file), check=False)
        expect(done.returncode != 0 and other in done.stderr, f"it says: {done.stdout} {done.stderr}")
        time.sleep(1)
        for name in stage.cluster.nodes:
            expect(_own_hash(stage, name) == before[name], f"it is in force on {name}")
        _all_agree(stage)
    finally:
        place.unlink()
        away = place.with_suffix(".away")
        away.rename(place) if away.exists() else None


def _own_hash(stage: Stage, name: str) -> str | None:
    status = stage.cluster.nodes[name].status()
    return status["config_hash"] if status else None
