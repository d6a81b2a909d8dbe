"""``benchmarks/paper``: records of several seeds made rows, and rows made text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from paper.drawing import as_text, write_csv
from paper.results import MEANS, campaign_row, device_minutes, kept, oracle_row, seeds_row
from paper.runs import Record

MADE = {"jobs": 1, "gpu": None, "processor": "x"}
USD = (
    "test_usd",
    "train_usd",
    "audit_usd",
    "rest_usd",
    "labels_usd",
    "fee_usd",
    "training_usd",
    "total_usd",
)


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


def naive_row(delta: float, total_usd: float, error: float = 0.04) -> dict[str, Any]:
    """Of one seed."""
    return {
        **dict.fromkeys(MEANS, 1.0),
        "delta": delta,
        "total_usd": total_usd,
        "error": error,
        "jobs_max": 1,
    }


def test_the_oracle_chooses_for_every_seed_anew() -> None:
    first = [naive_row(0.1, 50.0), naive_row(0.2, 40.0), naive_row(0.3, 60.0)]
    second = [naive_row(0.1, 20.0, 0.06), naive_row(0.2, 30.0), naive_row(0.3, 60.0)]
    row = oracle_row([first, second])
    assert row["total_usd"] == 30.0  # the better of the two deltas would be 35
    assert row["total_usd_sd"] == pytest.approx(200**0.5)
    assert row["delta"] == (0.2, 0.1)
    assert row["errors"] == (0.04, 0.06)
    assert (row["learner"], row["n_seeds"]) == ("oracle AL", 2)
    assert row["tried"] == "3: the smallest for 1 of 2 seeds"


@pytest.mark.parametrize(
    ("totals", "learner", "tried"),
    [
        ((5.0,), "naive AL", "one delta"),
        ((5.0, 4.0, 6.0), "oracle AL", "3"),
        ((3.0, 4.0, 6.0), "oracle AL", "3: the smallest"),
        ((3.0, 2.0), "oracle AL", "2: the largest"),
    ],
)
def test_an_optimum_at_the_end_of_what_was_tried_is_said(
    totals: tuple[float, ...], learner: str, tried: str
) -> None:
    row = oracle_row([[naive_row(0.1 * (i + 1), usd) for i, usd in enumerate(totals)]])
    assert (row["learner"], row["tried"]) == (learner, tried)
    assert row["total_usd"] == min(totals)


def test_minutes_of_runs_that_shared_a_device_are_marked() -> None:
    alone, shared = record(), record()
    shared.made["jobs"] = 8
    assert device_minutes(campaign_row([alone])) == "1.5"
    assert device_minutes(campaign_row([alone, shared])) == "1.5, 8 at a time"
    row = seeds_row([naive_row(0.1, 10.0), {**naive_row(0.1, 10.0), "jobs_max": 2}])
    assert device_minutes(row) == "1.0, 2 at a time"


def test_a_delta_s_row_has_the_mean_and_spread_of_its_seeds() -> None:
    row = seeds_row([naive_row(0.1, 10.0), naive_row(0.1, 14.0)])
    assert (row["total_usd"], row["total_usd_sd"]) == (12.0, pytest.approx(8**0.5))
    assert seeds_row([naive_row(0.1, 10.0)])["total_usd_sd"] is None
