"""A quote: the expected bill with its interval, beside what people alone would cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mcal._core import as_integer

from ..campaign.decide import MIN_ROUNDS
from ..campaign.estimate import n_test_items
from ..campaign.known import known_labels
from ..campaign.opening import beginning, check_same_settings
from ..campaign.outlook import Outlook
from ..campaign.purse import Purse
from ..campaign.sizes import first_batch_size
from ..errors import SettingsError
from ..notebook import html_table
from ..pools import open_pool
from ..settings import PriceSettings, Settings
from ..store import (
    CampaignSummary,
    Store,
    best_plan,
    expected_settings,
    has_ended,
    summarise,
    sunk_usd,
)
from ..types import BatchStatus, Purpose, derive_seed
from .prior import draw_prior
from .rows import COLUMNS, quote_rows, quote_title

__all__ = ["Quote", "quote"]

N_DRAWS = 120

ERROR_UNKNOWN = "what it leaves uncertain is the error, not the cost"


@dataclass(frozen=True)
class Quote:
    """Money is in dollars, for the whole data set, what is spent already included.

    Attributes
    ----------
    basis : {"prior", "rounds", "finished"}
        What the numbers come from; ``given`` says it in words.
    given : str
        What expectation and interval are conditional on.
    n_pool, n_classes : int
    rounds : int
        Trainings so far.
    spent_usd : float
    total_usd : float
        Expected. With a budget at most that, and before there are rounds all of it: what is then
        uncertain is the error, which is not forecast.
    interval_usd : (float, float) or None
        The central 90 % of the total; None where the rounds give a plan without one, or a budget
        says what is spent.
    human_only_usd : float
        People label everything.
    pays_probability : float or None
        That the total is below that; None without an interval.
    n_human : int
        People's labels expected, those known and those bought included; the most that a budget
        buys before there are rounds.
    n_waits : int
        Times that people are waited for from now on.
    hours, human_only_hours : float or None
        To the last label from now, and people alone from the beginning, at the pace of
        ``prices.latency_hours`` and ``items_per_hour``; training is not counted. None without
        either.
    complete_at : str or None
        The time that makes, ISO in UTC, to the minute; the end of a finished campaign.
    """

    basis: Literal["prior", "rounds", "finished"]
    given: str
    n_pool: int
    n_classes: int
    rounds: int
    spent_usd: float
    total_usd: float
    interval_usd: tuple[float, float] | None
    human_only_usd: float
    pays_probability: float | None
    n_human: int
    n_waits: int
    hours: float | None
    human_only_hours: float | None
    complete_at: str | None

    def to_json(self) -> dict[str, Any]:
        """The same as a dictionary that JSON can hold."""
        return asdict(self)

    def __repr__(self) -> str:
        low, high = self.interval_usd or (self.total_usd, self.total_usd)
        between = f", 90 %: ${low:,.2f} to ${high:,.2f}" if low != high else ""
        return (
            f"Quote(${self.total_usd:,.2f} for {self.n_pool:,} items{between}; people alone "
            f"${self.human_only_usd:,.2f}; basis={self.basis!r})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows = [*quote_rows(self), ("given", self.given)]
        return html_table(quote_title(self), COLUMNS, rows)


def quote(
    settings: Settings,
    folder: str | Path | None = None,
    *,
    n_pool: int | None = None,
    n_classes: int | None = None,
    n_draws: int = N_DRAWS,
    now: datetime | None = None,
) -> Quote:
    """What labelling the pool is expected to cost. Buys, trains and writes nothing.

    A campaign in ``folder`` whose rounds give a forecast is quoted from them, with the interval
    that its status shows; without one where none is to come (``preset = "paper"``, no replicas, a
    budget, files made before there were intervals). Otherwise the interval is over data sets of a
    prior (``mcal.quoting.prior``): it tells what is usual, not what this data set is like. What
    the campaign has spent, bought and waited for is the least of every one of them.

    Parameters
    ----------
    settings : Settings
        Prices, target and rules; the pool, where it must be opened to be counted.
    folder : path, optional
        Of a campaign with the same settings; need not exist.
    n_pool, n_classes : int, optional
        N >= 20 and C >= 2 in place of opening a pool; with ``n_pool`` a campaign in ``folder`` and
        a file of known labels are not looked at. Default for C: the classes of ``settings``.
    n_draws : int
        Data sets of the prior, >= 1.
    now : datetime, optional
        When the quote is made, with its time zone; default: now.

    Raises
    ------
    ValueError
        A number is out of range, or the pool is too small for its test set and first batch.
    SettingsError
        Neither a pool nor numbers to count it by.
    StoreError
        The campaign has other settings.
    """
    now = now or datetime.now(UTC)
    begun = _Begun()
    if n_pool is None and folder is not None and Store.exists(Path(folder)):
        check_same_settings(settings, Path(folder))
        with Store.open(Path(folder), read_only=True) as store, store.transaction():
            summary = summarise(store)
            settings = expected_settings(store, settings.knowing(summary.n_known))
            if _has_forecast(summary, settings):
                return _of_campaign(store, summary, settings, now)
            n_pool, n_classes = summary.n_pool, len(store.campaign.classes)
            closed = sum(
                batch.status is BatchStatus.CLOSED
                and batch.purpose is not Purpose.TEST
                and not batch.is_known
                for batch in store.batches()
            )
            begun = _Begun(summary.rounds, summary.total_cost_usd, summary.n_human, closed)
    else:
        settings = expected_settings(None, settings)
    if n_pool is None:
        n_pool, n_classes, n_known = _count(settings)
        settings, begun = settings.knowing(n_known), _Begun(n_human=n_known)
    elif n_classes is None:
        if settings.classes is None:
            raise SettingsError(
                "classes: expected their names in the settings, or n_classes; found neither"
            )
        n_classes = len(settings.classes)
    n_pool, n_classes = as_integer(n_pool, "n_pool", 20), as_integer(n_classes, "n_classes", 2)
    seed = derive_seed(settings.seed, 0, "quote")
    n_draws = as_integer(n_draws, "n_draws", 1)
    n_test, n_first = n_test_items(n_pool, settings), first_batch_size(n_pool, settings)
    if n_pool < n_test + n_first + 1 and not settings.n_known:
        raise ValueError(
            f"n_pool: expected at least {n_test + n_first + 1:,} items for "
            f"{beginning(n_test, n_first, settings)}, found {n_pool:,}"
        )
    draws = draw_prior(n_pool, n_classes, settings, n_draws=n_draws, seed=seed)
    prices = settings.prices
    human_only_usd = prices.people.total_usd(n_pool)
    if settings.budget_usd is None:
        totals = np.array([max(draw.total_usd, begun.spent_usd) for draw in draws])
        n_human = float(np.mean([max(draw.n_human, begun.n_human) for draw in draws]))
        of_budget = ""
    else:
        totals = np.array([max(min(settings.budget_usd, human_only_usd), begun.spent_usd)])
        n_human = max(Purse.of(settings).most_people(n_pool), begun.n_human)
        of_budget = f"the budget, which is spent whole; {ERROR_UNKNOWN}; for waits alone: "
    low, high = np.quantile(totals, [0.05, 0.95]).tolist()
    still = int(begun.n_human < n_pool)
    n_waits = float(np.mean([max(draw.n_waits - begun.n_waits, still) for draw in draws]))
    hours = _hours(prices, n_waits, n_human - begun.n_human)
    n_known = settings.n_known
    what_is_known = f"{n_known:,} labels known" if n_known else "nothing known"
    so_far = f"; the {_rounds(begun.rounds)} so far give no interval yet" if begun.rounds else ""
    return Quote(
        basis="prior",
        given=f"{of_budget}{what_is_known} of this data set{so_far}: {n_draws} simulated ones of "
        "its size, as hard as those between easier than Fashion-MNIST and harder than CIFAR-10",
        n_pool=n_pool,
        n_classes=n_classes,
        rounds=begun.rounds,
        spent_usd=begun.spent_usd,
        total_usd=float(totals.mean()),
        interval_usd=(low, high) if settings.budget_usd is None else None,
        human_only_usd=human_only_usd,
        pays_probability=float(np.mean(totals < human_only_usd)),
        n_human=round(n_human),
        n_waits=round(n_waits),
        hours=hours,
        human_only_hours=_hours(prices, 1, n_pool - settings.n_known),
        complete_at=_after(now, hours),
    )


@dataclass(frozen=True)
class _Begun:
    """What a campaign that gives no forecast has behind it."""

    rounds: int = 0
    spent_usd: float = 0.0
    n_human: int = 0
    n_waits: int = 0  # batches that are answered; T and B0 are asked at once


def _has_forecast(summary: CampaignSummary, settings: Settings) -> bool:
    """Whether the rounds tell more than the prior: an interval, or a plan where none will come.

    Once the buying has ended there is one, however narrow.
    """
    if summary.predicted_interval_usd is not None:
        return True
    plan = settings.plan
    awaited = plan.replicas and settings.preset != "paper" and settings.budget_usd is None
    enough = MIN_ROUNDS if awaited else 2  # one point has no slope
    return summary.predicted_total_cost_usd is not None and summary.rounds >= enough


def _of_campaign(
    store: Store, summary: CampaignSummary, settings: Settings, now: datetime
) -> Quote:
    """From the rounds so far, or the end."""
    prices, n_pool = settings.prices, summary.n_pool
    plan = best_plan(store.estimates("plan"))
    is_done = summary.finished_at is not None
    n_human, n_waits, hours = n_pool - summary.n_machine, 0, None
    interval, complete_at = summary.predicted_interval_usd, summary.finished_at
    pays: float | None = None
    total_usd = summary.predicted_total_cost_usd
    assert total_usd is not None  # there is a forecast
    if is_done:
        pays = float(total_usd < summary.human_only_cost_usd)
        words = "nothing: the campaign is finished, and this is its bill"
    elif has_ended(store):
        pays = float(total_usd < summary.human_only_cost_usd)
        n_waits = int(summary.n_unlabelled > 0)
        words = "nothing: only people's labels are still to come, at known prices"
    else:
        assert plan is not None  # the forecast is its
        n_human = max(summary.n_human, n_pool - int(plan.payload["n_machine"]))
        n_waits = _waits(store, settings, plan.payload)
        words = (
            f"the {_rounds(summary.rounds)} so far: learning curves through {summary.n_test:,} "
            "test items"
        )
        if interval is None:
            words += "; no interval, for nothing is resampled"
            if settings.budget_usd is not None:
                words += f"; {ERROR_UNKNOWN}"
        else:
            (known,) = store.estimates("outlook", round=plan.round, classifier=plan.classifier)
            human_only_usd, spent_usd = plan.payload["human_only_cost_usd"], sunk_usd(store, plan)
            pays = Outlook.from_json(known.payload).pays_probability(human_only_usd, spent_usd)
            words += ", resampled; a data set that turns from its curve is outside"
    if not is_done:
        hours = _hours(prices, n_waits, n_human - summary.n_human)
        complete_at = _after(now, hours)
    return Quote(
        basis="finished" if is_done else "rounds",
        given=words,
        n_pool=n_pool,
        n_classes=len(store.campaign.classes),
        rounds=summary.rounds,
        spent_usd=summary.total_cost_usd,
        total_usd=total_usd,
        interval_usd=interval,
        human_only_usd=summary.human_only_cost_usd,
        pays_probability=pays,
        n_human=n_human,
        n_waits=n_waits,
        hours=hours,
        human_only_hours=_hours(prices, 1, n_pool - summary.n_known),
        complete_at=complete_at,
    )


def _rounds(n_rounds: int) -> str:
    return f"{n_rounds} round" if n_rounds == 1 else f"{n_rounds} rounds"


def _waits(store: Store, settings: Settings, plan: Any) -> int:
    """Batches that people still answer one after the other, as the plan has it."""
    batches = store.batches()
    bought = {batch.purpose for batch in batches if not batch.is_known}
    is_waiting = any(batch.status is not BatchStatus.CLOSED for batch in batches)
    has_ended = bool(bought & {Purpose.AUDIT, Purpose.REST})
    steps = 0 if has_ended else int(plan["n_steps"])
    audit = settings.is_audited and not has_ended and plan["n_machine"] > 0
    rest = Purpose.REST not in bought
    return int(is_waiting) + steps + int(audit) + int(rest)


def _count(settings: Settings) -> tuple[int, int, int]:
    """Items, classes and known labels."""
    if settings.pool is None:
        raise SettingsError("pool: expected a [pool] table, or the number of items; found neither")
    pool = open_pool(settings.pool, settings.classes)
    n_known = known_labels(None, pool, settings).indices.size
    return pool.n_pool, len(pool.classes), n_known


def _hours(prices: PriceSettings, n_waits: float, n_items: float) -> float | None:
    """How long people take, waits one after the other; None where their pace is not known."""
    if prices.items_per_hour is None and not prices.latency_hours:
        return None
    per_hour = prices.items_per_hour
    return n_waits * prices.latency_hours + (n_items / per_hour if per_hour else 0.0)


def _after(now: datetime, hours: float | None) -> str | None:
    if hours is None:
        return None
    return (now + timedelta(hours=hours)).astimezone(UTC).isoformat(timespec="minutes")
