"""A node's disk without room: what the status says of it, and that it stops saying so."""

import shutil
import time

from harness import Stage, eventually, expect, test
from labkit.commands import run
from labkit.disks import Disk


def _full(node) -> list[str]:
    return [problem for problem in (node.status() or {}).get("problems", []) if "disk is full" in problem]


@test("a full disk is told of, and not any more once there is room")
def full_disk(stage: Stage) -> None:
    holder = stage.settle()
    node = stage.cluster.nodes[stage.cluster.other(holder)]
    witness = stage.cluster.nodes[next(name for name in stage.cluster.nodes if name not in (holder, node.name))]
    before = node.state.rename(node.state.with_name("state-before"))
    node.process.kill()
    disk = Disk(node.state)
    try:
        shutil.copytree(before, node.state, dirs_exist_ok=True)
        node.start()
        stage.settle()
        disk.fill()
        # The journal has room reserved, the logs haven't: orders, which every log keeps, reach the end of their last block.
        deadline = time.monotonic() + 60
        while not _full(node):
            expect(time.monotonic() < deadline, f"{node.name} doesn't say that its disk is full")
            for wanted in ("on", "off"):
                witness.command("maintenance", wanted)
        expect("the logs' disk is full" in _full(node)[0], f"whose disk is full? {_full(node)}")
        disk.mend()
        eventually(lambda: not _full(node), 5, lambda: f"there is room, and it still says {_full(node)}")
    finally:
        disk.mend()
        node.process.kill()
        eventually(lambda: not node.process.is_running(), 5, "killed, and runs")
        # It goes on with what it has now: a disk that went back in time would make it a liar.
        now = node.state.with_name("state-now")
        shutil.copytree(node.state, now, ignore=shutil.ignore_patterns("lost+found"))
        run("umount", "--lazy", str(node.state), check=False)
        for old in (node.state, before):
            shutil.rmtree(old)
        now.rename(node.state)
    stage.settle()
