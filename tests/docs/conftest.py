"""What pages take for granted."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mcal import (
    Campaign,
    EmbeddingPool,
    OracleAnnotator,
    Settings,
)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small campaign that is over: scikit-learn's digits, their pixels taken for embeddings."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("finished")
    images, labels = load_digits(return_X_y=True)
    classes = [str(digit) for digit in range(10)]
    pool = EmbeddingPool((images / 16).astype(np.float32), classes)
    oracle = OracleAnnotator(labels.astype(np.int64), classes)
    with Campaign.create(
        folder / "my-campaign", pool=pool, annotator=oracle, settings=Settings()
    ) as campaign:
        assert campaign.run() is not None
    return folder / "my-campaign"


@pytest.fixture
def my_campaign(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / finished.name))
