"""The whole tree, and its tables but the annotator's and the prices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .annotator import AnnotatorSettings, LabelStudioSettings
from .base import Model, Number, Share, Whole
from .ground_truth import GroundTruthSettings
from .prices import PriceSettings

__all__ = [
    "CertificateSettings",
    "ClassifierSettings",
    "ConsensusSettings",
    "LabelsSettings",
    "PlanSettings",
    "PoolSettings",
    "Settings",
]


class PoolSettings(Model):
    """Where the items come from."""

    kind: Literal[
        "array",
        "cifar10",
        "cifar100",
        "digits",
        "embeddings",
        "fashion-mnist",
        "image-folder",
        "image-tree",
    ]
    """What they are: .npy files of numbers ("array") or of a frozen model's vectors ("embeddings"),
    a flat folder of images or one with a folder for each class ("image-tree"), or a known data
    set."""
    path: Path | None = None
    """File or folder; datasets that are found or fetched by themselves need none."""
    download: bool = False
    """Fetch the data set when it is not found."""
    image_size: Annotated[Whole, Field(ge=8, le=1024)] = 224
    """Height and width that images of a folder are brought to, in pixels."""
    limit: Annotated[Whole, Field(ge=1)] | None = None
    """Keep only so many items: the first of an array, of embeddings and of an image folder, a fixed
    random choice of the others."""


class ClassifierSettings(Model):
    """A candidate: an architecture and the recipe that trains it."""

    architecture: str = "auto"
    """"small-cnn", "cnn18", "resnet18", "resnet50", "efficientnet_b0", any torchvision
    classification model, "linear" for embeddings, or "auto": by pool and device."""
    recipe: Literal["fast", "semi", "self", "embedding", "paper"] = "fast"
    """How it is trained: in little time; on the items without labels too; after it has taught
    itself on all items without a label; as a head on features that stay as they are; or as the
    paper did."""
    features: str | None = None
    """For recipe "embedding" on images, what computes them: "torchvision:resnet50",
    "timm:vit_small_patch14_dinov2", "file:body.pt2" (or TorchScript), "mypackage:function", which
    makes a torch module or a function of arrays, or "self" (the default): a network that has
    taught itself on the pool."""
    path: Path | None = None
    """Folder with the file of ``features``, or to import its function from besides the places that
    Python searches (default: that of the settings file)."""
    pretrain_epochs: Annotated[Whole, Field(ge=1)] | None = None
    """Passes over the pool by which a network teaches itself, for recipe "self" and features "self"
    (default: the recipe's)."""
    epochs: Annotated[Whole, Field(ge=1)] | None = None
    """Passes over the training items, with recipe "semi" over the whole pool (default: the
    recipe's)."""
    batch_size: Annotated[Whole, Field(ge=1)] | None = None
    """People's labels in one step of training, to which recipe "semi" adds items without (default:
    the recipe's)."""
    warm_start: bool = False
    """Whether every training but the first begins near the model before, and takes two fifths of
    the steps: fewer seconds, for slightly worse a model."""
    flip: bool | None = None
    """Whether an image and its mirror image are of one class, so that networks are shown both
    (default: yes, but for grey ones with a side below 64 pixels; "paper" mirrors all). Digits,
    letters and signs in colour want ``false``."""
    device: str = "auto"
    """"cpu", "cuda", another of torch's names, or "auto": a GPU where there is one."""
    members: Annotated[Whole, Field(ge=1, le=100)] = 1
    """Trainings of it whose probabilities are averaged: an ensemble. All of them are billed."""
    ranking: Literal["margin", "learned"] = "margin"
    """What the machine labels first: items of large margin, or those whose label is least likely
    wrong, as learned from labels that a member has not seen; needs ``members`` of at least 2."""

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        if self.ranking == "learned" and self.members < 2:
            raise ValueError(
                f"members: expected at least 2 with ranking = 'learned', found {self.members}"
            )
        if self.ranking == "margin" and self.recipe == "embedding" and self.members > 1:
            raise ValueError(
                "members: expected 1, or ranking = 'learned' beside them, with "
                "recipe = 'embedding', whose trainings are not random: members taught by the same "
                f"labels would be all the same, found {self.members}"
            )
        return self

    @model_validator(mode="after")
    def _has_what_starts_warm(self) -> Self:
        if self.warm_start and self.recipe == "embedding":
            raise ValueError(
                "warm_start: expected false beside recipe = 'embedding', whose head is computed "
                "from all labels at once"
            )
        if self.warm_start and self.ranking == "learned":
            raise ValueError(
                "warm_start: expected false beside ranking = 'learned', whose members are asked "
                "about labels that they have never seen"
            )
        return self

    @model_validator(mode="after")
    def _fits_recipe(self) -> Self:
        if self.features is not None and self.recipe != "embedding":
            raise ValueError(
                f"features: expected recipe = 'embedding' beside it, found {self.recipe!r}"
            )
        if self.path is not None and self.features in (None, "self"):
            raise ValueError("path: expected features = 'file:PATH' or 'MODULE:FUNCTION' beside it")
        for name in ("epochs", "batch_size"):
            if self.recipe == "embedding" and getattr(self, name) is not None:
                raise ValueError(
                    f"{name}: expected none beside recipe = 'embedding', whose head is computed "
                    "from all labels at once, not trained in passes and batches, "
                    f"found {getattr(self, name)}"
                )
        of_itself = self.recipe == "self" or (
            self.recipe == "embedding" and self.features in (None, "self")
        )
        if self.pretrain_epochs is not None and not of_itself:
            raise ValueError(
                "pretrain_epochs: expected recipe = 'self' or features = 'self' beside it"
            )
        if self.flip is not None and self.recipe == "embedding" and not of_itself:
            raise ValueError("flip: expected features = 'self' beside recipe = 'embedding'")
        return self


class ConsensusSettings(Model):
    """How the judgements of several people become one label."""

    rule: Literal["majority", "dawid-skene"] = "majority"
    """dawid-skene: weighs people by how often they are right; for batches as a whole."""
    third_on_disagreement: bool = False
    """Ask a third person where two differ; for ``prices.judgements_per_item = 2``."""


class PlanSettings(Model):
    """How the campaign decides, as the page "How it decides" tells. N is the number of items in the
    pool, without those whose labels are known."""

    test_size: Annotated[Whole, Field(ge=1)] | None = None
    """Items of the random test set, which measures and never trains (default: 1.5 % of N, at least
    500 or 5 % of N, whichever is fewer, at most 5,000; of what a budget buys at most 15 %)."""
    first: Literal["random", "typical", "k_center"] = "random"
    """How the items of the first training are chosen: at random; typical ones, from dense places
    that are far from each other; or such that every item is near to one of them. The last two need
    a pool of embeddings, or a candidate with the recipe "self" or "embedding". The test set is
    always drawn at random."""
    initial_share: Share = 0.01
    """Share of N that the first training is on; at least 20 items, or 5 % of N
    where that is fewer (no such floor with ``preset = "paper"``), and ``prices.min_batch``. With a
    budget at most a fifth of the labels that it buys, or 20 where that is more."""
    form: Literal["average", "power", "truncated", "floor", "plateau"] = "average"
    """Of the learning curves: one of four, or an average by how well they fit."""
    training_cost: Literal["measured", "paper", "constant", "cubic", "warm"] = "measured"
    """How the dollars of a training grow with its items: as measured in this campaign, as Eq. 4 of
    the paper, not at all, with their cube, or with the new items alone."""
    beta: Annotated[Number, Field(ge=0.0)] = 0.02
    """The way to the planned training size is cut into as many purchases as make the forecast bill
    at most this share larger than the cheapest way: each is chosen by a better model."""
    delta_min_share: Share = 0.01
    """Smallest later batch, as a share of N, with the floors of ``initial_share``. With a budget at
    most a twentieth of the labels that it buys, or 20 where that is more."""
    max_steps: Annotated[Whole, Field(ge=1)] = 10
    """Most purchases on the way to the planned training size."""
    stable_share: Share = 0.05
    """A plan counts as settled when, from one round to the next, the forecast bill and the planned
    training size move by less than this share of themselves, and the machine's share by less than
    this."""
    min_gain_share: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.002
    """Go on only for a gain of at least this share of the human-only price."""
    exploration_share: Share = 0.1
    """Most that training may cost, as a share of the human-only price, while no plan saves more
    than that over people alone: what a data set costs above them if nothing can be learned. A
    training that would pass it is stopped."""
    replicas: Annotated[Whole, Field(ge=0, le=100_000)] = 500
    """Resamples of the test items behind intervals and decisions; 0: the point plan decides."""
    safety: Annotated[Number, Field(ge=0.0, le=5.0)] = 1.645
    """Standard errors added to the point estimate before it is held against the target: for the
    plan, and where there is no audit for the machine labels too."""

    fold_test: bool = False
    """Before an audit, train once more with the test set among the training items, where that is
    forecast to save more than it costs: it has done its measuring by then. Never with a budget, or
    with ``preset = "paper"``."""


class CertificateSettings(Model):
    """What is promised about the machine's labels, and what it is worth: the page "The promise"."""

    kind: Literal["audit", "weighted", "none"] = "audit"
    """audit: people check a random sample before the machine labels, and the error is certified.
    weighted: the same promise, as exact; more items are drawn where errors are likely, as long as
    that is expected to save labels. Only for ``target = "set"``, and without a budget.
    none: a point estimate with ``plan.safety`` decides; nothing is promised."""
    confidence: Share = 0.95
    """Probability that the promise holds."""


class LabelsSettings(Model):
    """Labels that are there before the campaign."""

    known: Path | None = None
    """File with people's labels of some items, which are not bought again: what ``mcal export``
    writes (CSV, JSON lines, Parquet, augmented manifest, the folder for Hugging Face), or a CSV
    with columns ``item`` and ``label``. Read once, when the campaign begins."""


class Settings(Model):
    """A campaign, whole."""

    target_error: Share = 0.05
    """Wrong machine labels that are allowed, as a share: 0.05 is 5 %."""
    budget_usd: Annotated[Number, Field(gt=0.0, le=1e9, allow_inf_nan=False)] | None = None
    """Dollars for everything (default: no limit). With a budget the campaign does not buy its way
    to the target error: it seeks the smallest error that the budget pays for, never exceeds it, and
    says whether the target is met. It may be raised while the campaign runs."""
    target: Literal["set", "machine"] = "set"
    """Of what ``target_error`` is a share: all items, or the machine's labels."""
    classes: tuple[str, ...] | None = None
    """Names of the classes; needed where the pool does not bring them."""
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 0
    """Of every random choice."""
    preset: Literal["default", "paper"] = "default"
    """"paper" plans and stops as printed in the paper: no audit, no replicas."""
    selection: Literal["margin", "entropy", "least_confidence", "k_center", "random"] = "margin"
    """Which items are bought for training: those the model is least sure of by a score, those that
    cover the pool, or any."""
    pool: PoolSettings | None = None
    """Where the items come from."""
    annotator: AnnotatorSettings | None = None
    """Who is asked."""
    labels: LabelsSettings = LabelsSettings()
    """What is known before anybody is asked."""
    classifier: tuple[ClassifierSettings, ...] = (ClassifierSettings(),)
    """The candidates; several are raced on shared labels."""
    prices: PriceSettings = PriceSettings()
    """What things cost."""
    consensus: ConsensusSettings = ConsensusSettings()
    """How several people's judgements become one label."""
    plan: PlanSettings = PlanSettings()
    """How the campaign decides."""
    certificate: CertificateSettings = CertificateSettings()
    """What is promised at the end."""

    @property
    def is_audited(self) -> bool:
        """Whether the campaign ends with an audit; the paper's rules know none."""
        return self.certificate.kind != "none" and self.preset != "paper"

    @property
    def n_known(self) -> int:
        """Labels that the campaign began with; 0 in settings as given."""
        return self.prices._n_known

    def knowing(self, n_known: int) -> Settings:
        """The settings of a campaign that begins with ``n_known`` labels.

        They are its first labels and cost nothing; sizes and prices are those of the other items.
        """
        return self.model_copy(update={"prices": self.prices.knowing(n_known)})

    @property
    def shows_guesses(self) -> bool:
        """Whether people are to see what the model thinks, where that measures nothing."""
        return isinstance(self.annotator, LabelStudioSettings) and self.annotator.show_guesses

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.classifier:
            raise ValueError("classifier: expected at least one, found none")
        if isinstance(self.annotator, GroundTruthSettings):
            _check_bill(self.prices, self.annotator.task_price_usd or 0.0)
        if self.certificate.kind == "weighted" and self.budget_usd is not None:
            raise ValueError(
                "certificate.kind: expected 'audit' or 'none' with budget_usd, found 'weighted'"
            )
        if self.certificate.kind == "weighted" and self.target != "set":
            raise ValueError(
                f"certificate.kind: expected 'audit' or 'none' for target {self.target!r}, "
                "found 'weighted'"
            )
        self._check_consensus()
        if self.classes is not None:
            if len(self.classes) < 2:
                raise ValueError(f"classes: expected at least 2, found {len(self.classes)}")
            if len(set(self.classes)) != len(self.classes):
                raise ValueError("classes: expected names that differ, found a repeated one")
        return self

    def _check_consensus(self) -> None:
        n, wanted = self.prices.judgements_per_item, self.consensus
        if wanted.third_on_disagreement and n != 2:
            raise ValueError(
                "consensus.third_on_disagreement: expected prices.judgements_per_item = 2 beside "
                f"it, found {n}"
            )
        if wanted.third_on_disagreement and self.budget_usd is not None:
            raise ValueError(
                "consensus.third_on_disagreement: expected no budget_usd beside it, because nobody "
                "knows before how many thirds will be paid; judgements_per_item = 3 keeps a budget"
            )
        if wanted.rule != "majority" and n < 2:
            raise ValueError(
                f"consensus.rule: {wanted.rule!r} needs prices.judgements_per_item of at least 2, "
                f"found {n}"
            )
        kind = None if self.annotator is None else self.annotator.kind
        if kind == "files" and wanted != ConsensusSettings():
            raise ValueError(
                "consensus: annotator.kind 'files' does not know who judged: its labels are those "
                "of whoever filled them in"
            )
        if kind == "ground-truth" and wanted != ConsensusSettings():
            raise ValueError(
                "consensus: annotator.kind 'ground-truth' makes one label of several people's "
                "judgements by itself: expected no consensus settings beside it"
            )


def _check_bill(prices: PriceSettings, task_price_usd: float) -> None:
    """Ground Truth pays workers by itself: the campaign's bill must not say less."""
    least = min((tier.price for tier in prices.tiers), default=prices.price_per_label)
    if least < task_price_usd:
        raise ValueError(
            f"prices.price_per_label: expected at least annotator.task_price_usd = "
            f"{task_price_usd:g}, which each judgement costs, and the service's own fee, "
            f"found {least:g}"
        )
    if prices.judgements_per_item > 9:
        raise ValueError(
            f"prices.judgements_per_item: expected at most 9 for Ground Truth, "
            f"found {prices.judgements_per_item}"
        )
