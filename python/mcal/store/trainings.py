"""Trainings, what they cost, and what was concluded from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcal.errors import StoreError
from mcal.money import to_nano, to_usd

from .clock import utc_now
from .facts import Facts, to_json
from .records import EstimateKind, EstimateRecord, RunRecord

__all__ = ["Trainings"]

# A run as it stands at its last sign of life, which counts until it ends.
_SEEN = """
    runs r LEFT JOIN run_ends e ON e.run = r.run LEFT JOIN run_heartbeats h
    ON h.heartbeat = (SELECT MAX(x.heartbeat) FROM run_heartbeats x WHERE x.run = r.run)"""

_RUNS = f"""
    SELECT r.run, round, classifier, n_train, seed, device, IFNULL(status, 'started'),
           COALESCE(e.train_s, h.train_s, 0.0), COALESCE(e.score_s, h.score_s, 0.0),
           (SELECT IFNULL(SUM(amount_nano), 0) FROM spend WHERE run = r.run AND kind = 'training'),
           (SELECT IFNULL(SUM(amount_nano), 0) FROM spend WHERE run = r.run AND kind = 'fixed'),
           checkpoint, checkpoint_sha256, started_at, COALESCE(ended_at, seen_at, started_at),
           ended_at
    FROM {_SEEN} ORDER BY r.run"""

_INTERRUPT = f"""
    INSERT INTO run_ends (run, status, train_s, score_s, ended_at)
    SELECT r.run, 'interrupted', IFNULL(h.train_s, 0.0), IFNULL(h.score_s, 0.0),
           IFNULL(seen_at, started_at)
    FROM {_SEEN} WHERE e.run IS NULL"""


class Trainings(Facts):
    """The part of ``Store`` that knows the runs and the estimates."""

    def start_run(
        self, *, round: int, classifier: str, n_train: int, seed: int, device: str
    ) -> int:
        """Record that a training begins, and return its number."""
        with self._writing():
            return self._db.execute(
                "INSERT INTO runs (round, classifier, n_train, seed, device, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (round, classifier, n_train, seed, device, utc_now()),
            )

    def heartbeat_run(
        self, run_id: int, *, train_s: float, score_s: float, cost_usd: float
    ) -> None:
        """Record a sign of life, so that a killed training is charged up to here.

        Parameters
        ----------
        run_id : int
            A run that has not ended.
        train_s, score_s, cost_usd : float
            Seconds and dollars since the run began; never less than before.

        Raises
        ------
        ValueError
            The dollars are less than at the last sign of life.
        StoreError
            The run has ended, or never began.
        """
        with self._writing():
            self._charge(run_id, cost_usd)
            self._db.execute(
                "INSERT INTO run_heartbeats (run, train_s, score_s, seen_at) VALUES (?, ?, ?, ?)",
                (run_id, train_s, score_s, utc_now()),
            )

    def finish_run(
        self,
        run_id: int,
        *,
        train_s: float,
        score_s: float,
        cost_usd: float,
        fixed_cost_usd: float,
        checkpoint: str,
        checkpoint_sha256: str,
    ) -> None:
        """Record the end of a run and all it cost, in one transaction.

        Parameters
        ----------
        run_id : int
            A run that has not ended.
        train_s, score_s, cost_usd : float
            Seconds and dollars of the whole run, heartbeats included.
        fixed_cost_usd : float
            Dollars charged once per training.
        checkpoint, checkpoint_sha256 : str
            Where the model is, relative to the campaign's folder, and the hash of that file.

        Raises
        ------
        ValueError
            The dollars are less than at the last sign of life.
        StoreError
            The run has ended, or never began.
        """
        with self._writing():
            self._charge(run_id, cost_usd)
            self._spend("fixed", to_nano("fixed_cost_usd", fixed_cost_usd), run=run_id)
            self._db.execute(
                "INSERT INTO run_ends (run, status, train_s, score_s, checkpoint,"
                " checkpoint_sha256, ended_at) VALUES (?, 'finished', ?, ?, ?, ?, ?)",
                (run_id, train_s, score_s, checkpoint, checkpoint_sha256, utc_now()),
            )

    def runs(self) -> list[RunRecord]:
        """Every training, oldest first.

        A run without an end is "started"; the next writer that opens the store finds it
        "interrupted".
        """
        return [_run_record(row) for row in self._db.rows(_RUNS)]

    def add_estimates(
        self, round: int, classifier: str, payloads: Mapping[EstimateKind, Mapping[str, Any]]
    ) -> None:
        """Record what was concluded from a training, by kind, in one transaction.

        Parameters
        ----------
        round, classifier : int, str
            Which training.
        payloads : mapping of "profile", "fit", "plan", "cost", "cells", "outlook" to mappings
            What JSON can hold; arrays come back as lists, NaN and infinities as None.

        Raises
        ------
        StoreError
            The same kind was recorded for this round and classifier before.
        """
        texts = [(kind, to_json(f"payloads[{kind!r}]", each)) for kind, each in payloads.items()]
        with self._writing():
            for kind, text in texts:
                self._db.execute(
                    "INSERT INTO estimates (round, classifier, kind, payload, created_at)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (round, classifier, kind, text, utc_now()),
                )

    def estimates(
        self, kind: EstimateKind, *, round: int | None = None, classifier: str | None = None
    ) -> list[EstimateRecord]:
        """Estimates of a kind by round, in the order they were recorded."""
        rows = self._db.rows(
            "SELECT round, classifier, payload, created_at FROM estimates"
            " WHERE kind = ? AND round = IFNULL(?, round) AND classifier = IFNULL(?, classifier)"
            " ORDER BY round, estimate",
            (kind, round, classifier),
        )
        return [
            EstimateRecord(round_, name, kind, json.loads(payload), created_at)
            for round_, name, payload, created_at in rows
        ]

    def interrupt_open_runs(self) -> None:
        """End every run that is under way, charged up to its last sign of life."""
        with self._writing():
            self._db.execute(_INTERRUPT)

    def _charge(self, run_id: int, cost_usd: float) -> None:
        open_run = self._db.rows(
            "SELECT 1 FROM runs WHERE run = ? AND run NOT IN (SELECT run FROM run_ends)", (run_id,)
        )
        if not open_run:
            raise StoreError(f"{self._db.name}: run {run_id} is not under way")
        (charged,) = self._db.row(
            "SELECT IFNULL(SUM(amount_nano), 0) FROM spend WHERE run = ? AND kind = 'training'",
            (run_id,),
        )
        nano = to_nano("cost_usd", cost_usd)
        if nano < charged:
            raise ValueError(
                f"cost_usd: expected at least {to_usd(charged)}, charged before, found {cost_usd}"
            )
        self._spend("training", nano - charged, run=run_id)


def _run_record(row: tuple[Any, ...]) -> RunRecord:
    run_id, round_, classifier, n_train, seed, device, status = row[:7]
    train_s, score_s, cost_nano, fixed_nano, checkpoint, sha256 = row[7:13]
    started_at, seen_at, ended_at = row[13:]
    return RunRecord(
        run_id=run_id,
        round=round_,
        classifier=classifier,
        n_train=n_train,
        seed=seed,
        device=device,
        status=status,
        train_s=train_s,
        score_s=score_s,
        cost_usd=to_usd(cost_nano),
        fixed_cost_usd=to_usd(fixed_nano),
        checkpoint=checkpoint,
        checkpoint_sha256=sha256,
        started_at=started_at,
        seen_at=seen_at,
        ended_at=ended_at,
    )
