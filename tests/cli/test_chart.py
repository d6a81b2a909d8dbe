"""The forecasts as rows of characters."""

import io
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from mcal.cli.chart import forecast_chart, print_chart
from mcal.store import RoundForecast


def forecast(round_: int = 0, **changes: Any) -> RoundForecast:
    facts: dict[str, Any] = {
        "round": round_,
        "classifier": "small-cnn/fast",
        "n_train": 100 * (round_ + 1),
        "spent_usd": 10.0 + round_,
        "predicted_usd": 60.0,
        "interval_usd": (40.0, 80.0),
        "plan_n_train": 900,
        "plan_theta": 0.5,
        "plan_n_machine": 100,
        "estimated_error": 0.04,
        "created_at": "2026-01-01T00:00:00.000+00:00",
    }
    return RoundForecast(**(facts | changes))


def summary(**changes: Any) -> Any:
    facts = {
        "finished_at": None,
        "total_cost_usd": 20.0,
        "human_only_cost_usd": 100.0,
        "budget_usd": None,
    }
    return SimpleNamespace(**(facts | changes))


def chart(forecasts: Any, about: Any = None, **how: Any) -> list[str]:
    lines = forecast_chart(forecasts, about or summary(), **({"width": 80} | how))
    return [line.plain for line in lines]


def row(lines: list[str], name: str) -> str:
    (found,) = [line for line in lines if line.startswith(f"{name} ")]
    return found


def column(line: str, glyph: str) -> int:
    assert line.count(glyph) == 1, line
    return line.index(glyph)


def test_there_is_none_before_a_forecast() -> None:
    assert chart([]) == []
    assert chart([forecast(predicted_usd=None, interval_usd=None)]) == []


def test_dollars_are_columns() -> None:
    lines = chart([forecast(0), forecast(1, spent_usd=30.0)])
    (axis,) = [line for line in lines if line.lstrip().startswith("┴")]
    begin, drawn = axis.index("┴"), row(lines, "1")
    end = column(drawn, "┊")  # people alone: 100 dollars, the end of the axis

    def at(usd: float) -> float:
        return begin + usd / 100.0 * (end - begin)

    assert axis.rindex("─") in (end, end - 1) or axis.rindex("┴") == end
    for glyph, usd in (("├", 40.0), ("●", 60.0), ("┤", 80.0)):
        assert column(drawn, glyph) == pytest.approx(at(usd), abs=0.51)
    assert begin + drawn.count("━") - 1 == pytest.approx(at(30.0), abs=0.51)
    assert drawn.index("━") == begin
    assert drawn.endswith("$60.00")
    assert row(lines, "now").count("━") == pytest.approx(at(20.0) - begin + 1, abs=0.51)


def test_ticks_are_where_their_dollars_are() -> None:
    lines = chart([forecast()])
    axis, below = lines[-3:-1]
    assert below.split() == ["$0", "$50", "$100"]
    ticks = [i for i, glyph in enumerate(axis) if glyph == "┴"]
    assert ticks[0] == below.index("$0")
    assert below.index("$50") <= ticks[1] < below.index("$50") + 3
    assert ticks[1] - ticks[0] == pytest.approx((ticks[2] - ticks[0]) / 2, abs=0.5)


@pytest.mark.parametrize("width", [40, 59, 60, 80, 200])
@pytest.mark.parametrize("far_usd", [100.0, 2.8e6])
def test_no_line_is_wider_than_the_terminal(width: int, far_usd: float) -> None:
    about = summary(
        human_only_cost_usd=far_usd, budget_usd=90.0, finished_at="2026", total_cost_usd=70.0
    )
    lines = chart([forecast(i) for i in range(200)], about, width=width)
    assert all(cell_len(line) <= width for line in lines)
    rows = [line for line in lines if "$60.00" in line]
    assert {line.rindex("$") for line in rows} == {width - 6}
    assert ("labels" in lines[1]) == (width >= 60)


def test_many_rounds_are_thinned_evenly_and_it_is_said() -> None:
    lines = chart([forecast(i) for i in range(200)], most_rows=12)
    shown = [int(line.split()[0]) for line in lines if line.endswith("  $60.00")]
    assert (len(shown), shown[0], shown[-1]) == (12, 0, 199)
    steps = {after - before for before, after in pairwise(shown)}
    assert steps <= {18, 19}
    assert lines[-1].endswith("188 of 200 rounds left out")
    assert "left out" not in "".join(chart([forecast(i) for i in range(12)], most_rows=12))


def test_what_is_far_out_does_not_squeeze_the_rest() -> None:
    first = forecast(0, predicted_usd=2660.0, interval_usd=None)
    lines = chart([first, forecast(1)], summary(human_only_cost_usd=2800.0))
    assert row(lines, "0").rstrip().endswith("▶  $2,660.00")
    assert column(row(lines, "1"), "┤") == column(row(lines, "0"), "▶")
    assert "▶ beyond the axis" in " ".join(lines)
    assert lines[-1].endswith("people alone $2,800.00: 35.0 x the axis")
    assert "┊" not in "".join(lines)


def test_an_interval_that_leaves_the_axis_says_so() -> None:
    wide = forecast(0, interval_usd=(40.0, 900.0))
    drawn = row(chart([wide, forecast(1)]), "0")
    assert "▶" in drawn
    assert "┤" not in drawn


def test_a_bill_and_a_budget_are_lines_through_all_rounds() -> None:
    about = summary(finished_at="2026", total_cost_usd=90.0, budget_usd=95.0)
    lines = chart([forecast(0), forecast(1)], about)
    assert column(row(lines, "0"), "│") == column(row(lines, "1"), "│")
    assert column(row(lines, "0"), "╎") == column(row(lines, "bill"), "╎")
    assert row(lines, "bill").endswith("$90.00")
    assert "│ bill $90.00" in " ".join(lines)
    assert "╎ budget $95.00" in " ".join(lines)


def test_a_round_without_a_forecast_has_a_dash() -> None:
    lines = chart([forecast(0, predicted_usd=None, interval_usd=None), forecast(1)])
    assert row(lines, "0").endswith("-")
    assert "●" not in row(lines, "0")


def test_nothing_spent_and_nothing_to_pay() -> None:
    free = forecast(0, spent_usd=0.0, predicted_usd=0.0, interval_usd=(0.0, 0.0))
    lines = chart([free], summary(total_cost_usd=0.0, human_only_cost_usd=0.0))
    assert "━" not in row(lines, "0")
    assert row(lines, "0").endswith("$0.00")


def test_cents_are_told_where_they_matter() -> None:
    cheap = forecast(0, spent_usd=0.01, predicted_usd=0.04, interval_usd=(0.03, 0.05))
    lines = chart([cheap], summary(total_cost_usd=0.01, human_only_cost_usd=0.06))
    assert "$0.02" in lines[-2]


def test_plain_terminals_get_plain_characters() -> None:
    about = summary(finished_at="2026", budget_usd=95.0, human_only_cost_usd=150.0)
    for line in chart([forecast(0), forecast(1)], about, ascii_only=True):
        assert line.isascii()
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    print_chart(Console(file=out, width=80), [forecast()], summary())
    out.flush()
    written = out.buffer.getvalue()  # type: ignore[attr-defined]
    assert written.isascii()
    assert b"[" in written


def test_without_colour_the_same_is_drawn() -> None:
    def printed(**how: Any) -> Console:
        console = Console(file=io.StringIO(), width=80, record=True, **how)
        print_chart(console, [forecast()], summary())
        return console

    coloured = printed(force_terminal=True, color_system="truecolor", _environ={"TERM": "xterm"})
    plain = printed()
    assert "\x1b[" in coloured.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[" not in plain.file.getvalue()  # type: ignore[attr-defined]
    assert coloured.export_text() == plain.export_text()
