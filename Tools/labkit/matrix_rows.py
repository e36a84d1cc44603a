"""The faults of the matrix: what is done to a running cluster, how often the group has to move for it, and the mend."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import topology
from .disks import Disk
from .electd import Electd
from .network import Network
from .processes import Process, wait_until
from .wall_clock import WallClock

FRED, ETHYL, LUCY = (host.name for host in topology.VOTERS)
HOUR = 3600
STRANGER = topology.MALLORY.name


@dataclass
class Play:
    """A cluster in which one node holds, and what a fault may need to break it."""

    cluster: Electd
    holder: str
    disks: dict[str, Disk]
    clocks: dict[str, WallClock]
    busy: list[Process]
    """What keeps the cores busy, until the mend."""

    @property
    def network(self) -> Network:
        return self.cluster.network

    @property
    def other(self) -> str:
        """The machine that takes over."""
        return self.cluster.other(self.holder)

    def mend(self) -> None:
        """Ends whatever any row has done. Each part is harmless where nothing is broken."""
        for process in self.busy:
            process.kill()
        self.busy.clear()
        for disk in self.disks.values():
            disk.mend()
        self.network.heal()
        for clock in self.clocks.values():
            clock.shift(0)
        for host in (topology.VIP, topology.VIP6):
            self.network.run(STRANGER, "ip", "address", "del", _whole(host), "dev", topology.INTERFACE, check=False)
        for node in self.cluster.nodes.values():
            if node.process is None or not node.process.is_running():
                node.start()
            elif node.is_frozen():
                node.process.thaw()


@dataclass(frozen=True)
class Row:
    """One fault. `moves`: how often the group has a cause to be taken, from the fault to the end of the mend."""

    name: str
    what: str
    moves: int
    break_it: Callable[[Play], object]
    seconds: float = 3
    """How long the fault lasts."""
    stage: str = "plain"
    """What the cluster stands on: `plain`, `disks`, `clocks`, or `realtime`."""
    quick: bool = False
    """Whether the network tests play it too."""
    watch_stranger: bool = False
    """Whether a machine that isn't of the cluster answers for the address too, by the fault itself."""


def _whole(address: str) -> str:
    return address + ("/128" if ":" in address else "/32")


def _others(play: Play) -> list[str]:
    return [name for name in (FRED, ETHYL, LUCY) if name != play.holder]


def _frozen(play: Play, seconds: float) -> None:
    play.cluster.freeze_daemon(play.holder)
    time.sleep(seconds)
    play.cluster.thaw_daemon(play.holder)


def _restarted(play: Play) -> None:
    play.cluster.kill_daemon(play.holder)
    play.cluster.start_daemon(play.holder)


def _removed(play: Play) -> None:
    for address in (topology.VIP, topology.VIP6):
        play.network.run(play.holder, "ip", "address", "del", _whole(address), "dev", topology.INTERFACE)


def _duplicate(play: Play) -> None:
    """A stranger configures the address, announces it as Linux does when told to, and answers every question for it."""
    play.network.run(STRANGER, "sysctl", "-q", "-w", f"net.ipv4.conf.{topology.INTERFACE}.arp_notify=1")
    play.network.run(STRANGER, "ip", "address", "add", _whole(topology.VIP), "dev", topology.INTERFACE)


def _starved(play: Play) -> None:
    """Two for each core: the namespaces share this machine, and one alone would leave every second turn free."""
    for number in range(2 * (os.cpu_count() or 1)):
        command = ["sh", "-c", "while :; do :; done"]
        play.busy.append(play.network.start(play.holder, f"busy{number}", *command))


def _muffled(play: Play) -> None:
    play.network.lose_announcements()
    play.cluster.kill_daemon(play.holder)
    wait_until(lambda: play.cluster.has_address(play.other), 5)
    # The first four announcements are lost, the one a second after the taking is not.
    time.sleep(0.6)
    play.network.heal()


def _shifted(play: Play, nodes: tuple[str, ...] | list[str], seconds: int) -> None:
    for name in nodes:
        play.clocks[name].shift(seconds)
        if abs(play.clocks[name].seconds_ahead() - seconds) > 5:
            raise RuntimeError(f"the wall clock of {name} doesn't follow")


def _back_and_forth(play: Play) -> None:
    """What a broken time source does: an hour ahead, two hours back, an hour ahead."""
    for seconds in (HOUR, -HOUR, 0):
        _shifted(play, [play.holder], seconds)
        time.sleep(1.5)


def _successor_frozen(play: Play) -> None:
    play.disks[play.other].freeze()
    time.sleep(1)
    play.cluster.kill_daemon(play.holder)
    time.sleep(2)
    play.disks[play.other].mend()


ROWS = [
    Row("cut", "the holder's cable is pulled: no carrier", 1, lambda p: p.network.cut(p.holder), quick=True),
    Row(
        "silent cut", "everything from and to the holder is lost; carrier stays", 1,
        lambda p: p.network.silence(p.holder),
    ),
    Row(
        "one-way cut, mute", "nothing that the holder sends arrives", 1,
        lambda p: p.network.cut_one_way(p.holder, "out"), quick=True,
    ),
    Row(
        "one-way cut, deaf", "nothing reaches the holder; what it sends arrives", 1,
        lambda p: p.network.cut_one_way(p.holder, "in"),
    ),
    Row(
        "partition", "the holder hears no other voter, the client reaches all", 1,
        lambda p: p.network.partition([[p.holder], _others(p)]), quick=True,
    ),
    Row(
        "chained partition", "holder and standby hear only the witness between them", 0,
        lambda p: p.network.partition([[FRED], [ETHYL]]), quick=True,
    ),
    Row(
        "chained, holder between", "standby and witness hear only the holder", 0,
        lambda p: p.network.partition([[p.other], [LUCY]]),
    ),
    Row(
        "chained, standby between", "holder and witness hear only the standby", 0,
        lambda p: p.network.partition([[p.holder], [LUCY]]),
    ),
    Row("20 % loss", "a fifth of the holder's frames is lost, each way, for 10 s", 0, lambda p: p.network.drop(p.holder, 20), 10),
    Row(
        "SIGSTOP, SIGCONT after the lease", "the holder's daemon stands still for 1.5 s", 1, lambda p: _frozen(p, 1.5),
        quick=True,
    ),
    Row("SIGSTOP, SIGCONT within the lease", "the holder's daemon stands still for 0.2 s", 0, lambda p: _frozen(p, 0.2)),
    Row("SIGKILL", "the holder's daemon is killed", 1, lambda p: p.cluster.kill_daemon(p.holder), quick=True),
    Row("SIGKILL, started at once", "the holder's daemon is killed and started again", 1, _restarted),
    Row(
        "full disk, holder", "no byte is left on the holder's disk", 0, lambda p: p.disks[p.holder].fill(), stage="disks"
    ),
    Row(
        "full disk, standby", "no byte is left on the standby's disk", 0, lambda p: p.disks[p.other].fill(), stage="disks"
    ),
    Row(
        "frozen disk, holder", "the holder's disk answers nothing", 0, lambda p: p.disks[p.holder].freeze(), stage="disks"
    ),
    Row(
        "frozen disk, witness", "the witness's disk answers nothing", 0, lambda p: p.disks[LUCY].freeze(), stage="disks"
    ),
    Row(
        "frozen disk, then SIGKILL", "the holder is killed while the standby's disk answers nothing for 3 s", 1,
        _successor_frozen, stage="disks",
    ),
    Row(
        "flushed rules", "`nft flush ruleset` on the holder", 0,
        lambda p: p.network.run(p.holder, "nft", "flush", "ruleset"), quick=True,
    ),
    Row("address removed", "`ip address del` on the holder", 0, _removed, quick=True),
    Row("duplicate address", "a stranger has the address too, and announces it", 0, _duplicate, watch_stranger=True),
    Row(
        "clock ahead, holder", "the holder's wall clock jumps an hour ahead", 0,
        lambda p: _shifted(p, [p.holder], HOUR), stage="clocks",
    ),
    Row(
        "clock back, holder", "the holder's wall clock jumps an hour back", 0,
        lambda p: _shifted(p, [p.holder], -HOUR), stage="clocks",
    ),
    Row(
        "clock ahead, all", "every wall clock jumps an hour ahead", 0,
        lambda p: _shifted(p, [FRED, ETHYL, LUCY], HOUR), stage="clocks",
    ),
    Row(
        "clock back and forth", "the holder's wall clock: an hour ahead, two back, one ahead", 0, _back_and_forth,
        stage="clocks",
    ),
    Row("starvation", "two busy loops for each core", 0, _starved, 6),
    Row(
        "starvation, real-time", "two busy loops for each core, with `election: { realtime: true, lock_memory: true }`", 0, _starved, 6,
        stage="realtime",
    ),
    Row("lost announcements", "the holder is killed, and its successor's first four announcements are lost", 1, _muffled),
]
