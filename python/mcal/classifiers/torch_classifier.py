"""The classifier and its trained model, as the campaign sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mcal.errors import ClassifierError
from mcal.types import IndexArray, Pool, Progress, Scores, TrainedModel, no_progress

from ._torch import torch
from .architectures import Network, build_network
from .augmentation import views_of
from .body import Body
from .checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from .devices import own_chance
from .features import Features, check_finite
from .heads import solve_head
from .items import Items, Normalisation, readable_items, shared_items
from .recipes import Recipe
from .reports import Reports
from .scoring import fold_batch_norms, score_items
from .training import train_network

__all__ = ["TorchClassifier", "TorchModel"]

_FEATURES_AT_ONCE = 256


class TorchClassifier:
    """An architecture and a recipe on a device.

    Keeps the items of the last pool it saw there, one copy with the other candidates of a race.

    Parameters
    ----------
    architecture : str
    recipe : Recipe
    device : torch.device
    features : Features, optional
        What its network sees in the place of the items: their features.
    body : Body, optional
        What its network begins with: a body taught without labels.
    called : str, optional
        What stands for the architecture in its name.
    """

    def __init__(
        self,
        architecture: str,
        recipe: Recipe,
        device: torch.device,
        *,
        features: Features | None = None,
        body: Body | None = None,
        called: str | None = None,
    ) -> None:
        self.name = f"{called or architecture}/{recipe.name}"
        self.architecture = architecture
        self.recipe = recipe
        self.device = str(device)
        self._device = device
        self._features, self._body = features, body
        self._fingerprint: str | None = None
        self._items: Items | None = None

    def train(
        self,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> TorchModel:
        """Train from scratch on people's labels.

        The same seed gives the same model on a CPU with the same number of threads. Torch's and
        NumPy's global random states are left as they were.

        Parameters
        ----------
        pool : Pool
        indices : (K,) int64, K >= 1
        labels : (K,) int64
            In [0, C); some classes may have no example yet.
        seed : int
            In [0, 2**63).
        progress : callable
            Called at least every half second, or once a step where a step takes longer.

        Raises
        ------
        ValueError
            Shapes differ, no item, a label or an index out of range.
        ClassifierError
            The network cannot be built for these items.
        """
        return self._train(None, pool, indices, labels, seed, progress)

    @property
    def warm_start(self) -> bool:
        """Whether its trainings may begin with the model of the round before."""
        return self.recipe.warm_start is not None

    def train_from(
        self,
        former: TrainedModel,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        *,
        seed: int,
        progress: Progress = no_progress,
    ) -> TorchModel:
        """As ``train``, but begin near the weights of ``former`` and take fewer steps.

        The weights begin as a mean of its own and of fresh ones: where all of the former remained,
        what it had learned by heart would stand in the way of the new labels ("shrink and perturb",
        Ash and Adams 2020, "On Warm-Starting Neural Network Training").

        Raises
        ------
        ValueError
            ``former`` is no model of this classifier, its recipe has no warm start, or as for
            ``train``.
        ClassifierError
            As for ``train``.
        """
        if not isinstance(former, TorchModel) or former.name != self.name:
            raise ValueError(f"former: expected a model of {self.name}, found {former!r}")
        if self.recipe.warm_start is None:
            raise ValueError(f"former: expected a recipe that starts warm, found {self.name}")
        return self._train(former, pool, indices, labels, seed, progress)

    def _train(
        self,
        former: TorchModel | None,
        pool: Pool,
        indices: IndexArray,
        labels: IndexArray,
        seed: int,
        progress: Progress,
    ) -> TorchModel:
        _check_indices(indices, pool)
        _check_labels(labels, indices, pool)
        reports = Reports(progress)
        items = self.items_of(pool, reports.before)
        learnt = None if self._body is None else self._body.of(items, pool, reports.before)
        with own_chance(self._device):
            torch.manual_seed(seed)
            network = self._network(items.item_shape, len(pool.classes))
            if learnt is not None:
                network.body.load_state_dict(learnt)
            warm = None if former is None else self.recipe.warm_start
            if former is not None and warm is not None:
                former.blend_into(network, warm.keep)
            if self.recipe.head_penalty is not None:
                solve_head(
                    network,
                    self.recipe.head_penalty,
                    items,
                    items.normalisation(),
                    indices,
                    labels,
                    progress=reports.proper,
                )
            else:
                train_network(
                    network,
                    self.recipe,
                    items,
                    items.normalisation(),
                    indices,
                    labels,
                    readable_items(pool) if self.recipe.consistency else indices[:0],
                    seed=seed,
                    progress=reports.proper,
                    step_share=1.0 if warm is None else warm.step_share,
                )
        return TorchModel(self, network, items.normalisation(), items.item_shape, pool.classes)

    @property
    def sees_unlabelled(self) -> bool:
        """Whether it has ``features`` of items before it has seen a label."""
        return self._features is not None or self._body is not None

    def features(
        self, pool: Pool, indices: IndexArray, *, progress: Progress = no_progress
    ) -> npt.NDArray[np.float32]:
        """(K, D) float32: what its head sees of the items, before any label.

        Computed, or the body taught, on the first call, and kept as for ``train``. Raises
        ``ValueError`` for an index out of range, or where there are none.
        """
        _check_indices(indices, pool)
        if not self.sees_unlabelled:
            raise ValueError(f"features: expected a recipe that learns without labels: {self.name}")
        reports = Reports(progress)
        items = self.items_of(pool, reports.before)
        embed: Callable[[torch.Tensor], torch.Tensor] = items.normalisation().apply
        if self._body is not None:
            embed = self._body.frozen(items, pool, reports.before).embed
        parts = []
        for start, block in zip(
            range(0, indices.size, _FEATURES_AT_ONCE),
            items.blocks(
                indices[start : start + _FEATURES_AT_ONCE]
                for start in range(0, indices.size, _FEATURES_AT_ONCE)
            ),
            strict=True,
        ):
            some = indices[start : start + _FEATURES_AT_ONCE]
            parts.append(check_finite(embed(block).float().cpu().numpy(), some, pool))
            done = start + some.size
            reports.proper(0.99 * done / indices.size, f"features of {done:,} items")
        return np.concatenate(parts)

    def load(self, path: Path, pool: Pool) -> TorchModel:
        """Read what ``TorchModel.save`` wrote.

        Raises ``ClassifierError`` when the file cannot be read or holds another architecture,
        recipe or numbers of it, set of classes or shape of items than this classifier and ``pool``
        have.
        """
        saved = read_checkpoint(path)
        # Features may have to be computed again; the first scoring does, which is billed.
        shape = self.items_of(pool).item_shape if self._features is None else saved.item_shape
        saved.check(
            path,
            classifier=self.name,
            classes=pool.classes,
            item_shape=shape,
            recipe=self.recipe.text,
        )
        with own_chance(self._device):
            network = self._network(shape, len(pool.classes))
        try:
            network.load_state_dict(saved.weights)
        except RuntimeError as error:
            raise ClassifierError(f"{path}: the weights do not fit {self.name}") from error
        return TorchModel(
            self,
            network.eval(),
            Normalisation(saved.mean.to(self._device), saved.std.to(self._device)),
            shape,
            pool.classes,
        )

    def items_of(self, pool: Pool, progress: Progress = no_progress) -> Items:
        """The items of ``pool`` on this device, those of an earlier call if it is the same pool.

        Their features, where that is what the network sees.
        """
        if self._items is None or self._fingerprint != pool.fingerprint:
            self._items = None  # frees the old ones first
            seen = pool if self._features is None else self._features.of(pool, progress)
            self._items = shared_items(seen, self._device)
            self._fingerprint = pool.fingerprint
        return self._items

    def _network(self, item_shape: tuple[int, ...], n_classes: int) -> Network:
        try:
            network = build_network(self.architecture, item_shape, n_classes)
        except (RuntimeError, TypeError) as error:
            raise ClassifierError(
                f"{self.architecture} cannot be built for items of shape {item_shape}: {error}"
            ) from error
        return network.to(self._device).to(memory_format=torch.channels_last)


class TorchModel:
    """A trained network and what it must be fed."""

    def __init__(
        self,
        classifier: TorchClassifier,
        network: Network,
        normalisation: Normalisation,
        item_shape: tuple[int, ...],
        classes: tuple[str, ...],
    ) -> None:
        self._classifier = classifier
        self._network = network
        self._folded = fold_batch_norms(network)
        self._normalisation = normalisation
        self._item_shape = item_shape
        self._classes = classes
        recipe = classifier.recipe
        self._views = views_of(recipe.augmentation, item_shape, recipe.views)

    @property
    def name(self) -> str:
        """Of the classifier that it is a model of."""
        return self._classifier.name

    def blend_into(self, network: Network, keep: float) -> None:
        """Make ``network`` ``keep`` times this one's weights and 1 - ``keep`` times its own.

        What is counted in whole numbers stays. Raises ``ValueError`` for another shape of network.
        """
        fresh, own = network.state_dict(), self._network.state_dict()
        if {k: v.shape for k, v in fresh.items()} != {k: v.shape for k, v in own.items()}:
            raise ValueError(
                f"former: expected a model for this pool's items and classes, of {self.name}"
            )
        network.load_state_dict(
            {
                key: torch.lerp(value, own[key], keep) if value.is_floating_point() else value
                for key, value in fresh.items()
            }
        )

    def score(
        self,
        pool: Pool,
        indices: IndexArray,
        *,
        embeddings: bool = False,
        on_device: bool = False,
        progress: Progress = no_progress,
    ) -> Scores:
        """Logits (K, C) float32, and on request embeddings (K, D) float32, row for row.

        NumPy arrays; with ``on_device`` tensors on the device that has the network, unless they
        would take more than half of its free memory. Reads the pool block by block. Raises
        ``ValueError`` for an index out of range.
        """
        _check_indices(indices, pool)
        reports = Reports(progress)
        items = self._classifier.items_of(pool, reports.before)
        if items.item_shape != self._item_shape:
            raise ClassifierError(
                f"{self._classifier.name}: expected items of shape {self._item_shape}, as it was "
                f"trained on, found {items.item_shape}"
            )
        return score_items(
            self._folded,
            items,
            self._normalisation,
            indices,
            self._views,
            embeddings=embeddings,
            on_device=on_device,
            progress=reports.proper,
        )

    def save(self, path: Path) -> None:
        """Write one file that ``TorchClassifier.load`` reads; whole or not at all."""
        write_checkpoint(
            path,
            Checkpoint(
                classifier=self._classifier.name,
                classes=self._classes,
                item_shape=self._item_shape,
                mean=self._normalisation.mean,
                std=self._normalisation.std,
                weights=self._network.state_dict(),
                recipe=self._classifier.recipe.text,
            ),
        )


def _check_indices(indices: IndexArray, pool: Pool) -> None:
    if indices.ndim != 1 or indices.dtype != np.int64:
        raise ValueError(f"indices: expected (K,) int64, found {indices.shape} {indices.dtype}")
    if indices.size and not (indices.min() >= 0 and indices.max() < pool.n_pool):
        raise ValueError(
            f"indices: expected rows in [0, {pool.n_pool}), "
            f"found {indices.min()} to {indices.max()}"
        )


def _check_labels(labels: IndexArray, indices: IndexArray, pool: Pool) -> None:
    n_classes = len(pool.classes)
    if labels.shape != indices.shape or labels.dtype != np.int64:
        raise ValueError(
            f"labels: expected {indices.shape} int64, found {labels.shape} {labels.dtype}"
        )
    if not labels.size:
        raise ValueError("labels: expected at least one, found none")
    if not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(
            f"labels: expected classes in [0, {n_classes}), found {labels.min()} to {labels.max()}"
        )
