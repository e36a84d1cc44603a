"""The journal of a real run: it replays, and tampering shows."""

import base64
import json
import shutil
import time
from pathlib import Path

from harness import Stage, expect, test
from labkit import proof
from labkit.commands import run
from labkit.crashes import judge, kill_at_random


@test("replay over the journals of a run with faults: every decision reproduced (I9)")
def replay(stage: Stage) -> None:
    holder = stage.settle()
    stage.transfer(stage.cluster.other(holder))
    time.sleep(1)
    stage.cluster.kill_daemon(stage.cluster.other(holder))
    stage.settle()
    unclean = stage.cluster.stop()
    expect(not unclean, f"{', '.join(unclean)} did not end by SIGTERM within 5 s, with exit code 0")
    done = stage.cluster.replay()
    expect(done.returncode == 0, f"exit {done.returncode}:\n{done.stdout[-600:]}{done.stderr[-600:]}")


@test("replay of a journal in which one byte was changed: exit 1, and the record is named")
def tampered(stage: Stage) -> None:
    stage.settle()
    time.sleep(2)
    stage.cluster.stop()
    node = stage.cluster.nodes["fred"]
    journal = node.journals()[0]
    copy = stage.network.directory / "tampered"
    shutil.copytree(journal, copy, dirs_exist_ok=True)
    victim = max((file for file in copy.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 0x01
    victim.write_bytes(content)
    done = run(str(node.program), "replay", str(_replayable(copy, victim)), check=False)
    expect(done.returncode == 1, f"exit {done.returncode} for a journal with a changed byte:\n{done.stdout}{done.stderr}")
    said = done.stdout + done.stderr
    expect("record" in said and any(char.isdigit() for char in said), f"it does not name the record:\n{said}")
    shutil.rmtree(copy)


def _replayable(copy: Path, victim: Path) -> Path:
    return copy if copy.is_dir() else victim


@test("daemons killed at random moments under load: no acknowledged record lost, every journal opens and replays")
def crashes_lose_nothing(stage: Stage) -> None:
    stage.settle()
    seconds = kill_at_random(stage.cluster, kills=10, seed=7)
    stage.settle()
    stage.cluster.stop()
    outcome = judge(stage.cluster, 10, seconds)
    expect(outcome.is_good, f"replay {outcome.replay_is_good}; {outcome.findings}")
    expect(outcome.marks > 0, "no peer has recorded where another one's journal stood")


@test("three journals of a run: verified against each other; a cut tail is found and named")
def journals_speak_for_each_other(stage: Stage) -> None:
    stage.settle()
    time.sleep(3)
    stage.cluster.stop()
    program = str(stage.cluster.nodes["fred"].program)
    copies = []
    for name, node in stage.cluster.nodes.items():
        copy = stage.network.directory / f"copy-{name}"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(node.journals()[0], copy)
        copies.append(copy)
    verify = lambda: run(program, "log", "verify", *map(str, copies), check=False)
    whole = verify()
    expect(whole.returncode == 0, f"exit {whole.returncode} for whole journals:\n{whole.stdout[-900:]}{whole.stderr}")
    victim = max((file for file in copies[0].rglob("*.electd")), key=lambda file: file.name)
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) * 3 // 4])
    cut = verify()
    expect(cut.returncode == 1 and victim.name in cut.stdout, f"exit {cut.returncode} for a cut tail:\n{cut.stdout[-900:]}")
    victim.write_bytes(content)
    for copy in copies:
        shutil.rmtree(copy)


@test("prove: a decision's proof holds for a checker that has nothing of electd, and no altered one does")
def proof_stands_alone(stage: Stage) -> None:
    holder = stage.settle()
    stage.transfer(stage.cluster.other(holder))
    stage.settle()
    stage.cluster.stop()
    nodes = stage.cluster.nodes
    program = str(nodes["fred"].program)
    journals = [str(path) for node in nodes.values() for path in node.journals()]
    events = json.loads(run(program, "timeline", "--json", *journals).stdout)["events"]
    taken = [event["record"] for event in events if event["kind"] == "taken"]
    expect(len(taken) >= 2, f"no two moves: {taken}")
    for record in taken[-2:]:
        told = json.loads(run(program, "prove", record, "--json", *journals).stdout)
        keys = {told["node"]: base64.b64decode(told["key"].removeprefix("ed25519:"))}
        frame, _ = proof.check(told["proof"], keys)
        expect(frame.hex() == told["frame"] and told["record"] == record, f"another frame: {told['text']}")
        pinned = ("--key", f"{told['node']}={told['key']}")
        again = run(program, "prove", "--check", "-", *pinned, text_in=told["proof"])
        expect("genuine" in again.stdout and told["node"] in again.stdout, again.stdout)
        bent = told["proof"].replace("\nindex ", "\nindex 1", 1)
        refused = run(program, "prove", "--check", "-", *pinned, text_in=bent, check=False)
        expect(refused.returncode == 65 and "altered" in refused.stderr, f"{refused.returncode}: {refused.stderr}")
    open_end = run(program, "prove", "fred:1:999999999", *journals, check=False)
    expect(open_end.returncode == 64 and "records 0 to" in open_end.stderr, f"{open_end.returncode}: {open_end.stderr}")
