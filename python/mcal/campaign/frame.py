"""The finished data set as a pandas frame. The only importer of pandas in this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import MissingExtraError
from ..types import Source

try:
    import pandas as pd
except ImportError as error:
    raise MissingExtraError("pandas", "pandas") from error

if TYPE_CHECKING:
    from .result import CampaignResult

__all__ = ["frame_of"]


def frame_of(result: CampaignResult) -> pd.DataFrame:
    """What ``CampaignResult.to_pandas`` promises."""
    n_pool = len(result.labels)
    sources = [str(source) for source in Source]
    source_codes = np.full(n_pool, -1, np.int8)
    for code, source in enumerate(sources):
        source_codes[result.sources == source] = code
    models = [] if result.model is None else [result.model]
    model_codes = np.where(result.sources == str(Source.MACHINE), 0, -1)
    return pd.DataFrame(
        {
            "item": pd.Series([result.item_name(index) for index in range(n_pool)], dtype="str"),
            "label": pd.Categorical.from_codes(result.labels, list(result.classes)),
            "source": pd.Categorical.from_codes(source_codes, sources),
            "confidence": result.confidence,
            "round": pd.arrays.IntegerArray(result.rounds.copy(), result.rounds < 0),
            "price_usd": result.price_usd,
            "model": pd.Categorical.from_codes(model_codes, models),
        },
        index=pd.RangeIndex(n_pool, name="index"),
    )
