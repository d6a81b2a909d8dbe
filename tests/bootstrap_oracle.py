"""The bootstrap, slow and readable, one replica at a time, given how often each item is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

import fit_oracle
from mcal.bootstrap import MeasuredRound
from mcal.fitting import Form
from mcal.profiles import estimate_profile
from mcal.types import FloatArray, IndexArray


@dataclass(frozen=True)
class Draw:
    """What chance decides about a replica."""

    counts: IndexArray  # (n_test,)
    gamma_centre: float
    ratio_centre: float
    form_draw: float


def profile(
    round_: MeasuredRound, counts: IndexArray, thetas: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Wrong items and items (T,), as estimate_profile gives them for the items drawn.

    Its deficits are made up: bin j of U holds deficits of (j + 1) / 100, so that an item drawn
    from cell 2 j or 2 j + 1 falls into it.
    """
    items = np.repeat(round_.cells, counts)
    items = items[items >= 0]
    if not items.size:
        return np.zeros(thetas.size), np.zeros(thetas.size)
    bin_size = np.diff(round_.bin_edges)
    pool = np.repeat(np.arange(1, bin_size.size + 1) / 100, bin_size)
    found = estimate_profile(
        (items // 2 + 1) / 100, items % 2 == 1, pool, thetas=thetas, n_bins=bin_size.size
    )
    np.testing.assert_array_equal(found.bin_edges, round_.bin_edges)
    return found.wrong, found.n_effective


def objective(x: FloatArray, p: fit_oracle.Problem, draw: Draw) -> tuple[float, float]:
    """Half the binomial deviance with and without the priors around the draw's centres."""
    with_spec_priors, _ = fit_oracle.negative_log_posterior(x, p)
    bare = with_spec_priors - (x[1] - 0.5) ** 2 / (2 * 0.3**2) - x[2:].sum() / 0.15
    priors = (x[1] - draw.gamma_centre) ** 2 / (2 * 0.3**2)
    priors += np.sum((x[2:] - draw.ratio_centre) ** 2) / (2 * 0.15**2)
    return bare + priors, bare


def fit(p: fit_oracle.Problem, draw: Draw) -> tuple[float, FloatArray]:
    """Deviance and parameters of the best fit that scipy finds."""
    level = float(np.log(max(p.wrong.sum(), 0.5) / p.n_test.sum()))
    bounds = [(-60.0, float(np.log(100.0 * p.chance))), (0.0, 3.0), (0.0, None)][: p.n_parameters]
    best = None
    for gamma, ratio in ((0.3, 0.05), (1.0, 0.3), (0.3, 1.0)):
        start = np.array([level, gamma, ratio][: p.n_parameters])
        for method in ("L-BFGS-B", "SLSQP"):
            found = optimize.minimize(
                lambda x: objective(x, p, draw)[0], start, method=method, bounds=bounds,
                options={"ftol": 1e-13, "maxiter": 1000},
            )  # fmt: skip
            start = np.clip(found.x, [b[0] for b in bounds], [b[1] or np.inf for b in bounds])
            value = objective(start, p, draw)[0]
            if best is None or value < best[0]:
                best = (value, start)
    assert best is not None
    return 2.0 * objective(best[1], p, draw)[1], best[1]


def isotonic(values: FloatArray) -> FloatArray:
    return np.asarray(optimize.isotonic_regression(values).x)


def curves(
    rounds: Sequence[MeasuredRound],
    draw: Draw,
    thetas: FloatArray,
    n_at: FloatArray,
    n_classes: int,
    forms: Sequence[Form],
) -> tuple[FloatArray, FloatArray]:
    """(T, K) errors of the form drawn, and (F,) the mean deviances that it was drawn by."""
    profiles = [profile(r, draw.counts, thetas) for r in rounds]
    n = np.array([float(r.n_train) for r in rounds])
    deviance = np.empty((len(forms), thetas.size))
    log_error = np.empty((len(forms), thetas.size, n_at.size))
    for f, form in enumerate(forms):
        for t in range(thetas.size):
            wrong = np.array([w[t] for w, _ in profiles])
            n_test = np.array([m[t] for _, m in profiles])
            p = fit_oracle.Problem(form, n_classes, n, wrong, n_test)
            deviance[f, t], x = fit(p, draw)
            # log_error takes sizes relative to the largest it is given
            reach = np.append(n_at, n.max())
            shift = x.copy()
            shift[0] -= x[1] * np.log(reach.max() / n.max())
            if form == "truncated":
                shift[2] *= reach.max() / n.max()
            elif form == "floor":
                shift[2] *= np.exp(x[0] - shift[0])
            log_error[f, t] = fit_oracle.log_error(form, shift, reach, p.chance)[:-1]
    mean = deviance.mean(axis=1)
    weight = np.exp(-0.5 * (mean - mean.min()))
    drawn = int(np.searchsorted(np.cumsum(weight) / weight.sum(), draw.form_draw, side="right"))
    wrong_share = thetas[:, None] * np.exp(log_error[drawn])
    rising = np.stack([isotonic(column) for column in wrong_share.T], axis=1)
    chance = 1.0 - 1.0 / n_classes
    return np.minimum(rising / thetas[:, None], chance), mean
