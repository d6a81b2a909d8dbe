"""Records of several seeds, made one row each. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from mcal.simulation import Outcome

from .printed import PRICED_SHARE
from .runs import Record

__all__ = [
    "campaign_row",
    "device_minutes",
    "kept",
    "oracle_row",
    "seeds_row",
    "sweep_row",
]

Row = dict[str, Any]
MEANS = (
    *("test_share", "train_share", "machine_share", "rounds", "human_only_usd", "labels_usd"),
    *("fee_usd", "training_usd", "total_usd", "saving", "error", "gpu_minutes"),
)


def campaign_row(records: Sequence[Record]) -> Row:
    """Means over seeds; what differs between seeds and should be seen has its extremes."""
    values = [record.values for record in records]
    n_pool = values[0]["n_pool"]
    row: Row = {"n_seeds": len(values), "n_pool": n_pool}
    for phase in ("test", "train", "audit", "rest"):
        row[f"{phase}_share"] = _mean([v[f"n_{phase}"] / n_pool for v in values])
        row[f"{phase}_usd"] = _mean([v[f"{phase}_usd"] for v in values])
    row["machine_share"] = _mean([v["n_machine"] / n_pool for v in values])
    models = [v["model"] or "people" for v in values]
    row["model"] = "+".join(sorted({model.split("/")[0] for model in models}))
    for key in ("human_only_usd", "fee_usd", "training_usd", "total_usd", "error", "rounds"):
        row[key] = _mean([v[key] for v in values])
    totals = [v["total_usd"] for v in values]
    row["total_usd_sd"] = statistics.stdev(totals) if len(totals) > 1 else None
    row["error_max"] = max(v["error"] for v in values)
    row["errors"] = tuple(v["error"] for v in values)
    certified = [v["certified_error"] for v in values if v["certified_error"] is not None]
    row["certified_error_max"] = max(certified, default=None)
    row["saving"] = 1.0 - row["total_usd"] / row["human_only_usd"]
    row["total_usd_as_paper"] = (
        PRICED_SHARE * _mean([v["labels_usd"] for v in values]) + (row["training_usd"])
    )
    row["gpu_minutes"] = _mean([(v["train_s"] + v["score_s"]) / 60 for v in values])
    row["jobs_max"] = max(record.made["jobs"] for record in records)
    row["device"] = "+".join(sorted({str(r.made["gpu"] or r.made["processor"]) for r in records}))
    return row


def kept(errors: Sequence[float], target_error: float) -> str:
    """How many seeds kept the target, of how many: on the errors themselves, not on their text."""
    return f"{sum(error <= target_error for error in errors)}/{len(errors)}"


def device_minutes(row: Row) -> str:
    """Minutes of training and scoring, and among how many runs at a time they passed.

    They are wall seconds: where runs share a device, each waits for the others.
    """
    shared = f", {row['jobs_max']} at a time" if row["jobs_max"] > 1 else ""
    return f"{row['gpu_minutes']:.1f}{shared}"


def sweep_row(outcome: Outcome, seconds: float) -> Row:
    """A naive campaign."""
    return {
        "n_pool": outcome.n_pool,
        "test_share": outcome.n_test / outcome.n_pool,
        "train_share": outcome.n_train / outcome.n_pool,
        "machine_share": outcome.n_machine / outcome.n_pool,
        "rounds": outcome.rounds,
        "human_only_usd": outcome.human_only_usd,
        "labels_usd": outcome.labels_usd,
        "fee_usd": outcome.fee_usd,
        "training_usd": outcome.training_usd,
        "total_usd": outcome.total_usd,
        "saving": 1.0 - outcome.total_usd / outcome.human_only_usd,
        "error": outcome.error,
        "gpu_minutes": seconds / 60,
    }


def seeds_row(rows: Sequence[Row]) -> Row:
    """Naive campaigns of several seeds, made one: means, and what should be seen of each."""
    row = dict(rows[0])
    for key in MEANS:
        row[key] = _mean([each[key] for each in rows])
    totals = [each["total_usd"] for each in rows]
    row["total_usd_sd"] = statistics.stdev(totals) if len(totals) > 1 else None
    row["errors"] = tuple(each["error"] for each in rows)
    row["jobs_max"] = max(each["jobs_max"] for each in rows)
    row["n_seeds"] = len(rows)
    return row


def oracle_row(by_seed: Sequence[Sequence[Row]]) -> Row:
    """The cheapest delta of each seed in hindsight, by dollars alone.

    ``tried`` says how far it is an oracle's: of one delta it is none, and an optimum at the end of
    the grid may be none either.
    """
    best = [min(rows, key=lambda row: float(row["total_usd"])) for rows in by_seed]
    chosen = tuple(row["delta"] for row in best)
    deltas = sorted({row["delta"] for rows in by_seed for row in rows})
    row = seeds_row(best)
    row["delta"] = chosen[0] if len(set(chosen)) == 1 else chosen
    if len(deltas) == 1:
        return {**row, "learner": "naive AL", "tried": "one delta"}
    ends = {"smallest": deltas[0], "largest": deltas[-1]}
    count = {end: chosen.count(delta) for end, delta in ends.items()}
    of = f" for {{}} of {len(chosen)} seeds" if len(chosen) > 1 else ""
    at_end = [f"the {end}{of.format(n)}" for end, n in count.items() if n]
    return {**row, "learner": "oracle AL", "tried": ": ".join([f"{len(deltas)}", *at_end])}


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)
