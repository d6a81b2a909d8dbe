"""``benchmarks/paper``: every target at a tiny scale, and what it is made of."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import numpy as np
import pytest
from paper import printed
from paper.command import main
from paper.datasets import CIFAR10_CLASSES, balanced_order, find_data_set
from paper.execute import execute
from paper.fits import FEWEST, curve_rows, prediction_rows
from paper.options import DELTAS, RECIPES, Options
from paper.runs import Cabinet, Deadline, Found, Say, source_digest
from paper.sweeps import Curves, NotTrainedError, Sweep
from paper.targets import TARGETS, for_target, usual_data
from rich.console import Console

from mcal.errors import PoolError
from mcal.simulation import WORLDS, Owner

# By name, without importing them: worker processes import this file.
pytestmark = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("sklearn")), reason="pip install 'mcal[torch,digits]'"
)

TINY = ("--dataset", "digits", "--scale", "0.14", "--epochs", "2", "--batch-size", "16",
        "--recipe", "fast", "--paper-recipe", "fast", "--delta", "0.1", "0.2",
        "--set", "plan.replicas=20", "--device", "cpu")  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# -- every target ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs are shared by the targets, as they are in use."""
    return tmp_path_factory.mktemp("paper")


NEEDED = {
    "headline": {"who", "total_usd", "error", "errors", "gpu_minutes", "training_usd", "audit_usd"},
    "table-1": {"who", "train_share", "machine_share", "model", "error", "total_usd", "saving"},
    "table-2": {"architecture", "delta", "total_usd", "saving"},
    "table-3": {"who", "machine_share", "error", "saving"},
    "figure-2": {"theta", "n_train", "error", "error_of_left", "power", "truncated"},
    "figure-3": {"form", "theta", "n_points", "forecast", "measured", "off_points"},
    "figure-4": {"delta", "theta", "n_train", "error"},
    "figure-5": {"metric", "share", "accuracy"},
    "figure-6": {"metric", "share", "margin"},
    "figure-7": {"who", "total_usd", "share_of_people"},
    "figure-11": {"who", "total_usd", "machine_share"},
    "figure-12": {"architecture", "delta", "machine_share"},
    "figure-13": {"who", "total_usd", "machine_share", "n_pool"},
    "figure-14": {"who", "total_usd", "gain"},
    "figure-15": {"who", "total_usd", "gain"},
    **{f"figure-{n}": {"delta", "total_usd"} for n in (8, 9, 10, 16, 17, 18)},
    **{f"figure-{n}": {"delta", "training_usd"} for n in (19, 20, 21)},
    **{f"figure-{n}": {"form", "n_points", "n_train", "fitted"} for n in range(22, 28)},
}


def test_every_table_and_figure_of_the_evaluation_is_a_target() -> None:
    figures = {f"figure-{n}" for n in range(2, 28)}
    assert set(TARGETS) == {"headline", "table-1", "table-2", "table-3"} | figures == set(NEEDED)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_writes_its_columns_and_a_picture(target: str, out: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'mcal[report]'")
    assert main([target, *TINY, "--out", str(out)]) == 0
    rows = rows_of(out / f"{target}.csv")
    assert rows
    assert NEEDED[target] <= set(rows[0])
    root = ElementTree.parse(out / f"{target}.svg").getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter())) > 100


def test_what_is_done_is_not_done_again(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table-1", *TINY, "--out", str(out)]) == 0
    before = {path: path.stat().st_mtime_ns for path in (out / "runs").iterdir()}
    table = (out / "table-1.csv").read_bytes()
    capsys.readouterr()
    assert main(["table-1", *TINY, "--out", str(out)]) == 0
    assert "to do" not in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").iterdir()} == before
    assert (out / "table-1.csv").read_bytes() == table


def test_dollars_of_a_campaign_add_up_and_people_alone_are_the_bound(out: Path) -> None:
    assert main(["headline", *TINY, "--out", str(out), "--no-figures"]) == 0
    rows = {row["who"]: row for row in rows_of(out / "headline.csv") if row["n_seeds"]}
    assert "mcal, fast, random labels" in rows
    for who, row in rows.items():
        names = ("test_usd", "train_usd", "audit_usd", "rest_usd", "training_usd")
        parts = sum(float(row[name] or 0.0) for name in names)
        assert float(row["total_usd"]) == pytest.approx(parts, rel=1e-9), who
    random = rows["mcal, fast, random labels"]
    assert float(random["total_usd"]) <= 1.12 * float(random["human_only_usd"])


def test_a_missing_data_set_is_said_and_the_others_are_made(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = f"imagenet-folder:{tmp_path / 'nowhere'}"
    asked = ["figure-5", *TINY, "--out", str(out)]
    asked[asked.index("digits")] = missing
    assert main(asked) == 1
    said = capsys.readouterr().err
    assert "not found" in said
    assert "figure-5: none of its data sets is here" in said


def test_after_the_limit_nothing_is_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figure-5", *TINY, "--out", str(tmp_path), "--limit-seconds", "0"]) == 1
    assert "1 runs left" in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*.json"))


def test_a_wrong_setting_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="beta_share"):
        main(["table-3", *TINY, "--out", str(tmp_path), "--set", "plan.beta_share=1"])


# -- going on --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Toy:
    """A run that counts how often it was computed."""

    number: int
    counter: str
    fails: bool = False

    kind: ClassVar[str] = "toy"
    sources: ClassVar[tuple[str, ...]] = ("types",)

    def parameters(self) -> dict[str, Any]:
        return {"number": self.number}

    def compute(self, place: Path, deadline: Deadline, say: Say) -> Found | None:
        with open(self.counter, "a") as file:
            file.write(f"{self.number}\n")
        if self.fails:
            raise OSError("the disk is gone")
        return Found({"twice": 2 * self.number}, "fine", {"one": np.arange(self.number)})


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failed_run_is_passed_over_and_only_it_is_repeated(tmp_path: Path, jobs: int) -> None:
    counter, cabinet = str(tmp_path / "count"), Cabinet(tmp_path / "runs")
    quiet = Console(quiet=True)
    first = [Toy(1, counter), Toy(2, counter, fails=True), Toy(3, counter), Toy(1, counter)]
    tally = execute(first, cabinet, jobs=jobs, deadline=Deadline(), console=quiet)
    assert (tally.there, tally.done, tally.failed, tally.left) == (0, 2, 1, 0)
    again = [Toy(1, counter), Toy(2, counter), Toy(3, counter)]
    tally = execute(again, cabinet, jobs=jobs, deadline=Deadline(), console=quiet)
    assert (tally.there, tally.done, tally.failed, tally.left) == (2, 1, 0, 0)
    assert sorted(Path(counter).read_text().split()) == ["1", "2", "2", "3"]
    record = cabinet.load(again[2])
    assert record is not None
    assert record.values == {"twice": 6}
    assert record.arrays["one"].tolist() == [0, 1, 2]


def test_a_run_of_another_version_counts_only_where_any_does(tmp_path: Path) -> None:
    counter, strict = str(tmp_path / "count"), Cabinet(tmp_path)
    toy = Toy(1, counter)
    old = strict.path(toy).with_name(strict.path(toy).name.replace(source_digest(("types",)), "0"))
    execute([toy], strict, jobs=1, deadline=Deadline(), console=Console(quiet=True))
    strict.path(toy).rename(old)
    assert strict.load(toy) is None
    found = Cabinet(tmp_path, any_version=True).load(toy)
    assert found is not None
    assert found.values == {"twice": 2}


def test_the_digest_knows_the_sources_it_names() -> None:
    digests = {source_digest(each) for each in (("types",), ("money",), ("types", "paper/sweeps"))}
    assert len(digests) == 3


@pytest.mark.parametrize("target", ["table-3", "table-2"])
def test_a_killed_run_goes_on_where_it_stood(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mcal.classifiers.torch_classifier import TorchClassifier

    sizes: list[int] = []
    train = TorchClassifier.train

    def killed_at_third(
        self: TorchClassifier, pool: Any, indices: Any, *rest: Any, **more: Any
    ) -> Any:
        if len(sizes) == 2 and not is_second:
            raise KeyboardInterrupt
        sizes.append(int(indices.size))
        return train(self, pool, indices, *rest, **more)

    monkeypatch.setattr(TorchClassifier, "train", killed_at_third)
    is_second = False
    asked = [target, *TINY, "--policy", "default", "--price", "0.04", "--no-figures"]
    with pytest.raises(KeyboardInterrupt):
        main([*asked, "--out", str(tmp_path)])
    assert not list((tmp_path / "runs").glob("*.json"))
    is_second = True
    assert main([*asked, "--out", str(tmp_path)]) == 0
    whole = list(sizes)
    assert whole[2] > whole[1] > whole[0]
    sizes.clear()
    assert main([*asked, "--out", str(tmp_path / "in-one-go")]) == 0
    assert sizes == whole


# -- what it is made of ----------------------------------------------------------------------


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
    with pytest.raises(NotTrainedError):
        sweep.outcome(0.04, 0.05, 3.0)
    while not sweep.reaches(0.05):
        *_, books = sweep.walk()
        model = world.model(books.count(Owner.TRAIN))
        sweep.n_train.append(model.n_train)
        sweep.seconds.append((3600.0, 0.0))
        sweep.deficit.append(model.deficit.astype(np.float32))
        sweep.wrong.append(model.wrong)
    outcome = sweep.outcome(0.04, 0.05, 3.0)
    assert outcome.rounds == len(sweep.n_train)
    assert outcome.n_train == sweep.n_train[-1] == 200 * outcome.rounds
    assert outcome.training_usd == pytest.approx(3.0 * outcome.rounds)
    assert outcome.n_test == 100
    assert outcome.total_usd == pytest.approx(
        0.04 * (2_000 - outcome.n_machine) + outcome.training_usd
    )
    curves = sweep.curves()
    last = model.wrong[books.left()]
    assert curves.true_error[-1, -1] == pytest.approx(last.mean())
    assert curves.test_n[-1, -1] == pytest.approx(100)
    kept = Sweep(2_000, world.n_classes, 0.1, seed=5).fill(sweep.arrays())
    assert kept.outcome(0.04, 0.05, 3.0) == outcome


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
    assert for_target(Options(Path("x")), "headline").target_errors == (0.05, 0.01)
    assert for_target(Options(Path("x"), target_errors=(0.2,)), "table-3").target_errors == (0.2,)


def test_runs_can_be_listed_without_being_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = TINY.index("--recipe")
    every = [*TINY[:at], *TINY[at + 2 :]]
    assert main(["headline", *every, "--out", str(tmp_path), "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert all(
        any(f"/{recipe} " in line for line in listed) for recipe in RECIPES if recipe != "paper"
    )
    assert all(line.startswith("missing ") for line in listed)
    assert not (tmp_path / "runs").exists()


def test_a_headline_cut_short_compares_all_ways_on_the_first_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [*TINY, "--seeds", "3", "--out", str(tmp_path), "--list"]
    assert main(["headline", *asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    seeds = [line.rpartition(" ")[2] for line in lines if "eps=0.05" in line]
    assert seeds == ["0", "0", "1", "1", "2", "2", "0", "1"]  # two ways; then random labels
    kinds = [line.split()[1] for line in lines]
    assert kinds == sorted(kinds)  # campaigns, then sweeps


def test_a_run_s_file_says_what_was_asked_and_what_answered(out: Path) -> None:
    assert main(["figure-5", *TINY, "--out", str(out), "--no-figures"]) == 0
    (file,) = (out / "runs").glob("ranking-*.json")
    stored = json.loads(file.read_text())
    assert stored["parameters"]["data"] == "digits"
    assert stored["made"]["version"] in file.name
    assert {"processor", "gpu", "jobs", "torch"} <= set(stored["made"])
