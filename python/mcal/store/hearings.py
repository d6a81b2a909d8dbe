"""Who said what: single judgements, before they are made one label an item."""

from __future__ import annotations

from collections import Counter

import numpy as np

from mcal.money import to_nano
from mcal.types import NO_LABEL, Judgements

from .clock import utc_now
from .purchases import Purchases

__all__ = ["Hearings"]


class Hearings(Purchases):
    """The part of ``Store`` that knows what single people said."""

    def add_judgements(
        self,
        batch_id: str,
        judgements: Judgements,
        *,
        n_ordered: int,
        further_usd: float | None = None,
    ) -> int:
        """Record what single people said about a batch, and return how much of it was new.

        Parameters
        ----------
        batch_id : str
        judgements : Judgements
            (J,) oldest first within an item. A person's first word on it stands, so that repeating
            it changes nothing, and more people than were asked are left out.
        n_ordered : int
            Judgements that the price of an item pays for, >= 1.
        further_usd : float, optional
            What one more costs, rounded to the nano-dollar and recorded with it; None: no more are
            ordered.

        Raises
        ------
        ValueError
            An item is not in the batch, or a label is no class. Nothing is recorded then.
        StoreError
            The campaign is finished.
        """
        price_nano = 0 if further_usd is None else to_nano("further_usd", further_usd)
        n_most = n_ordered + (further_usd is not None)
        if (outside := np.setdiff1d(judgements.indices, self.batch_indices(batch_id))).size:
            raise ValueError(
                f"judgements: expected items of batch {batch_id}, found {outside[0]}, not in it"
            )
        labels = judgements.labels
        if labels.size and not (labels.min() >= NO_LABEL and labels.max() < self._n_classes):
            raise ValueError(
                f"judgements: expected {NO_LABEL} <= label < {self._n_classes}, "
                f"found {labels.min()} to {labels.max()}"
            )
        with self._writing():
            batch, _ = self._batch(batch_id)
            known = self._db.rows(
                "SELECT item, person FROM judgements JOIN batch_items USING (item) WHERE batch = ?",
                (batch,),
            )
            heard, n_heard = set(known), Counter(item for item, _ in known)
            rows = []
            for item, label, person in zip(
                judgements.indices.tolist(), labels.tolist(), judgements.people, strict=True
            ):
                if (item, person) in heard or n_heard[item] == n_most:
                    continue
                heard.add((item, person))
                n_heard[item] += 1
                nano = price_nano if n_heard[item] > n_ordered else 0
                rows.append((item, person, label, nano, utc_now()))
            self._db.execute_many(
                "INSERT INTO judgements (item, person, label, price_nano, collected_at)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        return len(rows)

    def judgements(
        self, batch_id: str | None = None, *, first_draws_only: bool = False
    ) -> Judgements:
        """All single judgements, or those of a batch, oldest first.

        ``first_draws_only`` keeps to the test set and the first training batch, which were drawn
        at random whatever anybody said: what they show is true of the pool.
        """
        rows = self._db.rows(
            "SELECT item, label, person FROM judgements JOIN batch_items USING (item)"
            " JOIN batches USING (batch)"
            " WHERE batch_id = IFNULL(?, batch_id)"
            " AND (NOT ? OR (round = 0 AND purpose IN ('test', 'train'))) ORDER BY judgement",
            (batch_id, first_draws_only),
        )
        return Judgements(
            indices=np.array([item for item, _, _ in rows], np.int64),
            labels=np.array([label for _, label, _ in rows], np.int64),
            people=tuple(person for _, _, person in rows),
        )
