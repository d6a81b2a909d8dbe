"""
Compiled core of mcal. The public functions with their documentation are in mcal.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['PlanChoice', 'largest_k', 'search_plan', 'set_simd_level', 'set_thread_count', 'simd_level', 'smallest_k', 'supported_simd_levels', 'thread_count', 'uncertainty']
class PlanChoice:
    @property
    def cost_usd(self) -> float:
        ...
    @property
    def error(self) -> float:
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
def largest_k(values: typing.Any, k: typing.Any) -> numpy.typing.NDArray[numpy.int64]:
    ...
def search_plan(n_knots: typing.Any, error: typing.Any, thetas: typing.Any, *, n_pool: typing.SupportsInt | typing.SupportsIndex, n_test: typing.SupportsInt | typing.SupportsIndex, n_train: typing.SupportsInt | typing.SupportsIndex, n_train_max: typing.SupportsInt | typing.SupportsIndex, batch_min: typing.SupportsInt | typing.SupportsIndex, target_error: typing.SupportsFloat | typing.SupportsIndex, per_machine_label: bool, price_per_label: typing.SupportsFloat | typing.SupportsIndex, machine_fee: typing.SupportsFloat | typing.SupportsIndex, fixed: typing.SupportsFloat | typing.SupportsIndex, per_item: typing.SupportsFloat | typing.SupportsIndex, per_item_squared: typing.SupportsFloat | typing.SupportsIndex, per_new_item: typing.SupportsFloat | typing.SupportsIndex, surface_stride: typing.SupportsInt | typing.SupportsIndex) -> tuple[PlanChoice, PlanChoice | None, numpy.typing.NDArray[numpy.float64] | None]:
    """
    (stop now, best going on or None, surface or None).
    """
def set_simd_level(name: str) -> None:
    ...
def set_thread_count(n: typing.SupportsInt | typing.SupportsIndex) -> None:
    ...
def simd_level() -> str:
    ...
def smallest_k(values: typing.Any, k: typing.Any) -> numpy.typing.NDArray[numpy.int64]:
    ...
def supported_simd_levels() -> list[str]:
    ...
def thread_count() -> int:
    ...
def uncertainty(scores: typing.Any, kind: str) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
    ...
