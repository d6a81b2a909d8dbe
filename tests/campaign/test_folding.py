from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mcal.campaign import Campaign
from mcal.campaign.folding import differs_too_much, folding_saves_usd
from mcal.campaign.models import Models
from mcal.fitting import CurveFits, fit_curves
from mcal.profiles import Profile, estimate_profile
from mcal.report.story import read_story
from mcal.report.words import captions
from mcal.settings import (
    CertificateSettings,
    LabelStudioSettings,
    PlanSettings,
    PriceSettings,
    Settings,
)
from mcal.store import RunRecord, Store
from mcal.types import Purpose
from worlds import World, WorldClassifier, WorldModel

N_POOL = 6_000
THETAS = np.arange(1, 21) / 20.0


def world(error_at_1: float = 0.30, error_at_16: float = 0.12) -> World:
    """A pool whose curve still falls when buying ends: 300 test items are a tenth of B."""
    gamma = float(np.log(error_at_1 / error_at_16) / np.log(16.0))
    law = (error_at_1 * 60.0**gamma, gamma, 1e9)
    return World("folding", N_POOL, 10, law, ranking=0.6, fixed_cost_per_training=0.0)


def profile_of(error: float, n_left: int = 5_000, n_test: int = 300) -> Profile:
    rng = np.random.default_rng(0)
    deficit = rng.random(n_test)
    return estimate_profile(deficit, rng.random(n_test) < 2 * error * deficit, rng.random(n_left))


def fits_of(gamma: float) -> CurveFits:
    """Errors that rise along the ranking and fall by a power."""
    sizes = np.array([100.0, 200.0, 400.0, 800.0])
    rates = 0.3 * THETAS * (sizes[:, None] / 100.0) ** -gamma
    tested = np.tile(300.0 * THETAS, (4, 1))
    return fit_curves(sizes, rates * tested, tested, THETAS, n_classes=10)


def run(folder: Path, pool: World, classifier: Any = None, **change: Any) -> Any:
    usual: dict[str, Any] = {
        "prices": PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=0.25),
        "plan": PlanSettings(replicas=50, fold_test=True),
    }
    settings = Settings(**(usual | change))
    parts: dict[str, Any] = {"annotator": pool.annotator}
    classifiers = [classifier or pool.classifier]
    with Campaign.create(
        folder, pool=pool.pool, settings=settings, classifiers=classifiers, **parts
    ) as campaign:
        return campaign.run()


def recorded(folder: Path) -> tuple[list[RunRecord], int, int, str]:
    """Runs, |B|, |T|, and the reason of the audit."""
    with Store.open(folder, read_only=True) as store:
        (drawn,) = [action for action in store.actions() if action.name == "audit"]
        n_train = store.labels(Purpose.TRAIN).indices.size
        return store.runs(), n_train, store.labels(Purpose.TEST).indices.size, drawn.reason


# -- the numbers -------------------------------------------------------------------------------


def test_a_steeper_curve_saves_more_and_a_flat_one_nothing() -> None:
    profile, settings = profile_of(0.15), Settings()
    saves = [
        folding_saves_usd(fits_of(gamma), profile, 800, 300, n_pool=N_POOL, settings=settings)
        for gamma in (0.0, 0.2, 0.6)
    ]
    assert abs(saves[0]) < 2.0, "the fit leans towards curves that fall"
    assert saves[0] < saves[1] < saves[2]
    assert saves[2] <= 0.04 * 5_000


def test_savings_are_at_people_s_price() -> None:
    profile, fits = profile_of(0.15), fits_of(0.4)
    at = [
        folding_saves_usd(
            fits, profile, 800, 300, n_pool=N_POOL,
            settings=Settings(prices=PriceSettings(price_per_label=price)),
        )
        for price in (0.04, 0.4)
    ]  # fmt: skip
    assert at[1] == pytest.approx(10.0 * at[0])


def test_where_two_models_differ_one_of_them_is_wrong() -> None:
    profile = profile_of(0.1)
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 5_000)

    def changed(share: float) -> Any:
        return np.where(rng.random(5_000) < share, (labels + 1) % 10, labels)

    assert not differs_too_much(labels, labels, profile)
    assert not differs_too_much(changed(0.10), labels, profile)
    assert differs_too_much(changed(0.30), labels, profile)


# -- in campaigns ------------------------------------------------------------------------------


def test_the_last_training_is_on_the_test_set_too(tmp_path: Path) -> None:
    pool = world()
    result = run(tmp_path / "run", pool)
    runs, n_train, n_test, reason = recorded(tmp_path / "run")
    last = runs[-1]
    assert last.n_train == n_train + n_test
    assert last.round == runs[-2].round
    assert "on the 300 test items too is expected to save $" in reason
    assert np.mean(result.labels != pool.truth) <= 0.05
    assert result.summary.training_cost_usd == pytest.approx(0.25 * len(runs)), "it is charged"
    with Store.open(tmp_path / "run", read_only=True) as store:
        profiles = store.estimates("profile")
    assert len(profiles) == len(runs) - 1, "nothing measures a model on what it was trained on"


@pytest.mark.parametrize(
    "change",
    [
        {"preset": "paper"},
        {"budget_usd": 120.0},
        {"certificate": CertificateSettings(kind="none")},
        {"plan": PlanSettings(replicas=50, fold_test=False)},
    ],
    ids=["paper", "budget", "uncertified", "off"],
)
def test_where_the_test_set_stays_out(tmp_path: Path, change: dict[str, Any]) -> None:
    run(tmp_path / "run", world(), **change)
    with Store.open(tmp_path / "run", read_only=True) as store:
        n_train = store.labels(Purpose.TRAIN).indices.size
        assert max(each.n_train for each in store.runs()) == n_train


@pytest.mark.parametrize(("costs_usd", "folds"), [(0.25, True), (2.5, False)])
def test_a_training_that_costs_more_than_it_saves_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, costs_usd: float, folds: bool
) -> None:
    """To save $3 of $240, of which $1.20 are to be left once it is paid."""
    monkeypatch.setattr("mcal.campaign.models.folding_saves_usd", lambda *_, **__: 3.0)
    prices = PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=costs_usd)
    run(tmp_path / "run", world(), prices=prices)
    runs, n_train, n_test, reason = recorded(tmp_path / "run")
    assert runs[-1].n_train == n_train + folds * n_test
    assert ("is expected to save $3.00" in reason) == folds


class SeesTest(WorldClassifier):
    """Knows which items are T's, and what to do when it is to be trained on them."""

    def __init__(self, pool: World, test_items: Any, with_test: Any) -> None:
        super().__init__(pool)
        self.test_items, self.with_test = test_items, with_test

    def train(self, pool: Any, indices: Any, labels: Any, **rest: Any) -> WorldModel:
        model = super().train(pool, indices, labels, **rest)
        if np.isin(self.test_items, indices).any():
            return self.with_test(model, rest["progress"])
        return model


@pytest.fixture(scope="module")
def unfolded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The campaign that folds nothing, and its test set: that of the others too."""
    folder = tmp_path_factory.mktemp("unfolded") / "run"
    result = run(folder, world(), plan=PlanSettings(replicas=50, fold_test=False))
    with Store.open(folder, read_only=True) as store:
        return result, store.labels(Purpose.TEST).indices


def test_a_folded_model_that_went_wrong_does_not_label(
    tmp_path: Path, unfolded: tuple[Any, Any]
) -> None:
    pool, (whole, test_items) = world(), unfolded
    broken = SeesTest(pool, test_items, lambda model, _: WorldModel(model.world, 1))
    result = run(tmp_path / "run", pool, broken)
    runs, n_train, n_test, reason = recorded(tmp_path / "run")
    assert runs[-1].n_train == n_train + n_test
    assert "differs too much from the one in hand, which stays" in reason
    np.testing.assert_array_equal(result.labels, whole.labels)


def test_a_last_training_that_takes_what_it_was_to_save_is_stopped(
    tmp_path: Path, unfolded: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, (whole, test_items) = world(), unfolded
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("mcal.campaign.training.time", clock)

    def slow(model: WorldModel, progress: Any) -> WorldModel:
        for i in range(100):
            clock.now += 3_600.0
            progress(i / 100, "training")
        return model

    prices = PriceSettings(gpu_usd_per_hour=1.0, fixed_cost_per_training=0.25)
    result = run(tmp_path / "run", pool, SeesTest(pool, test_items, slow), prices=prices)
    runs, _, _, reason = recorded(tmp_path / "run")
    assert runs[-1].status == "interrupted"
    saved_usd = float(re.findall(r"expected to save \$([0-9.]+), but", reason)[0])
    assert 0.0 < runs[-1].cost_usd <= saved_usd - 0.25
    assert reason.split("; people check")[0].endswith("was stopped when it had cost as much")
    np.testing.assert_array_equal(result.labels, whole.labels)


def test_people_see_what_the_folded_model_says(tmp_path: Path) -> None:
    """Not what the model says that it took the place of."""
    pool = world(0.35, 0.20)
    studio = LabelStudioSettings(url="http://127.0.0.1:1", project="World", show_guesses=True)
    run(tmp_path / "run", pool, annotator=studio, target_error=0.04)
    runs, n_train, n_test, reason = recorded(tmp_path / "run")
    assert "differs" not in reason
    assert runs[-1].n_train == n_train + n_test
    with Store.open(tmp_path / "run", read_only=True) as store:
        (rest,) = [batch for batch in store.batches() if batch.purpose is Purpose.REST]
        indices, told = store.batch_indices(rest.batch_id), store.guesses(rest.batch_id)
    folded, held = (
        pool_model.score(pool.pool, indices).logits.argmax(axis=1)
        for pool_model in (WorldModel(pool, n_train + n_test), WorldModel(pool, n_train))
    )
    assert np.any(folded != held)
    assert told is not None
    np.testing.assert_array_equal(told.labels, folded)


@pytest.mark.parametrize("fold_test", [True, False])
def test_the_report_says_whose_the_expected_curve_is(tmp_path: Path, fold_test: bool) -> None:
    run(tmp_path / "run", world(), plan=PlanSettings(replicas=50, fold_test=fold_test))
    caption = captions(read_story(tmp_path / "run"))["ranking"]
    assert ("of the model before: the one that labels was trained on" in caption) == fold_test


def test_a_kill_anywhere_in_the_last_training_comes_to_the_same_end(tmp_path: Path) -> None:
    pool = world()
    whole = run(tmp_path / "whole", pool)
    settings = Settings(
        prices=PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=0.25),
        plan=PlanSettings(replicas=50, fold_test=True),
    )
    parts: dict[str, Any] = {"pool": pool.pool, "annotator": pool.annotator}
    folder = tmp_path / "killed"
    Campaign.create(folder, settings=settings, classifiers=[pool.classifier], **parts).close()
    real = Models.folded
    for moment in ("before", "trained", "after", "never"):

        def folded(self: Models, name: str, round_: int, moment: str = moment) -> Any:
            if moment == "before":
                raise KeyboardInterrupt
            if moment == "trained":  # a checkpoint is there, and no end of the run
                self.trainer.finish = _killed  # type: ignore[method-assign]
            found = real(self, name, round_)
            if moment == "after":
                raise KeyboardInterrupt
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Models, "folded", folded)
            with Campaign.open(folder, classifiers=[pool.classifier], **parts) as campaign:
                try:
                    result = campaign.run()
                except KeyboardInterrupt:
                    continue
    np.testing.assert_array_equal(result.labels, whole.labels)
    np.testing.assert_array_equal(result.sources, whole.sources)
    fixed = sum(each.fixed_cost_usd for each in recorded(folder)[0])
    assert fixed == pytest.approx(whole.summary.training_cost_usd), "due once"


def _killed(*_: object) -> None:
    raise KeyboardInterrupt
