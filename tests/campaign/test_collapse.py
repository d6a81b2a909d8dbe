from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest

from blobs import Blobs, NearestMean, NearestMeanModel, make_blobs
from mcal.bootstrap import MeasuredRound
from mcal.campaign import Campaign
from mcal.campaign.collapse import compare, find_collapse, find_hopeless
from mcal.campaign.decide import MIN_ROUNDS
from mcal.campaign.facts import COLLAPSE
from mcal.settings import LabelStudioSettings, PlanSettings, PriceSettings, Settings
from mcal.store import ActionRecord, Store
from mcal.types import Purpose

N_TEST = 500
FREE = PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=0.25)


def measured(
    n_train: int, wrong: npt.ArrayLike, counted: npt.ArrayLike | bool = True
) -> MeasuredRound:
    cells = np.where(counted, np.asarray(wrong, np.int32), -1)
    return MeasuredRound(n_train, np.array([0, 9_000]), cells)


def errs(n_train: int, n_wrong: int, n_test: int = N_TEST) -> MeasuredRound:
    """Wrong about the first ``n_wrong`` items: errors of different models are nested."""
    return measured(n_train, np.arange(n_test) < n_wrong)


# -- the test ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 7, 60, 500])
def test_the_sign_test_is_exact(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(5):
        wrong, other = rng.random((2, n)) < np.array([[0.4], [0.25]])
        found = compare(measured(2, wrong), measured(1, other))
        worse, better = np.sum(wrong & ~other), np.sum(other & ~wrong)
        assert (found.n_wrong, found.n_wrong_other) == (wrong.sum(), other.sum())
        expected = 1.0
        if worse + better:
            expected = binomtest(int(worse), int(worse + better), alternative="greater").pvalue
        assert found.p_value == pytest.approx(expected, rel=1e-12)


def test_only_items_that_both_count_are_compared() -> None:
    before = measured(100, np.zeros(6, bool))
    now = measured(200, np.ones(6, bool), [True, False, True, False, True, False])
    assert compare(now, before).n_items == 3
    nothing = compare(measured(200, np.ones(6, bool), False), before)
    assert (nothing.n_items, nothing.p_value, nothing.is_worse()) == (0, 1.0, False)


def test_models_of_other_test_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="other: expected 500 test items as in model, found 400"):
        compare(errs(200, 10), errs(100, 10, 400))


# -- the rules ---------------------------------------------------------------------------------


def test_a_fall_from_84_to_68_percent_is_a_collapse() -> None:
    why = find_collapse(errs(1_400, 160), errs(700, 80))
    assert why is not None
    assert "1,400 labels" in why
    assert "32.0% of 500" in why
    assert "16.0%" in why


@pytest.mark.parametrize(
    ("now", "before", "about"),
    [
        (60, 80, "it learns"),
        (80, 80, "it stands still"),
        (100, 80, "4 points are scatter of trainings"),
        (330, 300, "a tenth more errors of a slow starter"),
        (450, 449, "at chance there is nothing to fall from"),
    ],
)
def test_what_is_no_collapse(now: int, before: int, about: str) -> None:
    assert find_collapse(errs(1_400, now), errs(700, before)) is None, about


def test_a_few_test_items_prove_no_collapse() -> None:
    assert find_collapse(errs(40, 8, 25), errs(20, 4, 25)) is None


def test_trainings_that_scatter_are_never_called_collapsed() -> None:
    """Independent errors at one rate: what luck can do in 2,000 comparisons."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(2_000):
        wrong = rng.random((2, N_TEST)) < 0.2
        found += find_collapse(measured(2, wrong[0]), measured(1, wrong[1])) is not None
    assert found <= 2


def test_who_falls_further_behind_is_hopeless() -> None:
    cells = {"good": [errs(100, 60), errs(200, 40)], "bad": [errs(100, 120), errs(200, 100)]}
    (why,) = find_hopeless(cells, "good", 10).values()
    assert "24.0% and 20.0%" in why
    assert "good about 12.0% and 8.0%" in why


@pytest.mark.parametrize(
    ("bad", "about"),
    [
        ([(100, 120)], "one round says nothing about where it goes"),
        ([(100, 130), (200, 80)], "it catches up"),
        ([(100, 80), (200, 56)], "it is not far behind"),
        ([(100, 300), (200, 290)], "it has not begun to learn, and may learn fast"),
        ([(100, 120), (150, 100)], "its rounds are not the leader's"),
    ],
)
def test_slow_starters_stay(bad: list[tuple[int, int]], about: str) -> None:
    cells = {"good": [errs(100, 60), errs(200, 40)], "bad": [errs(*each) for each in bad]}
    assert find_hopeless(cells, "good", 10) == {}, about


def test_without_the_leader_s_test_items_nobody_is_hopeless() -> None:
    assert find_hopeless({"bad": [errs(100, 120), errs(200, 100)]}, "good", 10) == {}


# -- in campaigns ------------------------------------------------------------------------------


class Collapses(NearestMean):
    """As good as its parent, but for some trainings: then its classes change places."""

    def __init__(self, name: str, *bad: int, seeds: set[int] | None = None) -> None:
        super().__init__(name)
        self.bad, self.seeds = bad, seeds if seeds is not None else set()

    def train(self, pool: Any, indices: Any, labels: Any, **rest: Any) -> NearestMeanModel:
        model = super().train(pool, indices, labels, **rest)
        self.seeds.add(rest["seed"])
        means = model.means
        return NearestMeanModel(np.roll(means, 1, 0) if len(self.seeds) in self.bad else means)


def run(folder: Path, world: Blobs, *candidates: NearestMean, **change: Any) -> Any:
    settings = Settings(prices=FREE, plan=PlanSettings(replicas=50), **change)
    parts = {"pool": world.pool, "annotator": world.oracle(), "classifiers": candidates}
    with Campaign.create(folder, settings=settings, **parts) as campaign:
        return campaign.run()


def actions(folder: Path, *names: str) -> list[ActionRecord]:
    with Store.open(folder, read_only=True) as store:
        return [action for action in store.actions() if action.name in names]


def test_a_candidate_that_collapses_is_dropped_at_once(tmp_path: Path, easy: Blobs) -> None:
    steady, other = NearestMean("steady/fake"), Collapses("other/fake", 2)
    result = run(tmp_path / "run", easy, steady, other)
    assert result is not None
    assert len(other.trainings) == 2, "long before a forecast may drop a candidate"
    assert len(steady.trainings) > 2
    fell, dropped = actions(tmp_path / "run", COLLAPSE, "drop")
    assert fell.round == dropped.round == 1
    assert fell.details == {"classifier": "other/fake", "model_round": 0}
    assert dropped.details["classifier"] == "other/fake"
    assert dropped.reason == fell.reason
    assert "other/fake: trained on" in fell.reason
    assert np.mean(result.labels != easy.truth) <= 0.05


def test_one_that_never_comes_near_the_leader_is_dropped_before_any_forecast(
    tmp_path: Path, easy: Blobs
) -> None:
    class Poor(NearestMean):
        """Never says the first class."""

        def train(self, pool: Any, indices: Any, labels: Any, **rest: Any) -> NearestMeanModel:
            model = super().train(pool, indices, labels, **rest)
            model.means[0] = model.means[1] + 50.0
            return model

    poor, good = Poor("poor/fake"), NearestMean("good/fake")
    assert run(tmp_path / "run", easy, poor, good) is not None
    assert 2 <= len(poor.trainings) < MIN_ROUNDS
    (dropped,) = actions(tmp_path / "run", "drop")
    assert "falls further behind" in dropped.reason


def test_the_former_model_stands_in_for_the_only_one(tmp_path: Path, easy: Blobs) -> None:
    alone = Collapses("alone/fake", 3)
    result = run(tmp_path / "run", easy, alone)
    assert result is not None
    assert np.mean(result.labels != easy.truth) <= 0.05
    assert result.summary.n_machine > 0.6 * 4000
    assert actions(tmp_path / "run", "drop") == []
    (fell,) = actions(tmp_path / "run", COLLAPSE)
    assert (fell.round, fell.details["model_round"]) == (2, 1)
    assert "of round 1, stands in" in fell.reason
    with Store.open(tmp_path / "run", read_only=True) as store:
        curves = [e.payload["wrong"][-1] for e in store.estimates("profile")]
        again = [r for r in store.runs() if r.round == 1]
    assert curves[2] <= 2 * max(1, curves[1]), "the profile is that of the model that stands in"
    assert [r.status for r in again] == ["finished"] * 2
    assert [r.fixed_cost_usd for r in again] == [0.25, 0.0], "scored again, not trained"
    assert result.summary.training_cost_usd == pytest.approx(0.25 * len(alone.trainings))


def test_a_model_that_stood_in_goes_on_standing_in(tmp_path: Path, easy: Blobs) -> None:
    result = run(tmp_path / "run", easy, Collapses("alone/fake", 3, 4, 5))
    assert result is not None
    assert np.mean(result.labels != easy.truth) <= 0.05
    fell = actions(tmp_path / "run", COLLAPSE)
    assert [action.details["model_round"] for action in fell] == [1] * len(fell)
    assert len(fell) >= 2


def test_choosing_with_a_model_that_stands_in_pays_for_no_training(
    tmp_path: Path,
) -> None:
    world, alone = make_blobs(4000, 1.2), Collapses("alone/fake", 3)
    result = run(tmp_path / "run", world, alone, selection="k_center")
    assert len(actions(tmp_path / "run", COLLAPSE)) == 1
    assert len(actions(tmp_path / "run", "buy")) >= 3, "k-center chose after it too"
    assert result.summary.training_cost_usd == pytest.approx(0.25 * len(alone.trainings))


@pytest.mark.parametrize("restarts", [False, True])
def test_people_are_told_the_round_of_the_model_that_guesses(
    tmp_path: Path, restarts: bool
) -> None:
    """From the third training on the model of the second stands in."""
    world, seeds = make_blobs(4000, 2.0), set[int]()
    studio = LabelStudioSettings(url="http://127.0.0.1:1", project="Blobs", show_guesses=True)
    settings = Settings(prices=FREE, plan=PlanSettings(replicas=50), annotator=studio)
    folder, parts = tmp_path / "run", {"pool": world.pool, "annotator": world.oracle()}

    def candidates() -> Any:
        return [Collapses("alone/fake", *range(3, 50), seeds=seeds)]

    campaign = Campaign.create(folder, settings=settings, classifiers=candidates(), **parts)
    while campaign.step() is not None:
        if restarts:
            campaign.close()
            campaign = Campaign.open(folder, classifiers=candidates(), **parts)
    campaign.close()
    assert len(actions(folder, COLLAPSE)) >= 2
    with Store.open(folder, read_only=True) as store:
        told = [
            (batch.purpose, batch.round, guesses.model)
            for batch in store.batches()
            if (guesses := store.guesses(batch.batch_id)) is not None
        ]
    assert Purpose.REST in {purpose for purpose, _, _ in told}
    for purpose, round_, model in told:
        chosen_in = round_ - (purpose is Purpose.TRAIN)
        assert model == f"alone/fake, round {min(chosen_in, 1)}"


def test_the_last_training_may_collapse(tmp_path: Path, easy: Blobs) -> None:
    whole = NearestMean()
    assert run(tmp_path / "whole", easy, whole) is not None
    result = run(tmp_path / "run", easy, Collapses("alone/fake", len(whole.trainings)))
    assert result is not None
    assert result.summary.n_machine > 0.6 * 4000
    assert np.mean(result.labels != easy.truth) <= 0.05


def test_a_budget_has_the_same_guard(tmp_path: Path, easy: Blobs) -> None:
    steady, other = NearestMean("steady/fake"), Collapses("other/fake", 2)
    result = run(tmp_path / "run", easy, steady, other, budget_usd=60.0)
    assert result is not None
    assert result.summary.total_cost_usd <= 60.0
    assert len(other.trainings) == 2
    result = run(tmp_path / "alone", easy, Collapses("alone/fake", 2), budget_usd=60.0)
    assert result is not None
    assert result.summary.total_cost_usd <= 60.0
    assert np.mean(result.labels != easy.truth) <= 0.1


def test_a_process_that_ends_after_any_step_changes_nothing(tmp_path: Path, easy: Blobs) -> None:
    whole = run(tmp_path / "whole", easy, Collapses("alone/fake", 3))
    seeds: set[int] = set()
    parts: dict[str, Any] = {"pool": easy.pool, "annotator": easy.oracle()}
    settings = Settings(prices=FREE, plan=PlanSettings(replicas=50))
    folder = tmp_path / "steps"
    with Campaign.create(
        folder, settings=settings, classifiers=[Collapses("alone/fake", 3, seeds=seeds)], **parts
    ):
        pass
    for _ in range(200):
        again = Collapses("alone/fake", 3, seeds=seeds)
        with Campaign.open(folder, classifiers=[again], **parts) as campaign:
            if campaign.step() is None:
                result = campaign.result()
                break
    np.testing.assert_array_equal(result.labels, whole.labels)
    np.testing.assert_array_equal(result.sources, whole.sources)
    assert result.summary.total_cost_usd == whole.summary.total_cost_usd


def test_a_kill_before_the_round_is_recorded_comes_to_the_same_end(
    tmp_path: Path, easy: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", easy, Collapses("alone/fake", 3))
    seeds: set[int] = set()
    parts: dict[str, Any] = {"pool": easy.pool, "annotator": easy.oracle()}
    settings = Settings(prices=FREE, plan=PlanSettings(replicas=50))
    folder = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_action", _killed_at(COLLAPSE, Store.add_action))
        candidate = Collapses("alone/fake", 3, seeds=seeds)
        with (
            Campaign.create(folder, settings=settings, classifiers=[candidate], **parts) as first,
            pytest.raises(KeyboardInterrupt),
        ):
            first.run()
    candidate = Collapses("alone/fake", 3, seeds=seeds)
    with Campaign.open(folder, classifiers=[candidate], **parts) as second:
        result = second.run()
    assert result is not None
    np.testing.assert_array_equal(result.labels, whole.labels)
    assert len(actions(folder, COLLAPSE)) == 1


def _killed_at(name: str, real: Any) -> Any:
    def add_action(store: Store, **fields: Any) -> Any:
        if fields["name"] == name:
            raise KeyboardInterrupt
        return real(store, **fields)

    return add_action
