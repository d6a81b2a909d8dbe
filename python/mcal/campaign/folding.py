"""One more training before the audit, on the test set too: whether it pays, and went well. Pure."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..fitting import CurveFits
from ..profiles import Profile
from ..settings import Settings
from .audit import n_test_of
from .forecast import expected_audit
from .label_cost import label_cost

__all__ = ["LEAST_SAVING", "differs_too_much", "folding_saves_usd"]

LEAST_SAVING = 0.005
"""Of the human-only price, once the training is paid, for it to be made: buying tends to end at a
model that is lucky, and another is not. In 40 simulated campaigns forecasts were 0.6 % too high."""

MOST_DIFFERENT = 1.5
"""Labels that two models may differ on, over those that the first is expected to have wrong. Two as
good as each other differ on twice as many if they never err together, and in practice on fewer."""


def folding_saves_usd(
    fits: CurveFits, profile: Profile, n_train: int, n_test: int, *, n_pool: int, settings: Settings
) -> float:
    """Dollars of labels that a training on B and T is expected to save, without its cost.

    The audits expected of the model in hand and of one trained on ``n_train + n_test`` labels, on
    the same items, held against each other: both as the fitted curves have them, so that luck of
    the model in hand counts for neither.

    Parameters
    ----------
    fits : CurveFits
        Of the rounds so far.
    profile : Profile
        Of the model in hand.
    n_train, n_test : int
        Labels in B, and those in T that can be trained on.
    n_pool : int
    settings : Settings
    """
    n_left = int(profile.bin_edges[-1])
    error = fits.predict(np.array([n_train, n_train + n_test]))
    found = [
        expected_audit(
            fits.thetas,
            rates,
            n_left=n_left,
            n_pool=n_pool,
            n_test=n_test_of(profile),
            settings=settings,
        ).n_machine
        for rates in error.T
    ]
    now_usd, folded_usd = label_cost(n_pool, settings).of(found)
    return float(now_usd - folded_usd)


def differs_too_much(
    labels: npt.NDArray[np.int64], others: npt.NDArray[np.int64], profile: Profile
) -> bool:
    """Whether a model must be worse than the one that ``profile`` measured. No test item is left
    to measure it, but where two models differ one of them is wrong.

    Parameters
    ----------
    labels, others : (K,) int64
        What the two say about all items that nobody has labelled, in the same order.
    profile : Profile
        Of the other model, among these items.
    """
    n_wrong = profile.errors_above(int(profile.bin_edges[-1]))
    n_different = int(np.count_nonzero(labels != others))
    return n_different > MOST_DIFFERENT * (n_wrong + 3.0 * math.sqrt(n_wrong + 1.0))
