"""A campaign's labels held against the truth, and where the truth is; for evaluation alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from mcal.annotators import read_label_file
from mcal.errors import PoolError
from mcal.pools import read_truth
from mcal.settings import OracleSettings, Settings
from mcal.store import CampaignRecord, Store, summarise
from mcal.types import IndexArray

from .evaluate import Evaluation, evaluate_labels
from .item_names import item_names
from .result import read_result

__all__ = ["evaluate_store", "known_truth"]


def known_truth(
    campaign: CampaignRecord, file: Path | None = None
) -> tuple[IndexArray, str | None]:
    """The true class numbers (N,) of a campaign's pool, and how a file's rows were matched.

    That is "index", "item" or "position"; None where the data set brought the truth.

    Parameters
    ----------
    campaign : CampaignRecord
        What the campaign began with.
    file : Path, optional
        A CSV or .npy file of labels. Default: the oracle's file when it had one, else the truth
        that the data set brings.

    Raises
    ------
    McalError
        Nobody knows the truth, or the file or data set cannot be read.
    """
    settings = Settings.model_validate_json(campaign.settings_json)
    if file is None and isinstance(settings.annotator, OracleSettings):
        file = settings.annotator.path
    if file is not None:
        return read_label_file(file, campaign.classes, partial(_all_names, campaign))
    if settings.pool is None:
        raise PoolError("the settings name no pool to take true labels from; give a file with them")
    return read_truth(settings.pool, settings.classes), None


def _all_names(campaign: CampaignRecord) -> list[str]:
    return [*map(item_names(campaign), range(campaign.n_pool))]


def evaluate_store(store: Store, truth: IndexArray) -> Evaluation:
    """Count what is wrong among the labels that a campaign has delivered so far.

    Parameters
    ----------
    store : Store
        Of a running or finished campaign; open for reading is enough.
    truth : (N,) int64
        The true class numbers of its whole pool.

    Raises
    ------
    ValueError
        ``truth`` is not as long as the pool, or has a number that is no class.
    """
    if np.shape(truth) != (store.campaign.n_pool,):
        raise ValueError(
            f"truth: expected {store.campaign.n_pool:,} labels, found shape {np.shape(truth)}"
        )
    with store.transaction():
        delivered = read_result(store, summarise(store))
    indices = np.flatnonzero(delivered.sources != "")
    return evaluate_labels(
        indices,
        delivered.labels[indices],
        delivered.sources[indices],
        truth,
        store.campaign.classes,
    )
