"""Incidents whose cause is known: what is done to a cluster, and what keepalived and HAProxy get instead."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from . import processes
from .electd import Electd
from .landlord import Landlord
from .processes import wait_until

GROUP = "router37"
HOLDER = "fred"
OTHER = "ethyl"
WITNESS = "lucy"


@dataclass(frozen=True)
class Incident:
    """One fault. `kinds` are the causes, by `electd why --json`, that name it truly; `node` is where it is."""

    name: str
    truth: str
    kinds: tuple[str, ...]
    node: str | None
    stage: Callable[[Electd], None]
    peer: Callable[[Landlord], None] | None
    """The same fault for keepalived, None when it has nothing that could fail so."""
    peer_note: str = ""
    settings: dict = field(default_factory=dict)
    small_disk_on: str | None = None


def _held_by(cluster: Electd, node: str, timeout: float = 12) -> None:
    cluster.wait_for_holder(timeout, besides=OTHER if node == HOLDER else HOLDER)


def _moves(cluster, act: Callable[[], object], timeout: float = 12) -> None:
    act()
    if isinstance(cluster, Electd):
        wait_until(lambda: (cluster.nodes[OTHER].group() or {}).get("role") == "holder", timeout, interval=0.1)
    else:
        wait_until(lambda: cluster.has_address(OTHER), timeout, interval=0.1)


def _cable(cluster) -> None:
    _moves(cluster, lambda: cluster.network.cut(HOLDER))


def _silenced(cluster) -> None:
    _moves(cluster, lambda: cluster.network.silence(HOLDER))


def _mute(cluster) -> None:
    _moves(cluster, lambda: cluster.network.cut_one_way(HOLDER, "out"))


def _deaf(cluster) -> None:
    _moves(cluster, lambda: cluster.network.cut_one_way(HOLDER, "in"))


def _killed(cluster) -> None:
    _moves(cluster, lambda: cluster.kill_daemon(HOLDER))


def _frozen(cluster) -> None:
    _moves(cluster, lambda: cluster.freeze_daemon(HOLDER))
    time.sleep(1.5)
    cluster.thaw_daemon(HOLDER)
    time.sleep(0.5)


def _starved(cluster) -> None:
    """Lets the holder's daemon run for 3 ms of every 600, as a machine does that is far too busy."""

    def starve() -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            cluster.freeze_daemon(HOLDER)
            time.sleep(0.6)
            cluster.thaw_daemon(HOLDER)
            time.sleep(0.003)

    _moves(cluster, starve)


def _check(cluster: Electd) -> None:
    _moves(cluster, lambda: cluster.web[HOLDER].kill(tree=True))


def _proxy_wedged(cluster) -> None:
    _moves(cluster, lambda: os.kill(cluster.proxy_pid(HOLDER), signal.SIGSTOP))


def _transfer(cluster: Electd) -> None:
    _moves(cluster, lambda: cluster.nodes[WITNESS].command("transfer", GROUP, OTHER))


def _maintenance(cluster: Electd) -> None:
    _moves(cluster, lambda: cluster.nodes[HOLDER].command("maintenance", "on"))


def _interface(cluster) -> None:
    _moves(cluster, lambda: cluster.network.run(HOLDER, "ip", "link", "set", "eth1", "down"))


def _disk_full(cluster: Electd) -> None:
    filler = cluster.nodes[OTHER].state / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError:
            pass
    # A node has room reserved: its journal for minutes of peace. Orders, which every log keeps, use that up sooner.
    deadline = time.monotonic() + 120
    while not (cluster.nodes[OTHER].status() or {}).get("problems"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{OTHER} doesn't say that its disk is full")
        for wanted in ("on", "off"):
            cluster.nodes[WITNESS].command("maintenance", wanted)
    time.sleep(1)
    cluster.kill_daemon(HOLDER)
    time.sleep(4)
    # Room again: what waited in memory reaches the journal, and ethyl takes over.
    filler.unlink()
    _moves(cluster, lambda: None)


def _mismatch(cluster: Electd) -> None:
    """The other machine comes back from a restart with another lease in its file; then the holder dies."""
    node = cluster.nodes[OTHER]
    node.process.stop()
    node.config.write_text(node.config.read_text().replace("lease: 500ms", "lease: 900ms"))
    node.start()
    time.sleep(4)
    cluster.kill_daemon(HOLDER)
    time.sleep(3)


def _majority_lost(cluster: Electd) -> None:
    cluster.kill_daemon(OTHER)
    cluster.kill_daemon(WITNESS)
    wait_until(lambda: (cluster.nodes[HOLDER].group() or {}).get("role") != "holder", 8, interval=0.1)
    time.sleep(1)


def _alone(cluster: Landlord) -> None:
    cluster.kill_daemon(OTHER)
    time.sleep(4)


INCIDENTS = [
    Incident("cable", "fred's cable is pulled: it loses carrier", ("link_down",), HOLDER, _cable, _cable),
    Incident("interface", "somebody sets fred's eth1 down", ("link_down",), HOLDER, _interface, _interface),
    Incident(
        "silence", "the switch drops everything from and to fred; carrier stays", ("isolated",), HOLDER, _silenced,
        _silenced,
    ),
    Incident("mute", "nothing that fred sends arrives; it hears everybody", ("mute",), HOLDER, _mute, _mute),
    Incident("deaf", "nothing reaches fred; what it sends arrives", ("deaf",), HOLDER, _deaf, _deaf),
    Incident("killed", "fred's daemon is killed (SIGKILL)", ("crashed",), HOLDER, _killed, _killed),
    Incident("frozen", "fred's daemon is stopped for seconds (SIGSTOP)", ("stood_still",), HOLDER, _frozen, _frozen),
    Incident("starved", "fred's daemon gets next to no CPU", ("starved", "stood_still"), HOLDER, _starved, _starved),
    Incident(
        "check", "fred's web server is killed: its check `web` fails", ("check_failed",), HOLDER, _check, None,
        "the seed's check only asks whether HAProxy's pid exists; it stays master with a dead web server",
        {"preempt_after": "1s"},
    ),
    Incident(
        "proxy", "fred's proxy process hangs (SIGSTOP)", ("data_plane_down",), HOLDER, _proxy_wedged, _proxy_wedged
    ),
    Incident(
        "transfer", "an operator moves the group to ethyl, asking lucy", ("operator_transfer",), None, _transfer, None,
        "there is no such command",
    ),
    Incident(
        "maintenance", "an operator puts fred into maintenance", ("maintenance",), HOLDER, _maintenance, None,
        "there is no such command",
    ),
    Incident(
        "disk", "ethyl's disk is full when fred dies: it can't vote, nor take over", ("disk_slow",), OTHER, _disk_full,
        None, "it keeps nothing on disk, so a full one stops nobody", small_disk_on=OTHER,
    ),
    Incident(
        "mismatch", "ethyl came back with another lease in its file; then fred dies, and nobody takes over",
        ("configuration_mismatch",), OTHER, _mismatch, None,
        "nothing compares configurations; another advert_int is a warning at most",
    ),
    Incident(
        "majority", "ethyl's and lucy's daemons are killed: fred has no majority left", ("crashed",), OTHER,
        _majority_lost, _alone, "one node is enough for it to stay master; so are two, one on each side of a cut",
    ),
]
