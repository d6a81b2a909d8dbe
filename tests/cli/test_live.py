"""What is told while a campaign runs, on a terminal and in a log."""

import io

from rich.console import Console

from mcal.cli.live import LiveView, PlainView, money_words, open_view
from mcal.types import Event


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def plain(width: int = 40) -> tuple[PlainView, Clock, io.StringIO]:
    out, clock = io.StringIO(), Clock()
    return PlainView(Console(file=out, width=width), clock=clock), clock, out


def lines(out: io.StringIO) -> list[str]:
    return out.getvalue().splitlines()


def test_each_step_is_one_line_however_long() -> None:
    view, clock, out = plain()
    view(Event("ask", "buy 500 [bold] test labels and 700 first training labels", facts={}))
    clock.now_s += 65.25
    view(Event("done", "all is labelled"))
    assert lines(out) == [
        "    0.0s  ask       buy 500 [bold] test labels and 700 first training labels",
        "   65.2s  done      all is labelled",
    ]


def test_the_same_step_is_told_once() -> None:
    view, _, out = plain()
    for _ in range(5):
        view(Event("wait", "waiting for people"))
    assert len(lines(out)) == 1


def test_progress_is_told_at_its_beginning_and_then_rarely() -> None:
    view, clock, out = plain()
    for percent in range(100):
        view(Event("train", f"epoch {percent}", percent / 100))
        clock.now_s += 1
    told = [line.split() for line in lines(out)]
    assert told[0] == ["0.0s", "train", "epoch", "0", "0%"]
    assert [float(words[0][:-1]) for words in told] == [0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0]
    view(Event("score", "70,000 items", 0.0))
    assert lines(out)[-1].endswith("score     70,000 items 0%")


def test_money_is_told_when_it_changes() -> None:
    view, _, out = plain()
    view(Event("ask", "a", facts={"n_human": 1200, "spent_usd": 48.0}))
    view(Event("plan", "b", facts={"predicted_usd": 400.5, "human_only_usd": 2800.0}))
    view(Event("decide", "c"))
    told = lines(out)
    assert told[0].endswith("a  [1,200 labels bought, $48.00 spent]")
    assert told[1].endswith(
        "[1,200 labels bought, $48.00 spent, $400.50 predicted in all, $2,800.00 by people alone]"
    )
    assert told[2].endswith("decide    c")


def test_money_words_say_what_is_known() -> None:
    assert money_words({}) == ""
    assert money_words({"n_human": 5, "n_pool": 1000}) == "5 of 1,000 labels bought"
    begun = {"n_human": 5, "n_known": 3, "n_pool": 1000}
    assert money_words(begun) == "2 of 1,000 labels bought, 3 known before"
    assert money_words({"predicted_usd": None, "certified_error": None}) == ""
    between = {"predicted_usd": 523.0, "predicted_interval_usd": (480.0, 610.0)}
    assert money_words(between) == "$523.00 predicted in all (90 %: $480.00 to $610.00)"
    told = money_words({"spent_usd": 48.0, "certified_error": 0.0377001})
    assert told == "$48.00 spent, error certified at most 3.78%"
    known = {"predicted_usd": 523.0, "predicted_interval_usd": (523.0, 523.0)}
    assert money_words(known) == "$523.00 predicted in all"


def test_progress_before_the_run_is_taken_in() -> None:
    view, _, out = plain()
    view.progress(0.25, "checking images")
    assert lines(out)[0].endswith("open      checking images 25%")


def test_a_log_gets_plain_lines_and_a_terminal_a_panel() -> None:
    assert type(open_view(Console(file=io.StringIO()))) is PlainView
    terminal = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm"})
    assert type(open_view(terminal)) is LiveView
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert type(open_view(dumb)) is PlainView


def test_the_panel_shows_phase_round_money_and_progress() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, _environ={"TERM": "xterm"})
    with LiveView(console, clock=Clock()) as view:
        view(Event("plan", "a plan", facts={"round": 3, "n_human": 1200, "spent_usd": 48.0}))
        view(Event("train", "small-cnn, epoch 4 of 10 [x]", 0.4))
        paper = Console(file=io.StringIO(), width=100, record=True)
        paper.print(view.panel())
    shown = paper.export_text()
    assert "train" in shown
    assert "round 3" in shown
    assert "40%" in shown
    assert "small-cnn, epoch 4 of 10 [x]" in shown
    assert "1,200 labels bought, $48.00 spent" in shown
    written = out.getvalue()
    assert "a plan" in written  # the step scrolls by
    assert written.endswith(("\x1b[?25h", "\x1b[2K"))  # panel gone, cursor back


def test_the_cursor_comes_back_after_an_error() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, _environ={"TERM": "xterm"})
    try:
        with LiveView(console) as view:
            view(Event("train", "one"))
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1
