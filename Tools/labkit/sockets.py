"""Sockets inside a namespace, opened by a process that stays outside."""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_MR_PROMISC = 1
_ETH_P_ALL = 3

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside_namespace(namespace: str) -> Iterator[None]:
    """Moves the calling thread into `namespace` for the length of the block; a socket belongs to where it was opened."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    away = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        _enter(away)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(away)
        os.close(home)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def raw_socket(interface: str, protocol: int = _ETH_P_ALL, promiscuous: bool = False) -> socket.socket:
    """A socket for whole Ethernet frames on `interface` of the current namespace."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    opened.bind((interface, protocol))
    if promiscuous:
        request = struct.pack("IHH8s", socket.if_nametoindex(interface), _PACKET_MR_PROMISC, 0, b"")
        opened.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
    return opened
