"""No loop runs far ahead of a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mcal.types import no_progress

torch = pytest.importorskip("torch")

from mcal.classifiers import pretraining, training  # noqa: E402
from mcal.classifiers.body import Body  # noqa: E402
from mcal.classifiers.items import Items  # noqa: E402
from mcal.classifiers.pace import Pace  # noqa: E402
from mcal.classifiers.recipes import recipe_for, self_taught  # noqa: E402
from mcal.classifiers.torch_classifier import TorchClassifier  # noqa: E402

CPU = torch.device("cpu")


def test_it_waits_for_the_last_step_but_two(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[tuple[str, int]] = []

    class Event:
        def __init__(self) -> None:
            self.number = sum(what == "asked" for what, _ in happened)
            happened.append(("asked", self.number))

        def synchronize(self) -> None:
            happened.append(("waited", self.number))

    class Stream:
        def record_event(self) -> Event:
            return Event()

    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: happened.append(("all", -1)))
    pace = Pace(torch.device("cuda"))
    for _ in range(4):
        pace.asked()
    pace.finish()
    assert happened == [
        ("asked", 0),
        ("asked", 1),
        ("asked", 2),
        ("waited", 0),
        ("asked", 3),
        ("waited", 1),
        ("all", -1),
    ]


@pytest.mark.parametrize("module", [pretraining, training])
def test_every_loop_keeps_it_at_every_step(
    images: Any, monkeypatch: pytest.MonkeyPatch, module: Any
) -> None:
    pool, labels = images
    steps: list[str] = []

    class Counted(Pace):
        def asked(self) -> None:
            steps.append("step")

        def finish(self) -> None:
            steps.append("end")

    monkeypatch.setattr(module, "Pace", Counted)
    if module is pretraining:  # two passes in batches of 256, the remainder left out
        numbers = self_taught("small-cnn", (8, 8, 1), 2)
        Body("small-cnn", numbers, CPU, None, seed=0).of(Items(pool, CPU), pool, no_progress)
        assert steps == ["step"] * 2 + ["end"]
    else:
        recipe = recipe_for("fast", "small-cnn", (8, 8, 1), epochs=3, batch_size=10)
        TorchClassifier("small-cnn", recipe, CPU).train(pool, np.arange(20), labels[:20], seed=0)
        assert steps == ["step"] * 6 + ["end"]
