"""The tables of a report: the bill, and the numbers behind each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcal.shares import percent, percent_at_least, percent_at_most
from mcal.types import Source

from .figures.classes import class_error
from .figures.money import PURPOSES
from .story import Story
from .words import DECISIONS, dollars

__all__ = [
    "Decision",
    "Table",
    "bill_table",
    "decisions",
    "numbers_table",
    "run_table",
    "settings_table",
]

MOST_CLASSES = 200


@dataclass(frozen=True)
class Table:
    """Cells as text. The first column heads its row; the ``numbers`` are set to the right."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    sums: int = 0  # rows at the end that sum up
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """What was decided after a round."""

    round: int
    when: str
    what: str
    why: str


def bill_table(story: Story) -> Table:
    """Labels by kind, computing, fees; people alone and the saving."""
    summary = story.summary
    rows = [
        [f"People: {PURPOSES[row.purpose]}", f"{row.n_items:,}", dollars(row.cost_usd)]
        for row in story.bill
    ]
    rows.append(
        ["People's labels, in all", f"{summary.n_human:,}", dollars(summary.human_cost_usd)]
    )
    rows.append(["Machine's labels", f"{summary.n_machine:,}", dollars(summary.machine_fee_usd)])
    if summary.n_unlabelled:
        rows.append(["Not labelled yet", f"{summary.n_unlabelled:,}", ""])
    rows.append(["Training and scoring", "", dollars(summary.training_cost_usd)])
    rows.append(["Total", f"{summary.n_pool:,}", dollars(summary.total_cost_usd)])
    if summary.finished_at is None and summary.predicted_total_cost_usd is not None:
        rows.append(["Forecast of the total", "", dollars(summary.predicted_total_cost_usd)])
    if summary.budget_usd is not None:
        rows.append(["Budget", "", dollars(summary.budget_usd)])
    n_alone = summary.n_pool - summary.n_known
    rows.append(["People alone", f"{n_alone:,}", dollars(summary.human_only_cost_usd)])
    last = len(rows) - next(i for i, row in enumerate(rows) if row[0] == "Total")
    caption = "The bill" if summary.finished_at else "The bill so far"
    note = ""
    if summary.n_no_label:
        note = f"People found that no class fits {summary.n_no_label:,} of these items."
    return Table(caption, ["", "Labels", "Dollars"], rows, frozenset({1, 2}), sums=last, note=note)


def numbers_table(name: str, story: Story) -> Table | None:
    """The numbers behind a figure; None where the page has them already."""
    tables = {
        "forecasts": _forecasts,
        "learning-curves": _curves,
        "ranking": _ranking,
        "batches": _batches,
        "class-balance": _classes,
        "class-errors": _class_errors,
    }
    return tables[name](story) if name in tables else None


def _forecasts(story: Story) -> Table:
    summary, rows = story.summary, []
    for told in story.forecasts:
        between, held = "–", "–"
        if told.interval_usd is not None:
            low, high = told.interval_usd
            between = f"{dollars(low)} to {dollars(high)}"
            if summary.finished_at is not None:
                held = "yes" if low <= summary.total_cost_usd <= high else "no"
        rows.append(
            [
                str(told.round),
                f"{told.n_train:,}",
                dollars(told.spent_usd),
                dollars(told.predicted_usd),
                between,
                held,
            ]
        )
    head = ["Round", "Trained on", "Spent by then", "Forecast", "90% interval", "Held the bill"]
    return Table("Forecasts by round", head, rows, frozenset({1, 2, 3, 4}))


def _curves(story: Story) -> Table | None:
    curves = story.curves
    if curves is None:
        return None
    head = ["Trained on", *(f"Surest {theta:.0%}" for theta in curves.thetas)]
    rows = [
        [
            f"{n:,}",
            *(
                f"{percent(error)} ({percent(low)} to {percent(high)})"
                for error, low, high in zip(*columns, strict=True)
            ),
        ]
        for n, *columns in zip(
            curves.n_train.tolist(), curves.error, curves.low, curves.high, strict=True
        )
    ]
    forms = ", ".join(f"{form} {weight:.0%}" for form, weight in curves.forms.items() if weight > 0)
    note = f"Weights of the forms in the last fit: {forms}." if forms else ""
    caption = f"Measured errors of {curves.classifier}"
    return Table(caption, head, rows, frozenset(range(1, len(head))), note=note)


def _ranking(story: Story) -> Table | None:
    ranking = story.ranking
    if ranking is None:
        return None
    rows = []
    for slice_, (n_audit, n_wrong) in enumerate(
        zip(ranking.n_audit.tolist(), ranking.n_wrong.tolist(), strict=True)
    ):
        low, high = ranking.audit_edges[slice_ : slice_ + 2]
        middle = (low + high) / 2.0
        inside = int((ranking.edges[1:] < middle).sum())
        rows.append(
            [
                f"{low:.0%} to {high:.0%}",
                percent(1.0 - ranking.error[min(inside, ranking.error.size - 1)]),
                f"{n_audit:,}",
                f"{n_wrong:,}",
                _percent_or_dash(1.0 - float(ranking.audit_error[slice_])),
            ]
        )
    head = ["Of the ranking", "Right, expected", "Audited", "Wrong", "Right, by the audit"]
    numbers = frozenset({1, 2, 3, 4})
    return Table("Along the machine's ranking", head, rows, numbers, note=_how_drawn(story))


def _how_drawn(story: Story) -> str:
    if story.audit is None or not story.audit.boundary:
        return ""
    return (
        "Unsure items were audited at a higher rate than sure ones, so that counts of them are no "
        "shares; estimates are weighted by the rates."
    )


def _percent_or_dash(share: float) -> str:
    return "–" if share != share else percent(share)


def _batches(story: Story) -> Table:
    rows = [
        [
            str(batch.round),
            PURPOSES[None if batch.is_known else batch.purpose],
            batch.selection,
            f"{batch.n_items:,}",
            f"{batch.n_told:,}",
            batch.batch_id,
        ]
        for batch in story.batches
    ]
    head = ["Round", "For", "Chosen by", "Ordered", "Labelled", "Order"]
    return Table("Orders", head, rows, frozenset({3, 4}))


def _classes(story: Story) -> Table:
    classes = story.classes
    columns = [classes.by_source[source] for source in Source]
    order = (-classes.total).argsort(kind="stable").tolist()
    rows = [
        [classes.names[c], *(f"{int(n[c]):,}" for n in columns), f"{int(classes.total[c]):,}"]
        for c in order[:MOST_CLASSES]
    ]
    if (n := story.summary.n_no_label) and len(order) <= MOST_CLASSES:
        rows.append(["(no class fits)", "", "", "", f"{n:,}"])
    head = ["Class", "People", "People, as audit", "Machine", "All"]
    return Table("Labels by class", head, rows, frozenset({1, 2, 3, 4}), note=_more(order))


def _class_errors(story: Story) -> Table | None:
    found = story.summary.class_intervals
    if found is None:
        return None
    classes = sorted(found.classes, key=lambda row: (-row.high, row.name))
    rows = [
        [
            row.name,
            f"{row.n_machine:,}",
            f"{row.n_audit:,}",
            f"{row.n_wrong:,}",
            _percent_or_dash(class_error(story, row.name)),
            f"{percent_at_least(row.low)} to {percent_at_most(row.high)}",
        ]
        for row in classes[:MOST_CLASSES]
    ]
    head = ["Class", "Machine labels", "Audited", "Wrong", "Error, estimated", "Error between"]
    sure = f"{100.0 * found.confidence:.10g}%"
    note = f"All intervals hold at once with {sure} confidence. {_more(classes)}".strip()
    return Table("Machine labels by class", head, rows, frozenset({1, 2, 3, 4, 5}), note=note)


def _more(classes: Sequence[object]) -> str:
    more = len(classes) - MOST_CLASSES
    return (
        f"{more:,} further classes are in the exports and in mcal status --json."
        if more > 0
        else ""
    )


def decisions(story: Story) -> list[Decision]:
    """Every decision with its reason, oldest first."""
    return [
        Decision(
            action.round,
            _minute(action.created_at),
            DECISIONS.get(action.name, action.name.replace("_", " ").capitalize()),
            f"{action.reason[:1].upper()}{action.reason[1:]}.",
        )
        for action in story.actions
    ]


def run_table(story: Story) -> Table:
    """Every training with its seed and its model's hash."""
    rows = [
        [
            str(run.round),
            run.classifier,
            f"{run.n_train:,}",
            run.status,
            f"{run.train_s:,.1f} s",
            f"{run.score_s:,.1f} s",
            dollars(run.cost_usd + run.fixed_cost_usd),
            run.device,
            str(run.seed),
            (run.checkpoint_sha256 or "–")[:16],
        ]
        for run in story.runs
    ]
    head = ["Round", "Classifier", "Labels", "Status", "Training", "Scoring", "Cost", "Device"]
    head += ["Seed", "SHA-256 of the model"]
    return Table("Trainings", head, rows, frozenset({2, 4, 5, 6}))


def settings_table(story: Story) -> Table:
    """Settings as they stand, one key a row; those that were given or differ from the default."""
    settings = story.settings
    plain = type(settings)().model_dump(mode="json")
    rows = [
        [key, _cell(value), "" if value == default else "set"]
        for key, value, default in _pairs("", settings.model_dump(mode="json"), plain)
    ]
    return Table("Settings", ["Key", "Value", "Differs from the default"], rows)


def _pairs(key: str, value: object, default: object) -> Iterator[tuple[str, object, object]]:
    if isinstance(value, dict):
        known = default if isinstance(default, dict) else {}
        for name, child in value.items():
            yield from _pairs(f"{key}.{name}".lstrip("."), child, known.get(name))
    elif isinstance(value, list) and value and all(isinstance(child, dict) for child in value):
        known_list = default if isinstance(default, list) else []
        for place, child in enumerate(value):
            of = known_list[place] if place < len(known_list) else None
            yield from _pairs(f"{key}[{place}]" if len(value) > 1 else key, child, of)
    else:
        yield key, value, default


def _cell(value: object) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
