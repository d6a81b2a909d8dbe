"""Runs that are campaigns: through the public API, with an annotator that knows the labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mcal.annotators import OracleAnnotator
from mcal.campaign import Campaign
from mcal.campaign.evaluate import evaluate_labels
from mcal.pools import open_pool
from mcal.settings import PriceSettings, Settings
from mcal.store import Store
from mcal.types import Event

from .datasets import DataSet
from .options import Options, plain
from .runs import Deadline, Found, Say

__all__ = ["CampaignRun", "campaign_run", "settings_for"]

PHASES = ("test", "train", "audit", "rest")


@dataclass(frozen=True)
class CampaignRun:
    """One campaign. ``settings`` hold no path: those are filled in where it runs."""

    data: DataSet
    n_items: int
    random_labels: bool
    settings_json: str

    kind: ClassVar[str] = "campaign"
    sources: ClassVar[tuple[str, ...]] = (
        *("types", "settings", "prices", "shares", "consensus", "profiles", "selection", "fitting"),
        *("planning", "bootstrap", "certificate", "pools", "classifiers", "campaign", "cuda"),
        *("annotators/oracle", "store", "money", "paper/datasets", "paper/campaigns"),
    )

    def parameters(self) -> dict[str, Any]:
        """Of the settings what is not mcal's default: a new setting makes no run another one."""
        given = Settings.model_validate_json(self.settings_json)
        return {
            "data": self.data.key,
            "fingerprint": self.data.fingerprint,
            "n_items": self.n_items,
            "random_labels": self.random_labels,
            "settings": given.model_dump(mode="json", exclude_defaults=True),
        }

    @property
    def settings(self) -> Settings:
        """Whole, with pool and annotator."""
        given = json.loads(self.settings_json)
        given["pool"] = self.data.pool(self.n_items).model_dump(mode="json")
        given["annotator"] = {"kind": "oracle"}
        given["classes"] = self.data.classes
        return Settings.model_validate_json(json.dumps(given))

    def compute(self, place: Path, deadline: Deadline, say: Say) -> Found | None:
        """Go on with the campaign in ``place``, a step at a time."""

        def tell(event: Event) -> None:
            say(event.share or 0.0, f"{event.phase}: {event.words}")

        settings = self.settings
        truth = self.data.truth(self.n_items, self.random_labels)
        pool = open_pool(self.data.pool(self.n_items), settings.classes)
        people = OracleAnnotator(truth, pool.classes)
        with Campaign.from_settings(settings, place, parts=(pool, people)) as campaign:
            while campaign.step(tell) is not None:
                if deadline.is_over and campaign.next_move() is not None:
                    return None
            result = campaign.result()
        with Store.open(place, read_only=True) as store:
            trainings = store.runs()
        summary = result.summary
        found = evaluate_labels(
            np.arange(truth.size), result.labels, result.sources, truth, result.classes
        )
        usd_per_label = summary.human_cost_usd / max(1, summary.n_human)
        values: dict[str, Any] = {
            "n_pool": summary.n_pool,
            **{f"n_{phase}": summary.n_bought[phase] for phase in PHASES},
            "n_machine": summary.n_machine,
            "model": result.model,
            "rounds": summary.rounds,
            "human_only_usd": summary.human_only_cost_usd,
            "total_usd": summary.total_cost_usd,
            **{f"{phase}_usd": usd_per_label * summary.n_bought[phase] for phase in PHASES},
            "labels_usd": summary.human_cost_usd,
            "training_usd": summary.training_cost_usd,
            "fee_usd": summary.machine_fee_usd,
            "train_s": sum(training.train_s for training in trainings),
            "score_s": sum(training.score_s for training in trainings),
            "error": found.set_error if settings.target == "set" else found.machine_error,
            "people_errors": found.n_errors - round(found.set_error * truth.size),
            "certified_error": summary.certified_error,
            "estimated_error": summary.estimated_error,
            "stop_reason": summary.stop_reason,
            "trainings": [
                {
                    "round": training.round,
                    "classifier": training.classifier,
                    "n_train": training.n_train,
                    "train_s": training.train_s,
                    "score_s": training.score_s,
                    "status": training.status,
                }
                for training in trainings
            ],
        }
        shutil.rmtree(place / "checkpoints", ignore_errors=True)
        words = (
            f"${summary.total_cost_usd:,.2f} of ${summary.human_only_cost_usd:,.2f}, "
            f"error {found.set_error:.2%}, {summary.n_machine:,} by machine"
        )
        return Found(values, words)

    def __str__(self) -> str:
        given = json.loads(self.settings_json)
        names = "+".join(f"{c['architecture']}/{c['recipe']}" for c in given["classifier"])
        price = given["prices"]["price_per_label"]
        labels = " random labels" if self.random_labels else ""
        return (
            f"campaign {self.data.key}{labels} N={self.n_items:,} {given['preset']} {names} "
            f"{given['selection']} eps={given['target_error']:g} ${price:g} seed {given['seed']}"
        )


def campaign_run(
    options: Options,
    data: DataSet,
    *,
    architectures: Sequence[str],
    recipe: str,
    policy: str,
    price: float,
    target_error: float,
    seed: int,
    selection: str = "margin",
    random_labels: bool = False,
    n_items: int | None = None,
) -> CampaignRun:
    """The campaign, with what ``options`` say about the rest. ``policy`` is a preset of mcal's."""
    settings = settings_for(
        options,
        architectures=architectures,
        recipe=recipe,
        price=price,
        target_error=target_error,
        seed=seed,
        preset=policy,
        selection=selection,
    )
    n_items = options.n_items(data.n_items) if n_items is None else n_items
    return CampaignRun(data, n_items, random_labels, settings.model_dump_json())


def settings_for(
    options: Options,
    *,
    architectures: Sequence[str],
    recipe: str,
    price: float,
    target_error: float,
    seed: int = 0,
    **more: Any,
) -> Settings:
    """Settings of a campaign, and of active learning beside it: the same prices and target.

    ``options.overrides`` come last: dotted names of settings, "classifier.x" for each candidate.
    """
    settings = Settings(
        target_error=target_error,
        seed=seed,
        classifier=tuple(options.candidate(each, recipe) for each in architectures),
        prices=PriceSettings(price_per_label=price, gpu_usd_per_hour=options.gpu_usd_per_hour),
        **more,
    )
    given = settings.model_dump(mode="json")
    for name, value in options.overrides:
        *tables, key = name.split(".")
        holders = given["classifier"] if tables == ["classifier"] else [_table(given, tables)]
        for holder in holders:
            holder[key] = plain(value)
    return Settings.model_validate_json(json.dumps(given))


def _table(given: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    for name in names:
        given = given[name]
    return given
