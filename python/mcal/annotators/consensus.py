"""One label from several people: by majority, by Dawid and Skene, with a third where two differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from mcal.consensus import Consensus, counted, majority, needs_third, select
from mcal.errors import AnnotatorError
from mcal.settings import ConsensusSettings, Settings
from mcal.types import Annotator, Answers, Batch, IndexArray, Judgements, TellsPeople, Wakes

from .judged import finished

__all__ = ["ConsensusAnnotator", "consolidates", "with_consensus"]

Rule = Callable[[Judgements, int], Consensus]


class ConsensusAnnotator:
    """Asks another annotator for several judgements an item, and gives their consensus.

    Keeps nothing: all follows from the inner annotator's answers, and from what the campaign has
    recorded of them, which goes before what the people say now. A label is told once it cannot
    change: by majority when the item has all its judgements, by Dawid and Skene, who weigh every
    person by all of a batch, when the batch has.

    Parameters
    ----------
    inner : Annotator
        One that knows the people, unless it makes consensus itself: without their judgements its
        labels are passed on as they are, where neither option asks for more.
    rule : {"majority", "dawid-skene"}
        "dawid-skene" needs the extra ``crowd``.
    third_on_disagreement : bool
        For batches of two judgements: once all are in and recorded, items on which they differ are
        ordered again as ``<batch id>-third``, one judgement each. Somebody who has judged an item
        does not count again; such items are ordered once more, as ``-third-2`` and so on.

    Raises
    ------
    MissingExtraError
        crowd-kit is needed and not installed.
    """

    def __init__(
        self,
        inner: Annotator,
        rule: Literal["majority", "dawid-skene"] = "majority",
        third_on_disagreement: bool = False,
    ) -> None:
        self.name = inner.name
        self._inner, self._third, self._is_joint = inner, third_on_disagreement, False
        self._thirds: dict[str, tuple[str, int]] = {}
        self._rule: Rule = majority
        if rule == "dawid-skene":
            from .dawid_skene import dawid_skene

            self._rule, self._is_joint = dawid_skene, True

    def submit(self, batch: Batch) -> str:
        """As the inner annotator."""
        return self._inner.submit(batch)

    def collect(self, batch: Batch, ticket: str) -> Answers:
        """Every judgement so far, and the labels that stand.

        Raises ``AnnotatorError`` when the people are needed and the inner annotator does not know
        them.
        """
        self._thirds.pop(batch.batch_id, None)
        first = self._inner.collect(batch, ticket)
        if first.judgements is None:
            if self._third or self._is_joint:
                raise AnnotatorError(
                    f"consensus: expected an annotator that knows who judged, found {self.name}, "
                    "whose labels have no names"
                )
            return first
        recorded = batch.recorded
        words = first.judgements if recorded is None else _joined(recorded, first.judgements)
        said = counted(words, batch.n_judgements)
        settled = finished(batch, said)
        if not self._third:
            return self._told(batch, first, said, settled)
        open_items = needs_third(settled)
        at_once = select(settled, ~np.isin(settled.indices, open_items))
        if settled.indices.size < 2 * batch.indices.size:
            return self._told(batch, first, said, at_once)
        if recorded is not None and np.setdiff1d(open_items, recorded.indices).size:
            look_again = replace(first, settled=open_items, wait_s=0.0)  # an order must not change
            return self._told(batch, look_again, said, at_once)
        last, thirds = self._ask_thirds(batch, settled, open_items)
        heard = np.isin(settled.indices, thirds.indices)
        all_said = _joined(settled, thirds)
        both = _joined(at_once, _joined(select(settled, heard), thirds))
        answers = replace(first, wait_s=last.wait_s, problems=(*first.problems, *last.problems))
        return self._told(batch, answers, all_said, both)

    def to_do(self, missing: Mapping[str, int]) -> Sequence[str]:
        """As the inner annotator, which knows a batch of thirds by a name of its own."""
        renamed = dict(self._thirds.get(key, (key, n)) for key, n in missing.items())
        if isinstance(self._inner, TellsPeople):
            return self._inner.to_do(renamed)
        return [f"{sum(renamed.values()):,} items wait for people's judgements"]

    def wait(self, poll_s: float) -> bool:
        """As the inner annotator."""
        if isinstance(self._inner, Wakes):
            return self._inner.wait(poll_s)
        time.sleep(poll_s)
        return False

    def close(self) -> None:
        """As the inner annotator."""
        if isinstance(self._inner, Wakes):
            self._inner.close()

    def _ask_thirds(
        self, batch: Batch, said: Judgements, wanted: IndexArray
    ) -> tuple[Answers, Judgements]:
        """What the inner annotator says of the last order, and the judgements that count."""
        names = dict(zip(batch.indices.tolist(), batch.item_names, strict=True))
        nothing = said.indices[:0]
        last, thirds = Answers(nothing, nothing, complete=True), Judgements(nothing, nothing, ())
        n_orders = 0
        while wanted.size:
            n_orders += 1
            rows = batch.indices[np.isin(batch.indices, wanted)]
            order = replace(
                batch,
                batch_id=f"{batch.batch_id}-third" + (f"-{n_orders}" if n_orders > 1 else ""),
                indices=rows,
                item_names=tuple(names[index] for index in rows.tolist()),
                n_judgements=1,
                before=select(said, np.isin(said.indices, rows)),
                recorded=None,
                told=None if batch.told is None else np.intersect1d(batch.told, rows),
                guesses=None,  # who settles a difference is no third vote of the model
            )
            last = self._inner.collect(order, self._inner.submit(order))
            thirds = _joined(thirds, _from_others(said, last.judgements))
            wanted = np.setdiff1d(wanted, thirds.indices)
            if not last.complete:
                self._thirds[batch.batch_id] = (order.batch_id, wanted.size)
                break
        return last, thirds

    def _told(
        self, batch: Batch, answers: Answers, said: Judgements, settled: Judgements
    ) -> Answers:
        """The labels of ``settled``, whose judgements are all in."""
        n_settled = np.unique(settled.indices).size
        complete = n_settled == batch.indices.size
        if self._is_joint and not complete:
            settled = select(settled, np.zeros(settled.indices.size, dtype=bool))
        told = self._rule(settled, len(batch.classes))
        return replace(
            answers,
            indices=told.indices,
            labels=told.labels,
            complete=complete,
            judgements=said,
            wait_s=None if complete else answers.wait_s,
        )


def consolidates(annotator: Annotator) -> bool:
    """Whether it makes one label of several people's judgements by itself."""
    return bool(getattr(annotator, "consolidates", False))


def with_consensus(annotator: Annotator, settings: Settings) -> Annotator:
    """The annotator as a campaign with these settings asks it.

    Itself where one person judges an item, or where it ``consolidates``. Raises ``ValueError`` when
    that one is to follow other rules than its own.
    """
    wanted = settings.consensus
    if consolidates(annotator):
        if wanted != ConsensusSettings():
            raise ValueError(
                f"consensus: annotator {annotator.name} makes one label of several people's "
                "judgements by itself: expected no consensus settings beside it"
            )
        return annotator
    if settings.prices.judgements_per_item < 2:
        return annotator
    return ConsensusAnnotator(
        annotator, rule=wanted.rule, third_on_disagreement=wanted.third_on_disagreement
    )


def _from_others(before: Judgements, said: Judgements | None) -> Judgements:
    """One judgement an item, by somebody who had not judged it before."""
    if said is None:
        raise AnnotatorError("consensus: an annotator that told who judged does so no more")
    heard = {*zip(before.indices.tolist(), before.people, strict=True)}
    rows = zip(said.indices.tolist(), said.people, strict=True)
    return counted(select(said, np.array([row not in heard for row in rows], dtype=bool)), 1)


def _joined(one: Judgements, other: Judgements) -> Judgements:
    return Judgements(
        np.concatenate([one.indices, other.indices]),
        np.concatenate([one.labels, other.labels]),
        one.people + other.people,
    )
