"""What a run may still cost before it can be stopped."""

from __future__ import annotations

from typing import Any

import pytest

from mcal.campaign import training
from mcal.campaign.training import OutOfMoney
from mcal.types import no_progress


class Clock:
    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class NoStore:
    def heartbeat_run(self, run_id: int, **_: Any) -> None:
        pass


def test_a_slow_opening_does_not_count_as_ahead_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(training, "time", clock)
    meter = training._Meter(NoStore(), 1, usd_per_s=1.0, limit_usd=80.0)  # type: ignore[arg-type]
    with training._Watch(meter, "train_s", no_progress) as watch:
        clock.now_s = 30.0  # weights are fetched
        while clock.now_s < 80.0:
            watch.report(0.5, "a step")
            clock.now_s += 1.0
        with pytest.raises(OutOfMoney):  # this second is spent, the next would be too many
            watch.report(0.5, "a step")


def test_a_gap_of_late_counts_as_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(training, "time", clock)
    meter = training._Meter(NoStore(), 1, usd_per_s=1.0, limit_usd=80.0)  # type: ignore[arg-type]
    with training._Watch(meter, "train_s", no_progress) as watch:
        clock.now_s = 45.0
        with pytest.raises(OutOfMoney):
            watch.report(0.5, "a slow step")
