"""What a hostile tenant on the segment can do: collect datagrams, and send them again, altered or made up."""

import random
import socket
import struct
import time

from . import topology
from .network import BRIDGE, Network
from .recorder import udp_payloads
from .sockets import inside_namespace, raw_socket

_ETH_P_IP = 0x0800
_PAUSE = 0.0002
"""Between two forged datagrams: a flood of some thousand per second, not one that only measures the CPU."""


def collect(network: Network, seconds: float = 1.0) -> list[bytes]:
    """Genuine heartbeats, as they cross the switch."""
    with inside_namespace(network.namespace(BRIDGE)):
        tap = raw_socket(topology.FRED.name, promiscuous=True)
    with tap:
        return udp_payloads(tap, topology.ELECTD_PORT, seconds)


def flipped(genuine: list[bytes], count: int, seed: int = 37) -> list[bytes]:
    """Copies with one bit turned over, anywhere."""
    chance = random.Random(seed)
    altered = []
    for _ in range(count):
        datagram = bytearray(chance.choice(genuine))
        datagram[chance.randrange(len(datagram))] ^= 1 << chance.randrange(8)
        altered.append(bytes(datagram))
    return altered


def truncated(genuine: list[bytes], count: int, seed: int = 38) -> list[bytes]:
    """Copies that end early, or have something behind their end."""
    chance = random.Random(seed)
    altered = []
    for _ in range(count):
        datagram = chance.choice(genuine)
        cut = chance.randrange(len(datagram))
        altered.append(datagram[:cut] if chance.random() < 0.8 else datagram + chance.randbytes(1 + cut % 64))
    return altered


def junk(count: int, seed: int = 39) -> list[bytes]:
    """Random bytes of every length that a datagram without fragments can have."""
    chance = random.Random(seed)
    return [chance.randbytes(chance.randrange(1400)) for _ in range(count)]


def dressed(genuine: list[bytes], count: int, seed: int = 40) -> list[bytes]:
    """Genuine heads before random bodies: what is dropped later than junk, and so costs more."""
    chance = random.Random(seed)
    altered = []
    for _ in range(count):
        datagram = chance.choice(genuine)
        head = chance.randrange(4, min(64, len(datagram)))
        altered.append(datagram[:head] + chance.randbytes(len(datagram) - head))
    return altered


def send(network: Network, payloads: list[bytes], targets: tuple[topology.Host, ...] = topology.VOTERS) -> int:
    """Sends each payload to one of `targets`, in turn, from mallory's port under the addresses of the other nodes."""
    with inside_namespace(network.namespace(topology.MALLORY.name)):
        port = raw_socket(topology.INTERFACE)
    with port:
        for number, payload in enumerate(payloads):
            target = targets[number % len(targets)]
            pretended = [host for host in topology.VOTERS if host is not target][number // len(targets) % 2]
            port.send(_frame(pretended, target, payload))
            time.sleep(_PAUSE)
    return len(payloads)


def _frame(source: topology.Host, target: topology.Host, payload: bytes) -> bytes:
    """An Ethernet frame with mallory's MAC and `source`'s IP address. UDP without checksum, which IPv4 allows."""
    ethernet = _mac(target.mac) + _mac(topology.MALLORY.mac) + struct.pack("!H", _ETH_P_IP)
    udp = struct.pack("!HHHH", topology.ELECTD_PORT, topology.ELECTD_PORT, 8 + len(payload), 0)
    addresses = socket.inet_aton(source.address) + socket.inet_aton(target.address)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp) + len(payload), 0, 0x4000, 64, socket.IPPROTO_UDP, 0)
    return ethernet + _with_checksum(head + addresses) + udp + payload


def _with_checksum(head: bytes) -> bytes:
    total = sum(struct.unpack("!10H", head))
    total = (total >> 16) + (total & 0xFFFF)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return head[:10] + struct.pack("!H", checksum) + head[12:]


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
