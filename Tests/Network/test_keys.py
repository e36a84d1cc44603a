"""A node's key changes while the others go on: by way of the log, for all of them at once."""

from pathlib import Path

from harness import Stage, eventually, expect, test
from labkit.commands import run
from labkit.electd import Node


def _new_identity(node: Node) -> tuple[Path, str]:
    file = node.directory / "identity.new"
    told = run(str(node.program), "keygen", "--out", str(file)).stdout
    return file, next(word for word in told.split() if word.startswith("ed25519:"))


def _told(node: Node) -> str:
    return node.process.log.read_text(errors="replace")


def _epochs(stage: Stage) -> set[tuple[int, str] | None]:
    found = set()
    for node in stage.cluster.nodes.values():
        status, group = node.status(), node.group()
        found.add((group["log"]["epoch"], status["config_hash"]) if status and group else None)
    return found


def _signature_refusals(node: Node) -> int:
    return sum(each["count"] for each in node.status()["datagrams"]["dropped"] if each["reason"] == "signature")


@test(
    "apply: a node gets another key; its old identity counts no more, and the new one votes and holds",
    journal="{ epoch: 20s }",
)
def change(stage: Stage) -> None:
    holder = stage.settle()
    changed = stage.cluster.other(holder)
    fresh, node = stage.cluster.nodes[holder], stage.cluster.nodes[changed]
    old_text, old_key = node.config.read_text(), stage.cluster.keys.public[changed]
    old_identity = stage.cluster.keys.identity_file(changed)
    identity, key = _new_identity(node)
    file = fresh.directory / "next.yaml"
    file.write_text(fresh.config.read_text().replace(f'"{old_key}"', f'"{key}", former_key: "{old_key}"'))

    done = fresh.command("apply", str(file), check=False)
    expect(done.returncode != 0 and changed in done.stderr, f"it was taken while {changed} runs: {done.stdout}")
    expect("stop electd here, apply" in done.stderr, f"it says: {done.stderr}")
    fresh_hash = fresh.status()["config_hash"]
    file_on_disk = fresh.config.read_text()
    fresh.config.write_text(file.read_text())
    fresh.process.hang_up()
    eventually(lambda: "by `electd apply`" in _told(fresh), 5, "SIGHUP says nothing of the keys")
    expect(fresh.status()["config_hash"] == fresh_hash, "SIGHUP took another key")
    fresh.config.write_text(file_on_disk)

    since = stage.mark()
    node.process.stop()
    fresh.command("apply", str(file))
    stage.expect_unharmed(since)

    node.start()
    eventually(lambda: _signature_refusals(fresh) > 0, 5, "nothing of the old identity's was refused")
    expect(stage.cluster.holder() == holder, f"the old identity moved something: {stage.cluster.roles()}")
    node.process.stop()

    node.config.write_text(file.read_text().replace(str(stage.cluster.keys.identity_file(holder)), str(identity)))
    node.start()
    eventually(lambda: "move it away" in _told(node), 5, "it writes on in the journal of its former identity")
    node.process.stop()
    (node.state / "journal").rename(node.state / "journal.before")
    node.start()
    eventually(lambda: len(_epochs(stage)) == 1 and None not in _epochs(stage), 10, lambda: f"{_epochs(stage)}")
    expect(next(iter(_epochs(stage)))[0] == 1, "the configuration that the cluster agreed on isn't in force")

    # The certificate of the holder has votes from before the change; who starts now has to believe them.
    stage.cluster.daemon(holder).kill()
    eventually(lambda: stage.cluster.holder() == changed, 10, "the new identity doesn't get the address")
    stage.cluster.nodes[holder].start()
    stage.settle()
    witness = next(each for name, each in stage.cluster.nodes.items() if name not in (holder, changed))
    for journal in (node.state / "journal", node.state / "journal.before", witness.state / "journal"):
        run(str(node.program), "log", "verify", str(journal))
    both = [str(node.state / name) for name in ("journal", "journal.before")]
    told = run(str(node.program), "evidence", *both, str(witness.state / "journal"), check=False)
    expect("no evidence of" in told.stdout, f"the change counts as evidence: {told.stdout}")
    node.config.write_text(old_text.replace(str(old_identity), str(identity)).replace(old_key, key))
