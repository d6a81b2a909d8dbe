"""``benchmarks/paper``: data sets, sweeps, fits, and the paper's own numbers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from paper import printed
from paper.datasets import CIFAR10_CLASSES, DataSet, balanced_order, find_data_set
from paper.fits import FEWEST, curve_rows, prediction_rows
from paper.options import DELTAS, Options
from paper.runs import Cabinet
from paper.study import Study
from paper.sweeps import Curves, NotTrainedError, Sweep, SweepRun
from paper.targets import for_target, usual_data

from mcal.errors import PoolError
from mcal.settings import PriceSettings, Settings
from mcal.simulation import WORLDS, Owner

# By name, without importing them: worker processes import this file.
pytestmark = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("sklearn")), reason="pip install 'mcal[torch,digits]'"
)


def test_repriced_totals_are_those_of_hand() -> None:
    """(|X| - |S|) x price + (printed - 0.9 (|X| - |S|) x price), each by hand."""
    by_hand = {
        ("fashion-mnist", 0.04): 420 + (400 - 378),  # 442
        ("fashion-mnist", 0.003): 31.5 + (29 - 28.35),
        ("cifar10", 0.04): 840 + (792 - 756),  # 876
        ("cifar10", 0.003): 63 + (63 - 56.7),
        ("cifar100", 0.04): 2160,  # 1944 > 1698: a lower bound
        ("cifar100", 0.003): 144 + (139 - 129.6),
    }
    for row in printed.TABLE_1:
        usd, is_bound = row.repriced
        assert usd == pytest.approx(by_hand[row.dataset, row.price])
        assert is_bound == (row.dataset == "cifar100" and row.price == 0.04)
        assert 1 - row.total_usd / row.human_usd == pytest.approx(row.saving, abs=0.006)


def test_the_oracle_s_totals_are_repriced_where_two_prices_tell_the_labels() -> None:
    amazon = {(r.dataset, r.architecture): r for r in printed.TABLE_2 if r.price == 0.04}
    assert len(printed.TABLE_2) == 18
    fashion = amazon["fashion-mnist", "resnet18"]
    assert fashion.n_labels == pytest.approx(10_500)  # (429.27 - 40.77) / 0.037
    assert fashion.machine_share == pytest.approx(0.85)
    assert fashion.repriced_usd == pytest.approx(429.27)
    cifar = amazon["cifar10", "resnet18"]
    assert cifar.n_labels == pytest.approx(20_580)  # (891.06 - 129.60) / 0.037
    assert cifar.repriced_usd == pytest.approx(67.86 + 840)
    assert amazon["cifar100", "resnet18"].repriced_usd == pytest.approx(2184.60)
    assert amazon["cifar10", "cnn18"].repriced_usd is None  # deltas of 10 and 16.7 %


def test_relaxed_totals_never_save_more_than_the_machine_labels() -> None:
    saved = {r.dataset: 1 - r.repriced[0] / r.human_usd for r in printed.TABLE_3}
    assert saved["fashion-mnist"] == pytest.approx(1 - (280 + 310.8 - 252) / 2800)
    assert saved["cifar10"] == pytest.approx(1 - (600 + 708 - 540) / 2400)
    assert saved["cifar100"] == pytest.approx(0.25)


def test_every_beginning_of_a_data_set_is_balanced() -> None:
    labels = np.repeat([0, 1, 2], [40, 40, 10])
    order = balanced_order(labels)
    assert sorted(order.tolist()) == list(range(90))
    for n in (3, 15, 30):
        assert np.bincount(labels[order[:n]]).tolist() == [n // 3] * 3
    assert not np.array_equal(labels[order[:30]], np.tile([0, 1, 2], 10))


def test_cifar10_is_read_from_jpeg_files_end_to_end(tmp_path: Path) -> None:
    import io

    image_module = pytest.importorskip("PIL.Image", reason="pip install 'mcal[images]'")
    labels = np.tile(np.arange(10), 3)
    files = []
    for label in labels:
        file = io.BytesIO()
        grey = np.full((32, 32, 3), 20 * label, np.uint8)
        image_module.fromarray(grey).save(file, format="JPEG")
        files.append(np.frombuffer(file.getvalue(), np.uint8))
    np.savez(tmp_path / "c.npz", blob=np.concatenate(files), lens=[f.size for f in files],
             y=labels, test=labels > 5)  # fmt: skip
    data = find_data_set("cifar10", tmp_path, cifar10_jpeg=tmp_path / "c.npz")
    assert (data.key, data.n_items, data.classes) == ("cifar10-jpeg", 30, CIFAR10_CLASSES)
    images, truth = np.load(data.folder / "images.npy"), data.truth(30, random_labels=False)
    assert np.abs(images[:, 16, 16, 0] - 20.0 * truth).max() <= 3
    random = data.truth(30, random_labels=True)
    assert sorted(random) == sorted(truth)
    assert not np.array_equal(random, truth)
    with pytest.raises(PoolError, match="not found"):
        find_data_set("cifar10", tmp_path / "new", cifar10_jpeg=tmp_path / "gone.npz")


def test_a_recorded_sweep_replays_the_library_s_naive_rule() -> None:
    """The sweep buys what ``NaiveAl`` would, so that the rule meets every model it asks for."""
    world = WORLDS["any-power"].resized(2_000).draw(3)
    sweep = Sweep(2_000, world.n_classes, 0.1, seed=5)
    settings = Settings(target_error=0.05, prices=PriceSettings(machine_fee=0.001))
    with pytest.raises(NotTrainedError):
        sweep.outcome(settings)
    while not sweep.reaches(0.05, "set"):
        *_, books = sweep.walk()
        model = world.model(books.count(Owner.TRAIN))
        sweep.n_train.append(model.n_train)
        sweep.seconds.append((3600.0, 1800.0))
        sweep.deficit.append(model.deficit.astype(np.float32))
        sweep.wrong.append(model.wrong)
    outcome = sweep.outcome(settings)
    assert outcome.rounds == len(sweep.n_train)
    assert outcome.n_train == sweep.n_train[-1] == 200 * outcome.rounds
    scored = sum(1.0 - 200 * (i + 1) / 2_000 for i in range(outcome.rounds))  # T and what is left
    assert outcome.training_usd == pytest.approx(3.0 * outcome.rounds + 1.5 * scored)
    assert outcome.n_test == 100
    assert outcome.total_usd == pytest.approx(
        0.04 * (2_000 - outcome.n_machine) + 0.001 * outcome.n_machine + outcome.training_usd
    )
    curves = sweep.curves()
    last = model.wrong[books.left()]
    assert curves.true_error[-1, -1] == pytest.approx(last.mean())
    assert curves.test_n[-1, -1] == pytest.approx(100)
    kept = Sweep(2_000, world.n_classes, 0.1, seed=5).fill(sweep.arrays())
    assert kept.outcome(settings) == outcome


def test_fits_are_forecast_from_the_points_known_then() -> None:
    n_train, thetas = np.array([100, 200, 400, 800, 1600]), np.array([0.5, 1.0])
    error = np.outer(2.0 * n_train**-0.4, [0.5, 1.0])
    n_test = np.full(error.shape, 1e6) * thetas
    curves = Curves(thetas, n_train, error * n_test, n_test, error)
    rows = prediction_rows(curves, 10, (1.0,))
    assert {row["n_points"] for row in rows} == {FEWEST, 4}
    assert all(row["off_points"] < 0.3 for row in rows if row["form"] == "power")
    whole = curve_rows(curves, 10, (0.5, 1.0))
    assert len(whole) == 10
    assert all(row["power"] == pytest.approx(row["error"], rel=0.02) for row in whole)


def test_a_scale_shrinks_what_it_says() -> None:
    small, full = Options(Path("x"), scale=0.1), Options(Path("x"))
    assert (small.n_items(70_000), small.n_items(1_797), full.n_items(70_000)) == (7000, 240, 70000)
    assert (small.n_seeds(5), full.n_seeds(5)) == (1, 5)
    assert full.chosen_deltas() == DELTAS
    assert max(small.chosen_deltas()) == 0.20
    assert len(small.chosen_deltas()) < len(DELTAS)
    assert (small.epochs_of("paper"), full.epochs_of("paper")) == (20, None)
    assert small.epochs_of("fast") is None


def test_a_recipe_brings_settings_of_its_own() -> None:
    options = Options(Path("x"), epochs=3)
    found = options.candidate("small-cnn", "semi,members=2,ranking=learned")
    assert (found.recipe, found.members, found.ranking) == ("semi", 2, "learned")
    assert found.epochs == 3
    assert options.candidate("small-cnn", "embedding").epochs is None  # it solves
    with pytest.raises(ValueError, match="recipe"):
        options.candidate("small-cnn", "slow")


def test_targets_know_what_the_paper_made_them_from() -> None:
    assert usual_data("figure-8") == ("fashion-mnist",)
    assert usual_data("figure-18") == ("cifar100",)
    assert usual_data("figure-26") == ("cifar100",)
    assert usual_data("table-2") == ("fashion-mnist", "cifar10", "cifar100")
    assert for_target(Options(Path("x")), "figure-24").architectures == ("resnet50",)
    assert for_target(Options(Path("x")), "figure-2").architectures is None
    asked = for_target(Options(Path("x")), "headline")
    assert asked.target_errors == (0.05, 0.01)
    assert (min(asked.chosen_deltas()), max(asked.chosen_deltas())) == (0.01, 0.20)
    assert for_target(Options(Path("x"), target_errors=(0.2,)), "table-3").target_errors == (0.2,)


def test_active_learning_has_the_prices_and_the_target_that_were_set(tmp_path: Path) -> None:
    changed = (("target", "machine"), ("prices.machine_fee", "0.01"), ("classifier.epochs", "7"))
    study = Study(Options(tmp_path, overrides=changed), (), Cabinet(tmp_path), planning=True)
    data = DataSet("digits", "digits", tmp_path, ("a", "b"), 1_000, "f")
    assert study.sweep(data, "small-cnn", "fast", 0.1) is None
    (run,) = study.wanted
    assert isinstance(run, SweepRun)
    assert (run.target, run.candidate.epochs, run.until_error) == ("machine", 7, 0.05)
    found = study.settings_of("small-cnn", "fast", price=0.04, target_error=0.05)
    assert (found.target, found.prices.machine_fee) == ("machine", 0.01)
    assert found.prices.price_per_label == 0.04
    tiers = (("prices.price_per_label", "0.1"),)
    dearer = Study(Options(tmp_path, overrides=tiers), (), Cabinet(tmp_path))
    assert (study.people_usd(100, 0.04), dearer.people_usd(100, 0.04)) == (4.0, 10.0)
    assert study.errors_are_of == "machine labels"
