"""``mcal report`` on a campaign that ``mcal run`` took to its end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from mcal.cli import app


def mcal(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 400)
    x = 6.0 * np.eye(3, 8)[truth] + rng.normal(size=(400, 8))
    np.save(folder / "x.npy", x.astype(np.float32))
    np.save(folder / "truth.npy", truth)
    (folder / "blobs.toml").write_text(
        'classes = ["ant", "bee", "cow"]\n'
        f'[pool]\nkind = "embeddings"\npath = "{folder / "x.npy"}"\n'
        f'[annotator]\nkind = "oracle"\npath = "{folder / "truth.npy"}"\n'
        '[[classifier]]\narchitecture = "linear"\ndevice = "cpu"\n'
        "[plan]\ninitial_share = 0.1\ndelta_min_share = 0.1\nstable_share = 0.9\n"
    )
    result = mcal("run", folder / "blobs.toml")
    assert result.exit_code == 0, result.output
    return folder / "blobs-campaign"


def test_the_report_goes_into_the_campaign_by_default(finished: Path) -> None:
    result = mcal("report", finished)
    assert result.exit_code == 0, result.output
    path = finished / "report.html"
    assert result.stdout == f"{path}\n"
    text = path.read_text(encoding="utf-8")
    assert "<h1>blobs-campaign</h1>" in text
    assert "400 items are labelled, for $" in text


def test_figures_go_where_they_are_asked_for(finished: Path, tmp_path: Path) -> None:
    out, plots = tmp_path / "r.html", tmp_path / "figures"
    result = mcal("report", finished, "--out", out, "--plots", plots)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == str(out)
    assert (plots / "forecasts.svg").exists()
    assert (plots / "forecasts.png").exists()


def test_a_pool_that_is_gone_costs_the_pictures_alone(finished: Path, tmp_path: Path) -> None:
    x = finished.parent / "x.npy"
    hidden = x.rename(x.with_suffix(".away"))
    try:
        result = mcal("report", finished, "--out", tmp_path / "r.html")
        assert result.exit_code == 0, result.output
        assert result.stderr.startswith("mcal: no pictures: ")
        assert "400 items are labelled" in (tmp_path / "r.html").read_text(encoding="utf-8")
        quiet = mcal("report", finished, "--out", tmp_path / "r.html", "--no-pictures")
        assert quiet.exit_code == 0
        assert quiet.stderr == ""
    finally:
        hidden.rename(x)


def test_a_folder_without_a_campaign_is_refused(tmp_path: Path) -> None:
    result = mcal("report", tmp_path)
    assert result.exit_code == 1
    assert "expected a campaign" in result.stderr
