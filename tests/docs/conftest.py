"""What pages take for granted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from doc_pages import ROOT
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


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as strictly as it can be."""
    for name in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(name, reason="pip install 'mcal[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q"]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder
