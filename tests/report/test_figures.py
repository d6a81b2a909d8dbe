"""Figures draw what the story has, on any axes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from mcal import report
from mcal.report.figures import FIGURES, draw, render_inline
from mcal.report.figures.style import in_dollars

HOSTILE = (
    '#030100 url(#a) id="b',
    "<script>alert(1)</script>",
    "$\\frac{$",
    "a\x00\x1b[31m\nb",
    "猫 🐈",
    "x" * 300,
)


def axes():
    return Figure().subplots()


@pytest.mark.parametrize(
    ("kind", "n_figures"),
    [
        ("finished", 9),
        ("without a certificate", 8),
        ("hopeless", 7),
        ("first labels", 3),
        ("new", 0),
    ],
)
def test_figures_that_have_something_to_show_are_drawn(story, kind, n_figures):
    told = story(kind)
    drawn = [figure for figure in FIGURES if figure.exists(told)]
    assert len(drawn) == n_figures
    for figure in drawn:
        at = axes()
        figure.plot(told, at)
        assert at.has_data()


def test_figures_become_files(story):
    plot = partial(report.plot_bill, story("finished"))
    assert draw(plot, "svg").startswith(b"<?xml")
    assert draw(plot, "png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "plot", ["plot_learning_curves", "plot_fits_by_round", "plot_ranking", "plot_cost_surface"]
)
def test_a_figure_of_what_is_not_known_is_refused_in_words(story, plot):
    with pytest.raises(ValueError, match=r"story: expected a campaign with .*, found none yet"):
        getattr(report, plot)(story("new"), axes())


def test_the_bill_s_parts_reach_its_total(story):
    told, at = story("finished"), axes()
    report.plot_bill(told, at)
    ends = [bar.get_x() + bar.get_width() for bar in at.patches]
    summary = told.summary
    assert max(ends[:-1]) == pytest.approx(summary.total_cost_usd)
    assert ends[-1] == pytest.approx(summary.human_only_cost_usd)


def test_forecasts_are_drawn_where_they_were_made(story):
    told, at = story("finished"), axes()
    report.plot_forecasts(told, at)
    lines = {line.get_label(): line for line in at.lines}
    known = [f for f in told.forecasts if f.interval_usd]
    np.testing.assert_allclose(
        lines["forecast of the total"].get_ydata(), [f.predicted_usd for f in known]
    )
    np.testing.assert_allclose(
        lines["spent by then"].get_ydata(), [f.spent_usd for f in told.forecasts]
    )
    assert set(lines["the bill"].get_ydata()) == {told.summary.total_cost_usd}


def test_a_figure_takes_the_reader_s_own_style(story):
    with mpl.rc_context({"axes.prop_cycle": mpl.cycler(color=["#123456", "#abcdef"])}):
        at = axes()
        report.plot_class_balance(story("finished"), at)
        colours = {mpl.colors.to_hex(bar.get_facecolor()) for bar in at.patches}
    assert colours == {"#123456", "#abcdef"}


def test_drawing_leaves_the_reader_s_style_alone(story):
    before = dict(mpl.rcParams)
    draw(partial(report.plot_bill, story("finished")), "svg")
    assert dict(mpl.rcParams) == before


def test_names_that_strangers_chose_are_words_and_no_formulas(story):
    told = story("finished")
    names = HOSTILE + told.classes.names[len(HOSTILE) :]
    hostile = replace(told, classes=replace(told.classes, names=names))
    svg = render_inline(partial(report.plot_class_balance, hostile), "t", prefix="p")
    assert '>#030100 url(#a) id="b<' in svg, "words that look like our placeholders"
    assert "&lt;script&gt;" in svg
    assert "<script" not in svg
    assert "$\\frac{$" in svg
    assert "\x00" not in svg
    assert "\x1b" not in svg
    assert "x" * 25 not in svg, "cut to the figure's width"


def test_inline_figures_are_in_the_page_s_colours_with_identifiers_of_their_own(story):
    told = story("finished")
    svg = render_inline(partial(report.plot_ranking, told), "in words", prefix="one")
    assert 'role="img" aria-label="in words"' in svg
    assert "var(--series-0)" in svg
    assert "var(--ink)" in svg
    assert 'stroke="#0301' not in svg
    assert ": #0301" not in svg
    assert "#03020" not in svg
    other = render_inline(partial(report.plot_ranking, told), "in words", prefix="two")
    assert other.replace("two-", "one-") == svg, "the same bytes again"
    import re

    assert not set(re.findall(r'\bid="([^"]+)"', svg)) & set(re.findall(r'\bid="([^"]+)"', other))
    used = {*re.findall(r'href="#([^"]+)"', svg), *re.findall(r"url\(#([^)]+)\)", svg)}
    assert used
    assert used <= set(re.findall(r'\bid="([^"]+)"', svg))


@pytest.mark.parametrize(
    ("limits", "labels"),
    [((0.0, 7.5), {"$0.00", "$2.50", "$7.50"}), ((0.0, 20.0), {"$0", "$5", "$20"})],
)
def test_ticks_in_dollars_say_where_they_are(limits, labels):
    at = axes()
    at.set_xlim(*limits)
    at.set_xticks(np.linspace(*limits, 4 if limits[1] < 10 else 5))
    in_dollars(at.xaxis)
    at.figure.canvas.draw()
    assert labels <= {text.get_text() for text in at.get_xticklabels()}


def test_class_errors_are_the_audit_s_estimates(story):
    told, at = story("weighted"), axes()
    report.plot_class_errors(told, at)
    (dots,) = (ln for ln in at.lines if ln.get_label() == "estimated by the audit")
    names = [text.get_text() for text in at.get_yticklabels()]
    for name, drawn in zip(names, dots.get_xdata(), strict=True):
        c = told.classes.names.index(name)
        among = (told.audit.machine == c) & (told.audit.positions < told.cut)
        if among.any():
            weight, wrong = told.audit.weight[among], told.audit.wrong[among]
            assert drawn == pytest.approx(np.average(wrong, weights=weight))
