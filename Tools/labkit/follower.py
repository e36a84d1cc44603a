"""Loopback's client: without a virtual address, it asks the daemons who holds, and sends its requests there.

What it sees is what the daemons say and what their proxies answer. That is less than packets prove, and the demo says so.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .client import Seen
from .evidence import MILLISECOND, Proof, Request, collisions, longest_gap

_INTERVAL = 0.02
_PATIENCE = 0.2
"""For a daemon's answer, seconds; a frozen one gives none. A claim older than that counts no more."""
_PAGE_PATIENCE = 1.0
_GROUP = "router37"


@dataclass(frozen=True)
class Front:
    """Where one node can be asked, and where its proxy listens."""

    name: str
    control: Path
    address: str
    port: int


class Follower:
    """Asks every node 50 times a second whether it holds, and as often fetches a page from the one that does."""

    def __init__(self, fronts: list[Front]) -> None:
        self._fronts = fronts
        self._claims: dict[str, int] = {}
        self._proofs: list[Proof] = []
        self._requests: list[Request] = []
        self._ends = threading.Event()
        # A request that nobody answers must not keep the next one waiting: each has a thread of its own.
        fetch = lambda: threading.Thread(target=self._fetch, daemon=True).start()
        jobs = [*(lambda front=front: self._ask(front) for front in fronts), fetch]
        self._threads = [threading.Thread(target=self._repeat, args=(job,), daemon=True) for job in jobs]

    def __enter__(self) -> "Follower":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def seen(self, start: int, end: int) -> Seen:
        """What came of the requests from `start` to `end`, and whether two nodes ever claimed to hold at once."""
        window = [request for request in list(self._requests) if start <= request.started <= end]
        results: dict[str, int] = {}
        for request in window:
            results[request.result] = results.get(request.result, 0) + 1
        successes = [request.ended for request in list(self._requests) if request.is_success]
        gap, recovered = longest_gap(successes, start, end)
        claims = [proof for proof in list(self._proofs) if start <= proof.earliest <= end]
        return Seen(
            outage_ms=gap / MILLISECOND,
            recovered=recovered,
            requests=len(window),
            failed=sum(1 for request in window if not request.is_success),
            results=results,
            collisions=collisions(claims),
            observer_late_ms=0,
        )

    def holder(self) -> str | None:
        """Who claims to hold, by answers that are fresh; with two of them the newest."""
        newest = max(list(self._claims.items()), key=lambda claim: claim[1], default=None)
        if newest is None or time.monotonic_ns() - newest[1] > _PATIENCE * 1e9:
            return None
        return newest[0]

    def wait_until_steady(self, seconds: float = 1.0, timeout: float = 30) -> bool:
        """Waits until all requests have succeeded for `seconds`; says whether."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            now = time.monotonic_ns()
            seen = self.seen(now - int(seconds * 1e9), now)
            if seen.requests > 5 and seen.failed == 0 and seen.recovered:
                return True
            time.sleep(0.1)
        return False

    def _repeat(self, job: Callable[[], None]) -> None:
        while not self._ends.wait(_INTERVAL):
            job()

    def _ask(self, front: Front) -> None:
        asked = time.monotonic_ns()
        term = _claimed_term(front.control)
        answered = time.monotonic_ns()
        if term is not None:
            # With the term, because a node that gives up and holds again does so in a new one: what lies between two
            # claims of one term was held without a break.
            self._proofs.append(Proof(asked, answered, f"{front.name} in term {term}"))
            self._claims[front.name] = answered
        else:
            self._claims.pop(front.name, None)

    def _fetch(self) -> None:
        started = time.monotonic_ns()
        holder = self.holder()
        if holder is None:
            self._requests.append(Request(started, 0, 0, started, "nobody holds", "-"))
            return
        front = next(front for front in self._fronts if front.name == holder)
        result, server = _page(front)
        self._requests.append(Request(started, started, started, time.monotonic_ns(), result, server))


def _claimed_term(control: Path) -> int | None:
    """In which term the daemon behind the socket says that it holds, None: it doesn't say so, or doesn't answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(_PATIENCE)
            stream.connect(str(control))
            stream.sendall(b"GET /v1/status HTTP/1.1\r\nHost: electd\r\nConnection: close\r\n\r\n")
            answer = b""
            while received := stream.recv(65536):
                answer += received
        status = json.loads(answer.partition(b"\r\n\r\n")[2])
    except (OSError, ValueError):
        return None
    held = (group["term"] for group in status["groups"] if group["name"] == _GROUP and group["role"] == "holder")
    return next(held, None)


def _page(front: Front) -> tuple[str, str]:
    """The HTTP status of one request, or what went wrong; and the page's first word, which names the web server."""
    connection = http.client.HTTPConnection(front.address, front.port, timeout=_PAGE_PATIENCE)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        answer = connection.getresponse()
        words = answer.read().decode(errors="replace").split()
        return str(answer.status), words[0] if words else "-"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, "-"
    finally:
        connection.close()
