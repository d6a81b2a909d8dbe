"""Evaluation against a slow count, item by item."""

import json

import numpy as np
import pytest

from mcal.campaign.evaluate import Evaluation, Tally, evaluate_labels
from mcal.types import NO_LABEL, Source

CLASSES = ("cat", "dog", "emu")


def test_a_campaign_counted_by_hand() -> None:
    found = evaluate_labels(
        indices=np.array([4, 0, 2, 1, 3]),
        labels=np.array([0, 0, 1, NO_LABEL, 2]),
        sources=[Source.MACHINE, Source.HUMAN, Source.MACHINE, Source.HUMAN, Source.AUDIT],
        truth=np.array([0, 1, 2, 0, 0, 1]),
        classes=CLASSES,
    )
    assert found == Evaluation(
        n_pool=6,
        n_delivered=5,
        n_no_label=1,
        n_errors=2,
        realised_error=2 / 5,
        set_error=1 / 6,
        machine_error=1 / 2,
        by_source={
            Source.HUMAN: Tally(2, 0),
            Source.AUDIT: Tally(1, 1),
            Source.MACHINE: Tally(2, 1),
        },
        by_class={"cat": Tally(3, 1), "dog": Tally(1, 0), "emu": Tally(1, 1)},
    )


@pytest.mark.parametrize("n_pool", [1, 2, 17, 501])
def test_against_a_slow_count(n_pool: int) -> None:
    rng = np.random.default_rng(n_pool)
    truth = rng.integers(0, 3, n_pool)
    indices = rng.permutation(n_pool)[: n_pool - n_pool // 3]
    labels = rng.integers(-1, 3, len(indices))
    sources = [list(Source)[i] for i in rng.integers(0, 3, len(indices))]
    found = evaluate_labels(indices, labels, sources, truth, CLASSES)

    wrong = 0
    machine = [0, 0]
    for index, label, source in zip(indices, labels, sources, strict=True):
        bad = label != -1 and label != truth[index]
        wrong += bad
        if source == "machine":
            machine[0] += 1
            machine[1] += bad
    assert found.n_errors == wrong
    assert found.realised_error == wrong / len(indices)
    assert found.set_error == machine[1] / n_pool
    assert found.machine_error == (machine[1] / machine[0] if machine[0] else None)
    assert sum(t.n for t in found.by_class.values()) == len(indices)
    assert sum(t.n_errors for t in found.by_class.values()) == wrong
    assert sum(t.n for t in found.by_source.values()) == len(indices)


def test_nothing_delivered_yet() -> None:
    nothing = np.array([], dtype=np.int64)
    found = evaluate_labels(nothing, nothing, [], np.array([0, 1]), CLASSES)
    assert found.n_delivered == 0
    assert found.realised_error is None
    assert found.machine_error is None
    assert found.by_class["cat"].error is None


def test_where_no_class_fits_every_class_is_wrong() -> None:
    found = evaluate_labels(
        np.array([0, 1]),
        np.array([2, NO_LABEL]),
        [Source.MACHINE, Source.HUMAN],
        np.array([NO_LABEL, NO_LABEL]),
        CLASSES,
    )
    assert (found.n_errors, found.n_no_label) == (1, 1)
    assert sum(tally.n for tally in found.by_class.values()) == 0


def test_json_is_plain() -> None:
    found = evaluate_labels(
        np.array([0]), np.array([1]), [Source.MACHINE], np.array([0]), CLASSES
    ).to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["realised_error"] == 1.0
    assert found["by_source"]["machine"] == {"n": 1, "n_errors": 1}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"labels": [0]}, "labels: expected 2 as in indices, found 1"),
        ({"sources": []}, "sources: expected 2 as in indices, found 0"),
        ({"indices": [0, 3]}, r"indices: expected numbers in \[0, 3\), found 3"),
        ({"indices": [-1, 0]}, r"indices: expected numbers in \[0, 3\), found -1"),
        ({"indices": [1, 1]}, "indices: expected each item once, found one twice"),
        ({"labels": [0, 3]}, r"labels: expected numbers in \[-1, 3\), found 3"),
        ({"truth": [0, 1, -2]}, r"truth: expected numbers in \[-1, 3\), found -2"),
        ({"truth": []}, "truth: expected at least one item, found none"),
        ({"sources": ["human", "robot"]}, "sources: expected .*, found robot"),
        ({"labels": [0.5, 1.0]}, "labels: expected one dimension of integers"),
        ({"truth": [[0, 1, 2]]}, "truth: expected one dimension of integers"),
    ],
)
def test_mistakes_are_told(changed: dict[str, list[object]], message: str) -> None:
    arguments: dict[str, object] = {
        "indices": np.array([0, 1]),
        "labels": np.array([0, 1]),
        "sources": [Source.HUMAN, Source.MACHINE],
        "truth": np.array([0, 1, 2]),
    }
    arguments |= {
        name: value if name == "sources" else np.array(value) for name, value in changed.items()
    }
    with pytest.raises(ValueError, match=message):
        evaluate_labels(**arguments, classes=CLASSES)  # type: ignore[arg-type]
