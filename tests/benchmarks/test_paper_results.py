"""``benchmarks/paper``: records of several seeds made rows, and rows made text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paper.drawing import as_text, write_csv
from paper.results import campaign_row, kept
from paper.runs import Record

MADE = {"jobs": 1, "gpu": None, "processor": "x"}
USD = ("test_usd", "train_usd", "audit_usd", "rest_usd", "labels_usd", "training_usd", "total_usd")


def record(**values: Any) -> Record:
    """Of a campaign on 70,000 items."""
    n_bought = {f"n_{phase}": 0 for phase in ("test", "train", "audit", "rest")}
    plain: dict[str, Any] = {**n_bought, **dict.fromkeys(USD, 100.0), "n_machine": 70_000}
    plain |= {"n_pool": 70_000, "human_only_usd": 2800.0, "train_s": 60.0, "score_s": 30.0}
    plain |= {"model": "a/b", "rounds": 3, "certified_error": None, "error": 0.04}
    return Record({}, {**plain, **values}, dict(MADE), Path("none.npz"))


def test_one_wrong_label_too_many_breaks_the_target() -> None:
    row = campaign_row([record(error=3_500 / 70_000), record(error=3_503 / 70_000)])
    assert kept(row["errors"], 0.05) == "1/2"


def test_errors_are_in_full_in_the_file_and_short_for_people(tmp_path: Path) -> None:
    row = campaign_row([record(error=3_503 / 70_000), record(error=0.03)])
    write_csv(tmp_path / "x.csv", [row])
    assert f"{3_503 / 70_000} 0.03" in (tmp_path / "x.csv").read_text()
    assert as_text(row, {"errors": ("", ".2%"), "sd": ("", "")}) == ["5.00% 3.00%", ""]
