from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blobs import Blobs, NearestMean, SlowAnnotator, make_blobs
from mcal.campaign import Campaign
from mcal.campaign.facts import Facts
from mcal.campaign.moves import Move
from mcal.errors import AnnotatorError, CampaignBusyError, PoolError, StoreError
from mcal.settings import PlanSettings, PriceSettings, Settings
from mcal.store import Store
from mcal.types import NO_LABEL, Answers, Batch, Event, Purpose

SETTINGS = Settings(
    target_error=0.05,
    prices=PriceSettings(gpu_usd_per_hour=0.0, fixed_cost_per_training=0.5, machine_fee=0.001),
)


def create(folder: Path, world: Blobs, settings: Settings = SETTINGS, **parts: Any) -> Campaign:
    parts = {"annotator": world.oracle(), "classifiers": [NearestMean()]} | parts
    return Campaign.create(folder, pool=world.pool, settings=settings, **parts)


def test_an_easy_pool_is_mostly_labelled_by_the_machine(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy) as campaign:
        result = campaign.run()
    assert result is not None
    wrong = result.labels != easy.truth
    assert np.mean(wrong) <= 0.05
    assert not wrong[result.sources != "machine"].any()
    summary = result.summary
    assert summary.n_machine == np.sum(result.sources == "machine") > 0.6 * 4000
    assert summary.n_human + summary.n_machine == 4000
    assert np.isnan(result.confidence[result.sources != "machine"]).all()
    machine = result.confidence[result.sources == "machine"]
    assert ((machine >= 0) & (machine <= 1)).all()


def test_the_bill_adds_up(tmp_path: Path, easy: Blobs) -> None:
    classifier = NearestMean()
    with create(tmp_path / "run", easy, classifiers=[classifier]) as campaign:
        result = campaign.run()
    assert result is not None
    s = result.summary
    assert s.human_cost_usd == pytest.approx(0.04 * s.n_human, abs=1e-9)
    assert s.training_cost_usd == pytest.approx(0.5 * len(classifier.trainings), abs=1e-9)
    assert s.machine_fee_usd == pytest.approx(0.001 * s.n_machine, abs=1e-9)
    assert s.total_cost_usd == pytest.approx(
        s.human_cost_usd + s.training_cost_usd + s.machine_fee_usd, abs=1e-9
    )
    assert s.human_only_cost_usd == pytest.approx(160.0)
    assert s.saving == pytest.approx(1 - s.total_cost_usd / 160.0)


def test_people_label_a_hopeless_pool(tmp_path: Path, hopeless: Blobs) -> None:
    with create(tmp_path / "run", hopeless) as campaign:
        result = campaign.run()
    assert result is not None
    # Eq. 2 counts errors over the whole pool: a target of 5 % lets any model label about 5 %.
    assert np.mean(result.sources != "machine") >= 0.94
    assert np.mean(result.labels != hopeless.truth) <= 0.05
    assert result.summary.training_cost_usd <= 0.1 * result.summary.human_only_cost_usd


def test_the_same_seed_buys_the_same_items(tmp_path: Path, easy: Blobs) -> None:
    results = []
    for name in ("a", "b"):
        with create(tmp_path / name, easy) as campaign:
            results.append(campaign.run())
    assert results[0] is not None
    assert results[1] is not None
    np.testing.assert_array_equal(results[0].sources, results[1].sources)
    np.testing.assert_array_equal(results[0].labels, results[1].labels)
    with create(tmp_path / "c", easy, SETTINGS.model_copy(update={"seed": 1})) as campaign:
        other = campaign.run()
    assert other is not None
    assert (other.sources != results[0].sources).any()


@pytest.mark.parametrize(
    "selection", ["margin", "entropy", "least_confidence", "k_center", "random"]
)
def test_every_selection_ends_within_the_target(
    tmp_path: Path, easy: Blobs, selection: str
) -> None:
    settings = SETTINGS.model_copy(update={"selection": selection})
    with create(tmp_path / "run", easy, settings) as campaign:
        result = campaign.run()
    assert result is not None
    assert np.mean(result.labels != easy.truth) <= 0.05
    assert result.summary.n_machine > 0


def test_the_paper_s_rules_run_to_the_end(tmp_path: Path, easy: Blobs) -> None:
    settings = SETTINGS.model_copy(update={"preset": "paper"})
    with create(tmp_path / "run", easy, settings) as campaign:
        result = campaign.run()
        assert result is not None
        with Store.open(tmp_path / "run", read_only=True) as store:
            assert store.labels(Purpose.TEST).indices.size == 200


def test_the_cheapest_of_several_classifiers_wins(tmp_path: Path, easy: Blobs) -> None:
    class Guess(NearestMean):
        def train(self, pool: Any, indices: Any, labels: Any, **rest: Any) -> Any:
            return super().train(pool, indices, np.zeros_like(labels), **rest)

    candidates = [Guess("guess/fake"), NearestMean()]
    with create(tmp_path / "run", easy, classifiers=candidates) as campaign:
        result = campaign.run()
    assert result is not None
    assert result.summary.classifier == "nearest-mean/fake"
    assert len(candidates[0].trainings) <= len(candidates[1].trainings)


def test_no_label_is_delivered_but_neither_trained_nor_measured_on(
    tmp_path: Path, easy: Blobs
) -> None:
    truth = easy.truth.copy()
    truth[::10] = NO_LABEL
    slow = SlowAnnotator(truth, per_visit=10_000)
    with create(tmp_path / "run", easy, annotator=slow) as campaign:
        while campaign.run() is None:
            pass
        result = campaign.result()
    human = result.sources != "machine"
    assert (result.labels[result.sources == "audit"] == NO_LABEL).any()
    np.testing.assert_array_equal(result.labels[human], truth[human])
    assert (result.labels[~human] != NO_LABEL).all()
    wrong = result.labels[~human] != truth[~human]
    assert wrong.sum() <= 0.05 * 4000, "where no class fits the machine is wrong"


def test_broken_items_go_to_people(tmp_path: Path, easy: Blobs) -> None:
    broken = {5: "truncated file", 77: "not an image", 3999: "empty file"}
    easy.pool.broken = lambda: broken  # type: ignore[method-assign]
    with create(tmp_path / "run", easy) as campaign:
        result = campaign.run()
        assert result is not None
        assert (result.sources[list(broken)] == "human").all()
        with Store.open(tmp_path / "run", read_only=True) as store:
            for purpose in (Purpose.TEST, Purpose.TRAIN):
                assert not np.isin(store.labels(purpose).indices, list(broken)).any()


def test_parts_of_a_batch_are_collected_as_they_come(tmp_path: Path, easy: Blobs) -> None:
    slow = SlowAnnotator(easy.truth, per_visit=40)
    with create(tmp_path / "run", easy, annotator=slow) as campaign:
        pauses = 0
        while campaign.run() is None:
            pauses += 1
            assert campaign.waiting_for is not None
            assert pauses < 1000
        assert pauses > 3
        assert len(set(slow.submitted)) == len(slow.submitted)
        assert np.mean(campaign.result().labels != easy.truth) <= 0.05


def test_ask_and_tell_by_hand(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy, annotator=None) as campaign:
        seen: set[int] = set()
        while (batch := campaign.ask()) is not None:
            again = campaign.ask()
            assert again is not None
            assert again.batch_id == batch.batch_id
            assert not seen & set(batch.indices.tolist())
            seen |= set(batch.indices.tolist())
            half = batch.indices.size // 2
            labels = easy.truth[batch.indices]
            campaign.tell(batch.batch_id, batch.indices[:half], labels[:half])
            assert campaign.tell(batch.batch_id, batch.indices, labels) == batch.indices.size - half
        assert np.mean(campaign.result().labels != easy.truth) <= 0.05


def test_a_batch_says_which_labels_are_in(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy, annotator=None) as campaign:
        batch = campaign.ask()
        assert batch is not None
        assert batch.told is not None
        assert batch.told.size == 0
        some = np.sort(batch.indices[:7])
        campaign.tell(batch.batch_id, some, easy.truth[some])
        again = campaign.ask()
        assert again is not None
        np.testing.assert_array_equal(again.told, some)


def test_tell_refuses_what_was_not_asked(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy, annotator=None) as campaign:
        batch = campaign.ask()
        assert batch is not None
        stranger = np.setdiff1d(np.arange(4000), batch.indices)[:1]
        with pytest.raises(ValueError, match="ind"):
            campaign.tell(batch.batch_id, stranger, easy.truth[stranger])
        with pytest.raises(ValueError, match="label"):
            campaign.tell(batch.batch_id, batch.indices[:1], np.array([4]))
        assert campaign.summary().n_human == 0


def test_a_stop_after_every_step_changes_nothing(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "whole", easy) as campaign:
        whole = campaign.run()
    assert whole is not None
    create(tmp_path / "parts", easy).close()
    moves: list[Move | None] = []
    while not moves or moves[-1] is not None:
        with Campaign.open(
            tmp_path / "parts",
            pool=easy.pool,
            annotator=easy.oracle(),
            classifiers=[NearestMean()],
        ) as campaign:
            moves.append(campaign.step())
            parts = campaign.result()
    np.testing.assert_array_equal(parts.labels, whole.labels)
    np.testing.assert_array_equal(parts.sources, whole.sources)
    assert parts.summary.total_cost_usd == whole.summary.total_cost_usd


def test_a_lost_checkpoint_is_trained_again(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy) as campaign:
        while campaign.step() is not Move.TRAIN:
            pass
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    classifier = NearestMean()
    with Campaign.open(
        tmp_path / "run", pool=easy.pool, annotator=easy.oracle(), classifiers=[classifier]
    ) as campaign:
        assert campaign.run() is not None
    assert classifier.trainings[0] == 40


def test_a_checkpoint_of_another_campaign_is_not_taken(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy) as campaign:
        while campaign.step() is not Move.TRAIN:
            pass
    for path in (tmp_path / "run").glob("campaign.*"):
        path.unlink()
    classifier = NearestMean()
    other = SETTINGS.model_copy(update={"seed": 1})
    with create(tmp_path / "run", easy, other, classifiers=[classifier]) as campaign:
        while campaign.step() is not Move.TRAIN:
            pass
    assert classifier.trainings == [40]


def test_a_damaged_checkpoint_is_trained_again(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy) as campaign:
        while campaign.step() is not Move.TRAIN:
            pass
    (checkpoint,) = (tmp_path / "run" / "checkpoints").iterdir()
    checkpoint.write_bytes(b"")
    classifier = NearestMean()
    with Campaign.open(
        tmp_path / "run", pool=easy.pool, annotator=easy.oracle(), classifiers=[classifier]
    ) as campaign:
        assert campaign.run() is not None
    assert classifier.trainings[0] == 40


def test_reading_a_checkpoint_is_charged(tmp_path: Path, easy: Blobs) -> None:
    class SlowToLoad(NearestMean):
        def load(self, path: Path, pool: Any) -> Any:
            time.sleep(0.2)
            return super().load(path, pool)

    with create(tmp_path / "run", easy) as campaign:
        while campaign.step() is not Move.TRAIN:
            pass
    classifier = SlowToLoad()
    with Campaign.open(
        tmp_path / "run", pool=easy.pool, annotator=easy.oracle(), classifiers=[classifier]
    ) as campaign:
        campaign.step()
        assert not classifier.trainings
        assert sum(run.score_s for run in campaign._store.runs()) >= 0.2


def test_a_training_that_another_process_scored_costs_both(tmp_path: Path, easy: Blobs) -> None:
    class Killed(BaseException):
        pass

    class DiesScoring(NearestMean):
        def train(self, *parts: Any, **rest: Any) -> Any:
            time.sleep(0.2)
            model = super().train(*parts, **rest)

            def die(*_: Any, **__: Any) -> Any:
                raise Killed

            model.score = die
            return model

    settings = SETTINGS.model_copy(update={"prices": PriceSettings(gpu_usd_per_hour=3600.0)})
    with (
        pytest.raises(Killed),
        create(tmp_path / "run", easy, settings, classifiers=[DiesScoring()]) as campaign,
    ):
        campaign.run()
    with Campaign.open(
        tmp_path / "run", pool=easy.pool, annotator=easy.oracle(), classifiers=[NearestMean()]
    ) as campaign:
        while campaign.step() is not Move.TRAIN:
            pass
    with Store.open(tmp_path / "run", read_only=True) as store:
        statuses = [run.status for run in store.runs()]
        assert statuses == ["interrupted", "finished"]
        assert store.spend()["training"] >= 0.2
        _, cost_usd = Facts(store, ["nearest-mean/fake"]).training_history("nearest-mean/fake")
    assert cost_usd[0] >= 0.2, "the forecast of the next training must know the whole price"


@pytest.mark.parametrize("n_pool", [20, 30, 60, 150])
@pytest.mark.parametrize("spread", [0.3, 3.0, 60.0])
def test_small_pools_reach_their_end(tmp_path: Path, n_pool: int, spread: float) -> None:
    for seed in range(4):
        world = make_blobs(n_pool, spread, seed=seed)
        with create(tmp_path / str(seed), world) as campaign:
            result = campaign.run()
        assert result is not None
        assert (result.sources != "").all()


@pytest.mark.parametrize("initial_share", [0.3, 0.48])
@pytest.mark.parametrize("preset", ["default", "paper"])
def test_buying_everything_ends_the_campaign(
    tmp_path: Path, initial_share: float, preset: str
) -> None:
    world = make_blobs(400, 3000.0)
    settings = Settings(
        target_error=0.01, preset=preset, plan=PlanSettings(initial_share=initial_share)
    )
    with create(tmp_path / "run", world, settings) as campaign:
        result = campaign.run()
    assert result is not None
    assert np.mean(result.sources != "machine") >= 0.97
    wrong = result.labels != world.truth
    assert not wrong[result.sources != "machine"].any()


def test_the_machine_target_bounds_the_errors_among_machine_labels(tmp_path: Path) -> None:
    world = make_blobs(4000, 1.5)
    settings = SETTINGS.model_copy(update={"target": "machine"})
    with create(tmp_path / "run", world, settings) as campaign:
        result = campaign.run()
    assert result is not None
    machine = result.sources == "machine"
    assert machine.mean() > 0.4
    wrong = np.mean(result.labels[machine] != world.truth[machine])
    assert wrong <= 0.05
    assert result.summary.estimated_error == pytest.approx(wrong, abs=0.03)


def test_broken_items_are_not_planned_as_machine_labels(tmp_path: Path, easy: Blobs) -> None:
    broken = dict.fromkeys(range(0, 4000, 2), "truncated file")
    easy.pool.broken = lambda: broken  # type: ignore[method-assign]
    with create(tmp_path / "run", easy) as campaign:
        campaign.run()
    with Store.open(tmp_path / "run", read_only=True) as store:
        n_readable = 2000 - store.labels(Purpose.TEST).indices.size
        for plan in store.estimates("plan"):
            assert plan.payload["n_machine"] <= n_readable


def test_a_changed_answer_is_reported_and_blocks_nothing(tmp_path: Path, easy: Blobs) -> None:
    class Changing(SlowAnnotator):
        def collect(self, batch: Batch, ticket: str) -> Answers:
            answers = super().collect(batch, ticket)
            labels = answers.labels.copy()
            if self.visits > 4:
                labels[:1] = (labels[:1] + 1) % 4
            return Answers(answers.indices, labels, answers.complete)

    slow = Changing(easy.truth, per_visit=30)
    with create(tmp_path / "run", easy, annotator=slow) as campaign:
        reported = False
        while campaign.run() is None:
            reported |= any("first answer stands" in p for p in campaign.problems)
        assert reported


def test_answers_may_come_without_the_earlier_ones(tmp_path: Path, easy: Blobs) -> None:
    class Increments(SlowAnnotator):
        def collect(self, batch: Batch, ticket: str) -> Answers:
            answers = super().collect(batch, ticket)
            new = answers.indices[-self.per_visit :]
            return Answers(new, self.truth[new], answers.complete)

    annotator = Increments(easy.truth, per_visit=1000)
    with create(tmp_path / "run", easy, annotator=annotator) as campaign:
        while campaign.run() is None:
            pass
        assert campaign.summary().n_unlabelled == 0


def test_classes_that_fit_nothing_are_an_error_of_the_annotator(
    tmp_path: Path, easy: Blobs
) -> None:
    nothing = SlowAnnotator(np.full(4000, NO_LABEL), per_visit=10_000)
    with create(tmp_path / "run", easy, annotator=nothing) as campaign:
        assert campaign.run() is None, "nothing comes at the first visit"
        with pytest.raises(AnnotatorError, match="no class"):
            campaign.run()


def test_embeddings_for_k_center_are_charged(tmp_path: Path, easy: Blobs) -> None:
    settings = SETTINGS.model_copy(
        update={"selection": "k_center", "plan": PlanSettings(fold_test=False)}
    )
    with create(tmp_path / "run", easy, settings) as campaign:
        campaign.run()
    with Store.open(tmp_path / "run", read_only=True) as store:
        rounds = [run.round for run in store.runs()]
        fixed = [run.fixed_cost_usd for run in store.runs()]
    assert rounds.count(0) == 2, "one training, and one scoring to choose by"
    assert sum(fixed) == 0.5 * len(set(rounds))


def test_another_pool_is_refused(tmp_path: Path, easy: Blobs) -> None:
    create(tmp_path / "run", easy).close()
    with pytest.raises(PoolError, match="began with"):
        Campaign.open(
            tmp_path / "run", pool=make_blobs(4000, 1.2, seed=9).pool, classifiers=[NearestMean()]
        )


def test_a_second_process_is_refused_and_a_second_campaign_too(tmp_path: Path, easy: Blobs) -> None:
    with create(tmp_path / "run", easy):
        with pytest.raises(CampaignBusyError):
            Campaign.open(tmp_path / "run", pool=easy.pool, classifiers=[NearestMean()])
        with pytest.raises(StoreError):
            create(tmp_path / "run", easy)


def test_an_annotator_that_lies_about_being_complete_is_reported(
    tmp_path: Path, easy: Blobs
) -> None:
    class Liar(SlowAnnotator):
        def collect(self, batch: Batch, ticket: str) -> Answers:
            done = batch.indices[:-1]
            return Answers(done, self.truth[done], complete=True)

    with (
        create(tmp_path / "run", easy, annotator=Liar(easy.truth, 1)) as campaign,
        pytest.raises(AnnotatorError, match="complete"),
    ):
        campaign.run()
    with Store.open(tmp_path / "run", read_only=True) as store:
        assert store.labels().indices.size > 0, "what came in is kept"


def test_small_pools_are_refused_before_anything_is_bought(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pool: expected at least 20"):
        create(tmp_path / "run", make_blobs(15, 1.0))
    with pytest.raises(ValueError, match="pool: expected at least 4,0"):
        create(
            tmp_path / "run",
            make_blobs(4000, 1.0),
            SETTINGS.model_copy(update={"plan": PlanSettings(test_size=4000)}),
        )
    assert not (tmp_path / "run").exists()


def test_classifiers_need_names_that_differ(tmp_path: Path, easy: Blobs) -> None:
    with pytest.raises(ValueError, match="classifiers: expected one or more"):
        create(tmp_path / "run", easy, classifiers=[NearestMean(), NearestMean()])
    assert not (tmp_path / "run").exists()


def test_events_tell_the_story(tmp_path: Path, easy: Blobs) -> None:
    events: list[Event] = []
    with create(tmp_path / "run", easy) as campaign:
        result = campaign.run(events.append)
    assert result is not None
    phases = [e.phase for e in events]
    assert phases[0] == "ask"
    assert phases[-1] == "done"
    assert {"train", "score", "plan", "decide"} <= set(phases)
    assert all(e.share is None or 0 <= e.share <= 1 for e in events)
    assert any("predicted_usd" in e.facts for e in events)
    (certified,) = (e for e in events if e.phase == "label")
    total_usd = result.summary.total_cost_usd
    assert certified.facts["predicted_usd"] == total_usd, "known once the buying has ended"
    assert certified.facts["predicted_interval_usd"] == (total_usd, total_usd)
