"""What every plan would have cost, with hindsight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcal.campaign.estimate import search
from mcal.campaign.facts import Facts
from mcal.fitting import CurveFits
from mcal.planning import TrainingCost
from mcal.profiles import Profile
from mcal.store import EstimateKind, EstimateRecord, Store, expected_settings
from mcal.store import settings_now as settings_of
from mcal.types import FloatArray, IndexArray

from .audit import machine_cut

__all__ = ["CostSurface", "read_surface"]

N_SIZES = 160  # columns of the surface


@dataclass(frozen=True, eq=False)
class CostSurface:
    """Totals over training size and machine share, before an audit.

    Attributes
    ----------
    round : int
        Whose curves the surface is drawn from, with hindsight: the last that could be fitted.
    n_train : (K,) int64
        |B|, from the first round's to everything.
    thetas : (T,) float64
        Share of what is left then that the machine labels.
    cost_usd : (T, K) float64
        Of the labels and the trainings to come; NaN where the error would be too large.
    human_only_usd : float
    end_n_train : int or None
    end_theta : float or None
        Where the campaign ended: how far down its ranking the machine's labels reach.
    """

    round: int
    n_train: IndexArray
    thetas: FloatArray
    cost_usd: FloatArray
    human_only_usd: float
    end_n_train: int | None
    end_theta: float | None


def read_surface(store: Store, classifier: str | None) -> CostSurface | None:
    """The surface of the last fitted round.

    None before curves could be fitted, and where no plan is cheaper than people alone.
    """
    if classifier is None:
        return None
    found = {kind: _last(store, kind, classifier) for kind in _KINDS}
    profile, fit, cost = (found[kind] for kind in _KINDS)
    if profile is None or fit is None or cost is None or profile.round != fit.round:
        return None
    fits = CurveFits.from_json(fit.payload)
    if not fits.fitted.any():
        return None
    n_pool = store.campaign.n_pool
    facts = Facts(store, (classifier,))
    sizes, n_withheld = facts.training_history(classifier)[0], facts.n_withheld()
    n_train = sizes[len(store.estimates("fit", classifier=classifier)) - 1]
    searched = search(
        fits,
        TrainingCost(**cost.payload),
        Profile.from_json(profile.payload),
        n_train,
        n_pool=n_pool,
        n_withheld=n_withheld,
        settings=expected_settings(store, settings_of(store)),
        n_from=sizes[0],
        surface_stride=max(1, (n_pool - n_withheld - sizes[0]) // N_SIZES),
    )
    surface = searched.plan.surface
    assert surface is not None
    ended, left = machine_cut(store), n_pool - n_withheld - n_train
    cost_usd = np.where(np.isfinite(surface.cost_usd), surface.cost_usd, np.nan).T
    drawn = np.isfinite(cost_usd).any(axis=0)  # no batch may be so small as to end in the others
    if not np.any(cost_usd[:, drawn] < searched.plan.human_only_cost_usd):
        return None
    return CostSurface(
        round=fit.round,
        n_train=surface.n_train[drawn],
        thetas=surface.thetas,
        cost_usd=cost_usd[:, drawn],
        human_only_usd=searched.plan.human_only_cost_usd,
        end_n_train=None if ended is None else n_train,
        end_theta=None if ended is None or left <= 0 else min(1.0, ended / left),
    )


_KINDS: tuple[EstimateKind, ...] = ("profile", "fit", "cost")


def _last(store: Store, kind: EstimateKind, classifier: str) -> EstimateRecord | None:
    records = store.estimates(kind, classifier=classifier)
    return records[-1] if records else None
