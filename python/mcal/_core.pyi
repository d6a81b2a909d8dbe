"""
Compiled core of mcal. The public functions with their documentation are in mcal.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['PlanChoice', 'as_integer', 'as_number', 'fewest_draws', 'fit_batch', 'hypergeometric_cdf', 'k_center', 'largest_k', 'most_found', 'most_weight', 'replica_curves', 'replica_plans', 'replica_profiles', 'search_plan', 'set_simd_level', 'set_thread_count', 'simd_level', 'smallest_k', 'supported_simd_levels', 'thread_count', 'uncertainty']
class PlanChoice:
    @property
    def cost_usd(self) -> float:
        ...
    @property
    def error(self) -> float:
        ...
    @property
    def labels_usd(self) -> float:
        ...
    @property
    def n_machine(self) -> int:
        ...
    @property
    def n_train(self) -> int:
        ...
    @property
    def theta(self) -> float:
        ...
def as_integer(value: typing.Any, name: str, low: typing.SupportsInt | typing.SupportsIndex, high: typing.SupportsInt | typing.SupportsIndex | None = None) -> int:
    """
    The integer in [low, high] that value is.
    """
def as_number(value: typing.Any, name: str, low: typing.SupportsFloat | typing.SupportsIndex, high: typing.SupportsFloat | typing.SupportsIndex | None = None, open: bool = False) -> float:
    """
    The finite number from low to high that value is; open excludes both.
    """
def fewest_draws(k: typing.Any, population: typing.Any, bad: typing.Any, risk: typing.Any) -> int:
    """
    The fewest draws (or, for a number of draws in place of bad, the fewest bad items) with
    P(at most k bad items are drawn) <= risk.
    """
def fit_batch(n_train: typing.Any, wrong: typing.Any, n_test: typing.Any, weights: typing.Any, *, form: typing.Any, objective: typing.Any, chance: typing.Any, max_iterations: typing.Any, tolerance: typing.Any) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.int32]]:
    ...
def hypergeometric_cdf(k: typing.Any, population: typing.Any, bad: typing.Any, draws: typing.Any) -> float:
    """
    P(at most k bad items are drawn), without replacement.
    """
def k_center(x: typing.Any, k: typing.Any, *, centers: typing.Any, center_vectors: typing.Any, metric: typing.Any) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.float32], int]:
    ...
def largest_k(values: typing.Any, k: typing.Any) -> numpy.typing.NDArray[numpy.int64]:
    ...
def most_found(population: typing.Any, draws: typing.Any, errors: typing.Any, risk: typing.Any) -> int:
    """
    The largest k such that finding at most k proves at most errors missed, or -1.
    """
def most_weight(sure: tuple[typing.Any, typing.Any, typing.Any], unsure: tuple[typing.Any, typing.Any, typing.Any], errors: typing.Any, risk: typing.Any) -> int:
    """
    The largest score that proves at most errors missed in two strata, each given as
    (items, draws, weight of an audited error), the surer one first; or -1.
    """
def replica_curves(n_train: typing.Any, wrong: typing.Any, n_test: typing.Any, thetas: typing.Any, n_at: typing.Any, *, forms: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], chance: typing.Any, gamma_centre: typing.Any, ratio_centre: typing.Any, form_draw: typing.Any) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.int32]]:
    ...
def replica_plans(n_knots: typing.Any, error: typing.Any, thetas: typing.Any, *, n_fine: typing.Any, n_pool: typing.Any, n_test: typing.Any, n_train: typing.Any, n_train_max: typing.Any, batch_min: typing.Any, target_error: typing.SupportsFloat | typing.SupportsIndex, per_machine_label: bool, price_per_label: typing.SupportsFloat | typing.SupportsIndex, price_steps: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], machine_fee: typing.SupportsFloat | typing.SupportsIndex, fixed: typing.SupportsFloat | typing.SupportsIndex, per_item: typing.SupportsFloat | typing.SupportsIndex, per_item_squared: typing.SupportsFloat | typing.SupportsIndex, per_new_item: typing.SupportsFloat | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    ...
def replica_profiles(counts: typing.Any, cells: typing.Any, bin_size: typing.Any, thetas: typing.Any) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    ...
def search_plan(n_knots: typing.Any, error: typing.Any, thetas: typing.Any, *, n_pool: typing.Any, n_test: typing.Any, n_train: typing.Any, n_train_max: typing.Any, batch_min: typing.Any, target_error: typing.SupportsFloat | typing.SupportsIndex, per_machine_label: bool, price_per_label: typing.SupportsFloat | typing.SupportsIndex, price_steps: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], machine_fee: typing.SupportsFloat | typing.SupportsIndex, fixed: typing.SupportsFloat | typing.SupportsIndex, per_item: typing.SupportsFloat | typing.SupportsIndex, per_item_squared: typing.SupportsFloat | typing.SupportsIndex, per_new_item: typing.SupportsFloat | typing.SupportsIndex, surface_stride: typing.Any) -> tuple[PlanChoice, PlanChoice | None, numpy.typing.NDArray[numpy.float64] | None]:
    """
    (stop now, best going on or None, surface or None).
    """
def set_simd_level(name: str) -> None:
    """
    Force an instruction set for the whole process: to test or to time the others.
    
    Parameters
    ----------
    name : str
        One of ``supported_simd_levels()``, or "auto" for the fastest of them.
    
    Raises
    ------
    ValueError
        A name that is unknown or not supported here.
    """
def set_thread_count(n: typing.Any) -> None:
    """
    Set the number of threads that the compiled functions use, for the whole process.
    
    torch and NumPy have settings of their own, which this leaves alone.
    
    Parameters
    ----------
    n : int
        0 to 1024; 0 restores the default, the number of processors that this process may use.
    
    Raises
    ------
    ValueError
        No integer, or one out of range.
    """
def simd_level() -> str:
    """
    Name of the instruction set that the compiled functions use: "baseline" or "avx2".
    
    It is the fastest that this processor has, unless another was set. It affects speed only: results
    are the same, bit for bit, at every level.
    """
def smallest_k(values: typing.Any, k: typing.Any) -> numpy.typing.NDArray[numpy.int64]:
    ...
def supported_simd_levels() -> list[str]:
    """
    Names of the instruction sets that this build and this processor have, slowest first.
    """
def thread_count() -> int:
    """
    Number of threads that the compiled functions use, >= 1.
    
    The caller's own thread is one of them. Results are the same, bit for bit, at any number.
    """
def uncertainty(scores: typing.Any, kind: typing.Any) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    ...
