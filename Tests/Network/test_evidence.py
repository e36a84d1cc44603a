"""The witnesses are tested too: a watcher that never sees two holders proves nothing. Needs no root."""

from harness import expect, plain_test
from labkit.evidence import MILLISECOND, Proof, collisions, longest_gap, same_question
from labkit.faults import Faults, sides


def _answers(node: str, start_ms: float, end_ms: float, every_ms: float = 10) -> list[Proof]:
    """`node` answers every question from `start_ms` to `end_ms`, each within a millisecond."""
    proofs, at = [], start_ms
    while at <= end_ms:
        proofs.append(Proof(int(at * MILLISECOND), int((at + 1) * MILLISECOND), node))
        at += every_ms
    return proofs


@plain_test("evidence: one holder after the other is no collision, however close")
def handover() -> None:
    found = collisions(_answers("fred", 0, 500) + _answers("ethyl", 502, 900) + _answers("fred", 902, 1200))
    expect(not found, f"found {found[:1]}")


@plain_test("evidence: a single answer while the other one holds is a collision")
def intruder() -> None:
    found = collisions(_answers("fred", 0, 500) + [Proof(253 * MILLISECOND, 254 * MILLISECOND, "ethyl")])
    expect(len(found) == 1 and found[0].intruder == "ethyl", f"found {found}")


@plain_test("evidence: two that overlap by 30 ms collide")
def overlap() -> None:
    found = collisions(_answers("fred", 0, 500) + _answers("ethyl", 470, 900))
    expect(len(found) >= 2, f"found {found}")


@plain_test("evidence: an answer that may have come before the other took over is no collision")
def undecided() -> None:
    slow = Proof(490 * MILLISECOND, 530 * MILLISECOND, "fred")
    found = collisions(_answers("fred", 0, 480) + [slow] + _answers("ethyl", 505, 900))
    expect(not found, f"found {found[:1]}")


@plain_test("evidence: two answers to one ARP question collide")
def one_question() -> None:
    found = same_question([Proof(5, 6, "fred"), Proof(5, 7, "ethyl"), Proof(9, 10, "ethyl"), Proof(9, 11, "ethyl")])
    expect(len(found) == 1, f"found {found}")


@plain_test("evidence: the longest gap begins with the last success before the fault")
def gap() -> None:
    successes = [at * MILLISECOND for at in (0, 10, 20, 320, 330, 340)]
    longest, recovered = longest_gap(successes, 25 * MILLISECOND, 345 * MILLISECOND)
    expect((longest, recovered) == (300 * MILLISECOND, True), f"{longest}, {recovered}")
    longest, recovered = longest_gap(successes, 25 * MILLISECOND, 2000 * MILLISECOND)
    expect(longest == 1660 * MILLISECOND and not recovered, f"{longest}, {recovered}")


@plain_test("faults: they add up, and healing one machine leaves the others")
def faults() -> None:
    state = Faults(deaf={"fred"}, lossy={"ethyl": 20}, partition=sides("fred|ethyl,lucy"))
    rules = state.rules()
    for part in ('oifname "fred" counter drop', "mod 100 < 20", 'iifname { "fred" } oifname { "ethyl", "lucy" }'):
        expect(part in rules, f"`{part}` is missing in\n{rules}")
    state.heal("fred")
    expect("fred" not in state.rules() and "mod 100 < 20" in state.rules(), state.rules())
    expect(Faults.from_json(state.as_json()).rules() == state.rules(), "it does not survive its file")
