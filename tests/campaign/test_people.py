"""Whole campaigns with several judgements an item: labels, dollars, and what is told of people."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from blobs import Blobs, NearestMean
from mcal.annotators import OracleAnnotator
from mcal.annotators.consensus import ConsensusAnnotator
from mcal.annotators.judged import answers_of
from mcal.campaign import Campaign
from mcal.errors import AnnotatorError
from mcal.export import export
from mcal.money import add_usd
from mcal.settings import ConsensusSettings, PriceSettings, PriceTier, Settings
from mcal.store import (
    Store,
    consensus_error,
    enough_judges,
    expected_settings,
    least_label_error,
    summarise,
)
from mcal.types import Answers, Batch, BatchStatus, Judgements, Purpose

TIERS = (PriceTier(n_from=0, price=0.030000001), PriceTier(n_from=600, price=0.011))


def settings(k: int, third: bool = False, **more: object) -> Settings:
    return Settings(
        prices=PriceSettings(tiers=TIERS, judgements_per_item=k, gpu_usd_per_hour=0.0),
        consensus=ConsensusSettings(third_on_disagreement=third),
        **more,
    )


def oracle(world: Blobs, noise: float) -> OracleAnnotator:
    return OracleAnnotator(world.truth, world.pool.classes, noise, seed=3)


def run(folder: Path, world: Blobs, given: Settings, noise: float = 0.1) -> None:
    with Campaign.create(
        folder,
        pool=world.pool,
        annotator=oracle(world, noise),
        classifiers=[NearestMean()],
        settings=given,
    ) as campaign:
        assert campaign.run() is not None


def test_three_people_an_item(tmp_path: Path, easy: Blobs) -> None:
    run(tmp_path / "run", easy, settings(3))
    with Store.open(tmp_path / "run", read_only=True) as store:
        summary, labels, said = summarise(store), store.labels(), store.judgements()
        spend = store.spend()
    assert said.indices.size == 3 * summary.n_human
    assert set(said.people) == {"oracle-1", "oracle-2", "oracle-3"}
    wrong = (labels.labels != easy.truth[labels.indices]).mean()
    assert wrong < 0.04  # 0.1 for one person
    assert summary.judgements_per_item_measured == 3.0
    assert summary.human_cost_usd == spend["labels"]
    assert spend["labels"] == settings(3).prices.people.total_usd(summary.n_human)
    assert summary.disagreement is not None
    assert summary.disagreement_interval is not None
    low, high = summary.disagreement_interval
    assert low < summary.disagreement < high
    assert summary.certified_error is not None
    assert summary.true_error_estimate == pytest.approx(
        summary.certified_error + consensus_error(high, 3)
    )


def test_two_people_and_a_third_where_they_differ(tmp_path: Path, easy: Blobs) -> None:
    given = settings(2, third=True)
    run(tmp_path / "run", easy, given)
    with Store.open(tmp_path / "run", read_only=True) as store:
        summary, said, batches = summarise(store), store.judgements(), store.batches()
        labels, spend = store.labels(), store.spend()
        human_only = expected_settings(store, given).prices.people.total_usd(4000)
        export(store, tmp_path / "out.csv", item_name=easy.pool.item_name)
    items, n_each = np.unique(said.indices, return_counts=True)
    thirds = items[n_each == 3]
    assert set(n_each.tolist()) == {2, 3}
    assert thirds.size == sum(person == "oracle-3" for person in said.people)
    assert summary.judgements_per_item_measured == said.indices.size / items.size

    ends = np.cumsum([0, *(batch.n_items for batch in batches)])
    n_thirds = [int(np.isin(labels.indices[a:b], thirds).sum()) for a, b in pairwise(ends.tolist())]
    further = [
        n * (0.030000001 if 2 * end < 600 else 0.011)
        for n, end in zip(n_thirds, ends[1:].tolist(), strict=True)
    ]
    ordered_usd = given.prices.people.total_usd(summary.n_human)
    assert spend["labels"] == pytest.approx(ordered_usd + sum(further), abs=1e-10)
    assert summary.human_cost_usd == spend["labels"] == add_usd(*labels.price_usd.tolist())
    assert summary.total_cost_usd == summary.predicted_total_cost_usd
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        prices = [float(row["price_usd"]) for row in csv.DictReader(file)]
    assert add_usd(*prices) == summary.total_cost_usd

    assert summary.human_only_cost_usd == human_only
    assert summary.disagreement is not None
    share = (human_only / given.prices.people.total_usd(4000) - 1.0) * 2.0
    assert share == pytest.approx(summary.disagreement, abs=1e-6)


def test_plans_count_with_thirds_before_and_after_they_are_measured(
    tmp_path: Path, easy: Blobs
) -> None:
    given = settings(2, third=True)
    with Campaign.create(
        tmp_path / "run", pool=easy.pool, classifiers=[NearestMean()], settings=given
    ) as campaign:
        before = campaign.summary().human_only_cost_usd
    assert before == pytest.approx(1.14 * given.prices.people.total_usd(4000), rel=1e-7)


def test_a_third_is_paid_once_however_often_it_is_collected(tmp_path: Path, easy: Blobs) -> None:
    given = settings(2, third=True)
    with Campaign.create(
        tmp_path / "run",
        pool=easy.pool,
        annotator=oracle(easy, 0.3),
        classifiers=[NearestMean()],
        settings=given,
    ) as campaign:
        campaign.step()
        (batch, _), annotator = campaign._store.batches(), campaign.annotator
        whole = campaign._steps.batch(batch)
        assert isinstance(annotator, ConsensusAnnotator)
        campaign.step()
        usd = campaign.summary().human_cost_usd
        said = annotator.collect(whole, annotator.submit(whole)).judgements
        assert said is not None
        assert not campaign._store.add_judgements(
            batch.batch_id, said, n_ordered=2, further_usd=9.0
        )
        assert campaign.summary().human_cost_usd == usd


class Changing:
    """Three people, of whom the first comes late and all may change their minds."""

    name = "changing"

    def __init__(self, easy: Blobs) -> None:
        self.truth, self.people, self.n_ready = easy.truth, ("bob", "cyd"), 10**6
        self.orders: dict[str, list[int]] = {}
        self.changed: dict[int, int] = {}

    def submit(self, batch: Batch) -> str:
        items = batch.indices.tolist()
        assert self.orders.setdefault(batch.batch_id, items) == items
        return batch.batch_id

    def collect(self, batch: Batch, ticket: str) -> Answers:
        rows = batch.indices[: self.n_ready]
        if "third" in batch.batch_id:
            return answers_of(batch, Judgements(rows[:0], rows[:0], ()))
        labels = [
            np.array([self.changed.get(i, int(self.truth[i])) for i in rows.tolist()])
            for _ in self.people
        ]
        if "bob" in self.people:
            differing = (rows % 10 == 0) & ~np.isin(rows, list(self.changed))
            labels[self.people.index("bob")][differing] ^= 1
        said = Judgements(
            np.tile(rows, len(self.people)),
            np.concatenate(labels),
            tuple(person for person in self.people for _ in rows),
        )
        return answers_of(batch, said)


def changing(folder: Path, easy: Blobs, given: Settings) -> tuple[Campaign, Changing]:
    annotator = Changing(easy)
    campaign = Campaign.create(
        folder,
        pool=easy.pool,
        annotator=annotator,
        classifiers=[NearestMean()],
        settings=given,
    )
    campaign.step()
    return campaign, annotator


def test_an_order_of_thirds_stands_when_somebody_changes_an_answer(
    tmp_path: Path, easy: Blobs
) -> None:
    campaign, annotator = changing(tmp_path / "run", easy, settings(2, third=True))
    with campaign:
        campaign.step()
        thirds = {key: items for key, items in annotator.orders.items() if "third" in key}
        assert thirds
        item = next(iter(thirds.values()))[0]
        annotator.changed = {item: int(easy.truth[item])}
        campaign.step()  # asserted in submit
        assert {key: items for key, items in annotator.orders.items() if "third" in key} == thirds
        said = campaign._store.judgements()
        assert np.unique(said.labels[said.indices == item]).size == 2


def test_nobody_beyond_those_ordered_is_recorded_or_paid(tmp_path: Path, easy: Blobs) -> None:
    campaign, annotator = changing(tmp_path / "run", easy, settings(2))
    with campaign:
        annotator.n_ready = 15
        campaign.step()
        usd = campaign.summary().human_cost_usd
        annotator.people = ("ann", "bob", "cyd")  # ann comes back to what she skipped
        campaign.step()
        assert campaign.summary().human_cost_usd == usd > 0.0
        assert set(campaign._store.judgements().people) == {"bob", "cyd"}


def test_words_are_recorded_with_the_label_that_they_make(tmp_path: Path, easy: Blobs) -> None:
    campaign, annotator = changing(tmp_path / "run", easy, settings(2))
    with campaign:
        annotator.people = ("bob",)
        campaign.step()
        assert campaign._store.judgements().indices.size == 0
        annotator.changed = {index: int(easy.truth[index]) for index in range(4000)}
        annotator.people = ("bob", "cyd")
        campaign.step()
        said = campaign._store.judgements()
        assert said.indices.size
        assert (said.labels == easy.truth[said.indices]).all()


def test_a_target_below_what_people_agree_on_is_refused(tmp_path: Path, easy: Blobs) -> None:
    folder = tmp_path / "run"
    with pytest.raises(AnnotatorError, match=r"5.00% is below .* Begin again with consensus"):
        run(folder, easy, settings(2), noise=0.17)
    with Store.open(folder, read_only=True) as store:
        assert {batch.purpose for batch in store.batches()} == {Purpose.TEST, Purpose.TRAIN}
        assert all(batch.status is BatchStatus.CLOSED for batch in store.batches())
        assert not store.runs()
    run(tmp_path / "looser", easy, settings(2, target_error=0.4), noise=0.17)
    with pytest.raises(AnnotatorError, match=r"with prices.judgements_per_item = 5 or target"):
        run(tmp_path / "low", easy, settings(2, third=True, target_error=0.03), noise=0.17)
    run(tmp_path / "third", easy, settings(2, third=True), noise=0.17)
    with pytest.raises(AnnotatorError, match="is below"):
        run(tmp_path / "three", easy, settings(3), noise=0.25)


def test_a_third_is_advised_where_it_helps_and_may_be_had(tmp_path: Path, easy: Blobs) -> None:
    given = settings(2, target_error=0.045)
    with pytest.raises(AnnotatorError, match=r"Begin again with consensus\.third"):
        run(tmp_path / "run", easy, given, noise=0.12)
    annotator = oracle(easy, 0.12)
    annotator.consolidates = True  # type: ignore[attr-defined]
    with (
        Campaign.create(
            tmp_path / "vendor",
            pool=easy.pool,
            annotator=annotator,
            classifiers=[NearestMean()],
            settings=given,
        ) as campaign,
        pytest.raises(AnnotatorError, match=r"Begin again with prices.judgements_per_item = 3"),
    ):
        campaign.run()


def test_with_a_budget_a_target_below_what_people_agree_on_is_no_reason_to_stop(
    tmp_path: Path, easy: Blobs
) -> None:
    run(tmp_path / "run", easy, settings(2, budget_usd=100.0), noise=0.17)


def test_two_people_who_differ_have_one_wrong_label_at_least() -> None:
    assert least_label_error(0.3, 2) == 0.15
    assert least_label_error(0.3, 3) == consensus_error(0.3, 3) < 0.15
    assert enough_judges(0.3, 0.1, 2) == 3
    assert enough_judges(0.3, 0.05, 3) == 5
    assert enough_judges(0.5, 0.05, 2) is None


class Slow(OracleAnnotator):
    """Answers by itself, ten items at a time."""

    n_looks = 0

    def collect(self, batch: Batch, ticket: str) -> Answers:
        self.n_looks += 1
        n = 10 * self.n_looks
        whole = super().collect(batch, ticket)
        complete = n >= batch.indices.size
        wait_s = None if complete else 0.0
        return Answers(whole.indices[:n], whole.labels[:n], complete, wait_s=wait_s)


def test_a_campaign_goes_on_by_itself_where_no_people_are_awaited(
    tmp_path: Path, easy: Blobs
) -> None:
    annotator = Slow(easy.truth, easy.pool.classes)
    words = []
    with Campaign.create(
        tmp_path / "run", pool=easy.pool, annotator=annotator, classifiers=[NearestMean()]
    ) as campaign:
        assert campaign.run(lambda event: words.append(event.words)) is not None
    assert annotator.n_looks > 5
    assert sum("waiting for labels" in each for each in words) > 2


@pytest.mark.parametrize("n_judges", [3, 4, 5])
def test_the_estimated_error_is_that_of_people_who_agree_in_their_mistakes(n_judges: int) -> None:
    rng, p = np.random.default_rng(1), 0.2
    wrong = rng.random((400_000, n_judges)) < p
    n_wrong = wrong.sum(axis=1)
    is_wrong = np.where(2 * n_wrong == n_judges, wrong[:, 0], 2 * n_wrong > n_judges)
    assert consensus_error(2 * p * (1 - p), n_judges) == pytest.approx(is_wrong.mean(), abs=0.004)
    assert consensus_error(0.3, n_judges) <= consensus_error(0.3, 2) == 0.3
    assert consensus_error(0.7, n_judges) == 0.7
    assert consensus_error(0.0, n_judges) == 0.0
