"""The finished data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..store import CampaignSummary, Store, read_delivered, summary_html
from ..types import FloatArray, IndexArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CampaignResult", "read_result"]


@dataclass(frozen=True, eq=False)
class CampaignResult:
    """One entry per item of the pool, and the bill.

    Attributes
    ----------
    labels : (N,) int64
        Class numbers; ``NO_LABEL`` where no class fits.
    sources : (N,) str
        "human", "audit" or "machine"; "" where nobody has labelled the item yet.
    confidence : (N,) float64
        Margin of machine labels in [0, 1]; NaN for people's.
    summary : CampaignSummary
        Counts, dollars, error.
    rounds : (N,) int64
        In which the label was bought or given; -1 where nobody has labelled the item yet.
    price_usd : (N,) float64
        What the label cost; NaN where nobody has labelled the item yet.
    model : str or None
        "architecture/recipe" of the classifier that gave the machine's labels.
    classes : tuple of str
        The names of the class numbers.
    item_name : callable
        What a person can find the item at an index by.
    """

    labels: IndexArray
    sources: npt.NDArray[np.str_]
    confidence: FloatArray
    summary: CampaignSummary
    rounds: IndexArray
    price_usd: FloatArray
    model: str | None
    classes: tuple[str, ...]
    item_name: Callable[[int], str]

    def to_pandas(self) -> pd.DataFrame:
        """One row per item: the columns of ``mcal export``, in its order and meaning.

        Returns
        -------
        DataFrame
            The index, called "index", is the item's. ``item`` is text; ``label``, ``source`` and
            ``model`` are categories, of all the classes and sources there are; ``round`` is
            Int64; ``confidence`` and ``price_usd`` are float64. What is empty is NA.

        Raises
        ------
        MissingExtraError
            pandas is not installed.

        Notes
        -----
        Item names are made when this is called: about 0.1 GB for a million.
        """
        from .frame import frame_of  # pandas only when a frame is asked for

        return frame_of(self)

    def __repr__(self) -> str:
        return f"CampaignResult({self.labels.size:,} items, {self.summary!r})"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return summary_html(self.summary, "Labels of a campaign")


def read_result(
    store: Store, summary: CampaignSummary, item_name: Callable[[int], str] = str
) -> CampaignResult:
    """The labels in a store, in the order of the pool; items are called by their index, if not
    otherwise."""
    found = read_delivered(store)
    return CampaignResult(
        labels=found.label_codes.astype(np.int64),
        sources=np.array([*found.sources, ""])[found.source_codes],
        confidence=found.confidence,
        summary=summary,
        rounds=found.rounds.astype(np.int64),
        price_usd=found.price_usd,
        model=found.models[0] if found.models else None,
        classes=found.classes,
        item_name=item_name,
    )
