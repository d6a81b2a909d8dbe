"""What a report is told from, held against the store."""

from __future__ import annotations

import numpy as np
import pytest

from mcal.export import export
from mcal.types import Purpose, Source


@pytest.mark.parametrize("kind", ["finished", "some known", "no class fits some", "first labels"])
def test_the_bill_adds_up(story, kind):
    told = story(kind)
    assert sum(row.n_items for row in told.bill) == told.summary.n_human
    assert sum(row.cost_usd for row in told.bill) == pytest.approx(
        told.summary.human_cost_usd, abs=1e-9
    )
    for row in told.bill:
        each = 0.0 if row.purpose is None else 0.04
        assert row.cost_usd == pytest.approx(each * row.n_items, abs=1e-9)
    assert {row.purpose for row in told.bill if row.purpose is None} == (
        {None} if kind == "some known" else set()
    )


def test_classes_are_counted_as_exported(story, opened, tmp_path):
    told = story("finished")
    export(opened("finished"), tmp_path / "x.csv", item_name=str)
    rows = [line.split(",") for line in (tmp_path / "x.csv").read_text().splitlines()[1:]]
    for source in Source:
        for name, n in zip(told.classes.names, told.classes.by_source[source], strict=True):
            assert n == sum(row[2] == name and row[3] == source for row in rows)
    assert told.classes.total.sum() == 6000


def test_the_least_sure_machine_labels_are_shown(story, opened):
    told, machine = story("finished"), opened("finished").machine_labels()
    shown = told.doubtful
    assert shown.n_all == machine.indices.size > 24 == shown.indices.size
    np.testing.assert_array_equal(shown.confidence, np.sort(machine.confidence)[:24])
    at = np.searchsorted(machine.indices, shown.indices)
    np.testing.assert_array_equal(shown.machine, machine.labels[at])


def test_audited_mistakes_are_those_that_were_counted(story, opened):
    told, store = story("finished"), opened("finished")
    (ended,) = (a for a in told.actions if a.name == "machine_label")
    shown = told.mistaken
    assert shown.n_all == ended.details["n_wrong"] > 0
    assert np.all(shown.machine != shown.people)
    assert np.all(np.diff(shown.confidence) <= 0.0), "the surest mistake first"
    audit = store.labels(Purpose.AUDIT)
    said = dict(zip(audit.indices.tolist(), audit.labels.tolist(), strict=True))
    assert [said[i] for i in shown.indices.tolist()] == shown.people.tolist()


def test_the_ranking_holds_every_audited_item(story):
    told = story("finished")
    (ended,) = (a for a in told.actions if a.name == "machine_label")
    ranking = told.ranking
    assert ranking.n_audit.sum() == ended.details["n_audit"] == told.summary.n_audit
    assert ranking.n_wrong.sum() == ended.details["n_wrong"]
    assert ranking.cut == pytest.approx(ended.details["cut"] / ranking.n_ranked)
    assert np.all(ranking.low <= ranking.error + 1e-12)
    assert np.all(ranking.error <= ranking.high + 1e-12)
    inside = ranking.n_audit > 0
    assert np.all(ranking.audit_low[inside] <= ranking.audit_error[inside])


def test_curves_begin_with_what_was_measured(story, opened):
    curves = story("finished").curves
    profiles = opened("finished").estimates("profile")
    assert curves.n_train.size == len(profiles) > 3
    assert np.all(np.diff(curves.n_train) > 0)
    for row, record in enumerate(profiles):
        every = dict(zip(record.payload["thetas"], record.payload["error"], strict=True))
        assert curves.error[row].tolist() == [every[theta] for theta in curves.thetas]
    assert curves.thetas[-1] == 1.0
    assert curves.knots[0] == curves.n_train[0]
    assert curves.knots[-1] == 6000
    inside = np.isfinite(curves.fitted_low)
    assert inside.all()
    assert np.all(curves.fitted_low <= curves.fitted_high)
    assert (
        np.mean((curves.fitted_low <= curves.fitted) & (curves.fitted <= curves.fitted_high)) > 0.9
    )
    assert np.isnan(curves.by_round[0]).all(), "one point has no slope"
    np.testing.assert_array_equal(curves.by_round[-1], curves.fitted[curves.one])


def test_wilson_s_interval_is_scipy_s():
    scipy_stats = pytest.importorskip("scipy.stats")
    from mcal.report.curves import error_interval

    low, high = error_interval(np.array([0.0, 0.25, 1.0]), np.array([40.0, 40.0, 40.0]))
    for k, got_low, got_high in zip((0, 10, 40), low, high, strict=True):
        expected = scipy_stats.binomtest(k, 40).proportion_ci(0.9, method="wilson")
        assert (got_low, got_high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_surface_is_cheapest_where_a_search_finds_its_plan(story):
    told = story("finished")
    surface, last = told.surface, told.forecasts[-1]
    assert surface.round == last.round
    assert np.nanmin(surface.cost_usd) <= surface.human_only_usd == 240.0
    assert np.isnan(surface.cost_usd).any(), "somewhere the error is too large"
    # More machine labels are cheaper wherever they are allowed, as they cost nothing here.
    below, above = surface.cost_usd[:-1], surface.cost_usd[1:]
    both = np.isfinite(below) & np.isfinite(above)
    assert np.all(above[both] <= below[both])
    assert surface.end_n_train == told.summary.n_train
    assert 0.0 < surface.end_theta <= 1.0


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("new", {"curves", "ranking", "surface", "doubtful", "mistaken"}),
        ("first labels", {"curves", "ranking", "surface", "doubtful", "mistaken"}),
        ("one round", {"surface", "doubtful", "mistaken"}),
        ("not certified yet", {"doubtful"}),
        ("as printed", {"mistaken"}),
        ("without a certificate", {"mistaken"}),
        ("hopeless", {"surface", "doubtful", "mistaken"}),
        ("finished", set()),
    ],
)
def test_what_is_not_known_yet_is_none(story, kind, missing):
    told = story(kind)
    parts = {"curves", "ranking", "surface", "doubtful", "mistaken"}
    assert {part for part in parts if getattr(told, part) is None} == missing


def test_reading_changes_nothing(opened, folders, story):
    before = (folders("finished") / "campaign.sqlite").read_bytes()
    story("finished")
    assert (folders("finished") / "campaign.sqlite").read_bytes() == before


def test_a_weighted_audit_is_read_by_its_weights(story):
    told = story("weighted")
    audit, drawn = told.audit, next(a for a in told.actions if a.name == "audit").details
    assert drawn["boundary"] > 0, "the world must ask for weights"
    assert audit.weight.sum() == pytest.approx(audit.frame) == drawn["frame"]
    sure = audit.positions < drawn["boundary"]
    assert (sure.sum(), (~sure).sum()) == (drawn["n_sure"], drawn["n_unsure"])
    wrong_sure, wrong_unsure = audit.wrong[sure].mean(), audit.wrong[~sure].mean()
    n_sure = drawn["boundary"]
    expected = (wrong_sure * n_sure + wrong_unsure * (audit.frame - n_sure)) / audit.frame
    error, n_effective = audit.error(np.ones(audit.n_audit, dtype=bool))
    assert error == pytest.approx(expected)
    assert n_effective < audit.n_audit
    assert error < audit.n_wrong / audit.n_audit, "mistakes were looked for where they are likelier"


def test_a_uniform_audit_s_estimate_is_its_share(story):
    audit = story("finished").audit
    error, n_effective = audit.error(np.ones(audit.n_audit, dtype=bool))
    assert error == pytest.approx(audit.n_wrong / audit.n_audit)
    assert n_effective == pytest.approx(audit.n_audit)
    nothing = audit.error(np.zeros(audit.n_audit, dtype=bool))
    assert np.isnan(nothing[0])
    assert nothing[1] == 0.0


def test_the_end_is_where_the_machine_s_labels_reach(story):
    told = story("finished")
    (ended,) = (a for a in told.actions if a.name == "machine_label")
    left = 6000 - told.summary.n_test - told.summary.n_train
    assert told.cut == ended.details["cut"]
    assert told.surface.end_theta == pytest.approx(told.cut / left)
    assert story("hopeless").cut is None


@pytest.mark.parametrize(("kind", "least"), [("finished", 10), ("tiny", 0)])
def test_slices_of_the_ranking_hold_as_many_test_items_as_tell_something(
    story, opened, kind, least
):
    ranking = story(kind).ranking
    assert ranking.edges[0] == 0.0
    assert ranking.edges[-1] == 1.0
    assert ranking.error.size == ranking.n_test.size == ranking.edges.size - 1 >= 2
    assert np.median(ranking.n_test) >= least
    profile = opened(kind).estimates("profile")[-1].payload
    assert ranking.n_test.sum() == pytest.approx(sum(profile["bin_n_test"]))
    errors = np.diff(ranking.edges) @ ranking.error
    assert errors == pytest.approx(
        np.diff(profile["bin_edges"]) @ profile["bin_error"] / ranking.n_ranked
    )
