"""How many labels are bought at a time: of B0, of later batches, at least and at most. Pure."""

from __future__ import annotations

from ..settings import Settings
from ..types import IndexArray
from .purse import most_labels_of_budget

__all__ = [
    "first_batch_size",
    "first_purchase",
    "most_growth",
    "most_next",
    "smallest_batch",
    "within_share",
]


def first_batch_size(n_pool: int, settings: Settings) -> int:
    """|B0|: ``initial_share`` of N, and enough of a small pool to train on at all.

    N without the items whose labels are known, here and in ``smallest_batch``. At most a fifth of
    what a budget buys, or 20.
    """
    n_new = n_pool - settings.n_known
    size = max(_least(n_new, settings), round(settings.plan.initial_share * n_new))
    return within_share(size, 0.2, settings)


def first_purchase(n_pool: int, n_by_class: IndexArray, settings: Settings) -> int:
    """Items of B0 to buy, drawn at random, when some labels to train on are known.

    B0 makes a first model that can rank: known labels serve as well as bought ones, so that they
    count. Only where they lack a class B0 is bought whole, for a ranking by a model that has never
    seen a class does not look for it.

    Parameters
    ----------
    n_pool : int
    n_by_class : (C,) int64
        Known labels to train on.
    settings : Settings
    """
    size = first_batch_size(n_pool, settings)
    if not n_by_class.all():
        return size
    n_lacking = size - int(n_by_class.sum())
    return max(n_lacking, settings.prices.min_batch) if n_lacking > 0 else 0


def most_growth(n_pool: int, n_train: int, n_known: int, settings: Settings) -> int:
    """How much |B| may grow on a forecast that has not settled: by as much as was bought.

    So it doubles; of ``n_train`` labels ``n_known`` were not bought, and are no reason to leap.
    """
    if not n_known:
        return n_train
    return max(first_batch_size(n_pool, settings), n_train - n_known)


def most_next(
    n_pool: int, n_train: int, n_left: int, settings: Settings, *, n_known: int = 0
) -> int:
    """The most labels that a round may buy on a forecast that has not settled."""
    growth = most_growth(n_pool, n_train, n_known, settings)
    return min(n_left, max(smallest_batch(n_pool, settings), growth))


def smallest_batch(n_pool: int, settings: Settings) -> int:
    """Fewest labels worth a training: delta_min of algorithm.md section 4, and people's least.

    At most a twentieth of what a budget buys, or 20.
    """
    n_new = n_pool - settings.n_known
    size = max(_least(n_new, settings), round(settings.plan.delta_min_share * n_new))
    return within_share(size, 0.05, settings)


def within_share(size: int, share: float, settings: Settings) -> int:
    """``size``, but at most a share of the labels that a budget buys, where 20 are fewer.

    Never below the smallest batch that people take.
    """
    n_labels = most_labels_of_budget(settings)
    if n_labels is not None:
        size = min(size, max(20, round(share * n_labels)))
    return max(size, settings.prices.min_batch)


def _least(n_pool: int, settings: Settings) -> int:
    """A batch below some 20 labels teaches little and costs people a wait; 5 % of a small pool."""
    return 1 if settings.preset == "paper" else max(1, min(20, round(0.05 * n_pool)))
