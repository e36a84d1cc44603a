"""The faults that only electd knows: forged and replayed heartbeats, and a planned transfer."""

from dataclasses import dataclass

from . import forge
from .electd import Electd
from .scenario import Outcome, Scenario, now


@dataclass(frozen=True)
class Stand:
    """What forged datagrams must not change."""

    holder: str | None
    terms: dict[str, int]


class ElectdScenario(Scenario):
    """The common faults and electd's own."""

    cluster: Electd

    FORGED_EACH = 2000

    def forge_heartbeats(self) -> None:
        """Replays genuine datagrams and sends broken, dressed-up and random ones, from a stranger's port."""
        holder = self._begin("Mallory is on the segment. {} holds. She collects heartbeats, and sends:")
        genuine = forge.collect(self.cluster.network, seconds=3.0)
        if not genuine:
            raise RuntimeError("no heartbeat crossed the switch in 3 s: is electd speaking UDP?")
        each = self.FORGED_EACH
        attacks = {
            f"{each} replays of {len(genuine)} genuine ones": (genuine * (each // len(genuine) + 1))[:each],
            f"{each} with a bit turned over": forge.flipped(genuine, each),
            f"{each} cut short or grown": forge.truncated(genuine, each),
            f"{each} with a genuine head and a random body": forge.dressed(genuine, each),
            f"{each} of random bytes": forge.junk(each),
        }
        before, refused_before = self._stand(), self._refused()
        start = now()
        for what, payloads in attacks.items():
            self.say(f"   - {what}")
            forge.send(self.cluster.network, payloads)
        outcome = self._end("forged and replayed heartbeats", start, None)
        after, refused = self._stand(), self._refused()
        self._judge_forgery(outcome, before, after, refused - refused_before, each * len(attacks))
        if after == before:
            self.say(f"   {holder} still holds, in the same term; {refused - refused_before} datagrams were refused.")

    def _judge_forgery(self, outcome: Outcome, before: Stand, after: Stand, refused: int, sent: int) -> None:
        if after != before:
            self._break(outcome, f"{before} became {after} while datagrams were forged; {self._reasons()}")
        if outcome.failed:
            self._break(outcome, f"{outcome.failed} requests failed while datagrams were forged")
        # A datagram that is cut to nothing, or that the kernel dropped for want of room, is counted by nobody.
        if refused < sent // 2:
            self._break(outcome, f"of {sent} forged datagrams only {refused} were counted as refused")

    def transfer(self) -> None:
        """A planned move, ordered by the operator."""
        holder = self._begin("The operator moves the address away from {}.")
        target = self.cluster.other(holder)
        start = now()
        done = self.cluster.nodes[holder].command("transfer", "router37", target, check=False)
        outcome = self._end("planned transfer", start, holder)
        if done.returncode != 0:
            self._break(outcome, f"electd transfer: exit {done.returncode}: {done.stderr.strip()}")
        # A transfer stays until the next one: a better priority doesn't undo what the operator decided.
        back = self.cluster.nodes[target]
        self._mend("And moves it back.", lambda: back.command("transfer", "router37", holder, check=False))

    def _stand(self) -> Stand:
        terms = {}
        for node in self.cluster.nodes.values():
            group = node.group()
            terms[node.name] = group["term"] if group else -1
        return Stand(self.cluster.holder(), terms)

    def _reasons(self) -> str:
        """Why each node last changed its mind: a busy machine loses leases too, and that is another fault."""
        groups = ((name, node.group() or {}) for name, node in self.cluster.nodes.items())
        return "; ".join(f"{name}: {group.get('last_change')}" for name, group in groups)

    def _refused(self) -> int:
        """Refused datagrams over all nodes, whatever their reasons."""
        return sum(refusals(node.status()) for node in self.cluster.nodes.values())


def refusals(status: dict | None) -> int:
    """How many datagrams a node has refused, for whatever reason."""
    if status is None:
        return 0
    return sum(drop["count"] for drop in status["datagrams"]["dropped"])
