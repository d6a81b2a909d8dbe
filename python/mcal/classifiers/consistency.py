"""Pseudo-labels for items without a label, and which of them are believed."""

from __future__ import annotations

from ._torch import nn, torch
from .recipes import Consistency

__all__ = ["PseudoLabels", "Thresholds"]


class Thresholds:
    """How sure a network must be of an item to learn from its own answer, class by class.

    Self-adaptive thresholds of FreeMatch (Wang et al. 2023, Eq. 5 to 8): the running mean of the
    confidence, scaled for each class by how often the network says it, relative to the class that
    it says most. So the bar is low while little is known, rises with what is learnt, and is lower
    for a class that is learnt late. All state is on the device and changed in place.
    """

    def __init__(self, n_classes: int, momentum: float, device: torch.device) -> None:
        self.confidence = torch.full((), 1 / n_classes, device=device)  # tau_t
        self.shares = torch.full((n_classes,), 1 / n_classes, device=device)  # p_t(c)
        self._step = 1 - momentum

    def update(self, probabilities: torch.Tensor) -> None:
        """Take in what the network says of a batch, (K, C)."""
        self.confidence.lerp_(probabilities.amax(1).mean(), self._step)
        self.shares.lerp_(probabilities.mean(0), self._step)

    def believed(self, probabilities: torch.Tensor) -> torch.Tensor:
        """1.0 for the items (K,) whose most likely class reaches its threshold, else 0.0."""
        largest, labels = probabilities.max(1)
        wanted = self.confidence * self.shares / self.shares.amax()
        return (largest >= wanted[labels]).float()


class PseudoLabels:
    """The loss of distorted items against what the network says of the items themselves."""

    def __init__(self, consistency: Consistency, n_classes: int, device: torch.device) -> None:
        self.thresholds = Thresholds(n_classes, consistency.momentum, device)
        self._consistency = consistency
        # A recorded step reads it; a number would stay what it was.
        self._weight = torch.zeros((), device=device)

    def set_share(self, share: float) -> None:
        """Weigh the loss as it is due when ``share`` of the steps is done."""
        self._weight.fill_(self._consistency.weight_at(share))

    def loss(self, plain: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        """Weighted loss for logits (K, C) of the same items; learns from ``distorted`` only.

        An item that is not believed weighs nothing, but counts in the mean.
        """
        probabilities = plain.detach().softmax(1)
        self.thresholds.update(probabilities)
        believed = self.thresholds.believed(probabilities)
        labels = probabilities.argmax(1)
        losses = nn.functional.cross_entropy(distorted, labels, reduction="none")
        return self._weight * (believed * losses).mean()
