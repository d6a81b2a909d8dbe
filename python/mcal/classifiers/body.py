"""The pre-trained body of a pool: made once, kept in a file."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mcal.errors import ClassifierError
from mcal.types import Pool, Progress, no_progress
from mcal.whole_file import whole_file

from ._torch import torch
from .architectures import Network, build_network
from .devices import own_chance
from .frozen import Frozen, frozen_network
from .items import Items, readable_items
from .pretraining import EagerPretraining, pretrain
from .recipes import Pretraining
from .views import STRENGTHS

__all__ = ["Body"]

_VERSION = 1  # of how a body comes about, its numbers aside
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    pickle.UnpicklingError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)


class Body:
    """An architecture's body, taught on all readable items of a pool without a label.

    Who has the same architecture, numbers, seed and folder has the same body: it is made once,
    and the rounds and candidates of a campaign share it. Campaigns of other seeds have others.

    Parameters
    ----------
    architecture : str
    pretraining : Pretraining
    device : torch.device
    folder : Path or None
        Where it is kept, and what there is of it while it is made. None: in memory.
    seed : int
        Of its chance; the campaign's.
    """

    def __init__(
        self,
        architecture: str,
        pretraining: Pretraining,
        device: torch.device,
        folder: Path | None,
        *,
        seed: int,
    ) -> None:
        self._seed = seed
        self._architecture, self._pretraining = architecture, pretraining
        self._device, self._folder = device, folder
        self._made: tuple[str, dict[str, torch.Tensor]] | None = None

    def of(
        self, items: Items, pool: Pool, progress: Progress = no_progress
    ) -> dict[str, torch.Tensor]:
        """The body's weights after pre-training on ``pool``, whose items are ``items``.

        Raises ``ClassifierError`` when the folder cannot be written, or nothing can be learnt.
        """
        key = self.key(pool)
        if self._made is None or self._made[0] != key:
            self._made = (key, self._read(key) or self._make(key, items, pool, progress))
        return self._made[1]

    def key(self, pool: Pool) -> str:
        """Differs where the body would."""
        numbers = (_VERSION, asdict(self._pretraining), STRENGTHS, self._seed)
        words = f"{pool.fingerprint}\n{self._architecture}\n{numbers}"
        return hashlib.sha256(words.encode()).hexdigest()

    def frozen(self, items: Items, pool: Pool, progress: Progress) -> Frozen:
        """The body as a network whose weights stay."""
        weights = self.of(items, pool, progress)
        with own_chance(self._device):
            network = self._network(items, pool)
        network.body.load_state_dict(weights)
        normalisation = items.normalisation()
        return frozen_network(
            network.body.eval(), normalisation.apply, self._device, self.key(pool)
        )

    def _make(
        self, key: str, items: Items, pool: Pool, progress: Progress
    ) -> dict[str, torch.Tensor]:
        indices = readable_items(pool)
        if indices.size < 2:
            raise ClassifierError(f"pre-training: expected two items or more, found {indices.size}")
        seed = int(key[:15], 16)
        with own_chance(self._device):
            torch.manual_seed(seed)
            network = self._network(items, pool)
            learner = EagerPretraining(
                network.body.train(),
                network.head.in_features,
                self._pretraining,
                items.normalisation(),
                self._device,
            )
            begin = self._resume(key, learner)
            pretrain(
                learner,
                self._pretraining,
                items,
                indices,
                seed=seed,
                begin=begin,
                keep=lambda done: self._write(
                    f"body-{key[:16]}.part.pt", {"key": key, "done": done, **learner.state()}
                ),
                progress=progress,
            )
        weights = {name: value.detach().cpu() for name, value in network.body.state_dict().items()}
        self._write(f"body-{key[:16]}.pt", {"key": key, "body": weights})
        if self._folder is not None:
            (self._folder / f"body-{key[:16]}.part.pt").unlink(missing_ok=True)
        return weights

    def _network(self, items: Items, pool: Pool) -> Network:
        network = build_network(self._architecture, items.item_shape, len(pool.classes))
        return network.to(self._device).to(memory_format=torch.channels_last)

    def _resume(self, key: str, learner: EagerPretraining) -> int:
        """Epochs that an earlier process has done; ``learner`` is as it left it."""
        part = self._load(f"body-{key[:16]}.part.pt", key)
        if part is None:
            return 0
        learner.load(part)
        return int(part["done"])

    def _read(self, key: str) -> dict[str, torch.Tensor] | None:
        found = self._load(f"body-{key[:16]}.pt", key)
        weights: dict[str, torch.Tensor] | None = None if found is None else found["body"]
        return weights

    def _load(self, name: str, key: str) -> dict[str, Any] | None:
        """What a file holds; None when there is none, or a damaged one: it is a cache."""
        if self._folder is None or not (self._folder / name).exists():
            return None
        try:
            path = self._folder / name
            content: dict[str, Any] = torch.load(path, self._device, weights_only=True)
            return content if content["key"] == key else None
        except _UNREADABLE:
            return None

    def _write(self, name: str, content: dict[str, Any]) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self._folder / name) as file:
                torch.save(content, file)
        except (OSError, RuntimeError) as error:
            raise ClassifierError(f"{self._folder / name}: cannot be written: {error}") from error
