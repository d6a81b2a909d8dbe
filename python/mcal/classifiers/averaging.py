"""The running average of a network's weights."""

from __future__ import annotations

from ._torch import nn, torch

__all__ = ["Average"]


class Average:
    """Weights averaged over the last steps, the statistics of batch norms among them.

    After k steps it is ``average += (weights - average) / (1 + share * k)``: it reaches back over
    about that share of the steps done, so that few steps need no other number than many, and it
    forgets where it began. With share 0 it is the latest weights, with 1 the plain mean.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        self._share = share
        self._steps = 0
        self._latest = _floating(network)
        self._averaged = [tensor.clone() for tensor in self._latest]
        # A recorded step reads it; a number would stay what it was.
        self._weight = self._averaged[0].new_ones(())

    def advance(self) -> None:
        """Count a step, before it is taken."""
        self._weight.fill_(1 / (1 + self._share * self._steps))
        self._steps += 1

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now; nothing waits for the host."""
        difference = torch._foreach_sub(self._latest, self._averaged)
        torch._foreach_mul_(difference, self._weight)
        torch._foreach_add_(self._averaged, difference)

    def hand_over(self) -> None:
        """Make the averages the network's weights."""
        with torch.no_grad():
            torch._foreach_copy_(self._latest, self._averaged)


def _floating(network: nn.Module) -> list[torch.Tensor]:
    """What a network consists of, apart from counters."""
    tensors = [*network.parameters(), *network.buffers()]
    return [t.detach() for t in tensors if t.is_floating_point()]
