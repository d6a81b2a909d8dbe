"""``benchmarks/paper``: runs, what they are filed under, and how they go on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from paper.execute import execute
from paper.runs import Cabinet, Deadline, Found, Say, source_digest
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
