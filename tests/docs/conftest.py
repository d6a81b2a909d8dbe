"""What pages take for granted."""

import shutil
from pathlib import Path

import pytest

from mcal import Campaign, ClassifierSettings, OracleSettings, PoolSettings, Settings


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small campaign that is over: 600 digits, and short trainings."""
    folder = tmp_path_factory.mktemp("finished") / "my-campaign"
    settings = Settings(
        pool=PoolSettings(kind="digits", limit=600),
        annotator=OracleSettings(),
        classifier=[ClassifierSettings(architecture="small-cnn", epochs=20, batch_size=16)],
    )
    with Campaign.from_settings(settings, folder) as campaign:
        assert campaign.run() is not None
    return folder


@pytest.fixture
def my_campaign(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / finished.name))
