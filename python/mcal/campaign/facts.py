"""What the store says, in the terms of the loop. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ..bootstrap import MeasuredRound, measure_round
from ..errors import AnnotatorError
from ..fitting import CurveFits
from ..planning import Plan, TrainingCost
from ..profiles import Profile, estimate_profile
from ..store import ActionRecord, Store
from ..types import NO_LABEL, Answers, IndexArray, Purpose
from .decide import Verdict
from .outlook import Outlook
from .scoring import ItemScores

__all__ = ["COLLAPSE", "Facts"]

COLLAPSE = "collapse"
"""The action that puts a candidate's former model in the place of one that went wrong."""


@dataclass(frozen=True)
class Facts:
    """Reads a campaign's store, afresh at every call."""

    store: Store
    candidates: Sequence[str]  # names of the classifiers, in the order given

    def live(self) -> list[str]:
        dropped = {a.details["classifier"] for a in self.store.actions() if a.name == "drop"}
        return [name for name in self.candidates if name not in dropped]

    def untrained(self, round_: int) -> list[str]:
        planned = {e.classifier for e in self.store.estimates("plan", round=round_)}
        return [name for name in self.live() if name not in planned]

    def profiles(self, name: str) -> list[Profile]:
        return [
            Profile.from_json(e.payload) for e in self.store.estimates("profile", classifier=name)
        ]

    def profile(self, round_: int, name: str) -> Profile:
        (record,) = self.store.estimates("profile", round=round_, classifier=name)
        return Profile.from_json(record.payload)

    def plans(self, name: str) -> list[Plan]:
        known = {field.name for field in fields(Plan)}
        return [
            Plan.from_json({k: v for k, v in e.payload.items() if k in known})
            for e in self.store.estimates("plan", classifier=name)
        ]

    def training_spent_usd(self) -> float:
        """Training, scoring and fixed costs so far, every candidate's included."""
        spend = self.store.spend()
        return spend["training"] + spend["fixed"]

    def decisions(self, round_: int) -> list[ActionRecord]:
        """What was decided after a round; after an audit, what that allowed, too."""
        verdicts = set(Verdict)
        return [a for a in self.store.actions() if a.round == round_ and a.name in verdicts]

    def last_decision(self, round_: int) -> ActionRecord | None:
        decisions = self.decisions(round_)
        return decisions[-1] if decisions else None

    def unasked(self) -> IndexArray:
        """Items in no batch and without a machine label, rising."""
        unasked = np.ones(self.store.campaign.n_pool, dtype=bool)
        for record in self.store.batches():
            unasked[self.store.batch_indices(record.batch_id)] = False
        machine = self.store.machine_labels()
        if machine is not None:
            unasked[machine.indices] = False
        return np.flatnonzero(unasked)

    def readable(self, indices: IndexArray) -> IndexArray:
        """Without the broken items: people label those, the machine is neither taught nor asked."""
        broken = np.fromiter(self.store.campaign.broken, dtype=np.int64)
        return indices[~np.isin(indices, broken)]

    def agrees(self, purpose: Purpose, answers: Answers) -> npt.NDArray[np.bool_]:
        """(K,) which answers do not contradict one that was paid for."""
        table = self.store.labels(purpose)
        untold = NO_LABEL - 1
        told = np.full(self.store.campaign.n_pool, untold)
        told[table.indices] = table.labels
        before = told[answers.indices]
        agreeing: npt.NDArray[np.bool_] = (before == untold) | (before == answers.labels)
        return agreeing

    def n_missing(self, batch_id: str) -> int:
        """Labels of a batch that have not come in."""
        (batch,) = (b for b in self.store.batches() if b.batch_id == batch_id)
        return batch.n_items - batch.n_told

    def n_withheld(self) -> int:
        """Items that are neither trained on nor machine-labelled.

        T, the broken ones, and those with a known label that nothing can be learned from.
        """
        known = [b for b in self.store.batches() if b.is_known and b.purpose is Purpose.REST]
        useless = [self.store.batch_indices(batch.batch_id) for batch in known]
        broken = np.fromiter(self.store.campaign.broken, dtype=np.int64)
        test = self.store.labels(Purpose.TEST).indices
        return np.unique(np.concatenate([test, broken, *useless])).size

    def labels_for_training(self, round_: int | None = None) -> tuple[IndexArray, IndexArray]:
        """What the model of a round is trained on; by default that of the present one."""
        table = self.store.labels(Purpose.TRAIN, round_)
        usable = table.labels != NO_LABEL
        return table.indices[usable], table.labels[usable]

    def n_known_train(self) -> int:
        """Labels in B that were known before the campaign."""
        known = (b for b in self.store.batches() if b.is_known and b.purpose is Purpose.TRAIN)
        return sum(batch.n_items for batch in known)

    def n_by_class(self) -> IndexArray:
        """(C,) labels to train on so far."""
        labels = self.labels_for_training()[1]
        return np.bincount(labels, minlength=len(self.store.campaign.classes))

    def training_history(self, name: str) -> tuple[list[int], list[float]]:
        """Labels in B, and dollars, at each finished round of a candidate.

        Trainings that were killed are charged but kept out: they say nothing about the next one.
        A training that another process than the one that trained has scored is put together.
        """
        batches = [b for b in self.store.batches() if b.purpose is Purpose.TRAIN]
        cost_usd: dict[int, float] = {}
        unscored_usd: dict[int, float] = {}
        for run in self.store.runs():
            if run.classifier != name or run.round in cost_usd:
                continue
            if run.status != "finished":
                unscored_usd[run.round] = run.cost_usd
            else:
                trained_usd = unscored_usd.get(run.round, 0.0) if run.train_s == 0.0 else 0.0
                cost_usd[run.round] = trained_usd + run.cost_usd + run.fixed_cost_usd
        rounds = sorted(cost_usd)
        n_train = [sum(b.n_items for b in batches if b.round <= r) for r in rounds]
        return n_train, [cost_usd[r] for r in rounds]

    def test_like_pool(self) -> IndexArray:
        """Test items that no purchase so far would have taken, rising.

        The unlabelled items have survived every ranking that bought training items; the test set
        was never offered to them. Matching by confidence alone cannot make up for that: an item
        that was sure to earlier models too is right more often than one that is sure by chance.
        """
        test = np.sort(self.store.labels(Purpose.TEST).indices)
        taken = [a.details.get("test_taken", ()) for a in self.store.actions()]
        return np.setdiff1d(test, np.concatenate([np.empty(0, np.int64), *map(_indices, taken)]))

    def next_training_usd(self, name: str, round_: int, n_train: int, n_new: int) -> float:
        """What training a candidate on ``n_new`` further labels is forecast to cost."""
        (record,) = self.store.estimates("cost", round=round_, classifier=name)
        return TrainingCost(**record.payload).of(n_train + n_new, n_new)

    def this_training_usd(self, name: str, round_: int) -> float:
        """What the training of a round was forecast to cost by the round before."""
        n_train = self.store.labels(Purpose.TRAIN, round_).indices.size
        n_before = self.store.labels(Purpose.TRAIN, round_ - 1).indices.size
        return self.next_training_usd(name, round_ - 1, n_before, n_train - n_before)

    def has_cost(self, round_: int, name: str) -> bool:
        """Whether a candidate was trained in a round."""
        return bool(self.store.estimates("cost", round=round_, classifier=name))

    def trained(self, round_: int) -> list[str]:
        """Live candidates with a plan for a round."""
        return [name for name in self.live() if name not in self.untrained(round_)]

    def last_trained(self, round_: int, name: str | None = None) -> tuple[int, str] | None:
        """The latest round up to this one with a plan, and the live candidate of the best one.

        With ``name``, of that candidate.
        """
        names = self.live() if name is None else [name]
        plans = [e for e in self.store.estimates("plan") if e.classifier in names]
        plans = [e for e in plans if e.round <= round_]
        if not plans:
            return None
        latest = [e for e in plans if e.round == plans[-1].round]
        best = min(latest, key=lambda e: float(e.payload["estimated_error"]))
        return best.round, best.classifier

    def cells(self, name: str) -> list[MeasuredRound]:
        """The test items at each round that kept them; files of an earlier version have none."""
        return [
            MeasuredRound.from_json(e.payload)
            for e in self.store.estimates("cells", classifier=name)
        ]

    def fits(self, round_: int, name: str) -> CurveFits:
        """The learning curves of a candidate as fitted after a round."""
        (record,) = self.store.estimates("fit", round=round_, classifier=name)
        return CurveFits.from_json(record.payload)

    def last_cells(self, name: str, round_: int) -> tuple[int, MeasuredRound] | None:
        """The latest round before ``round_`` that kept a candidate's test items, and those."""
        kept = [e for e in self.store.estimates("cells", classifier=name) if e.round < round_]
        return (kept[-1].round, MeasuredRound.from_json(kept[-1].payload)) if kept else None

    def collapsed(self, round_: int) -> dict[str, ActionRecord]:
        """Candidates whose training of a round went wrong, so that a former model stands in."""
        actions = (a for a in self.store.actions() if (a.name, a.round) == (COLLAPSE, round_))
        return {action.details["classifier"]: action for action in actions}

    def model_round(self, round_: int, name: str) -> int:
        """The round in which the model was trained that a candidate has after ``round_``."""
        action = self.collapsed(round_).get(name)
        return round_ if action is None else int(action.details["model_round"])

    def outlook(self, round_: int, name: str) -> Outlook | None:
        records = self.store.estimates("outlook", round=round_, classifier=name)
        return Outlook.from_json(records[0].payload) if records else None

    def measure(self, scores: ItemScores, *, matched: bool) -> tuple[Profile, MeasuredRound]:
        """Error along the ranking of the unlabelled items among ``scores``, and test item by item.

        ``matched`` measures it on the test items that are like the pool, and reads them by
        confidence; otherwise, as in the paper, all of them count, by rank.
        """
        test = self.store.labels(Purpose.TEST)
        known = test.labels != NO_LABEL
        if not known.any():
            raise AnnotatorError(
                f"people found no class for any of the {known.size:,} test items: are the classes "
                "those of this pool?"
            )
        if matched:
            like_pool = np.isin(test.indices, self.test_like_pool())
            if np.any(known & like_pool):
                known &= like_pool
        positions = np.searchsorted(scores.indices, test.indices)
        is_left = np.ones(scores.indices.size, dtype=bool)
        is_left[positions] = False
        deficit, left = scores.deficit[positions], scores.deficit[is_left]
        wrong = scores.labels[positions] != test.labels
        profile = estimate_profile(deficit[known], wrong[known], left, matched=matched)
        n_train = self.store.labels(Purpose.TRAIN).indices.size
        cells = measure_round(deficit, wrong, left, n_train=n_train, counted=known, matched=matched)
        return profile, cells


def _indices(values: Sequence[int]) -> IndexArray:
    return np.asarray(values, dtype=np.int64)
