"""Who is in the lab and under which address. Documentation prefixes only (RFC 5737, RFC 3849)."""

from dataclasses import dataclass

NETWORK = "192.0.2.0/24"
VIP = "192.0.2.200"
VIP6 = "2001:db8:37::200"
PREFIX6 = "2001:db8:37::"
INTERFACE = "eth1"
"""The name that the seed's configuration gives the interface; it exists only inside a namespace."""


def more_vip(number: int) -> str:
    """A further virtual address, `number` 1 to 254, for clusters with many groups."""
    return f"198.51.100.{number}"


ELECTD_PORT = 3737
WEB_PORT = 8080


@dataclass(frozen=True)
class Host:
    """One machine on the lab's segment. Its last octet is its whole identity, so that a capture reads easily."""

    name: str
    octet: int

    @property
    def address(self) -> str:
        return f"192.0.2.{self.octet}"

    @property
    def address6(self) -> str:
        return f"{PREFIX6}{self.octet}"

    @property
    def mac(self) -> str:
        """Locally administered, and fixed: a reply's MAC names the machine without a lookup."""
        return f"02:37:00:00:00:{self.octet:02x}"


FRED = Host("fred", 201)
ETHYL = Host("ethyl", 202)
LUCY = Host("lucy", 203)
CLIENT = Host("client", 10)
VIA_FRED = Host("viafred", 11)
VIA_ETHYL = Host("viaethyl", 12)
MALLORY = Host("mallory", 66)

HOLDERS = (FRED, ETHYL)
"""The two machines that may hold the VIP."""
VOTERS = (FRED, ETHYL, LUCY)
HOSTS = (FRED, ETHYL, LUCY, CLIENT, VIA_FRED, VIA_ETHYL, MALLORY)
BY_NAME = {host.name: host for host in HOSTS}
BY_MAC = {host.mac: host for host in HOSTS}

FORCED = {FRED.name: VIA_FRED, ETHYL.name: VIA_ETHYL}
"""Which client sends everything for the VIP to which machine's MAC, whatever ARP says.

Each of the two is asked directly all the time, so two machines that answer for one address
show even when the ordinary client talks to only one of them.
"""

ARP_PROBER = "192.0.2.9"
"""The address that ARP requests come from; no machine has it, so no neighbour entry in use can be spoilt."""


def host(name: str) -> Host:
    """The host called `name`; raises ValueError with the known names."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise ValueError(f"no machine '{name}' in the lab; there are {', '.join(BY_NAME)}") from None
