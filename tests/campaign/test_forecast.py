"""A plan's totals with the audit in them, against the same by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mcal.bootstrap import CurveReplicas
from mcal.campaign.depletion import PoolCurves
from mcal.campaign.forecast import audit_labels, expected_audit, safety_labels, with_audit
from mcal.certificate import certify, plan_audit
from mcal.fitting import fit_curves
from mcal.planning import Plan
from mcal.settings import PriceSettings, Settings

N_POOL, N_WITHHELD, N_TRAIN = 10_000, 200, 800
THETAS = np.arange(1, 21) / 20
PRICES = PriceSettings(price_per_label=0.04, machine_fee=0.001)


def settings(**changes: Any) -> Settings:
    return Settings(prices=PRICES, **changes)


def curves() -> Any:
    """Half the errors for four times the labels, and most of them among the least sure."""
    sizes = np.array([100.0, 200.0, 400.0, 800.0])
    error = 0.5 * THETAS[None, :] * (100.0 / sizes[:, None]) ** 0.5
    n_test = 400 * np.ones_like(error) * THETAS
    fits = fit_curves(sizes, error * n_test, n_test, THETAS, n_classes=10)
    return PoolCurves(fits, N_TRAIN, N_POOL - N_WITHHELD)


def plan(**changes: Any) -> Plan:
    base = Plan(
        n_train=1600,
        theta=0.8,
        n_machine=6000,
        n_steps=2,
        batch_size=400,
        total_cost_usd=170.0,
        error=0.04,
        stop_cost_usd=200.0,
        stop_theta=0.6,
        stop_n_machine=5000,
        go_on_cost_usd=170.0,
        human_only_cost_usd=400.0,
    )
    return replace(base, **changes)


def add(what: Plan, *, n_test: int = 150, **changes: Any) -> Plan:
    return with_audit(
        what,
        curves(),
        N_TRAIN,
        n_test,
        n_withheld=N_WITHHELD,
        n_pool=N_POOL,
        settings=settings(**changes),
    )


def test_every_machine_label_more_or_fewer_moves_the_total_by_its_price() -> None:
    found = add(plan())
    assert found.total_cost_usd == pytest.approx(170.0 + 0.039 * (6000 - found.n_machine))
    assert found.go_on_cost_usd == pytest.approx(found.total_cost_usd)
    assert found.stop_cost_usd == pytest.approx(200.0 + 0.039 * (5000 - found.stop_n_machine))
    assert 0 < found.stop_n_machine < found.n_machine < N_POOL - N_WITHHELD - 1600
    assert 0.0 < found.error < 0.05
    same = ("n_train", "theta", "n_steps", "batch_size", "stop_theta", "human_only_cost_usd")
    for name in same:
        assert getattr(found, name) == getattr(plan(), name)


def test_an_audit_pays_where_the_safety_of_a_small_test_set_allows_no_machine_label() -> None:
    none = {"stop_n_machine": 0, "stop_theta": 0.0, "stop_cost_usd": 400.0, "n_steps": 0}
    found = add(plan(**none, n_machine=0, total_cost_usd=400.0), target_error=0.3, target="machine")
    assert found.n_machine == found.stop_n_machine > 5000
    assert found.total_cost_usd == pytest.approx(400.0 - 0.039 * found.n_machine)
    assert 0.0 < found.stop_theta <= 1.0


def test_without_an_audit_the_safety_costs_labels() -> None:
    thetas, n_left = np.array([0.25, 0.5, 0.75, 1.0]), np.array([8_000, 4_000])
    error = np.array([[0.0, 0.0], [0.02, 0.0], [0.08, 0.01], [0.2, 0.02]])
    bound = error + 0.02
    given = {"n_pool": N_POOL, "settings": settings(target_error=0.05)}
    found = safety_labels(thetas, error, bound, n_left, **given)

    def cut(rates: np.ndarray, n: int) -> float:
        ranks = np.arange(n + 1)
        wrong = np.interp(ranks, np.r_[0, thetas * n], np.r_[0, rates * thetas * n])
        return float(ranks[wrong <= 500].max())

    expected = [cut(e, n) - cut(b, n) for e, b, n in zip(error.T, bound.T, n_left, strict=True)]
    assert found.shape == (1, 2)
    assert np.abs(found[0] - expected).max() <= 0.01 * n_left.max()
    assert found[0, 0] > 100
    assert found[0, 1] == 0


def test_the_better_the_test_set_the_cheaper_the_audit() -> None:
    assert add(plan(), n_test=2000).n_machine > add(plan(), n_test=20).n_machine


def test_a_plan_to_stop_keeps_its_distance_to_going_on() -> None:
    stop = plan(
        n_train=N_TRAIN, n_machine=5000, n_steps=0, total_cost_usd=200.0, go_on_cost_usd=201.5
    )
    found = add(stop)
    assert found.n_machine == found.stop_n_machine
    assert found.total_cost_usd == pytest.approx(found.stop_cost_usd)
    assert found.go_on_cost_usd == pytest.approx(found.stop_cost_usd + 1.5)
    assert add(replace(stop, go_on_cost_usd=None)).go_on_cost_usd is None


def test_stopping_now_is_the_plan_where_the_audit_makes_it_the_cheaper_one() -> None:
    barely = add(plan(total_cost_usd=199.0, go_on_cost_usd=199.0, n_machine=7500))
    assert (barely.n_train, barely.n_steps, barely.batch_size) == (N_TRAIN, 0, 0)
    assert (barely.theta, barely.n_machine) == (barely.stop_theta, barely.stop_n_machine)
    assert barely.total_cost_usd == barely.stop_cost_usd
    assert barely.go_on_cost_usd is not None
    assert barely.go_on_cost_usd > barely.stop_cost_usd


def test_people_alone_have_no_audit_where_machine_labels_are_dearer() -> None:
    nothing = plan(
        n_train=N_TRAIN, n_machine=0, n_steps=0, batch_size=0, theta=0.0, stop_theta=0.0,
        stop_n_machine=0, total_cost_usd=400.0, stop_cost_usd=400.0, go_on_cost_usd=401.0,
        error=0.0,
    )  # fmt: skip
    dear = Settings(prices=PriceSettings(price_per_label=0.04, machine_fee=0.05))
    sizes = {"n_withheld": N_WITHHELD, "n_pool": N_POOL}
    assert with_audit(nothing, curves(), N_TRAIN, 150, settings=dear, **sizes) == nothing


@pytest.mark.parametrize("target", ["set", "machine"])
@pytest.mark.parametrize("n_left", [40, 7_003])
def test_the_curve_is_planned_on_as_it_is(n_left: int, target: Any) -> None:
    error = np.linspace(0.001, 0.2, 20)
    found = expected_audit(
        THETAS, error, n_left=n_left, n_pool=N_POOL, n_test=150, settings=settings(target=target)
    )
    edges = np.rint(THETAS * n_left).astype(int)
    above = np.interp(edges, THETAS * n_left, THETAS * error * n_left)
    rates = np.diff(above, prepend=0.0) / np.diff(edges, prepend=0)
    audit = plan_audit(
        np.r_[0, edges], rates, n_pool=N_POOL, n_test=150, target_error=0.05, target=target
    )
    assert found.n_machine == round(n_left - audit.expected_human)
    share = found.n_machine / max(1, audit.expected_cut)
    by_hand = np.interp(audit.expected_cut, np.r_[0, edges], np.r_[0.0, above]) * share / N_POOL
    assert found.error == pytest.approx(by_hand)


def test_people_s_smallest_batch_is_in_the_forecast() -> None:
    error = np.linspace(0.001, 0.2, 20)

    def found(min_batch: int) -> int:
        prices = PriceSettings(min_batch=min_batch)
        return expected_audit(
            THETAS,
            error,
            n_left=7_000,
            n_pool=N_POOL,
            n_test=150,
            settings=Settings(prices=prices),
        ).n_machine

    assert found(1) > found(2_000) > found(7_000) == 500


@pytest.mark.parametrize("n_left", [0, 1, 3])
@pytest.mark.parametrize("target", ["set", "machine"])
def test_hardly_anything_left(n_left: int, target: Any) -> None:
    found = expected_audit(
        THETAS,
        np.full(20, np.nan),
        n_left=n_left,
        n_pool=20,
        n_test=1,
        settings=settings(target=target),
    )
    assert 0 <= found.n_machine <= n_left
    assert 0.0 <= found.error <= 0.05


def replicas(scale: Any) -> CurveReplicas:
    """Copies of the fitted curves, each with errors scaled."""
    knots = np.array([N_TRAIN, 1100, 1500, 2000])
    factors = np.asarray(scale, float)
    error = curves().predict(knots)[None] * factors[:, None, None]
    return CurveReplicas(THETAS, knots, error, np.zeros(factors.size, np.int32), ("power",))


def labels_by_audit(scale: Any, **changes: Any) -> Any:
    return audit_labels(
        curves(),
        replicas(scale),
        150,
        n_withheld=N_WITHHELD,
        n_pool=N_POOL,
        settings=settings(**changes),
    )


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.4])
def test_audits_of_replicas_are_those_that_would_be_drawn(scale: float) -> None:
    """Planned on the fitted curve, drawn where errors are the replica's, many times."""
    found = labels_by_audit([scale] * 300)[:, 0]
    n_left, error = N_POOL - N_WITHHELD - N_TRAIN, curves().predict(np.array([N_TRAIN]))[:, 0]
    edges = np.r_[0, np.rint(THETAS * n_left).astype(int)]
    above = np.r_[0.0, THETAS * error] * n_left
    plan = plan_audit(
        edges, np.diff(above) / np.diff(edges), n_pool=N_POOL, n_test=150, target_error=0.05
    )
    ranks = n_left * np.arange(101) // 100
    perfect = ranks[np.interp(ranks, edges, scale * above) <= 0.05 * N_POOL][-1]
    rate = np.diff(np.interp(np.arange(n_left + 1), edges, scale * above))
    rng = np.random.default_rng(0)
    extra = []
    for seed in range(300):
        positions = plan.draw(seed)
        wrong = rng.random(positions.size) < rate[positions]
        cut = certify(n_left, plan.frame, positions, wrong, n_pool=N_POOL, target_error=0.05)
        extra.append(perfect - cut.n_machine)
    assert np.mean(found) == pytest.approx(np.mean(extra), abs=100)
    assert np.std(found) == pytest.approx(np.std(extra), rel=0.2, abs=60)


def test_a_pool_that_a_perfect_cut_leaves_to_the_machine_still_varies_with_its_errors() -> None:
    sure, unsure = labels_by_audit([0.4] * 50)[:, -1], labels_by_audit([0.6] * 50)[:, -1]
    last = curves().predict(np.array([2000]))[-1, 0] * (N_POOL - N_WITHHELD - 2000)
    assert 0.6 * last <= 0.05 * N_POOL, "a perfect cut leaves all to the machine in both"
    assert unsure.mean() > sure.mean()


def test_for_machine_labels_an_audit_is_the_fitted_curve_s() -> None:
    found = labels_by_audit([0.5, 1.0, 2.0], target="machine")
    assert (found == found[0]).all()
    assert found.shape == (3, 4)
