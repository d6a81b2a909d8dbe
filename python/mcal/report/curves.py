"""Error against training size, as it was measured, fitted and forecast round by round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcal.bootstrap import CurveReplicas, MeasuredRound, bootstrap_curves
from mcal.campaign.facts import Facts
from mcal.fitting import CurveFits
from mcal.profiles import Profile, upper_error
from mcal.settings import Settings
from mcal.store import Store
from mcal.types import FloatArray, IndexArray

__all__ = ["LearningCurves", "error_interval", "read_curves"]

SHOWN_THETAS = (0.5, 0.75, 0.9, 1.0)
ONE_THETA = 0.5  # whose fits are followed from round to round, as in the paper
N_KNOTS = 40
N_REPLICAS = 200

Z_90 = 1.6448536269514722  # two-sided 90 %


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """Errors among the surest theta of what was left, of one classifier.

    Attributes
    ----------
    classifier : str
    thetas : (T,) float64
    n_train : (R,) int64
        |B| of each round.
    error, low, high : (R, T) float64
        As measured on T, with 90 % intervals.
    knots : (K,) int64
        |B| of the curves, from the first round to everything.
    fitted : (T, K) float64
        The last round's fit; NaN where nothing could be fitted.
    fitted_low, fitted_high : (T, K) float64
        Its 90 % interval over replicas of the test set; NaN where they were not recorded.
    one_theta : float
    by_round : (R, K) float64
        The fit of every round at ``one_theta``; NaN before there were two.
    forms : dict
        Weight of each form in the last fit.
    """

    classifier: str
    thetas: FloatArray
    n_train: IndexArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    knots: IndexArray
    fitted: FloatArray
    fitted_low: FloatArray
    fitted_high: FloatArray
    one_theta: float
    by_round: FloatArray
    forms: dict[str, float]

    @property
    def one(self) -> int:
        """Position of ``one_theta`` among ``thetas``."""
        return int(np.argmin(np.abs(self.thetas - self.one_theta)))


def read_curves(store: Store, classifier: str | None) -> LearningCurves | None:
    """What a campaign learnt about a classifier; None before its first measured round."""
    if classifier is None:
        return None
    # A stopped training has a profile, of the model before, and no fit.
    fitted = store.estimates("fit", classifier=classifier)
    fits, rounds = [CurveFits.from_json(e.payload) for e in fitted], {e.round for e in fitted}
    measured = [e for e in store.estimates("profile", classifier=classifier) if e.round in rounds]
    if not measured or len(fits) != len(measured):
        return None
    profiles = [Profile.from_json(record.payload) for record in measured]
    sizes, _ = Facts(store, (classifier,)).training_history(classifier)
    n_train = np.array(sizes[: len(measured)])
    every = profiles[-1].thetas
    shown = np.array(sorted({int(np.argmin(np.abs(every - theta))) for theta in SHOWN_THETAS}))
    one = int(np.argmin(np.abs(every - ONE_THETA)))
    error = np.stack([profile.error[shown] for profile in profiles])
    low, high = error_interval(error, np.stack([p.n_effective[shown] for p in profiles]))
    n_most = max(int(n_train.max()), store.campaign.n_pool)
    knots = np.unique(np.geomspace(n_train.min(), n_most, N_KNOTS).astype(np.int64))
    replicas = _replicas(store, classifier, knots, len(profiles), every)
    return LearningCurves(
        classifier=classifier,
        thetas=every[shown],
        n_train=n_train,
        error=error,
        low=low,
        high=high,
        knots=knots,
        fitted=fits[-1].predict(knots)[shown],
        fitted_low=_quantile(replicas, shown, 0.05, knots.size),
        fitted_high=_quantile(replicas, shown, 0.95, knots.size),
        one_theta=float(every[one]),
        by_round=np.stack([fit.predict(knots)[one] for fit in fits]),
        forms={str(form): weight for form, weight in fits[-1].weights.items()},
    )


def error_interval(error: FloatArray, n_effective: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Wilson's 90 % interval of error rates; NaN stays."""
    with np.errstate(invalid="ignore", divide="ignore"):
        high = upper_error(error, n_effective, Z_90)
        low = 1.0 - upper_error(1.0 - error, n_effective, Z_90)
    return np.minimum(low, error), high


def _replicas(
    store: Store, classifier: str, knots: IndexArray, n_rounds: int, thetas: FloatArray
) -> CurveReplicas | None:
    cells = store.estimates("cells", classifier=classifier)
    if len(cells) != n_rounds:
        return None  # as printed in the paper, and by earlier versions: not recorded
    settings = Settings.model_validate_json(store.campaign.settings_json)
    return bootstrap_curves(
        [MeasuredRound.from_json(record.payload) for record in cells],
        knots,
        n_classes=len(store.campaign.classes),
        seed=settings.seed,
        n_replicas=N_REPLICAS,
        thetas=thetas,
        form=settings.plan.form,
    )


def _quantile(
    replicas: CurveReplicas | None, shown: IndexArray, share: float, n_knots: int
) -> FloatArray:
    if replicas is None or not np.any(replicas.form >= 0):
        return np.full((shown.size, n_knots), np.nan)
    fitted = replicas.error[replicas.form >= 0][:, shown]
    quantile: FloatArray = np.quantile(fitted, share, axis=0)
    return quantile
