"""Checks a proof of `electd prove` with nothing of electd: SHA-256 from Python, Ed25519 from libsodium.

Written from c2sp.org/tlog-proof, signed-note, tlog-cosignature and RFC 6962, as anybody would who doubts our tools.
"""

import base64
import ctypes
import ctypes.util
import hashlib


class NotProven(Exception):
    """The text says which part doesn't hold."""


def check(proof: str, keys: dict[str, bytes]) -> tuple[bytes, list[str]]:
    """The proven frame and who cosigned its checkpoint, of the nodes whose raw public keys are given."""
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1" or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise NotProven("not a proof")
    frame = base64.b64decode(lines[1][6:], validate=True)
    path = [base64.b64decode(line, validate=True) for line in lines[3:]]
    text, _, signed = note.partition("\n\n")
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    leaf = hashlib.sha256(b"\0" + frame).digest()
    if _root(leaf, int(lines[2][6:]), int(size), path) != base64.b64decode(root):
        raise NotProven("the frame isn't in the tree")
    _, cluster, node, _ = origin.split("/")
    cosigners = []
    is_signed = False
    for line in signed.rstrip("\n").split("\n"):
        dash, name, encoded = line.split(" ")
        signature = base64.b64decode(encoded, validate=True)
        if dash != "\u2014":
            raise NotProven("not a signature line")
        if name == origin and node in keys:
            is_signed |= signature[:4] == _key_id(name, 1, keys[node]) and _verifies(signature[4:], text.encode(), keys[node])
        for peer, key in keys.items():
            if name != f"electd/{cluster}/{peer}":
                continue
            seconds = int.from_bytes(signature[4:12], "big")
            message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            if signature[:4] != _key_id(name, 4, key) or not _verifies(signature[12:], message, key):
                raise NotProven(f"the cosignature of {peer}")
            cosigners.append(peer)
    if not is_signed:
        raise NotProven(f"not signed by {node}")
    return frame, sorted(cosigners)


def _root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        raise NotProven("no such leaf")
    place, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise NotProven("the path is too long")
        if place & 1 or place == last:
            found = hashlib.sha256(b"\1" + sibling + found).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + sibling).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise NotProven("the path is too short")
    return found


def _key_id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]


def _verifies(signature: bytes, message: bytes, key: bytes) -> bool:
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    sodium.sodium_init()
    length = ctypes.c_ulonglong(len(message))
    return len(signature) == 64 and sodium.crypto_sign_verify_detached(signature, message, length, key) == 0
