"""Batches and people's labels."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mcal.errors import StoreError
from mcal.money import NANO_PER_USD, to_nano, to_usd
from mcal.types import NO_LABEL, BatchStatus, IndexArray, Purpose

from .clock import utc_now
from .facts import Facts, as_integers, as_new_items, check_range
from .records import KNOWN, BatchRecord, LabelTable

__all__ = ["Purchases"]

_BATCHES = """
    SELECT batch_id, purpose, round, ticket, selection, engine, price_nano, n_items,
           IFNULL(SUM(n_labels), 0), reason, created_at, MAX(spent_at)
    FROM batches LEFT JOIN tickets USING (batch) LEFT JOIN spend USING (batch)
    GROUP BY batch ORDER BY batch"""


class Purchases(Facts):
    """The part of ``Store`` that knows what people were asked and what they said."""

    _fingerprint: str

    def add_batch(
        self,
        *,
        purpose: Purpose,
        round: int,
        indices: npt.ArrayLike,
        selection: str,
        engine: str,
        price_per_label: float | Sequence[tuple[int, float]],
        reason: str,
    ) -> BatchRecord:
        """Record a purchase before it is sent, and return it with status planned.

        Its id follows from the pool, purpose, round and items alone, so that a campaign run again
        from its seed gives its batches the same names.

        Parameters
        ----------
        purpose, round : Purpose, int
            What for, and when.
        indices : (K,) integers
            Items to buy, in the order chosen; K >= 1.
        selection, engine : str
            What chose them, and which implementation of it.
        price_per_label : float or sequence of (int, float)
            Dollars, rounded to the nano-dollar; or pairs (position, dollars): items at that
            position of ``indices`` and later cost so much each, up to the next pair. Positions
            rise from 0.
        reason : str
            A sentence for the report.

        Raises
        ------
        StoreError
            An item is in another batch or has a machine label, or the campaign is finished.
        """
        items = as_new_items(indices, self._n_pool)
        if not items.size:
            raise ValueError("indices: expected at least one item, found none")
        first_nano, *steps_nano = _price_steps(price_per_label, items.size)
        purpose = Purpose(purpose)
        digest = sha256(f"{self._fingerprint}\n".encode() + items.astype("<i8").tobytes())
        batch_id = f"{purpose}-{round:03d}-{digest.hexdigest()[:8]}"
        created_at = utc_now()
        with self._writing():
            self._db.give(items, np.arange(items.size))
            bought = self._db.rows(
                "SELECT item, batch_id FROM temp.given JOIN batch_items USING (item)"
                " JOIN batches USING (batch) LIMIT 1"
            )
            if bought:
                item, other = bought[0]
                raise StoreError(f"{self._db.name}: item {item} is in batch {other} already")
            batch = self._db.execute(
                "INSERT INTO batches (batch_id, purpose, round, selection, engine, price_nano,"
                " n_items, reason, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    batch_id,
                    purpose,
                    round,
                    selection,
                    engine,
                    first_nano[1],
                    items.size,
                    reason,
                    created_at,
                ),
            )
            for first, nano in steps_nano:
                self._db.execute("INSERT INTO price_steps VALUES (?, ?, ?)", (batch, first, nano))
            self._db.execute(
                "INSERT INTO batch_items (item, batch, position)"
                " SELECT item, ?, value FROM temp.given ORDER BY item",
                (batch,),
            )
        return BatchRecord(
            batch_id=batch_id,
            purpose=purpose,
            round=round,
            status=BatchStatus.PLANNED,
            ticket=None,
            selection=selection,
            engine=engine,
            price_per_label=to_usd(first_nano[1]),
            n_items=items.size,
            n_told=0,
            reason=reason,
            created_at=created_at,
            closed_at=None,
        )

    def submit_batch(self, batch_id: str, ticket: str) -> None:
        """Record that a batch was sent; again with the same ticket changes nothing.

        Raises ``StoreError`` when it was sent with another ticket.
        """
        with self._writing():
            batch, _ = self._batch(batch_id)
            sent = self._db.rows("SELECT ticket FROM tickets WHERE batch = ?", (batch,))
            if sent == [(ticket,)]:
                return
            if sent:
                raise StoreError(
                    f"{self._db.name}: batch {batch_id} was sent with ticket {sent[0][0]!r}, "
                    f"found another one, {ticket!r}"
                )
            self._db.execute("INSERT INTO tickets VALUES (?, ?, ?)", (batch, ticket, utc_now()))

    def tell(self, batch_id: str, indices: npt.ArrayLike, labels: npt.ArrayLike) -> int:
        """Record labels with what they cost, and return how many were new: all of it, or nothing.

        A label told before is skipped when it agrees. The last label closes the batch.

        Parameters
        ----------
        batch_id : str
            The batch that they answer.
        indices : (K,) integers
            Items of the batch, in any order; an item may come twice with the same label.
        labels : (K,) integers
            Class numbers, or ``NO_LABEL``.

        Raises
        ------
        ValueError
            Shapes or dtypes do not fit, an item is not in the batch, a label is no class.
        StoreError
            A label differs from the one that came first, which stands.
        """
        items, values = as_integers("indices", indices), as_integers("labels", labels)
        if items.shape != values.shape:
            raise ValueError(f"labels: expected {items.size}, found {values.size}")
        check_range("labels", values, NO_LABEL, self._n_classes)
        different, first = np.unique(items, return_index=True)
        wanted = values[first]
        again = wanted[np.searchsorted(different, items)] != values
        if again.any():
            raise StoreError(
                f"{self._db.name}: item {items[again][0]} of batch {batch_id} is told two labels"
            )
        with self._writing():
            batch, price_nano = self._batch(batch_id)
            self._db.give(different, wanted)
            self._check_given(batch, batch_id)
            (n_new,) = self._db.row(
                "SELECT COUNT(*) FROM temp.given WHERE item NOT IN (SELECT item FROM labels)"
            )
            if n_new:
                nano = n_new * price_nano + self._later_nano(batch, price_nano)
                entry = self._spend("labels", nano, batch=batch, n_labels=n_new)
                self._db.execute(
                    "INSERT INTO labels (item, label, entry) SELECT item, value, ?"
                    " FROM temp.given WHERE item NOT IN (SELECT item FROM labels) ORDER BY item",
                    (entry,),
                )
        return int(n_new)

    def batches(self) -> list[BatchRecord]:
        """Every purchase, oldest first."""
        found = []
        for row in self._db.rows(_BATCHES):
            (batch_id, purpose, round_, ticket, selection, engine, price_nano, n_items) = row[:8]
            (n_told, reason, created_at, last_told_at) = row[8:]
            closed = n_told == n_items
            waiting = BatchStatus.PLANNED if ticket is None else BatchStatus.SUBMITTED
            found.append(
                BatchRecord(
                    batch_id=batch_id,
                    purpose=Purpose(purpose),
                    round=round_,
                    status=BatchStatus.CLOSED if closed else waiting,
                    ticket=ticket,
                    selection=selection,
                    engine=engine,
                    price_per_label=to_usd(price_nano),
                    n_items=n_items,
                    n_told=n_told,
                    reason=reason,
                    created_at=created_at,
                    closed_at=last_told_at if closed else None,
                )
            )
        return found

    def batch_indices(self, batch_id: str) -> IndexArray:
        """Items of a batch, (K,) int64, in the order they were chosen."""
        batch, _ = self._batch(batch_id)
        rows = self._db.array(
            "SELECT item, position FROM batch_items WHERE batch = ?",
            (batch,),
            dtype=[("item", np.int64), ("position", np.int64)],
        )
        items: IndexArray = rows["item"][np.argsort(rows["position"])]
        return items

    def labels(self, purpose: Purpose | None = None, upto_round: int | None = None) -> LabelTable:
        """People's labels of open and closed batches, ``NO_LABEL`` included.

        In the order of the batches and their chosen items, whatever order they were told in.

        Parameters
        ----------
        purpose : Purpose, optional
            Only labels bought for this.
        upto_round : int, optional
            Only batches of this round and earlier.
        """
        rows = self._db.array(
            "SELECT item, label, batch, position FROM labels JOIN batch_items USING (item)"
            " WHERE batch IN (SELECT batch FROM batches"
            " WHERE purpose = IFNULL(?, purpose) AND round <= IFNULL(?, round))",
            (purpose, upto_round),
            dtype=[(name, np.int64) for name in ("item", "label", "batch", "position")],
        )
        rows = rows[np.lexsort((rows["position"], rows["batch"]))]
        prices = self._db.array(
            "SELECT batch, price_nano FROM batches ORDER BY batch",
            dtype=[("batch", np.int64), ("price_nano", np.int64)],
        )
        batches = np.searchsorted(prices["batch"], rows["batch"])
        nano = prices["price_nano"][batches] if batches.size else np.empty(0, np.int64)
        for batch, first, step_nano in self._db.rows(
            "SELECT batch, first, price_nano FROM price_steps ORDER BY batch, first"
        ):
            nano[(rows["batch"] == batch) & (rows["position"] >= first)] = step_nano
        further = dict(
            self._db.rows(
                "SELECT item, SUM(price_nano) FROM judgements WHERE price_nano > 0 GROUP BY item"
            )
        )
        if further:
            nano += np.array([further.get(item, 0) for item in rows["item"].tolist()], np.int64)
        return LabelTable(
            indices=rows["item"].copy(),
            labels=rows["label"].copy(),
            batches=batches,
            price_usd=nano / NANO_PER_USD,
        )

    def n_known(self) -> int:
        """How many labels the campaign began with; cheap."""
        (n_items,) = self._db.row(
            "SELECT IFNULL(SUM(n_items), 0) FROM batches WHERE selection = ?", (KNOWN,)
        )
        return int(n_items)

    def no_label_counts(self) -> dict[Purpose, int]:
        """How many items no class fits, by what they were bought for; cheap."""
        rows = self._db.rows(
            "SELECT purpose, COUNT(*) FROM labels JOIN batch_items USING (item)"
            " JOIN batches USING (batch) WHERE label = -1 GROUP BY purpose"
        )
        return dict.fromkeys(Purpose, 0) | {Purpose(name): n for name, n in rows}

    def _later_nano(self, batch: int, price_nano: int) -> int:
        """What the new labels among the given ones cost beyond the price of their first item."""
        nano = 0
        for first, step_nano in self._db.rows(
            "SELECT first, price_nano FROM price_steps WHERE batch = ? ORDER BY first", (batch,)
        ):
            (n_new,) = self._db.row(
                "SELECT COUNT(*) FROM temp.given JOIN batch_items USING (item)"
                " WHERE position >= ? AND item NOT IN (SELECT item FROM labels)",
                (first,),
            )
            nano += n_new * (step_nano - price_nano)
            price_nano = step_nano
        return nano

    def _batch(self, batch_id: str) -> tuple[int, int]:
        rows = self._db.rows(
            "SELECT batch, price_nano FROM batches WHERE batch_id = ?", (batch_id,)
        )
        if not rows:
            raise ValueError(f"batch_id: expected a batch of this campaign, found {batch_id!r}")
        batch, price_nano = rows[0]
        return batch, price_nano

    def _check_given(self, batch: int, batch_id: str) -> None:
        foreign = self._db.rows(
            "SELECT item FROM temp.given LEFT JOIN batch_items USING (item)"
            " WHERE batch IS NOT ? LIMIT 1",
            (batch,),
        )
        if foreign:
            raise ValueError(
                f"indices: expected items of batch {batch_id}, found {foreign[0][0]}, not in it"
            )
        changed = self._db.rows(
            "SELECT item, label, value FROM temp.given JOIN labels USING (item)"
            " WHERE label <> value LIMIT 1"
        )
        if changed:
            item, first, now = changed[0]
            raise StoreError(
                f"{self._db.name}: item {item} of batch {batch_id} was told label {first}, "
                f"which stands; found {now}"
            )


def _price_steps(
    price_per_label: float | Sequence[tuple[int, float]], n_items: int
) -> list[tuple[int, int]]:
    """Pairs (position, nano-dollars), the first at 0."""
    pairs = price_per_label if isinstance(price_per_label, Sequence) else [(0, price_per_label)]
    steps = [(position, to_nano("price_per_label", usd)) for position, usd in pairs]
    positions = [position for position, _ in steps]
    rising = all(before < after for before, after in pairwise([*positions, n_items]))
    if positions[:1] != [0] or not rising:
        raise ValueError(
            f"price_per_label: expected positions that rise from 0 and stay below {n_items}, "
            f"found {positions}"
        )
    return steps
