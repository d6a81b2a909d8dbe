"""The frozen ranking: what the model in hand said before an audit was drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcal.errors import StoreError

from .clock import utc_now
from .facts import Facts, as_integers, as_new_items, check_range
from .records import Ranking

__all__ = ["Rankings"]


class Rankings(Facts):
    """The part of ``Store`` that keeps the ranking an audit is about."""

    def add_ranking(
        self,
        *,
        round: int,
        classifier: str,
        indices: npt.ArrayLike,
        labels: npt.ArrayLike,
        deficit: npt.ArrayLike,
    ) -> None:
        """Record a model's ranking. Happens once in a campaign.

        Scores from a GPU are not the same bits twice; what is audited, certified and labelled must
        be one ranking, so it is kept and never computed again.

        Parameters
        ----------
        round, classifier : int, str
            Which model ranked.
        indices : (K,) integers
            Items that differ, most confident first.
        labels : (K,) integers
            The machine's class numbers.
        deficit : (K,) floats
            ``1 - confidence``, in [0, 1] and not falling.

        Raises
        ------
        StoreError
            There is a ranking already, or the campaign is finished.
        """
        items, values = as_new_items(indices, self._n_pool), as_integers("labels", labels)
        if values.shape != items.shape:
            raise ValueError(f"labels: expected {items.size}, found {values.size}")
        check_range("labels", values, 0, self._n_classes)
        deficits = np.asarray(deficit, dtype=np.float64)
        if deficits.shape != items.shape:
            raise ValueError(f"deficit: expected shape {items.shape}, found {deficits.shape}")
        bounded = np.all((deficits >= 0.0) & (deficits <= 1.0))  # NaN is not
        if not (bounded and np.all(np.diff(deficits) >= 0.0)):
            raise ValueError("deficit: expected values in [0, 1] that do not fall")
        with self._writing():
            if self._db.rows("SELECT 1 FROM ranking"):
                raise StoreError(f"{self._db.name}: a ranking is recorded already")
            self._db.execute(
                "INSERT INTO ranking (round, classifier, n_items, items, labels, deficits,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    round,
                    classifier,
                    items.size,
                    items.astype("<i8").tobytes(),
                    values.astype("<i4").tobytes(),
                    deficits.astype("<f8").tobytes(),
                    utc_now(),
                ),
            )

    def ranking(self) -> Ranking | None:
        """The frozen ranking, or None before there is one."""
        rows = self._db.rows("SELECT items, labels, deficits, classifier, round FROM ranking")
        if not rows:
            return None
        items, labels, deficits, classifier, round_ = rows[0]
        return Ranking(
            indices=np.frombuffer(items, "<i8").astype(np.int64),
            labels=np.frombuffer(labels, "<i4").astype(np.int64),
            deficit=np.frombuffer(deficits, "<f8").astype(np.float64),
            classifier=classifier,
            round=round_,
        )
