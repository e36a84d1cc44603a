"""The lab's network: one namespace per machine, joined to a bridge in a namespace of its own.

The machine's own interfaces are never touched: the pairs are created inside the namespaces.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from . import namespaces, topology
from .commands import CommandFailed, run
from .faults import Faults
from .processes import Process, start

BRIDGE = "switch"
STATE = "network.json"


class Network:
    """A lab that is up. Use it with `with`, or call `down` yourself; its keeper cleans up if you can't."""

    def __init__(self, lab: str, keeper: subprocess.Popen | None) -> None:
        self.lab = lab
        self.directory = namespaces.directory(lab)
        self.faults = Faults()
        self._keeper = keeper

    # Coming and going

    @classmethod
    def up(cls, detached: bool = False) -> "Network":
        """Builds the lab. `detached`: it outlives this process, until `Tools/lab down`."""
        require_privilege()
        keeper = _start_keeper(detached)
        assert keeper.stdout is not None
        network = cls(keeper.stdout.readline().strip(), keeper)
        try:
            network.directory.mkdir(mode=0o755)
            network._build()
            network._store()
        except BaseException:
            network.down()
            raise
        return network

    @classmethod
    def found(cls, lab: str) -> "Network":
        """A lab that another process has put up."""
        network = cls(lab, None)
        network.faults = Faults.from_json(json.loads((network.directory / STATE).read_text()))
        return network

    def down(self, keep_files: bool = False) -> None:
        """Ends what runs in the lab and removes it. `keep_files` leaves its directory for a person to read."""
        if keep_files:
            (self.directory / "keep").touch()
        namespaces.destroy(self.lab)
        namespaces.remove_files(self.lab)
        if self._keeper is not None:
            if self._keeper.stdin is not None:
                self._keeper.stdin.close()
            self._keeper.terminate()
            self._keeper.wait(timeout=20)

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, *exception: object) -> None:
        self.down()

    # Processes

    def namespace(self, name: str) -> str:
        return f"{self.lab}-{name}"

    def inside(self, name: str, *command: str) -> list[str]:
        """The command line that runs `command` on the machine `name`. It replaces itself, so its pid is the command's."""
        return ["ip", "netns", "exec", self.namespace(name), *command]

    def run(self, name: str, *command: str, **options) -> subprocess.CompletedProcess:
        """Runs `command` to its end on the machine `name`."""
        return run(*self.inside(name, *command), **options)

    def start(self, name: str, label: str, *command: str, **options) -> Process:
        """Starts a daemon on the machine `name`; its output goes to `<name>-<label>.log` in the lab's directory."""
        log = self.directory / f"{name}-{label}.log"
        process = start(f"{label} on {name}", self.inside(name, *command), log, **options)
        (self.directory / f"{name}-{label}.pid").write_text(str(process.pid))
        return process

    def recorded(self) -> list[tuple[str, int]]:
        """The daemons that were started in this lab, as (`node/label`, pid)."""
        files = sorted(self.directory.glob("*.pid"))
        return [(file.stem.replace("-", "/", 1), int(file.read_text())) for file in files]

    def pid_of(self, target: str) -> int:
        """The pid of `node/label`, or of the only daemon of `node`; raises ValueError when there is no such one."""
        found = [pid for name, pid in self.recorded() if target in (name, name.split("/")[0])]
        if len(found) != 1:
            known = ", ".join(name for name, _ in self.recorded()) or "none"
            raise ValueError(f"'{target}' names {len(found)} daemons; started in this lab: {known}")
        return found[0]

    # Faults

    def cut(self, name: str) -> None:
        """Pulls the machine's cable: it loses carrier."""
        self._change(lambda faults: faults.unplugged.add(_port(name)))

    def silence(self, name: str) -> None:
        """Drops everything from and to the machine, which keeps its carrier and can't tell."""
        self.cut_one_way(name, "in")
        self.cut_one_way(name, "out")

    def cut_one_way(self, name: str, direction: str) -> None:
        """`in`: nothing reaches the machine. `out`: nothing that it sends arrives."""
        if direction not in ("in", "out"):
            raise ValueError("a direction is 'in' (to the machine) or 'out' (from it)")
        self._change(lambda faults: (faults.deaf if direction == "in" else faults.mute).add(_port(name)))

    def partition(self, sides: list[list[str]]) -> None:
        """Separates the sides; replaces an earlier partition."""
        self._change(lambda faults: setattr(faults, "partition", sides))

    def drop(self, name: str, percent: int) -> None:
        """Loses `percent` (0 to 100) of the machine's frames, in each direction."""
        if not 0 <= percent <= 100:
            raise ValueError("a share is 0 to 100 percent")
        self._change(lambda faults: faults.lossy.__setitem__(_port(name), percent))

    def lose_announcements(self) -> None:
        """Loses what tells neighbours of a new holder, and nothing else, until `heal()`."""
        self._change(lambda faults: setattr(faults, "unannounced", True))

    def heal(self, name: str | None = None) -> None:
        """Ends the faults of one machine, or all."""
        self._change(lambda faults: faults.heal(name))

    def _change(self, change) -> None:
        before = set(self.faults.unplugged)
        change(self.faults)
        self.run(BRIDGE, "nft", "-f", "-", text_in=self.faults.rules())
        for port in self.faults.unplugged ^ before:
            state = "down" if port in self.faults.unplugged else "up"
            run("ip", "-n", self.namespace(BRIDGE), "link", "set", port, state)
        self._store()

    # Building

    def _build(self) -> None:
        switch = self.namespace(BRIDGE)
        run("ip", "netns", "add", switch)
        # No spanning tree and no snooping: a port forwards as soon as it is up, and a neighbour
        # advertisement reaches everybody, as on a plain access switch.
        bridge = ["type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"]
        run("ip", "-n", switch, "link", "add", BRIDGE, *bridge)
        run("ip", "-n", switch, "link", "set", BRIDGE, "up")
        for host in topology.HOSTS:
            self._attach(host)
        for target, client in topology.FORCED.items():
            self._force_neighbour(client, topology.host(target))
        self.run(BRIDGE, "nft", "-f", "-", text_in=self.faults.rules())
        _wait_for_quick_links(switch)

    def _attach(self, host: topology.Host) -> None:
        space, switch = self.namespace(host.name), self.namespace(BRIDGE)
        run("ip", "netns", "add", space)
        quick = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]
        # Duplicate address detection would keep a fresh IPv6 address silent for a second.
        self.run(host.name, "sysctl", "-q", "-w", *quick)
        ends = ["type", "veth", "peer", "name", topology.INTERFACE, "netns", space, "address", host.mac]
        run("ip", "-n", switch, "link", "add", host.name, *ends)
        run("ip", "-n", switch, "link", "set", host.name, "master", BRIDGE, "up")
        run("ip", "-n", space, "-batch", "-", text_in=_addresses(host))

    def _force_neighbour(self, client: topology.Host, target: topology.Host) -> None:
        """Makes `client` send to `target`'s MAC whatever it hears: a permanent entry ignores ARP and NA."""
        for address in (topology.VIP, topology.VIP6):
            entry = [address, "lladdr", target.mac, "dev", topology.INTERFACE, "nud", "permanent"]
            run("ip", "-n", self.namespace(client.name), "neighbour", "replace", *entry)

    def _store(self) -> None:
        (self.directory / STATE).write_text(json.dumps(self.faults.as_json()))


def require_privilege() -> None:
    """Raises PermissionError with the reason when this process can't make network namespaces."""
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root")
    name = f"electd-trial-{os.getpid()}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "delete", name)
    except (CommandFailed, FileNotFoundError) as error:
        raise PermissionError(f"network namespaces don't work here: {error}") from None


def _wait_for_quick_links(space: str, timeout: float = 5) -> None:
    """Waits while the kernel still takes an earlier lab's namespaces apart.

    It does that behind our back, holding the one lock (RTNL) that every change of a link or an address needs, for
    hundreds of ms at a time: a fault or a takeover in the new lab would wait for it.
    """
    quick, deadline = 0, time.monotonic() + timeout
    while quick < 5 and time.monotonic() < deadline:
        begun = time.monotonic()
        run("ip", "-n", space, "link", "set", "lo", "up")
        quick = quick + 1 if time.monotonic() - begun < 0.03 else 0
        time.sleep(0.02)


def _start_keeper(detached: bool) -> subprocess.Popen:
    command = [sys.executable, "-m", "labkit.keeper"] + (["--detached"] if detached else [])
    return subprocess.Popen(
        command,
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _port(name: str) -> str:
    return topology.host(name).name


def _addresses(host: topology.Host) -> str:
    return "\n".join(
        [
            "link set lo up",
            f"link set {topology.INTERFACE} up",
            f"address add {host.address}/24 dev {topology.INTERFACE}",
            f"address add {host.address6}/64 dev {topology.INTERFACE} nodad",
            "",
        ]
    )
