"""``benchmarks/paper``: every target at a tiny scale, and what it is made of."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from paper.command import main
from paper.options import RECIPES
from paper.targets import TARGETS

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
        names = ("test_usd", "train_usd", "audit_usd", "rest_usd", "fee_usd", "training_usd")
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
    swept = [line.split()[-3:] for line in lines if " sweep " in line]
    assert [each[-1] for each in swept] == ["0", "0", "1", "1", "2", "2"]  # two deltas
    assert {each[0] for each in swept} == {"0.01"}  # on the way there it met 0.05


def test_a_run_s_file_says_what_was_asked_and_what_answered(out: Path) -> None:
    assert main(["figure-5", *TINY, "--out", str(out), "--no-figures"]) == 0
    (file,) = (out / "runs").glob("ranking-*.json")
    stored = json.loads(file.read_text())
    assert stored["parameters"]["data"] == "digits"
    assert stored["made"]["version"] in file.name
    assert {"processor", "gpu", "jobs", "torch"} <= set(stored["made"])
