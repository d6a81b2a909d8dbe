"""The campaign: the only room that joins people, models, the store and the numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ..annotators.consensus import with_consensus
from ..errors import PoolError
from ..settings import Settings
from ..store import CampaignSummary, Store, summarise
from ..types import (
    Annotator,
    Batch,
    BatchStatus,
    Classifier,
    IndexArray,
    Pool,
    Progress,
    Wakes,
)
from .cold_start import check_first
from .decide import Verdict
from .facts import Facts
from .known import KnownPairs, known_labels, known_to_train, record_known
from .moves import Move, next_move, round_of
from .opening import check_same_settings, check_size, open_parts, with_budget
from .recording import OnEvent
from .result import CampaignResult, read_result
from .showing import Shown
from .steps import Steps
from .training import Trainer, checkpoints_of

__all__ = ["Campaign"]


class Campaign(Shown):
    """Label a whole pool, people and machine together.

    A campaign lives in a folder whose store is the only truth: a process may be killed at any
    moment, and ``open`` goes on from what was recorded. Nothing is bought twice.

    Use ``create`` or ``open``, then ``run``; or, with people of your own, ``ask`` for the items
    to label, ``tell`` the labels, and ``step`` in between.
    """

    def __init__(
        self,
        store: Store,
        *,
        pool: Pool,
        annotator: Annotator | None,
        classifiers: Sequence[Classifier],
        settings: Settings,
        folder: Path,
    ) -> None:
        if annotator is not None:
            annotator = with_consensus(annotator, settings)
        self.pool, self.annotator, self.settings, self.folder = pool, annotator, settings, folder
        self._store = store
        self._classifiers = {c.name: c for c in classifiers}
        self._facts = Facts(store, tuple(self._classifiers))
        self._steps = Steps(
            store,
            self._facts,
            Trainer(store, pool, folder, settings.prices, settings.selection),
            pool=pool,
            annotator=annotator,
            classifiers=self._classifiers,
            settings=settings,
        )

    @classmethod
    def create(
        cls,
        folder: str | Path,
        *,
        pool: Pool,
        classifiers: Sequence[Classifier] | None = None,
        annotator: Annotator | None = None,
        settings: Settings | None = None,
        known: KnownPairs | None = None,
    ) -> Self:
        """Begin a campaign in a folder of its own.

        Parameters
        ----------
        folder : path
            Made if need be; must hold no campaign yet.
        pool : Pool
            The items; at least 20, at least two classes.
        classifiers : sequence of Classifier, optional
            Candidates; default those of ``settings.classifier`` (needs torch).
        annotator : Annotator, optional
            Without one, answer ``ask`` with ``tell``.
        settings : Settings, optional
            Target, prices, rules. Default: 5 % error at $0.04 a label.
        known : pair of (K,) integers, optional
            Items, and people's labels of them, that are there already: trained on, delivered, and
            never bought. Default: those in the file ``settings.labels.known``, if it names one.
            With them a pool too small for its test set is people's, instead of an error.

        Raises
        ------
        ValueError
            On a pool too small for its test set and first batch, or a budget too small for them,
            a training and an audit; on known labels that are none of this pool.
        AnnotatorError
            When the file of known labels does not make sense. Nothing is recorded then.
        ClassifierError
            When a network for features cannot be loaded: before anything is bought or written.
        StoreError
            When the folder holds a campaign.
        """
        settings = settings or Settings()
        folder = Path(folder)
        labels = known_labels(known, pool, settings)
        usable = known_to_train(labels, pool)
        knowing = settings.knowing(labels.indices.size)
        candidates = _candidates(classifiers, settings, pool, folder, try_out=True)
        check_size(pool, labels, usable, knowing, len(candidates))
        check_first(settings, pool, candidates)
        store = Store.create(
            folder,
            settings_json=settings.model_dump_json(),
            n_pool=pool.n_pool,
            classes=pool.classes,
            pool_kind=pool.kind,
            pool_fingerprint=pool.fingerprint,
            broken=pool.broken(),
            begin=lambda store: record_known(store, labels, usable),
        )
        return cls(
            store,
            pool=pool,
            annotator=annotator,
            classifiers=candidates,
            settings=knowing,
            folder=folder,
        )

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        pool: Pool,
        classifiers: Sequence[Classifier] | None = None,
        annotator: Annotator | None = None,
        budget_usd: float | None = None,
    ) -> Self:
        """Go on with a campaign, with the settings it was created with.

        Parameters
        ----------
        folder, pool, classifiers, annotator
            As for ``create``; the pool must be the same.
        budget_usd : float, optional
            A new budget of a campaign that has one, no smaller than the present; recorded.

        Raises
        ------
        PoolError
            When the pool is not the one the campaign began with.
        CampaignBusyError
            When another process has the campaign.
        StoreError
            When the folder holds no campaign, or its budget cannot be raised so.
        """
        folder = Path(folder)
        store = Store.open(folder)
        try:
            if store.campaign.pool_fingerprint != pool.fingerprint:
                raise PoolError(
                    f"{folder}: the pool is not the one this campaign began with "
                    f"({store.campaign.n_pool:,} items then, {pool.n_pool:,} now, "
                    "or other contents)"
                )
            settings = with_budget(store, budget_usd)
            candidates = _candidates(classifiers, settings, pool, folder)
            return cls(
                store,
                pool=pool,
                annotator=annotator,
                classifiers=candidates,
                settings=settings,
                folder=folder,
            )
        except BaseException:
            store.close()
            raise

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        folder: str | Path,
        *,
        progress: Progress | None = None,
        parts: tuple[Pool, Annotator] | None = None,
    ) -> Self:
        """Create the campaign that the settings describe whole, or go on with it.

        A campaign goes on with the settings it began with; a budget may have been raised.
        ``parts`` are what ``open_parts`` made of the settings, where others need them too.

        Raises
        ------
        SettingsError
            When the settings name no pool or no annotator.
        StoreError
            When the folder holds a campaign with other settings.
        """
        folder = Path(folder)
        found = Store.exists(folder)
        if found:
            check_same_settings(settings, folder)
        pool, annotator = parts or open_parts(settings, folder, progress)
        if found:
            return cls.open(folder, pool=pool, annotator=annotator, budget_usd=settings.budget_usd)
        return cls.create(folder, pool=pool, annotator=annotator, settings=settings)

    def close(self) -> None:
        """Let another process have the campaign."""
        try:
            if isinstance(self.annotator, Wakes):
                self.annotator.close()
        finally:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- what stands -------------------------------------------------------------------------

    def summary(self) -> CampaignSummary:
        """Counts, dollars and error as they stand."""
        return summarise(self._store)

    def result(self) -> CampaignResult:
        """The labels as they stand, with the bill."""
        return read_result(self._store, self.summary(), self._steps.pool.item_name)

    @property
    def waiting_for(self) -> Batch | None:
        """The oldest batch whose labels are not all there."""
        return self._steps.first_open()

    @property
    def missing(self) -> dict[str, int]:
        """How many labels have not come in, by the id of each open batch, oldest first."""
        return {
            batch.batch_id: batch.n_items - batch.n_told
            for batch in self._store.batches()
            if batch.status is not BatchStatus.CLOSED
        }

    @property
    def problems(self) -> tuple[str, ...]:
        """What the annotator complained about when it was last asked."""
        return self._steps.problems

    # -- people ------------------------------------------------------------------------------

    def ask(self) -> Batch | None:
        """The items that people should label next, or None at the end.

        Trains and decides as far as needed. Idempotent: an open batch is returned again until
        all its labels have been told.
        """
        while (move := self.next_move()) not in (None, Move.COLLECT):
            self.step()
        return self.waiting_for if move is Move.COLLECT else None

    def tell(self, batch_id: str, indices: IndexArray, labels: IndexArray) -> int:
        """Record people's labels, all or some of a batch, with what they cost.

        Parameters
        ----------
        batch_id : str
        indices : (K,) int64
            Items of that batch, in any order.
        labels : (K,) int64
            Class numbers, or ``NO_LABEL`` when no class fits.

        Returns
        -------
        int
            How many were new; an answer that is repeated is neither counted nor paid again.

        Raises
        ------
        ValueError
            When an index is not in the batch, or a label is no class. Nothing is recorded then.
        StoreError
            When an answer contradicts an earlier one. Nothing is recorded then.
        """
        return self._store.tell(batch_id, np.asarray(indices), np.asarray(labels))

    # -- steps -------------------------------------------------------------------------------

    def next_move(self) -> Move | None:
        """The step that comes next, or None at the end."""
        store = self._store
        batches = store.batches()
        round_ = round_of(batches)
        last = self._facts.last_decision(round_)
        unasked = self._facts.unasked()
        return next_move(
            finished=store.finished is not None,
            batches=batches,
            untrained=self._facts.untrained(round_),
            verdict=None if last is None else Verdict(last.name),
            n_unlabelled=int(unasked.size),
            n_readable=int(self._facts.readable(unasked).size),
        )

    def step(self, on_event: OnEvent | None = None) -> Move | None:
        """Make the next move and return it; None when people are waited for, or at the end."""
        self._steps.report = on_event or (lambda event: None)
        move = self.next_move()
        if move is None:
            return None
        steps: dict[Move, Callable[[], bool]] = {
            Move.ASK_FIRST: self._steps.ask_first,
            Move.COLLECT: self._steps.collect,
            Move.TRAIN: self._steps.train,
            Move.DECIDE: self._steps.decide,
            Move.CERTIFY: self._steps.certify,
            Move.ASK_REST: self._steps.ask_rest,
            Move.FINISH: self._steps.finish,
        }
        return move if steps[move]() else None

    def run(self, on_event: OnEvent | None = None) -> CampaignResult | None:
        """Go on until the pool is labelled.

        Parameters
        ----------
        on_event : callable, optional
            Called with every ``Event`` of interest to a user.

        Returns
        -------
        CampaignResult or None
            None when people have not answered yet: ``waiting_for`` has the batch. Running again,
            in another process too, continues.
        """
        while self.step(on_event) is not None:
            pass
        return self.result() if self._store.finished is not None else None


def _candidates(
    classifiers: Sequence[Classifier] | None,
    settings: Settings,
    pool: Pool,
    folder: Path,
    *,
    try_out: bool = False,
) -> Sequence[Classifier]:
    if classifiers is None:
        from ..classifiers import open_classifier

        cache = checkpoints_of(folder)
        classifiers = [
            open_classifier(each, pool, cache=cache, seed=settings.seed, try_out=try_out)
            for each in settings.classifier
        ]
    names = [c.name for c in classifiers]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"classifiers: expected one or more with different names, found {names}")
    return classifiers
