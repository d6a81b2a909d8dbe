"""What is over soon is not told."""

from contextlib import nullcontext
from typing import Any

from mcal.cli.late_view import LateView
from mcal.types import Event


class View(nullcontext):  # type: ignore[type-arg]
    def __init__(self) -> None:
        super().__init__(self)
        self.told: list[Event] = []
        self.closed = False

    def __call__(self, event: Event) -> None:
        self.told.append(event)

    def __exit__(self, *error: Any) -> None:
        self.closed = True


def test_nothing_is_shown_for_two_seconds_then_all_is() -> None:
    view, now_s = View(), [10.0]
    with LateView(lambda: view, "export", clock=lambda: now_s[0]) as late:
        late.progress(0.1, "checking")
        now_s[0] += 1.9
        late.progress(0.2, "checking")
        assert view.told == []
        now_s[0] += 0.2
        late.progress(0.5, "writing")
        late.progress(1.0, "writing")
        assert not view.closed
    assert [(event.phase, event.words, event.share) for event in view.told] == [
        ("export", "writing", 0.5),
        ("export", "writing", 1.0),
    ]
    assert view.closed


def test_an_end_that_comes_first_is_no_news() -> None:
    view, now_s = View(), [10.0]
    with LateView(lambda: view, "export", clock=lambda: now_s[0]) as late:
        now_s[0] += 60.0
        late.progress(1.0, "writing")
    assert view.told == []
    assert not view.closed
