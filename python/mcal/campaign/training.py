"""Train and score one candidate, charging every second as it passes."""

from __future__ import annotations

import hashlib
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from glob import escape
from pathlib import Path

from ..classifiers.reports import spans
from ..errors import ClassifierError
from ..settings import PriceSettings
from ..store import Store
from ..types import Classifier, IndexArray, Pool, Progress, TrainedModel, WarmStarts, no_progress
from .scoring import ItemScores, choose_engine, score_items

__all__ = ["OutOfMoney", "Trained", "Trainer", "TrainingSpec", "checkpoints_of"]

_KEY_LENGTH = 16
_REMEMBERED = 10  # reports: an opening that took its time is no sign of what follows
HEARTBEAT_S = 1.0  # at most this much of a killed training goes uncharged


def checkpoints_of(folder: Path) -> Path:
    """Where a campaign keeps trained models, and what can be computed again."""
    return folder / "checkpoints"


class OutOfMoney(Exception):
    """A run has cost what it may, and was stopped."""


@dataclass(frozen=True, eq=False)
class TrainingSpec:
    """All that makes a model what it is, so that a lost one can be made again."""

    round: int
    seed: int
    indices: IndexArray
    labels: IndexArray
    former: TrainingSpec | None = None  # of the model that its training begins with


@dataclass
class _Meter:
    """Seconds of a run, told to the store at every heartbeat."""

    store: Store
    run_id: int
    usd_per_s: float
    limit_usd: float = math.inf
    train_s: float = 0.0
    score_s: float = 0.0

    def cost_usd(self) -> float:
        return (self.train_s + self.score_s) * self.usd_per_s

    def beat(self) -> None:
        self.store.heartbeat_run(
            self.run_id, train_s=self.train_s, score_s=self.score_s, cost_usd=self.cost_usd()
        )


@dataclass(frozen=True)
class Trained:
    """A model of a round with its scores; its run stays open until ``Trainer.finish``."""

    classifier: str
    round: int  # that it is the model of
    model_round: int  # in which it was trained: an earlier one where it stands in
    seed: int
    model: TrainedModel
    scores: ItemScores
    meter: _Meter
    checkpoint: Path
    is_folded: bool = False  # trained on T too, so that nothing has measured it


class _Watch:
    """Adds the time of a ``with`` block to one field of a meter."""

    def __init__(self, meter: _Meter, field: str, progress: Progress) -> None:
        self.meter, self.field, self.progress = meter, field, progress

    def __enter__(self) -> _Watch:
        self.beaten = self.reported = time.monotonic()
        self.begin = self.reported - getattr(self.meter, self.field)  # of earlier blocks too
        self.gaps_s: deque[float] = deque(maxlen=_REMEMBERED)  # between two reports
        return self

    def __exit__(self, *_: object) -> None:
        self._read(time.monotonic())
        self.meter.beat()

    def _read(self, now: float) -> None:
        setattr(self.meter, self.field, now - self.begin)

    def report(self, share: float, words: str) -> None:
        now = time.monotonic()
        self._read(now)
        self.gaps_s.append(now - self.reported)
        self.reported = now
        # Nothing can be stopped before the next report: its seconds must be there too.
        ahead_s = max(self.gaps_s) if share < 1.0 else 0.0
        if self.meter.cost_usd() + ahead_s * self.meter.usd_per_s > self.meter.limit_usd:
            raise OutOfMoney
        if now - self.beaten >= HEARTBEAT_S:
            self.meter.beat()
            self.beaten = now
        self.progress(share, words)


class Trainer:
    """Trains candidates and keeps their checkpoints, a cache beside the store."""

    def __init__(
        self, store: Store, pool: Pool, folder: Path, prices: PriceSettings, selection: str
    ) -> None:
        self._store, self._pool, self._prices, self._selection = store, pool, prices, selection
        self._folder = checkpoints_of(folder)

    def checkpoint(self, classifier: str, spec: TrainingSpec) -> Path:
        """Where a model is kept, by what it was trained with: never taken for another one."""
        head = f"{self._pool.fingerprint}\n{classifier}\n{spec.seed}\n"
        key = hashlib.sha256(head.encode())
        key.update(spec.indices.tobytes())
        key.update(spec.labels.tobytes())
        if spec.former is not None:  # whose name tells the same of it
            key.update(self.checkpoint(classifier, spec.former).name.encode())
        return self._folder / f"{_stem(classifier, spec.round)}-{key.hexdigest()[:_KEY_LENGTH]}.pt"

    def train(
        self,
        classifier: Classifier,
        spec: TrainingSpec,
        to_score: IndexArray,
        *,
        on_train: Progress,
        on_score: Progress,
        limit_usd: float = math.inf,
    ) -> Trained:
        """Train and score ``to_score``.

        Raises ``OutOfMoney``, with the run charged and ended, as soon as its progress shows that
        its seconds, up to the next report of progress, cost more than ``limit_usd``. Only a first
        report that comes too late can cost more. Where nothing may be spent, no run begins.

        A checkpoint of this very round, left by a process that was killed before it could decide,
        is loaded instead of trained again: the training set of a round never changes.
        """
        self._refuse(limit_usd)
        self._sweep()
        run_id = self._store.start_run(
            round=spec.round,
            classifier=classifier.name,
            n_train=int(spec.indices.size),
            seed=spec.seed,
            device=classifier.device,
        )
        meter = _Meter(self._store, run_id, self._prices.gpu_usd_per_hour / 3600, limit_usd)
        try:
            model, scores = self._run(classifier, spec, meter, to_score, on_train, on_score)
        except OutOfMoney:
            self._store.interrupt_open_runs()
            raise
        path = self.checkpoint(classifier.name, spec)
        return Trained(
            classifier.name, spec.round, spec.round, spec.seed, model, scores, meter, path
        )

    def _run(
        self,
        classifier: Classifier,
        spec: TrainingSpec,
        meter: _Meter,
        to_score: IndexArray,
        on_train: Progress,
        on_score: Progress,
    ) -> tuple[TrainedModel, ItemScores]:
        with _Watch(meter, "score_s", on_score):  # no training: what was trained stays known
            model = self._load(classifier, spec)
        if model is None:
            with _Watch(meter, "train_s", on_train) as watch:
                model = self._make(classifier, spec, watch.report)
        with _Watch(meter, "score_s", on_score) as watch:
            scores = score_items(
                model,
                self._pool,
                to_score,
                selection=self._selection,
                engine=choose_engine(classifier.device)[0],
                progress=watch.report,
            )
        return model, scores

    def _make(self, classifier: Classifier, spec: TrainingSpec, progress: Progress) -> TrainedModel:
        """Train and keep; the models before too, from the first that was lost, where it needs them.

        Only so is the model of a warm start, once lost, the one again that was measured.
        """
        specs, model = [spec], None
        while (former := specs[-1].former) is not None:
            model = self._load(classifier, former)
            if model is not None:
                break
            specs.append(former)
        several = spans(progress, len(specs), "model")
        for each, report in zip(reversed(specs), several, strict=True):
            train = classifier.train
            if each.former is not None:
                assert isinstance(classifier, WarmStarts)  # or it had none
                assert model is not None  # loaded, or just made
                train = partial(classifier.train_from, model)
            report = progress if len(specs) == 1 else report
            model = train(self._pool, each.indices, each.labels, seed=each.seed, progress=report)
            path = self.checkpoint(classifier.name, each)
            path.parent.mkdir(exist_ok=True)
            model.save(path)
        assert model is not None  # there was at least one spec
        return model

    def prepare(
        self,
        name: str,
        device: str,
        work: Callable[[Progress], IndexArray],
        *,
        seed: int,
        progress: Progress,
        limit_usd: float,
    ) -> IndexArray:
        """Charge ``work``, which precedes the first training, as a run that ends without a model.

        It is none of the candidate's rounds, and no forecast is made of it. Raises ``OutOfMoney``
        as ``train`` does.
        """
        self._refuse(limit_usd)
        run_id = self._store.start_run(
            round=0, classifier=name, n_train=0, seed=seed, device=device
        )
        meter = _Meter(self._store, run_id, self._prices.gpu_usd_per_hour / 3600, limit_usd)
        try:
            with _Watch(meter, "train_s", progress) as watch:
                return work(watch.report)
        finally:
            self._store.interrupt_open_runs()

    def finish(self, trained: Trained) -> None:
        """Close the run; to be called in the transaction that records what it led to.

        The fixed cost is due once per training, however often a killed process repeated it.
        """
        paid = any(
            run.round == trained.round
            and run.classifier == trained.classifier
            and run.seed == trained.seed
            and run.status == "finished"
            for run in self._store.runs()
        )
        self._finish(trained, 0.0 if paid else self._prices.fixed_cost_per_training)

    def _finish(self, trained: Trained, fixed_cost_usd: float) -> None:
        path, meter = trained.checkpoint, trained.meter
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._store.finish_run(
            meter.run_id,
            train_s=meter.train_s,
            score_s=meter.score_s,
            cost_usd=meter.cost_usd(),
            fixed_cost_usd=fixed_cost_usd,
            checkpoint=path.name,
            checkpoint_sha256=digest,
        )

    def forget_before(self, classifier: str, round_: int) -> None:
        """Delete the checkpoints of earlier rounds."""
        for earlier in range(round_):
            key = "[0-9a-f]" * _KEY_LENGTH  # else it were those of "fast-x5" with those of "fast"
            for path in self._folder.glob(f"{escape(_stem(classifier, earlier))}-{key}.pt"):
                path.unlink()

    def score_embeddings(
        self, trained: Trained, n_train: int, seed: int, device: str, work: Callable[[], IndexArray]
    ) -> IndexArray:
        """Charge ``work``, which scores once more to choose, as a run that trains nothing."""
        run_id = self._store.start_run(
            round=trained.round,
            classifier=trained.classifier,
            n_train=n_train,
            seed=seed,
            device=device,
        )
        meter = _Meter(self._store, run_id, self._prices.gpu_usd_per_hour / 3600)
        with _Watch(meter, "score_s", no_progress):
            chosen = work()
        self._finish(replace(trained, meter=meter), 0.0)
        return chosen

    def _refuse(self, limit_usd: float) -> None:
        """A second costs more than nothing, unless all are free."""
        if limit_usd < 0.0 or (limit_usd == 0.0 and self._prices.gpu_usd_per_hour > 0.0):
            raise OutOfMoney

    def _sweep(self) -> None:
        """Delete the half-written files of killed processes: of one campaign only one writes."""
        for path in self._folder.glob(".*.partial"):
            path.unlink(missing_ok=True)

    def _load(self, classifier: Classifier, spec: TrainingSpec) -> TrainedModel | None:
        """The model that was kept; None when there is none, or a damaged one: it is a cache."""
        path = self.checkpoint(classifier.name, spec)
        if not path.exists():
            return None
        try:
            return classifier.load(path, self._pool)
        except ClassifierError:
            path.unlink()
            return None


def _stem(classifier: str, round_: int) -> str:
    return f"{round_:03d}-{classifier.replace('/', '-')}"
