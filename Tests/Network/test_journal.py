"""The journal of a real run: it replays, and tampering shows."""

import shutil
import time
from pathlib import Path

from harness import Stage, expect, test
from labkit.commands import run


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
