"""What people are shown of a model's opinion."""

from __future__ import annotations

import numpy as np

from mcal.types import NO_LABEL, Guesses

from .facts import as_integers, check_range
from .purchases import Purchases

__all__ = ["Guessing"]


class Guessing(Purchases):
    """The part of ``Store`` that keeps the guesses that go with a batch."""

    def add_guesses(self, batch_id: str, guesses: Guesses) -> None:
        """Record what is shown with the items of a batch; once, and before it is sent.

        They are kept because scores from a GPU are not the same bits twice, and a batch that is
        sent by another process is to show what it was recorded with.

        Parameters
        ----------
        batch_id : str
            Not of the test set or an audit.
        guesses : Guesses
            (K,) in the order of ``batch_indices``.

        Raises
        ------
        ValueError
            Shapes do not fit, a label is no class, a confidence is not in [0, 1].
        StoreError
            The batch measures a model, was sent, or has its guesses already.
        """
        batch, _ = self._batch(batch_id)
        n_items = self.batch_indices(batch_id).size
        labels = as_integers("labels", guesses.labels)
        check_range("labels", labels, NO_LABEL, self._n_classes)
        confidence = np.asarray(guesses.confidence, dtype=np.float64)
        for name, found in (("labels", labels), ("confidence", confidence)):
            if found.shape != (n_items,):
                raise ValueError(f"{name}: expected shape ({n_items},), found {found.shape}")
        if not np.all((confidence >= 0.0) & (confidence <= 1.0)):  # NaN is not
            raise ValueError("confidence: expected values in [0, 1]")
        with self._writing():
            self._db.execute(
                "INSERT INTO guesses (batch, model, n_items, labels, confidences)"
                " VALUES (?, ?, ?, ?, ?)",
                (
                    batch,
                    guesses.model,
                    n_items,
                    labels.astype("<i4").tobytes(),
                    confidence.astype("<f8").tobytes(),
                ),
            )

    def guesses(self, batch_id: str) -> Guesses | None:
        """What is shown with the items of a batch, in the order of ``batch_indices``, if any."""
        batch, _ = self._batch(batch_id)
        rows = self._db.rows(
            "SELECT labels, confidences, model FROM guesses WHERE batch = ?", (batch,)
        )
        if not rows:
            return None
        labels, confidences, model = rows[0]
        return Guesses(
            labels=np.frombuffer(labels, "<i4").astype(np.int64),
            confidence=np.frombuffer(confidences, "<f8").astype(np.float64),
            model=model,
        )
