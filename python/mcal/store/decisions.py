"""What the campaign decided: actions, the machine's labels, the end; and what it all cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mcal.errors import StoreError
from mcal.money import to_nano, to_usd

from .clock import utc_now
from .facts import Facts, as_integers, as_new_items, check_range, to_json
from .records import ActionRecord, FinishRecord, MachineLabelling, MachineLabels

__all__ = ["Decisions"]


class Decisions(Facts):
    """The part of ``Store`` that knows decisions, machine labels, money and the end."""

    def add_action(self, *, round: int, name: str, reason: str, details: Mapping[str, Any]) -> None:
        """Record a decision; ``details`` is what JSON can hold."""
        text = to_json("details", details)
        with self._writing():
            self._db.execute(
                "INSERT INTO actions (round, name, reason, details, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (round, name, reason, text, utc_now()),
            )

    def actions(self) -> list[ActionRecord]:
        """Every decision, oldest first."""
        rows = self._db.rows(
            "SELECT round, name, reason, details, created_at FROM actions ORDER BY action"
        )
        return [
            ActionRecord(round_, name, reason, json.loads(details), created_at)
            for round_, name, reason, details, created_at in rows
        ]

    def add_machine_labels(
        self,
        *,
        round: int,
        classifier: str,
        indices: npt.ArrayLike,
        labels: npt.ArrayLike,
        confidence: npt.ArrayLike,
        fee_usd_each: float,
        reason: str,
        details: Mapping[str, Any],
    ) -> None:
        """Record the final machine labels, their fee and the action "machine_label", all at once.

        Happens once in a campaign.

        Parameters
        ----------
        round, classifier : int, str
            Which model labelled.
        indices : (K,) integers
            Items that no person was asked about, in any order.
        labels : (K,) integers
            Class numbers.
        confidence : (K,) floats
            Margins in [0, 1].
        fee_usd_each : float
            Dollars per machine label, rounded to the nano-dollar.
        reason, details : str, mapping
            Of the action.

        Raises
        ------
        StoreError
            There are machine labels already, or an item was given to people.
        """
        items, values = as_new_items(indices, self._n_pool), as_integers("labels", labels)
        if values.shape != items.shape:
            raise ValueError(f"labels: expected {items.size}, found {values.size}")
        check_range("labels", values, 0, self._n_classes)
        margins = np.asarray(confidence, dtype=np.float64)
        if margins.shape != items.shape:
            raise ValueError(f"confidence: expected shape {items.shape}, found {margins.shape}")
        outside = ~((margins >= 0.0) & (margins <= 1.0))  # NaN too
        if outside.any():
            raise ValueError(f"confidence: expected 0 to 1, found {margins[outside][0]}")
        fee_nano = to_nano("fee_usd_each", fee_usd_each)
        by_item = np.argsort(items)
        with self._writing():
            if self.machine_labelling is not None:
                raise StoreError(f"{self._db.name}: the machine's labels are recorded already")
            self._db.execute(
                "INSERT INTO machine_labelling (round, classifier, fee_nano, n_items, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (round, classifier, fee_nano, items.size, utc_now()),
            )
            self._db.execute_many(
                "INSERT INTO machine_labels (item, label, confidence) VALUES (?, ?, ?)",
                zip(
                    *(column[by_item].tolist() for column in (items, values, margins)), strict=True
                ),
            )
            self._spend("machine_fee", fee_nano * items.size)
            self.add_action(round=round, name="machine_label", reason=reason, details=details)

    @property
    def machine_labelling(self) -> MachineLabelling | None:
        """Which model labelled the rest, or None when none has yet; cheap."""
        rows = self._db.rows(
            "SELECT classifier, round, fee_nano, n_items, created_at FROM machine_labelling"
        )
        if not rows:
            return None
        classifier, round_, fee_nano, n_items, created_at = rows[0]
        return MachineLabelling(classifier, round_, to_usd(fee_nano), n_items, created_at)

    def machine_labels(self) -> MachineLabels | None:
        """The machine's labels by ascending index, or None when there are none yet."""
        labelling = self.machine_labelling
        if labelling is None:
            return None
        rows = self._db.array(
            "SELECT item, label, confidence FROM machine_labels ORDER BY item",
            dtype=[("item", np.int64), ("label", np.int64), ("confidence", np.float64)],
        )
        return MachineLabels(
            indices=rows["item"].copy(),
            labels=rows["label"].copy(),
            confidence=rows["confidence"].copy(),
            classifier=labelling.classifier,
            round=labelling.round,
            fee_usd_each=labelling.fee_usd_each,
        )

    def finish(self, *, stop_reason: str, details: Mapping[str, Any]) -> None:
        """Record the end; nothing is added to the campaign afterwards.

        Raises ``StoreError`` while a batch waits for labels, or when it has ended before.
        """
        text = to_json("details", details)
        with self._writing():
            (n_awaited,) = self._db.row(
                "SELECT IFNULL((SELECT SUM(n_items) FROM batches), 0)"
                " - IFNULL((SELECT SUM(n_labels) FROM spend), 0)"
            )
            if n_awaited:
                raise StoreError(
                    f"{self._db.name}: cannot finish, {n_awaited} labels are still awaited"
                )
            if self.finished is not None:
                raise StoreError(f"{self._db.name}: the campaign is finished")
            self._db.execute(
                "INSERT INTO finish (stop_reason, details, finished_at) VALUES (?, ?, ?)",
                (stop_reason, text, utc_now()),
            )

    @property
    def finished(self) -> FinishRecord | None:
        """How the campaign ended, or None while it goes on."""
        rows = self._db.rows("SELECT stop_reason, details, finished_at FROM finish")
        return FinishRecord(rows[0][0], json.loads(rows[0][1]), rows[0][2]) if rows else None

    def batch_costs_usd(self) -> list[float]:
        """What the labels of each batch have cost so far, in the order of ``batches()``.

        Summed exactly, as ``spend`` is. Cheap: an entry per delivery and the further judgements
        are read, no label.
        """
        rows = self._db.rows(
            "SELECT batch, IFNULL(SUM(amount_nano), 0) FROM batches LEFT JOIN spend USING (batch)"
            " GROUP BY batch ORDER BY batch"
        )
        further_nano = dict(
            self._db.rows(
                "SELECT batch, SUM(price_nano) FROM judgements JOIN batch_items USING (item)"
                " WHERE price_nano > 0 GROUP BY batch"
            )
        )
        return [to_usd(nano + further_nano.get(batch, 0)) for batch, nano in rows]

    def spend(self) -> dict[str, float]:
        """Dollars by kind: "labels", "machine_fee", "training" (scoring included), "fixed".

        Each is summed exactly, in nano-dollars, and then rounded to a float once.
        """
        spent = dict(self._db.rows("SELECT kind, SUM(amount_nano) FROM spend GROUP BY kind"))
        (further_nano,) = self._db.row(
            "SELECT IFNULL(SUM(price_nano), 0) FROM judgements WHERE price_nano > 0"
        )
        spent["labels"] = spent.get("labels", 0) + further_nano
        kinds = ("labels", "machine_fee", "training", "fixed")
        return {kind: to_usd(spent.get(kind, 0)) for kind in kinds}
