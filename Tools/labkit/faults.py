"""Faults of the network, as nftables rules in the switch: this kernel needs no netem for them.

A fault is state, not an act: the rules are always rendered from the whole state, so that
faults add up, and healing can't forget one.
"""

import ipaddress
from dataclasses import asdict, dataclass, field

from . import topology


@dataclass
class Faults:
    """What is broken in the switch right now. Port names are machine names."""

    unplugged: set[str] = field(default_factory=set)
    """Carrier lost: the machine's own interface sees it."""
    deaf: set[str] = field(default_factory=set)
    """Nothing reaches the machine; what it sends still arrives. It sees no carrier loss."""
    mute: set[str] = field(default_factory=set)
    """Nothing that the machine sends arrives; it hears everything."""
    lossy: dict[str, int] = field(default_factory=dict)
    """Percent of frames lost, in each direction."""
    partition: list[list[str]] = field(default_factory=list)
    """Sides that can't reach each other. Machines that no side names reach everybody."""
    unannounced: bool = False
    """What announces a virtual address is lost: gratuitous ARP, and unsolicited neighbour advertisements."""

    def heal(self, name: str | None = None) -> None:
        """Forgets every fault of the machine `name`, or all of them."""
        if name is None:
            self.unplugged, self.deaf, self.mute, self.lossy, self.partition = set(), set(), set(), {}, []
            self.unannounced = False
            return
        for kind in (self.unplugged, self.deaf, self.mute):
            kind.discard(name)
        self.lossy.pop(name, None)
        self.partition = [[member for member in side if member != name] for side in self.partition]

    def rules(self) -> str:
        """The nft script that makes the switch behave so, as one transaction."""
        return "\n".join(
            ["table bridge faults", "delete table bridge faults", "table bridge faults {"]
            + _chain("from_port", "prerouting", -300, self._from_port())
            + _chain("crossing", "forward", 0, self._crossing())
            + _chain("to_port", "postrouting", 300, self._to_port())
            + ["}", ""]
        )

    def _from_port(self) -> list[str]:
        drops = [f'iifname "{name}" counter drop' for name in sorted(self.mute)]
        return drops + [f'iifname "{name}" {_share(percent)}' for name, percent in sorted(self.lossy.items())]

    def _to_port(self) -> list[str]:
        drops = [f'oifname "{name}" counter drop' for name in sorted(self.deaf)]
        return drops + [f'oifname "{name}" {_share(percent)}' for name, percent in sorted(self.lossy.items())]

    def _crossing(self) -> list[str]:
        rules = list(_ANNOUNCEMENTS) if self.unannounced else []
        for side in self.partition:
            others = [name for other in self.partition if other is not side for name in other]
            if side and others:
                rules.append(f"iifname {_names(side)} oifname {_names(others)} counter drop")
        return rules

    def as_json(self) -> dict:
        """For the lab's state file: sets become sorted lists."""
        return {key: sorted(value) if isinstance(value, set) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict) -> "Faults":
        return cls(
            unplugged=set(stored["unplugged"]),
            deaf=set(stored["deaf"]),
            mute=set(stored["mute"]),
            lossy=dict(stored["lossy"]),
            partition=[list(side) for side in stored["partition"]],
            unannounced=stored["unannounced"],
        )

    def described(self) -> list[str]:
        """One line per fault, for a person."""
        lines = [f"{name}: link cut" for name in sorted(self.unplugged)]
        lines += [f"{name}: nothing reaches it" for name in sorted(self.deaf)]
        lines += [f"{name}: nothing leaves it" for name in sorted(self.mute)]
        lines += [f"{name}: loses {percent} % in each direction" for name, percent in sorted(self.lossy.items())]
        if len([side for side in self.partition if side]) > 1:
            lines.append("partition: " + " | ".join(",".join(side) for side in self.partition))
        if self.unannounced:
            lines.append("announcements of virtual addresses are lost")
        return lines


_ANNOUNCEMENTS = (
    f"arp saddr ip {topology.VIP} arp daddr ip {topology.VIP} counter drop",
    # What it advertises stands behind type, code, checksum and flags; nft 1.0 has no name for it.
    f"icmpv6 type nd-neighbor-advert ip6 daddr ff00::/8 @th,64,128 {int(ipaddress.IPv6Address(topology.VIP6)):#x} counter drop",
)
"""Both forms of a gratuitous ARP name the address as sender and as target; answers to questions pass."""


def sides(text: str) -> list[list[str]]:
    """Parses `fred,client|ethyl,lucy`; raises ValueError on unknown names, one side only, or a name on two sides."""
    parsed = [[topology.host(name.strip()).name for name in side.split(",")] for side in text.split("|")]
    names = [name for side in parsed for name in side]
    if len(parsed) < 2:
        raise ValueError("a partition has two sides or more, like 'fred,client|ethyl,lucy'")
    if len(names) != len(set(names)):
        raise ValueError("a machine is on one side of a partition only")
    return parsed


def _chain(name: str, hook: str, priority: int, rules: list[str]) -> list[str]:
    head = [f"  chain {name} {{", f"    type filter hook {hook} priority {priority}; policy accept"]
    return head + [f"    {rule}" for rule in rules] + ["  }"]


def _share(percent: int) -> str:
    return f"numgen random mod 100 < {percent} counter drop"


def _names(names: list[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"
