"""How far people differ in this campaign, and what that means for dollars and for the promise."""

from __future__ import annotations

from math import comb, sqrt

from mcal.consensus import Disagreement, disagreement
from mcal.settings import Settings

from .hearings import Hearings

__all__ = [
    "EXPECTED_THIRDS",
    "LEAST_ITEMS",
    "consensus_error",
    "enough_judges",
    "expected_settings",
    "least_label_error",
    "measured_disagreement",
]

EXPECTED_THIRDS = 0.28
"""Share of items on which two people differ, before it is measured; algorithm.md section 1."""

LEAST_ITEMS = 100
"""Items judged twice before a measured disagreement is acted on."""

MOST_JUDGES = 9
"""People an item that are ever advised: as many as Ground Truth allows."""


def measured_disagreement(store: Hearings) -> Disagreement | None:
    """Of the items drawn first, at random; None where no item was judged by two people we know."""
    found = disagreement(store.judgements(first_draws_only=True))
    return found if found.n_items else None


def expected_settings(store: Hearings | None, settings: Settings) -> Settings:
    """Settings with the prices that an item is expected to have in the end.

    Where a third person is asked when two differ, an item costs (2 + d) / 2 times as much: d is the
    share of the first, random items on which two differed, or ``EXPECTED_THIRDS`` before
    ``LEAST_ITEMS`` of them are known, or without a campaign. For plans and forecasts; bills have
    the prices as they are.
    """
    if not settings.consensus.third_on_disagreement:
        return settings
    found = None if store is None else measured_disagreement(store)
    known = found is not None and found.n_items >= LEAST_ITEMS
    share = found.share if found is not None and known else EXPECTED_THIRDS
    prices = settings.prices.scaled((2.0 + share) / 2.0)
    return settings.model_copy(update={"prices": prices})


def consensus_error(pair_disagreement: float, n_judges: int) -> float:
    """How often the people's label of an item is wrong, estimated from how often two differ.

    Parameters
    ----------
    pair_disagreement : float
        d, the probability that two people differ, in [0, 1]; its upper limit to be careful.
    n_judges : int
        People behind a label, >= 1; 3 for two and a third where they differ, whose labels are
        those of a majority of three.

    Returns
    -------
    float
        d itself for one or two people, where a difference is settled by whoever spoke first; else
        the error of a majority of people who err at the rate p that solves 2 p (1 - p) = d.

    Notes
    -----
    Careful in that wrong people are taken to say the same wrong class: of all p that explain d this
    is the largest, and a majority is then wrong as soon as half of its people are. (Three people at
    d = 31 % come to 9.6 %; CIFAR-10N measured 8.7 %.) Not covered: errors that people share, which
    no disagreement shows; and items of different difficulty, with which a majority gains less,
    though its error stays below d. An estimate, therefore, and no promise.
    """
    if n_judges <= 2 or pair_disagreement >= 0.5:
        return pair_disagreement
    p = (1.0 - sqrt(1.0 - 2.0 * pair_disagreement)) / 2.0
    return sum(
        (0.5 if 2 * wrong == n_judges else 1.0)
        * comb(n_judges, wrong)
        * p**wrong
        * (1.0 - p) ** (n_judges - wrong)
        for wrong in range((n_judges + 1) // 2, n_judges + 1)
    )


def least_label_error(pair_disagreement: float, n_judges: int) -> float:
    """How often the people's label of an item is wrong at least, whatever the consensus.

    Parameters
    ----------
    pair_disagreement : float
        d, the probability that two people differ, in [0, 1]; its lower limit to be careful.
    n_judges : int
        People behind a label, >= 2; 3 for two and a third where they differ.

    Returns
    -------
    float
        d / 2 for two people: of two that differ one is wrong, and nothing tells which. For more
        that of a majority, ``consensus_error``, which is an estimate.
    """
    return (
        pair_disagreement / 2.0 if n_judges <= 2 else consensus_error(pair_disagreement, n_judges)
    )


def enough_judges(pair_disagreement: float, target_error: float, n_judges: int) -> int | None:
    """The least odd number of people beyond ``n_judges`` whose majority reaches a target.

    None where no more than ``MOST_JUDGES`` do.
    """
    more = range(n_judges + 1 + n_judges % 2, MOST_JUDGES + 1, 2)
    return next((n for n in more if least_label_error(pair_disagreement, n) <= target_error), None)
