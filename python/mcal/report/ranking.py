"""How right the machine is along its own ranking: what T expected, and what the audit found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcal.profiles import Profile
from mcal.store import Store
from mcal.types import FloatArray, IndexArray

from .audit import AuditFound, machine_cut
from .curves import error_interval

__all__ = ["RankingAccuracy", "read_ranking"]

N_AUDIT_BINS = 10
LEAST_TEST = 15  # test items to a slice, about


@dataclass(frozen=True, eq=False)
class RankingAccuracy:
    """Error rates in slices of the ranking, most confident first.

    Attributes
    ----------
    classifier : str
    round : int
        Of the model.
    n_ranked : int
        Items that nobody had labelled when it ranked them.
    edges : (K + 1,) float64
        Shares of the ranking at which slices begin and end.
    error, low, high : (K,) float64
        Expected in each slice from T, not falling along the ranking; 90 % intervals.
    n_test : (K,) float64
        Test items behind each.
    audit_edges : (A + 1,) float64
    audit_error, audit_low, audit_high : (A,) float64
        Found by the audit, weighted as it was drawn; NaN where nothing was.
    n_audit, n_wrong : (A,) int64
    cut : float or None
        Share of the ranking that the machine was allowed to label.
    """

    classifier: str
    round: int
    n_ranked: int
    edges: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    n_test: FloatArray
    audit_edges: FloatArray
    audit_error: FloatArray
    audit_low: FloatArray
    audit_high: FloatArray
    n_audit: IndexArray
    n_wrong: IndexArray
    cut: float | None


def read_ranking(
    store: Store, classifier: str | None, audit: AuditFound | None
) -> RankingAccuracy | None:
    """The latest measured ranking of a classifier; None before its first round."""
    measured = [] if classifier is None else store.estimates("profile", classifier=classifier)
    if not measured:
        return None
    ranking = store.ranking()
    record = measured[-1]
    if ranking is not None and ranking.classifier == classifier:
        record = next((m for m in measured if m.round == ranking.round), record)
    profile = Profile.from_json(record.payload)
    n_ranked = int(profile.bin_edges[-1])
    bounds, error, n_test = _slices(profile)
    low, high = error_interval(error, n_test)
    edges = np.linspace(0.0, 1.0, N_AUDIT_BINS + 1)
    found, n_effective = np.full(N_AUDIT_BINS, np.nan), np.zeros(N_AUDIT_BINS)
    n_audit = n_wrong = np.zeros(N_AUDIT_BINS, np.int64)
    if audit is not None:
        slices = np.minimum(audit.positions * N_AUDIT_BINS // n_ranked, N_AUDIT_BINS - 1)
        n_audit = np.bincount(slices, minlength=N_AUDIT_BINS)
        n_wrong = np.bincount(slices[audit.wrong], minlength=N_AUDIT_BINS)
        errors = [audit.error(slices == slice_) for slice_ in range(N_AUDIT_BINS)]
        found, n_effective = np.array(errors).T
    cut = machine_cut(store)
    audit_low, audit_high = error_interval(found, n_effective)
    return RankingAccuracy(
        classifier=record.classifier,
        round=record.round,
        n_ranked=n_ranked,
        edges=bounds / n_ranked,
        error=error,
        low=low,
        high=high,
        n_test=n_test,
        audit_edges=edges,
        audit_error=found,
        audit_low=audit_low,
        audit_high=audit_high,
        n_audit=n_audit,
        n_wrong=n_wrong,
        cut=None if cut is None else min(1.0, cut / n_ranked),
    )


def _slices(profile: Profile) -> tuple[IndexArray, FloatArray, FloatArray]:
    """Edges, errors and test items of the profile's bins, as many together as tell something."""
    n_bins = profile.bin_error.size
    n_slices = int(np.clip(profile.bin_n_test.sum() / LEAST_TEST, 2, n_bins))
    first = np.unique(np.linspace(0, n_bins, n_slices + 1).astype(np.int64))
    widths = np.diff(profile.bin_edges).astype(np.float64)
    wrong = np.add.reduceat(profile.bin_error * widths, first[:-1])
    n_test: FloatArray = np.add.reduceat(profile.bin_n_test, first[:-1])
    return profile.bin_edges[first], wrong / np.add.reduceat(widths, first[:-1]), n_test
