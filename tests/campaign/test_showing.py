"""A campaign and its result in a notebook and at a prompt."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from blobs import Blobs, NearestMean
from mcal.campaign import Campaign
from mcal.store import FILE_NAME

HOSTILE = "<img src=x onerror=alert(1)>&"


def begin(blobs: Blobs, folder: Path) -> Campaign:
    return Campaign.create(folder, pool=blobs.pool, classifiers=[NearestMean()])


def test_a_campaign_shows_itself_open_and_closed(easy: Blobs, tmp_path: Path) -> None:
    with begin(easy, tmp_path / HOSTILE) as campaign:
        before = campaign._repr_html_()
        batch = campaign.ask()
        assert batch is not None
        campaign.tell(batch.batch_id, batch.indices[:5], np.zeros(5, dtype=np.int64))
        shown = campaign._repr_html_()
        assert "onerror=alert(1)&gt;&amp;: new, 0 rounds</caption>" in before
        assert "<img" not in shown
        assert ">5</td>" in shown
    assert campaign._repr_html_() == shown


def test_showing_changes_nothing(easy: Blobs, tmp_path: Path) -> None:
    begin(easy, tmp_path).close()
    with Campaign.open(tmp_path, pool=easy.pool, classifiers=[NearestMean()]) as campaign:
        campaign._repr_html_()
        assert campaign.missing == {}  # nothing was asked for
        assert campaign.summary().n_human == 0


def test_a_campaign_whose_folder_is_gone_says_so(easy: Blobs, tmp_path: Path) -> None:
    campaign = begin(easy, tmp_path)
    campaign.close()
    (tmp_path / FILE_NAME).unlink()
    assert "expected a campaign (campaign.sqlite), found none" in campaign._repr_html_()


def test_at_a_prompt(easy: Blobs, tmp_path: Path) -> None:
    with begin(easy, tmp_path) as campaign:
        assert repr(campaign) == f"Campaign({str(tmp_path)!r}, {easy.pool.n_pool:,} items)"
        result = campaign.result()
    assert repr(result).startswith(
        f"CampaignResult({easy.pool.n_pool:,} items, CampaignSummary(new: "
    )
    assert "Labels of a campaign: new" in result._repr_html_()


def test_a_million_labels_are_one_line(easy: Blobs, tmp_path: Path) -> None:
    with begin(easy, tmp_path) as campaign:
        few = campaign.result()
    n = 1_000_000
    result = replace(few, labels=np.zeros(n, np.int64), sources=np.full(n, "human"))
    assert len(repr(result)) < 200
    assert len(result._repr_html_()) < 10_000
