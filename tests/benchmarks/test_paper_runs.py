"""``benchmarks/paper``: runs, what they are filed under, and how they go on."""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from paper.campaigns import CampaignRun
from paper.datasets import find_data_set
from paper.execute import execute
from paper.options import Options
from paper.rankings import RankingRun
from paper.runs import Cabinet, Deadline, Found, Run, Say, source_digest
from paper.sweeps import SweepRun
from rich.console import Console

# By name, without importing them: worker processes import this file.
pytestmark = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("sklearn")), reason="pip install 'mcal[torch,digits]'"
)


@dataclass(frozen=True)
class Toy:
    """A run that counts how often it was computed."""

    number: int
    counter: str
    fails: bool = False
    dies: bool = False

    kind: ClassVar[str] = "toy"
    sources: ClassVar[tuple[str, ...]] = ("types",)

    def parameters(self) -> dict[str, Any]:
        return {"number": self.number}

    def compute(self, place: Path, deadline: Deadline, say: Say) -> Found | None:
        with open(self.counter, "a") as file:
            file.write(f"{self.number}\n")
        if self.dies:
            os._exit(9)
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


def test_a_dead_worker_costs_its_own_run_and_no_other(tmp_path: Path) -> None:
    counter, cabinet = str(tmp_path / "count"), Cabinet(tmp_path / "runs")
    runs = [Toy(number, counter, dies=number in (1, 4)) for number in range(6)]
    quiet = Console(quiet=True)
    tally = execute(runs, cabinet, jobs=2, deadline=Deadline(), console=quiet)
    assert (tally.there, tally.done, tally.failed, tally.left) == (0, 4, 2, 0)
    assert [cabinet.load(run) is None for run in runs] == [run.dies for run in runs]


def test_a_run_begun_among_others_stays_marked_though_it_ends_alone(tmp_path: Path) -> None:
    counter, cabinet = str(tmp_path / "count"), Cabinet(tmp_path / "runs")
    quiet = Console(quiet=True)
    begun = [Toy(1, counter, fails=True), Toy(2, counter, fails=True)]
    execute(begun, cabinet, jobs=2, deadline=Deadline(), console=quiet)
    execute([Toy(1, counter)], cabinet, jobs=1, deadline=Deadline(), console=quiet)
    execute([Toy(3, counter)], cabinet, jobs=1, deadline=Deadline(), console=quiet)
    found = [cabinet.load(Toy(number, counter)) for number in (1, 3)]
    assert [record and record.made["jobs"] for record in found] == [2, 1]


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


WITHOUT_NUMBERS = {"errors", "whole_file", "paper/runs", "paper/options"}  # options: parameters


@pytest.mark.parametrize("run", [CampaignRun, SweepRun, RankingRun])
def test_the_digest_covers_whatever_the_run_s_module_imports(run: type[Run]) -> None:
    module = Path(sys.modules[run.__module__].__file__ or "")
    rooms = {"paper/datasets", f"paper/{module.stem}", "settings"}
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level:
            rooms.add(f"paper/{node.module}")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mcal."):
            rooms.add((node.module or "").split(".")[1])
    named = {s if s.startswith("paper/") else s.split("/")[0] for s in run.sources}
    assert rooms - WITHOUT_NUMBERS <= named
    assert ("prices" in named) == ("money" in named)  # what prices are made of


# -- data sets -------------------------------------------------------------------------------


def trees(folder: Path, shade: int) -> Path:
    """A folder called ``pool`` with an image of each of two classes."""
    image_module = pytest.importorskip("PIL.Image", reason="pip install 'mcal[images]'")
    for label in ("cat", "dog"):
        (folder / "pool" / label).mkdir(parents=True)
        pixels = np.full((8, 8, 3), shade, np.uint8)
        image_module.fromarray(pixels).save(folder / "pool" / label / "0.png")
    return folder / "pool"


def test_a_tree_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    folders = {"a": 10, "b": 10, "c": 200}
    found = [
        find_data_set(f"imagenet-folder:{trees(tmp_path / name, shade)}", tmp_path)
        for name, shade in folders.items()
    ]
    cabinet, candidate = Cabinet(tmp_path), Options(tmp_path).candidate("small-cnn", "fast")
    paths = [cabinet.path(RankingRun(data, 2, candidate, 1, 0)) for data in found]
    assert paths[0] == paths[1] != paths[2]
    (tmp_path / "a" / "pool" / "dog").rename(tmp_path / "a" / "pool" / "fox")
    again = find_data_set(f"imagenet-folder:{tmp_path / 'a' / 'pool'}", tmp_path)
    assert again.fingerprint != found[0].fingerprint


def fashion(folder: Path, shade: int) -> Path:
    """Fashion-MNIST's files, with three items in each."""
    folder.mkdir()
    for part in ("train", "t10k"):
        images = np.full((3, 28, 28), shade, np.uint8)
        header = np.array([0x803, *images.shape], ">i4").tobytes()
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = np.arange(3, dtype=np.uint8)
        header = np.array([0x801, labels.size], ">i4").tobytes()
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    return folder


def test_another_folder_is_read_though_the_cache_has_the_first(tmp_path: Path) -> None:
    dark, light = fashion(tmp_path / "dark", 10), fashion(tmp_path / "light", 200)
    cache = tmp_path / "cache"
    first = find_data_set("fashion-mnist", cache, folder=dark)
    second = find_data_set("fashion-mnist", cache, folder=light)
    assert (first.key, second.key) == ("fashion-mnist", "fashion-mnist")
    assert np.load(second.folder / "images.npy").max() == 200
    assert first.fingerprint != second.fingerprint
    assert find_data_set("fashion-mnist", cache, folder=dark) == first
