"""Error profiles: how often a model is wrong along its own ranking of the unlabelled items.

A profile joins three arrays: how unsure the model is about the test items T, whether it was
wrong there, and how unsure it is about the unlabelled items U. Once the least sure items have
been bought for training, U is easier than T, so T items are matched to U by confidence
(algorithm.md, section 2) instead of being read off by rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .types import FloatArray, IndexArray

__all__ = [
    "DEFAULT_THETAS",
    "Profile",
    "estimate_profile",
    "largest_cut",
    "match_bins",
    "upper_error",
]

DEFAULT_THETAS: FloatArray = np.arange(1, 21) / 20
"""Shares of U that curves are kept for: 0.05, 0.10, ..., 1 (paper, section 4)."""


@dataclass(frozen=True)
class Profile:
    """Estimated error of a model along its ranking of U, most confident first.

    Attributes
    ----------
    thetas : (T,) float64
        Shares of U, rising, in (0, 1].
    error : (T,) float64
        Estimated error among the most confident theta of U.
    n_effective : (T,) float64
        Size of a plain random sample that would know ``error`` as well (Kish).
    wrong : (T,) float64
        ``error * n_effective``: an effective count, not an integer.
    bin_edges : (n_bins + 1,) int64
        Ranks in U at which bins begin and end; the last is ``|U|``.
    bin_error : (n_bins,) float64
        Estimated error rate within each bin, not falling.
    bin_n_test : (n_bins,) float64
        Test items behind each bin.
    """

    thetas: FloatArray
    error: FloatArray
    n_effective: FloatArray
    wrong: FloatArray
    bin_edges: IndexArray
    bin_error: FloatArray
    bin_n_test: FloatArray

    def errors_above(self, rank: int) -> float:
        """Wrong labels expected among the most confident ``rank`` items of U."""
        above = np.concatenate([[0.0], np.cumsum(self.bin_error * np.diff(self.bin_edges))])
        return float(np.interp(rank, self.bin_edges, above))

    def to_json(self) -> dict[str, list[float]]:
        """Plain lists, for a store."""
        return {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Profile:
        """The inverse of ``to_json``."""
        arrays: dict[str, Any] = {name: np.asarray(v, np.float64) for name, v in values.items()}
        arrays["bin_edges"] = arrays["bin_edges"].astype(np.int64)
        return cls(**arrays)


def estimate_profile(
    test_deficit: npt.ArrayLike,
    test_wrong: npt.ArrayLike,
    pool_deficit: npt.ArrayLike,
    *,
    thetas: npt.ArrayLike = DEFAULT_THETAS,
    n_bins: int = 20,
    matched: bool = True,
) -> Profile:
    """Estimate the error profile of U from the test items in the same confidence intervals.

    U is cut by rank into ``n_bins`` equal bins. The error rate of a bin is that of the test
    items whose deficit lies in the bin's interval, smoothed so that it never falls along the
    ranking (isotonic regression weighted by the number of test items). A bin without test items
    takes the rate of the next less confident bin that has some, or of the last one before it.

    Parameters
    ----------
    test_deficit : (n_test,) float
        ``1 - margin`` of the test items, in [0, 1].
    test_wrong : (n_test,) bool
        Whether the model's label differs from the person's.
    pool_deficit : (U,) float
        ``1 - margin`` of the unlabelled items, in any order.
    thetas : (T,) float
        Shares of U to report, rising, in (0, 1].
    n_bins : int
        At most; fewer when U is smaller.
    matched : bool
        False reads T by its own ranks, as the paper does: bins are then cut along T.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        On empty, mismatched, NaN or out-of-range input.

    Notes
    -----
    Test items less confident than all of U say nothing about U and are left out, unless there are
    no others: then they stand for all of U, whose error they overstate. Test items that tie with
    a bin's last deficit belong to that bin. Cost: two sorts. Source: algorithm.md, section 2;
    unmatched: paper, section 3.1.
    """
    t_deficit = _deficits("test_deficit", test_deficit)
    wrong = np.asarray(test_wrong)
    if wrong.dtype != np.bool_ or wrong.shape != t_deficit.shape:
        raise ValueError(
            f"test_wrong: expected bool of shape {t_deficit.shape}, "
            f"found {wrong.dtype} of shape {wrong.shape}"
        )
    shares = np.asarray(thetas, dtype=np.float64)
    if shares.ndim != 1 or not shares.size or not np.all(np.diff(shares) > 0):
        raise ValueError(f"thetas: expected rising shares of shape (T,), found {thetas!r}")
    if not (shares[0] > 0.0 and shares[-1] <= 1.0):
        raise ValueError(f"thetas: expected shares in (0, 1], found {shares[0]} to {shares[-1]}")
    bin_of, edges = match_bins(t_deficit, pool_deficit, n_bins=n_bins, matched=matched)
    known = bin_of >= 0
    n_bins = edges.size - 1
    n_test = np.bincount(bin_of[known], minlength=n_bins).astype(np.float64)
    n_wrong = np.bincount(bin_of[known & wrong], minlength=n_bins).astype(np.float64)
    rate = _rising_rates(n_wrong, n_test)

    covered = _coverage(edges, shares * edges[-1])  # (T, n_bins) items of each bin above theta
    error = covered @ rate / covered.sum(axis=1)
    n_effective = _kish(covered, n_test)
    return Profile(shares, error, n_effective, error * n_effective, edges, rate, n_test)


def match_bins(
    test_deficit: npt.ArrayLike,
    pool_deficit: npt.ArrayLike,
    *,
    n_bins: int = 20,
    matched: bool = True,
) -> tuple[IndexArray, IndexArray]:
    """Which bin of U each test item speaks for: the step of ``estimate_profile`` that comes first.

    Parameters
    ----------
    test_deficit, pool_deficit, n_bins, matched
        As ``estimate_profile`` takes them.

    Returns
    -------
    bins : (n_test,) int64
        Bin of each test item; -1 where it is less confident than all of U and others are not.
    bin_edges : (n_bins + 1,) int64
        Ranks in U at which bins begin and end.

    Raises
    ------
    ValueError
        On empty, NaN or out-of-range input.
    """
    t_deficit = _deficits("test_deficit", test_deficit)
    u_deficit = _deficits("pool_deficit", pool_deficit)
    if n_bins < 1:
        raise ValueError(f"n_bins: expected at least 1, found {n_bins}")
    edges = _equal_edges(int(u_deficit.size), n_bins if matched else min(n_bins, t_deficit.size))
    reference = np.sort(u_deficit if matched else t_deficit)
    cuts = edges if matched else _equal_edges(reference.size, edges.size - 1)
    last_deficit = reference[np.maximum(cuts[1:], 1) - 1]
    bins = np.searchsorted(last_deficit, t_deficit, side="left")
    beyond = bins == last_deficit.size
    # Where all of U is surer than any test item, the last bin borrows them.
    bins[beyond] = last_deficit.size - 1 if beyond.all() else -1
    return bins, edges


def upper_error(error: npt.ArrayLike, n_effective: npt.ArrayLike, safety: float) -> FloatArray:
    """Add ``safety`` standard errors to an estimated error rate (Wilson's score bound).

    Unlike ``p + z sqrt(p (1 - p) / n)`` it is above zero when no error was seen. ``safety`` 0
    returns the estimate. A steering rule, not a certificate: the cut is chosen on the same test
    items.

    Parameters
    ----------
    error : array of float
        Estimated error rates in [0, 1]; NaN stays NaN.
    n_effective : array of float
        Effective number of test items, > 0; broadcast against ``error``.
    safety : float
        Standard errors, >= 0; 1.645 is one-sided 95 %.

    Returns
    -------
    float64 array in [0, 1]
        Of the broadcast shape.
    """
    p = np.asarray(error, dtype=np.float64)
    n = np.asarray(n_effective, dtype=np.float64)
    if safety < 0:
        raise ValueError(f"safety: expected at least 0, found {safety}")
    z2 = safety * safety
    middle = p + z2 / (2 * n)
    spread = safety * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    bound: FloatArray = np.minimum((middle + spread) / (1 + z2 / n), 1.0)
    return bound


def largest_cut(
    profile: Profile, *, n_pool: int, target_error: float, target: str = "set", safety: float = 0.0
) -> tuple[int, float]:
    """How many of the most confident items of U may be machine-labelled, by the point estimate.

    Parameters
    ----------
    profile : Profile
    n_pool : int
        N, the whole pool.
    target_error : float
        eps, in (0, 1).
    target : {"set", "machine"}
        Whether eps bounds errors / N (Eq. 2) or errors / machine labels.
    safety : float
        Standard errors added to the estimate first, see ``upper_error``.

    Returns
    -------
    count : int
        Largest rank whose bound keeps the target; 0..|U|. All smaller ranks keep it too, because
        the error rises along the ranking.
    error : float
        Point estimate, without safety, of the errors among those labels / n_pool (0 for none).
    """
    if target not in ("set", "machine"):
        raise ValueError(f"target: expected 'set' or 'machine', found {target!r}")
    n_left = int(profile.bin_edges[-1])
    for end in range(n_left, 0, -_RANKS_AT_ONCE):
        begin = max(0, end - _RANKS_AT_ONCE)
        ranks = np.arange(begin + 1, end + 1, dtype=np.float64)
        covered = _coverage(profile.bin_edges, ranks)
        wrong = covered @ profile.bin_error
        bound = upper_error(wrong / ranks, _kish(covered, profile.bin_n_test), safety)
        allowed = target_error * n_pool / ranks if target == "set" else target_error
        kept = np.flatnonzero(bound <= allowed)
        if kept.size:
            return begin + int(kept[-1]) + 1, float(wrong[kept[-1]]) / n_pool
    return 0, 0.0


_RANKS_AT_ONCE = 1 << 16  # bounds the memory of a search over millions of ranks


def _deficits(name: str, values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name}: expected shape (n,) with n >= 1, found shape {array.shape}")
    if not np.all((array >= 0) & (array <= 1)):
        raise ValueError(f"{name}: expected values in [0, 1], found NaN or values outside")
    return array


def _equal_edges(n_items: int, n_bins: int) -> IndexArray:
    return np.unique(np.arange(n_bins + 1, dtype=np.int64) * n_items // n_bins)


def _coverage(edges: IndexArray, ranks: FloatArray) -> FloatArray:
    """(len(ranks), n_bins): how many items of each bin stand above each rank."""
    covered: FloatArray = np.clip(ranks[:, None] - edges[:-1], 0.0, np.diff(edges)[None, :])
    return covered


def _kish(covered: FloatArray, n_test: FloatArray) -> FloatArray:
    """Effective number of test items behind weighted bins; a bin without any counts as half one."""
    n: FloatArray = covered.sum(axis=1) ** 2 / (covered**2 / np.maximum(n_test, 0.5)).sum(axis=1)
    return n


def _rising_rates(n_wrong: FloatArray, n_test: FloatArray) -> FloatArray:
    """Isotonic regression of n_wrong / n_test by pooling adjacent violators."""
    blocks: list[list[float]] = []  # wrong, tested, bins
    for wrong, tested in zip(n_wrong, n_test, strict=True):
        blocks.append([wrong, tested, 1])
        while len(blocks) > 1 and (
            blocks[-2][1] == 0 or blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]
        ):
            w, t, b = blocks.pop()
            blocks[-1] = [blocks[-1][0] + w, blocks[-1][1] + t, blocks[-1][2] + b]
    if blocks[-1][1] == 0 and len(blocks) > 1:
        _, _, b = blocks.pop()
        blocks[-1][2] += b
    return np.repeat([w / t for w, t, _ in blocks], [int(b) for _, _, b in blocks])
