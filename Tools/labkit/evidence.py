"""What the probes' notes prove: outages, failed requests, and moments with two holders. Times are ns, monotonic."""

from collections.abc import Iterable
from dataclasses import dataclass

MILLISECOND = 1_000_000
SECOND = 1_000_000_000

BRIDGE = 100 * MILLISECOND
"""Two answers of one machine no further apart than this show that it held the address all the time between them.

An address that lapsed needs longer to come back. One that was handed over could come back sooner, so whoever orders
two moves leaves twice this time between them."""


@dataclass(frozen=True, order=True)
class Proof:
    """`node` answered for the VIP at some instant from `earliest` (asked) to `latest` (answer arrived)."""

    earliest: int
    latest: int
    node: str


@dataclass(frozen=True)
class Collision:
    """A moment with two holders: `intruder` answered while `holder`'s answers before and after show that it held."""

    at: int
    holder: str
    intruder: str


@dataclass(frozen=True)
class Request:
    """One HTTP request, as the probe noted it."""

    started: int
    connected: int
    requested: int
    ended: int
    result: str
    server: str

    @property
    def is_success(self) -> bool:
        return self.result == "200"


def intervals(proofs: Iterable[Proof]) -> list[tuple[int, int]]:
    """When one machine certainly held the address: from an answer's arrival to the last question answered after it."""
    found: list[tuple[int, int]] = []
    begin: int | None = None
    previous: Proof | None = None
    for proof in sorted(proofs):
        # Somewhere between asking and answer: one that took long may have been held up by the address's absence.
        if previous is None or proof.latest - previous.earliest > BRIDGE:
            if previous is not None and begin is not None and previous.earliest > begin:
                found.append((begin, previous.earliest))
            begin = proof.latest
        previous = proof
    if previous is not None and begin is not None and previous.earliest > begin:
        found.append((begin, previous.earliest))
    return found


def collisions(proofs: Iterable[Proof]) -> list[Collision]:
    """Every answer of one machine that lies wholly inside an interval in which another one certainly held.

    It claims only what is proven: an answer that could have come before the other took over doesn't count.
    """
    by_node: dict[str, list[Proof]] = {}
    for proof in proofs:
        by_node.setdefault(proof.node, []).append(proof)
    found = []
    for holder, own in by_node.items():
        held = intervals(own)
        others = sorted(proof for node, theirs in by_node.items() if node != holder for proof in theirs)
        index = 0
        for proof in others:
            while index < len(held) and held[index][1] < proof.earliest:
                index += 1
            if index < len(held) and held[index][0] < proof.earliest and proof.latest < held[index][1]:
                found.append(Collision(proof.earliest, holder, proof.node))
    return sorted(found, key=lambda collision: collision.at)


def turns(proofs: Iterable[Proof]) -> list[tuple[str, int, int]]:
    """Who answered when: (machine, first asked, last answered), in order, one for each time that another one answered."""
    found: list[tuple[str, int, int]] = []
    for proof in sorted(proofs):
        if found and found[-1][0] == proof.node:
            found[-1] = (proof.node, found[-1][1], max(found[-1][2], proof.latest))
        else:
            found.append((proof.node, proof.earliest, proof.latest))
    return found


def same_question(answers: Iterable[Proof]) -> list[Collision]:
    """ARP questions that two machines answered."""
    first: dict[int, Proof] = {}
    found = []
    for answer in sorted(answers):
        seen = first.setdefault(answer.earliest, answer)
        if seen.node != answer.node:
            found.append(Collision(answer.earliest, seen.node, answer.node))
    return found


def http_proofs(node: str, requests: Iterable[Request]) -> list[Proof]:
    """A connection that opened, and a page that came, each prove that `node` accepted the VIP's traffic then."""
    proofs = []
    for request in requests:
        if request.connected:
            proofs.append(Proof(request.started, request.connected, node))
        if request.is_success:
            proofs.append(Proof(request.requested, request.ended, node))
    return proofs


_GONE = 500 * MILLISECOND
"""Without a success for this long at the end of a window, the service counts as not recovered."""


def longest_gap(successes: Iterable[int], start: int, end: int) -> tuple[int, bool]:
    """The longest time without success in [start, end], and whether successes came again after it.

    The last success before `start` opens the first gap, so that a fault which bites at once is measured whole.
    """
    times = sorted(time for time in successes if time <= end)
    before = [time for time in times if time <= start]
    marks = [before[-1] if before else start, *(time for time in times if time > start), end]
    longest = max(later - earlier for earlier, later in zip(marks, marks[1:]))
    return longest, end - marks[-2] < _GONE
