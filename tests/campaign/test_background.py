import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from mcal.campaign import background
from mcal.campaign.background import Background
from mcal.errors import CampaignBusyError, PoolError
from mcal.types import Event


class Scripted:
    """A campaign that waits for people twice, and counts how often it looked."""

    def __init__(self, failing: Exception | None = None) -> None:
        self.looked, self.failing, self.closed = 0, failing, False
        self.threads: set[int] = set()

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *error: object) -> None:
        self.closed = True

    def run(self, on_event: Callable[[Event], None]) -> object | None:
        self.threads.add(threading.get_ident())
        self.looked += 1
        if self.looked <= 2:
            on_event(Event("wait", "waiting for labels"))
            return None
        on_event(Event("train", "step 1", 0.5))
        if self.failing:
            raise self.failing
        return object()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_LOOK_S", 0.01)
    monkeypatch.setattr(background, "_BUSY_S", 0.01)


def started(
    open_campaign: Callable[[], Any], is_ready: bool = True
) -> tuple[Background, list[Any]]:
    told: list[Any] = []
    runner = Background(
        open_campaign,
        is_ready=lambda: is_ready,
        on_event=told.append,
        on_end=lambda: told.append("end"),
    )
    assert runner.state == "opening"
    runner.start()
    return runner, told


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_it_goes_on_when_people_have_finished() -> None:
    campaign = Scripted()
    runner, told = started(lambda: campaign)
    wait_until(lambda: "end" in told)
    assert runner.stop()
    assert (runner.state, runner.error, campaign.closed) == ("done", None, True)
    assert [event if event == "end" else event.phase for event in told] == ["wait", "train", "end"]
    assert len(campaign.threads) == 1
    assert threading.get_ident() not in campaign.threads


def test_it_does_not_look_all_the_time() -> None:
    campaign = Scripted()
    runner, _ = started(lambda: campaign, is_ready=False)
    wait_until(lambda: runner.state == "people")
    time.sleep(0.2)
    assert campaign.looked == 1
    assert runner.stop()
    assert campaign.closed
    assert runner.state == "people"


def test_what_fails_is_kept() -> None:
    runner, told = started(lambda: Scripted(failing=PoolError("gone")))
    wait_until(lambda: "end" in told)
    assert runner.state == "failed"
    assert isinstance(runner.error, PoolError)


def test_it_waits_while_another_process_has_the_campaign() -> None:
    held = [True]

    def open_campaign() -> Scripted:
        if held[0]:
            raise CampaignBusyError("another process has it")
        return Scripted()

    runner, told = started(open_campaign)
    wait_until(lambda: runner.state == "busy")
    held[0] = False
    wait_until(lambda: "end" in told)
    assert runner.state == "done"


def test_it_stops_at_the_next_event() -> None:
    class Endless(Scripted):
        def run(self, on_event: Callable[[Event], None]) -> object | None:
            while True:
                on_event(Event("train", "on and on", 0.1))
                time.sleep(0.001)

    campaign = Endless()
    runner, told = started(lambda: campaign)
    wait_until(lambda: runner.state == "working")
    assert runner.stop()
    assert campaign.closed
    assert "end" not in told
