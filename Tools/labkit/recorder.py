"""Writes what crosses the lab's switch to a pcap file that tcpdump and Wireshark open."""

import socket
import struct
import sys
import time
from pathlib import Path

from . import topology
from .interrupts import become_interruptible
from .network import BRIDGE, Network
from .sockets import inside_namespace, raw_socket

_MAGIC_NANOSECONDS = 0xA1B23C4D
_ETHERNET = 1
_SNAPLEN = 65535


def record(network: Network, port: str | None, file: Path) -> None:
    """Records all ports, or one machine's, until SIGINT or SIGTERM."""
    interface = topology.host(port).name if port else BRIDGE
    with inside_namespace(network.namespace(BRIDGE)):
        tap = raw_socket(interface, promiscuous=True)
    become_interruptible()
    frames = 0
    with file.open("wb") as out:
        out.write(struct.pack("=IHHiIII", _MAGIC_NANOSECONDS, 2, 4, 0, 0, _SNAPLEN, _ETHERNET))
        try:
            while True:
                frame = tap.recv(_SNAPLEN)
                seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
                out.write(struct.pack("=IIII", seconds, nanoseconds, len(frame), len(frame)) + frame)
                frames += 1
        except KeyboardInterrupt:
            print(f"{frames} frames in {file}", file=sys.stderr)


def frames(tap: socket.socket, seconds: float) -> list[bytes]:
    """What passes `tap` within `seconds`."""
    collected = []
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        tap.settimeout(left)
        try:
            collected.append(tap.recv(_SNAPLEN))
        except TimeoutError:
            break
    return collected


def udp_payloads(tap: socket.socket, port: int, seconds: float) -> list[bytes]:
    """The UDP payloads to `port` that pass `tap` within `seconds`: what a stranger on the segment would collect."""
    found = (udp_payload(frame, port) for frame in frames(tap, seconds))
    return [payload for payload in found if payload is not None]


def udp_payload(frame: bytes, port: int) -> bytes | None:
    """The payload when `frame` is IPv4 UDP to `port`, else None."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_UDP:
        return None
    start = 14 + 4 * (frame[14] & 0x0F)
    if len(frame) < start + 8:
        return None
    to_port, length = struct.unpack("!HH", frame[start + 2 : start + 6])
    return frame[start + 8 : start + length] if to_port == port else None
