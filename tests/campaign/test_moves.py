from __future__ import annotations

import itertools
from typing import Any

import pytest

from mcal.campaign.decide import Verdict
from mcal.campaign.moves import Move, next_move, round_of
from mcal.store import BatchRecord
from mcal.types import BatchStatus, Purpose


def batch(purpose: Purpose, round_: int, status: BatchStatus = BatchStatus.CLOSED) -> BatchRecord:
    return BatchRecord(
        batch_id=f"{purpose}-{round_}",
        purpose=purpose,
        round=round_,
        status=status,
        ticket=None,
        selection="margin",
        engine="cpu",
        price_per_label=0.04,
        n_items=10,
        n_told=10 if status is BatchStatus.CLOSED else 3,
        reason="",
        created_at="",
        closed_at=None,
    )


FIRST = [batch(Purpose.TEST, 0), batch(Purpose.TRAIN, 0)]


@pytest.mark.parametrize(
    ("facts", "move"),
    [
        ({"batches": []}, Move.ASK_FIRST),
        ({"batches": [FIRST[0], batch(Purpose.TRAIN, 0, BatchStatus.PLANNED)]}, Move.COLLECT),
        ({"batches": [FIRST[0], batch(Purpose.TRAIN, 0, BatchStatus.SUBMITTED)]}, Move.COLLECT),
        ({"batches": FIRST, "untrained": ["a"]}, Move.TRAIN),
        ({"batches": FIRST}, Move.DECIDE),
        ({"batches": FIRST, "untrained": ["a"], "n_readable": 0}, Move.DECIDE),
        ({"batches": FIRST, "verdict": Verdict.MACHINE_LABEL}, Move.ASK_REST),
        ({"batches": FIRST, "verdict": Verdict.PEOPLE}, Move.ASK_REST),
        ({"batches": FIRST, "verdict": Verdict.PEOPLE, "n_unlabelled": 0}, Move.FINISH),
        (
            {
                "batches": [*FIRST, batch(Purpose.REST, 0, BatchStatus.SUBMITTED)],
                "verdict": Verdict.PEOPLE,
                "n_unlabelled": 0,
            },
            Move.COLLECT,
        ),
        (
            {
                "batches": [*FIRST, batch(Purpose.AUDIT, 0, BatchStatus.PLANNED)],
                "verdict": Verdict.AUDIT,
            },
            Move.COLLECT,
        ),
        ({"batches": [*FIRST, batch(Purpose.AUDIT, 0)], "verdict": Verdict.AUDIT}, Move.CERTIFY),
        ({"batches": FIRST, "verdict": Verdict.AUDIT}, Move.CERTIFY),
        ({"batches": FIRST, "verdict": Verdict.AUDIT, "n_unlabelled": 0}, Move.CERTIFY),
        ({"batches": FIRST, "finished": True}, None),
    ],
)
def test_one_move_is_legal(facts: dict[str, Any], move: Move | None) -> None:
    base: dict[str, Any] = {
        "finished": False,
        "untrained": [],
        "verdict": None,
        "n_unlabelled": 50,
        "n_readable": 40,
    }
    assert next_move(**(base | facts)) is move


def test_an_open_batch_comes_before_everything_but_the_end() -> None:
    open_ = batch(Purpose.TRAIN, 1, BatchStatus.SUBMITTED)
    for untrained, verdict, n in itertools.product(([], ["a"]), (None, *Verdict), (0, 5)):
        assert (
            next_move(
                finished=False,
                batches=[*FIRST, open_],
                untrained=untrained,
                verdict=verdict,
                n_unlabelled=n,
                n_readable=n,
            )
            is Move.COLLECT
        )


def test_the_round_is_that_of_the_newest_training_batch() -> None:
    assert round_of([]) == -1
    assert round_of([*FIRST, batch(Purpose.TRAIN, 2), batch(Purpose.REST, 7)]) == 2
