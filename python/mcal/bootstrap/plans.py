"""The plan of every replica, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mcal import _core
from mcal._core import as_integer, as_number
from mcal.planning import TrainingCost, label_cost_usd
from mcal.types import FloatArray, IndexArray

from .curves import CurveReplicas, quantiles

__all__ = ["PlanReplicas", "bootstrap_plans"]


@dataclass(frozen=True, eq=False)
class PlanReplicas:
    """The cheapest plan of every replica. Totals hold every label and the training to come.

    Attributes
    ----------
    curves : CurveReplicas
        The error curves that were planned on.
    n_train : (replicas,) int64
        B_opt: |B| to reach; what is bought already when the plan is to stop.
    theta : (replicas,) float64
        Share of U that the machine labels then; 0 when none.
    n_machine : (replicas,) int64
        |S|.
    total_cost_usd : (replicas,) float64
        C*, with one step.
    stop_cost_usd : (replicas,) float64
        The total of stopping now.
    go_on_cost_usd : (replicas,) float64
        The best total that buys and trains on; NaN when no batch fits.
    knot_cost_usd : (replicas, K) float64
        The best total of buying up to each knot in one step; at |B| itself, of stopping now; NaN
        where no purchase ends.
    human_only_cost_usd : float
        People label everything.
    """

    curves: CurveReplicas
    n_train: IndexArray
    theta: FloatArray
    n_machine: IndexArray
    total_cost_usd: FloatArray
    stop_cost_usd: FloatArray
    go_on_cost_usd: FloatArray
    knot_cost_usd: FloatArray
    human_only_cost_usd: float

    def total_cost_interval(self, confidence: float = 0.9) -> tuple[float, float]:
        """Central interval of C*, sunk cost left out.

        Of a perfect cut after one leap. A campaign's interval is of totals with the audit at the
        end and a training at every doubling of |B|, and none above people's price.

        Raises
        ------
        ValueError
            ``confidence`` is not in (0, 1).
        """
        return quantiles(self.total_cost_usd, confidence)

    def expected_gain_usd(self) -> float | None:
        """What going on saves over stopping now, in expectation; None when no batch fits.

        Going on means one |B| for all replicas, the knot whose mean total is least; how much the
        machine then labels is each replica's own, as it will be measured by then. Letting each
        replica choose its own |B| would count on knowing the truth before buying. A campaign
        decides on the same difference with the audit and a training at every doubling of |B| in it.
        """
        purchases = ~np.isnan(self.knot_cost_usd).any(axis=0)
        purchases &= self.curves.n_knots > self.curves.n_knots[0]
        if not purchases.any():
            return None
        mean_usd = self.knot_cost_usd[:, purchases].mean(axis=0)
        return float(self.stop_cost_usd.mean() - mean_usd.min())


def bootstrap_plans(
    curves: CurveReplicas,
    *,
    n_pool: int,
    n_test: int,
    target_error: float,
    target: Literal["set", "machine"] = "set",
    price_per_label: float,
    price_steps: Sequence[tuple[int, float]] = (),
    machine_fee: float = 0.0,
    training: TrainingCost | None = None,
    batch_min: int = 1,
    n_fine_thetas: int = 100,
) -> PlanReplicas:
    """Search the cheapest plan of every replica, as ``search_plan`` does for one.

    |B| now is the first knot of the curves and the largest |B| their last. Nothing is added to a
    replica's error for safety: the spread of the replicas is the uncertainty. However large B_opt,
    a purchase on a forecast is bounded by ``next_batch_size``, which never more than doubles |B|.

    Parameters
    ----------
    curves : CurveReplicas
        From ``bootstrap_curves`` at ``curve_knots(n_train, n_train_max)``.
    n_pool, n_test : int
        |X|, and the items neither trained on nor machine-labelled, |T|.
    target_error : float
        eps in (0, 1).
    target : {"set", "machine"}
        Errors relative to the whole pool, or to the machine labels.
    price_per_label, machine_fee : float
        Dollars, >= 0.
    price_steps : sequence of (int, float)
        Later prices, as ``search_plan`` takes them.
    training : TrainingCost, optional
        Dollars of each training to come, scoring included; default: free.
    batch_min : int
        delta_min, the smallest purchase, >= 1.
    n_fine_thetas : int
        Machine shares the search chooses from, see ``refine_thetas``; >= 1.

    Returns
    -------
    PlanReplicas
        A replica without curves lets people label everything.

    Raises
    ------
    ValueError
        An argument is out of range.
    """
    training = TrainingCost(0.0, 0.0) if training is None else training
    if target not in ("set", "machine"):
        raise ValueError(f"target: expected 'set' or 'machine', found {target!r}")
    n_test = as_integer(n_test, "n_test", 0)
    n_pool = as_integer(n_pool, "n_pool", max(1, n_test + int(curves.n_knots[-1])))
    price_per_label = as_number(price_per_label, "price_per_label", 0.0)
    n_replicas, n_thetas, n_knots = curves.error.shape
    stop, go_on, knot_cost_usd = _core.replica_plans(
        curves.n_knots,
        curves.error.reshape(n_replicas * n_thetas, n_knots),
        curves.thetas,
        n_fine=as_integer(n_fine_thetas, "n_fine_thetas", 1),
        n_pool=n_pool,
        n_test=n_test,
        n_train=curves.n_knots[0],
        n_train_max=curves.n_knots[-1],
        batch_min=batch_min,
        target_error=as_number(target_error, "target_error", 0.0, 1.0, open=True),
        per_machine_label=target == "machine",
        price_per_label=price_per_label,
        price_steps=price_steps,
        machine_fee=as_number(machine_fee, "machine_fee", 0.0),
        fixed=training.fixed,
        per_item=training.per_item,
        per_item_squared=training.per_item_squared,
        per_new_item=training.per_new_item,
    )
    best = np.where((go_on[:, 3] < stop[:, 3])[:, None], go_on, stop)  # False for NaN
    return PlanReplicas(
        curves=curves,
        n_train=best[:, 0].astype(np.int64),
        theta=best[:, 1],
        n_machine=best[:, 2].astype(np.int64),
        total_cost_usd=best[:, 3],
        stop_cost_usd=stop[:, 3],
        go_on_cost_usd=go_on[:, 3],
        knot_cost_usd=knot_cost_usd,
        human_only_cost_usd=label_cost_usd(n_pool, price_per_label, price_steps),
    )
