"""The quick rows of the fault matrix (`Tools/matrix`): no two holders, no move without a cause."""

from collections.abc import Callable

from harness import Stage, expect, test
from labkit import matrix
from labkit.matrix_rows import ROWS, Row


_TRIES = 3
"""A machine that is busy enough takes a lease by itself. A fault that does, does it each time."""


def _played(row: Row) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        for _ in range(_TRIES):
            outcome = matrix.perform(row, stage.cluster, stage.client)
            expect(outcome.most_at_once == 1, f"two holders: {outcome.collisions}")
            if outcome.false_moves == 0:
                break
        expect(outcome.false_moves == 0, f"{row.moves} moves have a cause, each time there were more: {outcome.told}")
        if row.moves:
            expect(len(outcome.moves) > 0, "the group didn't move")

    return play


for _row in ROWS:
    if _row.quick:
        test(f"matrix: {_row.what}", preempt_after="never")(_played(_row))
