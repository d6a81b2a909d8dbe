"""Whether a training has gone wrong: models held against each other, test item by test item. Pure.

T is the same for every candidate and every round, so that two models are compared on the very items
where one is right and the other wrong: an exact sign test sees what two error rates with their
intervals would not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..bootstrap import MeasuredRound

__all__ = ["Comparison", "compare", "find_collapse", "find_hopeless"]

LEVEL = 0.001
"""Of the one-sided sign test: campaigns make some ten comparisons a candidate."""

LEAST_RISE = 0.05
"""Of the test items, more wrong ones: trainings of one size scatter by a point or two."""

LEAST_RATIO = 1.25
"""Of a model's errors to its better's: 60 to 66 % wrong is no collapse, 16 to 21 % is one."""

FAR_BEHIND = 1.5
"""Of the errors of a candidate and of the leader, in two rounds."""


@dataclass(frozen=True)
class Comparison:
    """Two models on the test items that both were measured on."""

    n_items: int
    n_wrong: int  # of the first model
    n_wrong_other: int
    p_value: float  # of so many more wrong, or still more, were both as good

    @property
    def ratio(self) -> float:
        """Errors of the first over those of the other; half a wrong item added to both."""
        return (self.n_wrong + 0.5) / (self.n_wrong_other + 0.5)

    def is_worse(self, least_ratio: float = LEAST_RATIO) -> bool:
        """Whether the first model is worse beyond doubt, and by much."""
        rise = self.n_wrong - self.n_wrong_other
        return (
            rise >= LEAST_RISE * self.n_items
            and self.ratio >= least_ratio
            and self.p_value <= LEVEL
        )


def compare(model: MeasuredRound, other: MeasuredRound) -> Comparison:
    """Hold a model against another by the exact sign test, one-sided.

    Parameters
    ----------
    model, other : MeasuredRound
        With the same test items in the same order. Items that either does not count are left out.

    Returns
    -------
    Comparison
        Items on which both are right or both wrong say nothing; with none left ``p_value`` is 1.

    Raises
    ------
    ValueError
        The numbers of test items differ.
    """
    cells, others = np.asarray(model.cells), np.asarray(other.cells)
    if cells.shape != others.shape:
        raise ValueError(
            f"other: expected {cells.size} test items as in model, found {others.size}"
        )
    counted = (cells >= 0) & (others >= 0)
    wrong, wrong_other = cells[counted] % 2 == 1, others[counted] % 2 == 1
    worse = int(np.count_nonzero(wrong & ~wrong_other))
    better = int(np.count_nonzero(wrong_other & ~wrong))
    return Comparison(
        int(np.count_nonzero(counted)),
        int(np.count_nonzero(wrong)),
        int(np.count_nonzero(wrong_other)),
        _at_least(worse, worse + better),
    )


def find_collapse(latest: MeasuredRound, before: MeasuredRound) -> str | None:
    """Why the latest model of a candidate is no model to go on with, or None.

    It has collapsed when it is worse than the one before, trained on fewer of the same labels, by
    ``LEAST_RISE`` of the test items and ``LEAST_RATIO``, and the sign test's ``LEVEL`` excludes
    luck. A candidate that learns slowly, or not yet, is not meant.
    """
    found = compare(latest, before)
    if not found.is_worse():
        return None
    return (
        f"trained on {latest.n_train:,} labels it is wrong about {_percent(found.n_wrong, found)} "
        f"of {found.n_items:,} test items; before, it was about "
        f"{_percent(found.n_wrong_other, found)} of them"
    )


def find_hopeless(
    cells: Mapping[str, Sequence[MeasuredRound]], leader: str, n_classes: int
) -> dict[str, str]:
    """Candidates that cannot catch up with the leader, each with the reason. Before any forecast.

    One that in each of the last two rounds was wrong ``FAR_BEHIND`` times as often as the leader,
    beyond doubt, and in the second no less so than in the first. Errors above half of chance
    are not held against it: such a candidate has not begun to learn, and may then learn fast.

    Parameters
    ----------
    cells : mapping of candidate name to its rounds, oldest first
        The leader's among them. Candidates without two rounds at the leader's sizes are left out.
    leader : str
    n_classes : int
        C >= 2.
    """
    first = cells.get(leader, ())[-2:]
    hopeless = {}
    for name, rounds in cells.items():
        last = rounds[-2:]
        if name == leader or len(last) < 2 or [r.n_train for r in last] != [
            r.n_train for r in first
        ]:  # fmt: skip
            continue
        before, now = (compare(own, its) for own, its in zip(last, first, strict=True))
        begun = before.n_wrong <= 0.5 * (1.0 - 1.0 / n_classes) * before.n_items
        behind = before.is_worse(FAR_BEHIND) and now.is_worse(FAR_BEHIND)
        if begun and behind and now.ratio >= before.ratio:
            hopeless[name] = (
                f"in the last two rounds it was wrong about {_percent(before.n_wrong, before)} and "
                f"{_percent(now.n_wrong, now)} of the test items, {leader} about "
                f"{_percent(before.n_wrong_other, before)} and {_percent(now.n_wrong_other, now)}: "
                "it falls further behind"
            )
    return hopeless


def _percent(count: int, compared: Comparison) -> str:
    return f"{count / compared.n_items:.1%}"


def _at_least(count: int, n: int) -> float:
    """P(X >= count) for n fair coins, to the last bit: whole numbers up to the one division."""
    ways, total = 1, 0
    for heads in range(n, count - 1, -1):  # from all heads down; C(n, heads)
        total += ways
        ways = ways * heads // (n - heads + 1)
    return total / (1 << n)
