"""The small frame of the network tests: what a test is, where it plays, and how it fails."""

import http.client
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tools"))

from labkit import electd, topology  # noqa: E402
from labkit.client import Client  # noqa: E402
from labkit.electd import Electd  # noqa: E402
from labkit.evidence import BRIDGE, SECOND  # noqa: E402
from labkit.network import Network  # noqa: E402
from labkit.processes import wait_until  # noqa: E402
from labkit.sockets import inside_namespace  # noqa: E402


class Failed(Exception):
    """An expectation that did not hold, in words that say what was seen instead."""


@dataclass(frozen=True)
class Test:
    """One promise, and the function that tries it."""

    name: str
    play: Callable
    needs_root: bool
    settings: dict
    """How the cluster is configured. Tests with equal settings share a stage."""


TESTS: list[Test] = []


def test(name: str, **settings) -> Callable:
    """Registers a test that plays on a running cluster: `def play(stage: Stage)`."""

    def register(play: Callable) -> Callable:
        TESTS.append(Test(name, play, True, settings))
        return play

    return register


def plain_test(name: str) -> Callable:
    """Registers a test of the command line alone, which needs neither root nor a network."""

    def register(play: Callable) -> Callable:
        TESTS.append(Test(name, play, False, {}))
        return play

    return register


@dataclass
class Reply:
    """An HTTP answer, whole."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


_CONNECT_TIMEOUT_MS = 300
"""What the proxies of the lab wait for a web server, by their configuration."""


@dataclass
class Stage:
    """A lab with a running cluster and a client that watches for a second holder all the time."""

    network: Network
    cluster: Electd
    client: Client
    is_majority: bool = True
    is_pinned: bool = False
    """Whether an operator's transfer holds the address where it is, whatever the priorities."""
    preempts: bool = True
    """Whether a better node takes the address back by itself."""

    @classmethod
    def build(cls, settings: dict) -> "Stage":
        network = Network.up()
        try:
            cluster = Electd(network, electd.binary(), **settings)
            cluster.start_web_servers()
            client = Client(network, http=settings.get("services", True))
            cluster.start()
            return cls(
                network, cluster, client, settings.get("mode", "majority") == "majority",
                preempts=settings.get("preempt_after") != "never",
            )
        except BaseException:
            network.down()
            raise

    def leave(self, keep: bool) -> None:
        self.client.stop()
        self.network.down(keep_files=keep)

    # What tests ask

    def settle(self, on: str | None = topology.FRED.name, timeout: float = 25) -> str:
        """Ends all faults, brings back what was killed, and waits until `on` (None: anybody) holds and serves."""
        self.network.heal()
        for node in self.cluster.nodes.values():
            if node.process is None or not node.process.is_running():
                node.start()
            elif node.is_frozen():
                node.process.thaw()
        if on is not None and (self.is_pinned or not self.preempts):
            self._unpin(on)
        if on is not None and not wait_until(lambda: self.cluster.holder() == on, timeout, interval=0.1):
            raise Failed(f"{on} doesn't get the address within {timeout:g} s: {self.cluster.roles()}")
        silent = lambda: [node.name for node in self.cluster.nodes.values() if node.group() is None]
        if not wait_until(lambda: not silent(), timeout, interval=0.1):
            raise Failed(f"no status after {timeout:g} s from {silent()}")
        holder = self.cluster.wait_for_holder(timeout)
        time.sleep(2 * BRIDGE / SECOND)
        if not self.client.wait_until_steady(seconds=0.7, timeout=timeout):
            raise Failed(f"{holder} holds, and the client has no steady answers")
        return holder

    def transfer(self, target: str) -> None:
        """An operator's transfer to `target`, ordered at the holder. It stays there until `settle`."""
        holder = self.cluster.wait_for_holder()
        self.is_pinned = True
        self.cluster.nodes[holder].command("transfer", "router37", target)

    def _unpin(self, to: str) -> None:
        holder = self.cluster.wait_for_holder()
        if holder != to:
            # The one that was healed a moment ago may not be ready yet.
            order = lambda: self.cluster.nodes[holder].command("transfer", "router37", to, check=False).returncode == 0
            wait_until(order, timeout=10, interval=0.3)
        self.is_pinned = False

    def mark(self) -> int:
        """Now, as the start of the stretch that the next question is about."""
        return time.monotonic_ns()

    def seen(self, since: int):
        self.client.read()
        return self.client.seen(since, time.monotonic_ns())

    def expect_unharmed(self, since: int) -> None:
        """Expects that no request failed since `since`, and that they are still answered."""
        # A request that nobody answers fails only after its 2 s: the gap shows it before.
        seen = self.seen(since)
        expect(seen.failed == 0, f"{seen.failed} of {seen.requests} requests failed: {seen.results}")
        expect(seen.recovered and seen.outage_ms < 900, f"{seen.outage_ms:.0f} ms without an answer")

    def moved(self, to: str, since: int, within_ms: float, web_lost: bool = False) -> None:
        """Expects that `to` answers for the VIP within `within_ms` of `since`, and then serves a page.

        With `web_lost`, the fault has cut a web server off too: until its check fails, a request may wait out the
        connect timeout before it goes to the other one, so that the page has `_CONNECT_TIMEOUT_MS` more.
        """
        page_within_ms = within_ms + (_CONNECT_TIMEOUT_MS + 100 if web_lost else 0)
        self._expect_in_time(to, "answered", since, within_ms, self.client.first_answer_from)
        self._expect_in_time(to, "served", since, page_within_ms, self.client.first_page_from)

    def _expect_in_time(self, to: str, what: str, since: int, within_ms: float, first: Callable) -> None:
        deadline = max(since + within_ms * 1e6, time.monotonic_ns()) + 5e9
        while (instant := self._after_reading(first, to, since)) is None:
            if time.monotonic_ns() > deadline:
                raise Failed(f"{to} never {what}; roles: {self.cluster.roles()}")
            time.sleep(0.05)
        took = (instant - since) / 1e6
        # A machine that stood still delayed the cluster too, and the fault itself.
        late = self.client.late_ms(since, instant)
        expect(
            took <= within_ms + late,
            f"{to} {what} after {took:.0f} ms, not within {within_ms:.0f} (probes up to {late:.0f} ms late)",
        )

    def _after_reading(self, first: Callable, to: str, since: int) -> int | None:
        self.client.read()
        return first(to, since)

    def get(self, path: str = "/", headers: dict[str, str] | None = None, address: str = topology.VIP) -> Reply:
        """One request from the ordinary client to the VIP."""
        with inside_namespace(self.network.namespace(topology.CLIENT.name)):
            connection = http.client.HTTPConnection(address, 80, timeout=5)
            connection.connect()
        try:
            connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read().decode(errors="replace"))
        finally:
            connection.close()

    def raw(self, request: bytes, wait: float = 3) -> bytes:
        """Sends `request` as it is and returns all that comes until the end, or `wait` seconds have passed."""
        with inside_namespace(self.network.namespace(topology.CLIENT.name)):
            connection = socket.create_connection((topology.VIP, 80), timeout=wait)
        answer = b""
        with connection:
            connection.sendall(request)
            try:
                while received := connection.recv(65536):
                    answer += received
            except (TimeoutError, ConnectionResetError):
                pass  # what came until then is the answer
        return answer

    def in_kernel(self, node: str, *command: str) -> str:
        """What a command says on `node`, as `ip` or `nft`."""
        return self.network.run(node, *command, check=False).stdout


def expect(holds: bool, otherwise: str) -> None:
    """Raises Failed with `otherwise` unless `holds`."""
    if not holds:
        raise Failed(otherwise)


def eventually(condition: Callable[[], bool], within: float, otherwise: str | Callable[[], str]) -> None:
    """Expects `condition` within some seconds."""
    if not wait_until(condition, within, interval=0.05):
        raise Failed(otherwise if isinstance(otherwise, str) else otherwise())


@contextmanager
def explained() -> Iterator[list[str]]:
    """Collects what went wrong inside, in a form for the report: nothing, or the reason."""
    reasons: list[str] = []
    try:
        yield reasons
    except Failed as failure:
        reasons.append(str(failure))
    except Exception as error:  # a test that breaks is a failed test, not the end of the others
        where = traceback.extract_tb(error.__traceback__)[-1]
        reasons.append(f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})")
