"""Files of every released schema are opened by the newest code.

A file is made once, when its schema is released, by ``python tests/store/test_frozen.py N`` and
never again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from mcal.settings import Settings
from mcal.store import FILE_NAME, Store, summarise
from mcal.store.schema import MIGRATIONS
from mcal.types import NO_LABEL, Guesses, Judgements, Purpose

DATA = Path(__file__).parent.parent / "data"
GUESSES = Guesses(np.array([1, NO_LABEL, 0]), np.array([0.25, 0.0, 1.0]), "a, round 0")


def make_campaign(folder: Path) -> None:
    """One fact of every kind, as the newest schema knows them."""
    with Store.create(
        folder,
        settings_json=Settings().model_dump_json(),
        n_pool=12,
        classes=("cat", "dog"),
        pool_kind="images",
        pool_fingerprint="f00d",
        broken={3: "truncated file"},
    ) as store:
        tiers = ((0, 0.05), (1, 0.04), (2, 0.03))
        for purpose, items, price in (
            (Purpose.TEST, [0, 1, 2], 0.04),
            (Purpose.TRAIN, [5, 4, 3], tiers),
        ):
            batch = store.add_batch(
                purpose=purpose,
                round=0,
                indices=np.array(items),
                selection="random",
                engine="cpu",
                price_per_label=price,
                reason="to begin with",
            )
            if purpose is Purpose.TRAIN:
                store.add_guesses(batch.batch_id, GUESSES)
            store.submit_batch(batch.batch_id, f"ticket-{purpose}")
            people = ("ann", "bob", "cyd") * 2
            said = Judgements(np.repeat(items, 2), np.array([0, 0, 1, 0, 1, 1]), people)
            store.add_judgements(batch.batch_id, said, n_ordered=1, further_usd=0.001)
            store.tell(batch.batch_id, items, [0, 1, NO_LABEL])
        killed = store.start_run(round=0, classifier="a", n_train=2, seed=1, device="cpu")
        store.heartbeat_run(killed, train_s=1.0, score_s=0.0, cost_usd=0.01)
    with Store.open(folder) as store:
        run_id = store.start_run(round=0, classifier="a", n_train=2, seed=1, device="cpu")
        store.finish_run(
            run_id,
            train_s=2.0,
            score_s=1.0,
            cost_usd=0.03,
            fixed_cost_usd=0.005,
            checkpoint="models/0.pt",
            checkpoint_sha256="ab" * 32,
        )
        store.add_estimates(0, "a", {"plan": {"predicted_total_cost_usd": 0.4}})
        store.add_ranking(
            round=0,
            classifier="a",
            indices=np.arange(11, 5, -1),
            labels=np.array([1, 0, 1, 0, 1, 0]),
            deficit=np.linspace(0.0, 0.5, 6),
        )
        store.add_machine_labels(
            round=0,
            classifier="a",
            indices=np.arange(6, 12),
            labels=np.array([0, 1, 0, 1, 0, 1]),
            confidence=np.linspace(0.5, 1.0, 6),
            fee_usd_each=0.001,
            reason="it pays",
            details={"estimated_error": 0.02},
        )
        store.finish(stop_reason="done", details={})


def check_campaign(store: Store, schema: int) -> None:
    ranking = store.ranking()
    if schema < 2:
        assert ranking is None
    else:
        assert (ranking.classifier, ranking.round) == ("a", 0)
        assert ranking.indices.tolist() == [11, 10, 9, 8, 7, 6]
        assert ranking.labels.tolist() == [1, 0, 1, 0, 1, 0]
        assert ranking.deficit.tolist() == np.linspace(0.0, 0.5, 6).tolist()
    assert store.campaign.broken == {3: "truncated file"}
    assert [batch.status for batch in store.batches()] == ["closed", "closed"]
    assert [batch.ticket for batch in store.batches()] == ["ticket-test", "ticket-train"]
    assert store.labels().indices.tolist() == [0, 1, 2, 5, 4, 3]
    assert store.labels().labels.tolist() == [0, 1, NO_LABEL] * 2
    n_said = 12 if schema >= 5 else 0
    assert store.judgements().indices.tolist() == [0, 0, 1, 1, 2, 2, 5, 5, 4, 4, 3, 3][:n_said]
    assert store.judgements().labels.tolist() == [0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1][:n_said]
    assert store.judgements().people == (("ann", "bob", "cyd") * 4)[:n_said]
    shown = [store.guesses(batch.batch_id) for batch in store.batches()]
    if schema < 5:
        assert shown == [None, None]
    else:
        assert shown[0] is None
        assert shown[1].labels.tolist() == GUESSES.labels.tolist()
        assert shown[1].confidence.tolist() == GUESSES.confidence.tolist()
        assert shown[1].model == GUESSES.model
    further_usd = 0.001 if schema >= 5 else 0.0
    prices = [0.04] * 3 + ([0.05, 0.04, 0.03] if schema >= 4 else [0.04] * 3)
    assert store.labels().price_usd.tolist() == pytest.approx(
        [price + further_usd for price in prices], abs=1e-12
    )
    assert [run.status for run in store.runs()] == ["interrupted", "finished"]
    assert store.machine_labels().confidence.tolist() == np.linspace(0.5, 1.0, 6).tolist()
    assert store.spend() == {
        "labels": 0.246 if schema >= 5 else 0.24,
        "machine_fee": 0.006,
        "training": 0.04,
        "fixed": 0.005,
    }
    assert store.estimates("plan")[0].payload == {"predicted_total_cost_usd": 0.4}
    assert [action.name for action in store.actions()] == ["machine_label"]
    summary = summarise(store)
    assert (summary.phase, summary.n_human, summary.n_machine) == ("done", 6, 6)
    assert summary.total_cost_usd == (0.297 if schema >= 5 else 0.291)


def test_every_schema_has_its_frozen_file():
    assert sorted(path.name for path in DATA.glob("store_*.sqlite")) == [
        f"store_{number}.sqlite" for number in range(1, len(MIGRATIONS) + 1)
    ]


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("path", sorted(DATA.glob("store_*.sqlite")), ids=lambda path: path.stem)
def test_a_frozen_file_is_read_by_the_newest_code(path, read_only, tmp_path):
    shutil.copy(path, tmp_path / FILE_NAME)
    with Store.open(tmp_path, read_only=read_only) as store:
        check_campaign(store, schema=int(path.stem.removeprefix("store_")))


def test_the_newest_code_makes_what_the_frozen_files_hold(tmp_path):
    make_campaign(tmp_path)
    with Store.open(tmp_path, read_only=True) as store:
        check_campaign(store, schema=len(MIGRATIONS))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        make_campaign(Path(made))
        shutil.copy(Path(made) / FILE_NAME, DATA / f"store_{sys.argv[1]}.sqlite")
