"""Each policy does what its name says, held against the rule worked out by hand."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mcal.certificate import plan_audit
from mcal.settings import (
    CertificateSettings,
    PlanSettings,
    PriceSettings,
    PriceTier,
    Settings,
)
from mcal.simulation import POLICIES, QUICK, Curve, Model, World, open_policies
from mcal.simulation.policies.ground_truth import GroundTruth
from mcal.simulation.policies.mcal import Mcal
from mcal.simulation.policies.naive import NaiveAl, OracleAl
from mcal.simulation.policies.oracle_plan import OraclePlan
from mcal.simulation.policies.pac_labels import SIZES, PacLabels, _n_sample, _tolerated

N = 2_000
WORLD = World("w", N, 10, Curve("power", ((20, 0.35), (400, 0.08))), train_fixed_s=12.0)
SETTINGS = Settings(plan=QUICK)


@dataclass(frozen=True)
class Ladder:
    """A pool by hand: item i has the same deficit for every model, and the last ones are wrong.

    A model on n items is wrong about the ``2_000 - 4 n`` least sure.
    """

    n_pool: int = N
    n_classes: int = 10
    train_s: float = 0.0

    def model(self, n_train: int) -> Model:
        deficit = (np.arange(self.n_pool) + 0.5) / self.n_pool
        wrong = np.arange(self.n_pool) >= min(self.n_pool, 4 * n_train)
        return Model(n_train, deficit, wrong, self.train_s)


def run(policy: str, pool: Any = None, **settings: Any) -> Any:
    drawn = WORLD.draw(3) if pool is None else pool
    return POLICIES[policy].run(drawn, Settings(**{"plan": QUICK} | settings), 11)


def test_people_label_everything() -> None:
    o = run("people")
    assert (o.n_rest, o.n_machine, o.rounds, o.n_errors) == (N, 0, 0, 0)
    assert o.total_usd == o.human_only_usd == 0.04 * N


@pytest.mark.parametrize(
    ("prices", "people_usd"),
    [
        (PriceSettings(price_per_label=0.04, machine_fee=0.05), 80.0),
        (PriceSettings(price_per_label=0.04, machine_fee=0.04), 80.0),
        (
            PriceSettings(
                tiers=(PriceTier(n_from=0, price=0.04), PriceTier(n_from=200, price=0.01)),
                machine_fee=0.02,
            ),
            26.0,
        ),
    ],
    ids=["dearer", "as dear", "dearer than people's last"],
)
@pytest.mark.parametrize("kind", ["audit", "none"])
def test_no_machine_label_is_given_that_costs_more_than_people_s(
    prices: PriceSettings, people_usd: float, kind: str
) -> None:
    o = run("mcal", prices=prices, certificate=CertificateSettings(kind=kind))
    assert o.n_machine == 0
    assert o.labels_usd + o.fee_usd == o.human_only_usd == people_usd


def test_naive_batches_are_all_of_one_size_until_the_rest_may_be_machine_labelled() -> None:
    o = NaiveAl(0.05).run(Ladder(), SETTINGS, 11)
    # T takes a random 5 % out. After n bought items, 2000 - 4 n are wrong, a share of T as well;
    # that share times the 1900 - n left is within 100 errors from n = 500 - 1/4 x 2000 x 100/1450
    assert o.n_test == 100
    assert o.n_train % 100 == 0
    assert o.n_train == 500
    assert o.rounds == 5
    assert o.n_machine == N - 100 - 500


def test_the_oracle_knows_the_best_delta() -> None:
    totals = [NaiveAl(d).run(WORLD.draw(3), SETTINGS, 11).total_usd for d in (0.01, 0.02, 0.05)]
    totals += [NaiveAl(d).run(WORLD.draw(3), SETTINGS, 11).total_usd for d in (0.1, 0.2)]
    assert OracleAl().run(WORLD.draw(3), SETTINGS, 11).total_usd == min(totals)


def test_the_oracle_plan_cuts_at_the_last_allowed_error() -> None:
    # Free training, no T: with n bought, 20 of them at random, the rest is right up to rank 4 n.
    # 4 n + 100 machine labels and n bought cover nearly all 2,000 from n = 380 on.
    o = OraclePlan().run(Ladder(), SETTINGS, 11)
    assert o.n_errors <= 100
    assert o.n_train == 380
    assert o.n_rest <= 20
    dear = OraclePlan().run(Ladder(train_s=3_600.0 * 100), SETTINGS, 11)
    assert dear.n_machine == 0
    assert dear.total_usd == dear.human_only_usd


def test_the_oracle_plan_leaves_people_what_they_label_cheaper() -> None:
    # People's first 900 labels cost less than the machine's fee, the others more.
    falling = (PriceTier(n_from=0, price=0.01), PriceTier(n_from=900, price=1.0))
    prices = PriceSettings(tiers=falling, machine_fee=0.5)
    o = OraclePlan().run(Ladder(), Settings(prices=prices), 11)
    assert o.n_machine == N - 900
    assert o.total_usd == pytest.approx(9.0 + 0.5 * (N - 900))


def test_ground_truth_labels_what_validates_and_keeps_it() -> None:
    o = GroundTruth().run(Ladder(), SETTINGS, 11)
    # 200 validate and 1,000 are bought; the model is right about every item: all are labelled but
    # those less sure than any that validates, 1 in 201, which are bought
    assert (o.n_test, o.rounds) == (200, 1)
    assert 1_000 <= o.n_train <= 1_030
    assert o.n_train + o.n_machine == 1_800
    assert o.fee_usd == pytest.approx(0.02 * o.n_machine)
    assert o.n_errors == 0


def test_ground_truth_ends_when_the_machine_has_labelled_the_last_item() -> None:
    class Sure(Ladder):
        def model(self, n_train: int) -> Model:
            return Model(n_train, np.zeros(N), np.zeros(N, dtype=bool), 0.0)

    o = GroundTruth().run(Sure(), SETTINGS, 11)
    assert (o.n_test, o.n_train, o.n_machine, o.n_rest) == (200, 1_000, 800, 0)


def test_ground_truth_counts_the_errors_of_each_round_s_model() -> None:
    class Worse(Ladder):
        def model(self, n_train: int) -> Model:
            deficit = (np.arange(N) + 0.5) / N
            return Model(n_train, deficit, np.arange(N) >= 500, 0.0)

    pool = Worse()
    o = GroundTruth().run(pool, SETTINGS, 11)
    # what is labelled are the first ranks, with at most about 5 % of wrong ones beyond rank 500
    assert o.n_machine + o.n_train + o.n_test == N
    assert 0 < o.n_errors <= 0.09 * o.n_machine


def test_pac_labels_tolerate_what_the_binomial_allows() -> None:
    stats = pytest.importorskip("scipy.stats")
    for n, rate in ((50, 0.01), (100, 0.05), (700, 0.07), (1_000, 0.3)):
        x = _tolerated(n, rate, 0.05)
        assert x < 0 or stats.binom.cdf(x, n, rate) <= 0.05
        assert stats.binom.cdf(x + 1, n, rate) > 0.05
    assert _tolerated(10, 1.0, 0.05) == 10


def test_pac_labels_differ_from_mcal_by_the_audit_alone() -> None:
    pac, mcal = (p.run(WORLD.draw(3), SETTINGS, 11) for p in (PacLabels(), Mcal()))
    assert (pac.n_test, pac.n_train, pac.rounds) == (mcal.n_test, mcal.n_train, mcal.rounds)
    assert pac.n_audit > 0


def test_pac_labels_draw_as_many_as_saves_most() -> None:
    """Held against every size played on the curve itself, many times."""
    n_left, rate = 9_000, 0.05
    edges = np.arange(21) * (n_left // 20)
    error = np.linspace(0.0, 0.3, 20)
    profile = SimpleNamespace(bin_edges=edges, bin_error=error, bin_n_test=np.full(20, 500.0))
    chosen = _n_sample(profile, n_left, rate, 0.05)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)

    def played(n: int) -> float:
        found = []
        for _ in range(60):
            ranks = np.sort(rng.integers(0, n_left, n))
            wrong = ranks[rng.random(n) < error[ranks // (n_left // 20)]]
            x = _tolerated(n, rate, 0.05)
            cut = 0 if x < 0 else wrong[x] if x < wrong.size else n_left
            found.append(cut - np.unique(ranks[ranks < cut]).size)
        return float(np.mean(found))

    machine = {n: played(n) for n in SIZES if n <= n_left}
    assert machine[chosen] >= 0.97 * max(machine.values())
    assert _n_sample(profile, 30, rate, 0.05) == 30  # type: ignore[arg-type]


def test_pac_labels_have_no_promise_for_machine_labels_alone() -> None:
    with pytest.raises(ValueError, match="target: expected 'set' for pac-labels"):
        run("pac-labels", target="machine")


def test_mcal_audits_and_the_paper_does_not() -> None:
    default, paper = run("mcal"), run("mcal-paper")
    assert default.n_test == 100
    assert default.n_audit > 0
    assert default.n_errors <= 0.05 * N
    assert paper.n_test == 100  # 5 %
    assert paper.n_audit == 0
    none = run("mcal", certificate=CertificateSettings(kind="none"))
    assert none.n_audit == 0
    assert none.n_train == default.n_train or none.n_machine > 0


def test_mcal_s_audit_is_the_planned_one() -> None:
    """A perfect model over all of U: nothing is expected to be wrong, and nothing is found."""

    class Perfect(Ladder):
        def model(self, n_train: int) -> Model:
            deficit = (np.arange(N) + 0.5) / N
            return Model(n_train, deficit, np.zeros(N, dtype=bool), 0.0)

    o = Mcal().run(Perfect(), Settings(plan=PlanSettings(test_size=50, replicas=50)), 11)
    n_left = N - 50 - o.n_train
    edges = np.unique(np.arange(21) * n_left // 20)
    plans = [  # purchases take test items out, so that fewer than 50 measure
        plan_audit(edges, np.zeros(edges.size - 1), n_pool=N, n_test=n_test, target_error=0.05)
        for n_test in range(30, 51)
    ]
    assert o.n_audit in {plan.n_audit for plan in plans}
    assert o.n_audit > 0
    assert o.n_machine == n_left - o.n_audit
    assert o.n_rest == 0


def test_the_released_rule_takes_a_theta_of_the_grid() -> None:
    o = run("released")
    n_left = N - o.n_test - o.n_train
    thetas = [int(i / 20 * n_left) for i in range(21)]
    assert o.n_machine in thetas


def test_forecasts_are_made_every_round() -> None:
    o = run("mcal")
    assert len(o.forecasts) in (o.rounds, o.rounds - 1), "none after a training on T"
    assert [f.n_train for f in o.forecasts][-1] == o.n_train
    assert all(f.low_usd <= f.high_usd for f in o.forecasts[2:])
    assert o.forecast_at(0.05).n_train >= 0.05 * N
    assert o.forecast_at(1.0) is None
    assert run("people").forecast_at(0.05) is None


def test_policies_are_opened_by_name() -> None:
    assert [p.name for p in open_policies(["people", "naive-al", "people"])] == [
        "people",
        *(f"naive-al-{d}" for d in (1, 2, 5, 10, 20)),
    ]
    with pytest.raises(ValueError, match=r"policy: expected one of mcal, .*naive-al, found 'x'"):
        open_policies(["x"])
