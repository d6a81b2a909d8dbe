"""One optimisation step of a network, and its recording as a CUDA graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from ._torch import nn, torch
from .architectures import Network
from .augmentation import augment
from .averaging import Average
from .consistency import PseudoLabels
from .distortion import distort
from .items import Normalisation
from .recipes import Recipe

__all__ = ["EagerStep", "Recordable", "Step", "recorded", "step_for"]

_EAGER_STEPS = 3  # before recording: what libraries set up at their first calls cannot be recorded


class Step(Protocol):
    """Brings a network nearer to its labels, in place, once per call.

    Takes items as read (K, ...), the classes (L,) int64 of the first L of them, both on the
    network's device, and the share of all steps that is done. K, L, the shape of an item and their
    types are the same at every call.
    """

    def __call__(self, block: torch.Tensor, targets: torch.Tensor, share: float) -> None: ...

    def finish(self) -> None:
        """Leave in the network what it is to be scored with, after the last step."""
        ...


class Recordable(Step, Protocol):
    """A step that a GPU may repeat from a recording of ``run``.

    ``set_share`` does before each run what must not be recorded. All that ``run`` reads or changes
    stays where it is in the device's memory, and all its chance comes from ``chance``.
    """

    device: torch.device
    chance: torch.Generator

    def set_share(self, share: float) -> None: ...

    def run(self, block: torch.Tensor, targets: torch.Tensor) -> None: ...


def step_for(network: Network, recipe: Recipe, normalisation: Normalisation, seed: int) -> Step:
    """The step that suits the network's device."""
    return recorded(EagerStep(network, recipe, normalisation, seed))


def recorded(step: Recordable) -> Step:
    """``step``, repeated from a recording where it runs on a GPU."""
    return _RecordedStep(step) if step.device.type == "cuda" else step


class EagerStep:
    """Augments, normalises, computes gradients and moves the weights."""

    def __init__(
        self, network: Network, recipe: Recipe, normalisation: Normalisation, seed: int
    ) -> None:
        self.device = network.head.weight.device
        self.chance = torch.Generator(self.device).manual_seed(seed)
        self._network, self._recipe, self._normalisation = network, recipe, normalisation
        self._optimizer = _optimizer(network, recipe, self.device)
        self._average = Average(network, recipe.average_share) if recipe.average_share else None
        self._pseudo: PseudoLabels | None = None
        if recipe.consistency is not None:
            n_classes = network.head.out_features
            self._pseudo = PseudoLabels(recipe.consistency, n_classes, self.device)

    def __call__(self, block: torch.Tensor, targets: torch.Tensor, share: float) -> None:
        self.set_share(share)
        self.run(block, targets)

    def set_share(self, share: float) -> None:
        """Tell the next step how far the training is: all that changes from step to step."""
        self._set_rate(self._recipe.rate(share))
        if self._average is not None:
            self._average.advance()
        if self._pseudo is not None:
            self._pseudo.set_share(share)

    def _set_rate(self, rate: float) -> None:
        groups = self._optimizer.param_groups
        if isinstance(groups[0]["lr"], torch.Tensor):
            groups[0]["lr"].fill_(rate)  # one tensor for all groups
            return
        for group in groups:
            group["lr"] = rate

    def run(self, block: torch.Tensor, targets: torch.Tensor) -> None:
        """The step that ``set_share`` has set; on a GPU nothing waits for the host."""
        loss = self._loss(block, targets)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._average is not None:
            self._average.update()

    def finish(self) -> None:
        if self._average is not None:
            self._average.hand_over()

    def _loss(self, block: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        n = targets.shape[0]
        augmentation, consistency = self._recipe.augmentation, self._recipe.consistency
        batch = self._normalisation.apply(augment(block[:n], augmentation, self.chance))
        if consistency is not None:
            whole = replace(augmentation, erase_share=0.0)  # an answer should see all of the item
            plain = augment(block[n:], whole, self.chance)
            distorted = distort(block[n:], consistency.distortion, self.chance)
            # One batch, for batch norms are to see labelled and other items alike.
            others = [self._normalisation.apply(seen) for seen in (plain, distorted)]
            batch = torch.cat([batch, *others])
        on_gpu = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu):
            logits = self._network(batch)
        smoothing = self._recipe.label_smoothing
        loss = nn.functional.cross_entropy(logits[:n], targets, label_smoothing=smoothing)
        if self._pseudo is not None:
            loss = loss + self._pseudo.loss(*logits[n:].chunk(2))
        return loss


@dataclass(frozen=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    block: torch.Tensor  # what the recording reads
    targets: torch.Tensor

    def replay(self, block: torch.Tensor, targets: torch.Tensor) -> None:
        self.block.copy_(block)
        self.targets.copy_(targets)
        self.graph.replay()


class _RecordedStep:
    """A step that the GPU repeats from a recording of it.

    A step is hundreds of kernels of a few microseconds each, which Python launches several times
    more slowly than a GPU runs them.
    """

    def __init__(self, step: Recordable) -> None:
        self._step = step
        self._n_eager = 0
        self._stream = _recording_stream(step.device)
        self._recording: _Recording | None = None

    def __call__(self, block: torch.Tensor, targets: torch.Tensor, share: float) -> None:
        self._step.set_share(share)
        if self._n_eager < _EAGER_STEPS:
            self._n_eager += 1
            self._run_aside(block, targets)
            return
        if self._recording is None:
            self._recording = self._record(block.clone(), targets.clone())
        self._recording.replay(block, targets)

    def finish(self) -> None:
        self._step.finish()

    def _run_aside(self, block: torch.Tensor, targets: torch.Tensor) -> None:
        """On the stream of the recording, so that what is set up there serves it."""
        caller = torch.cuda.current_stream(self._step.device)
        self._stream.wait_stream(caller)
        with torch.cuda.stream(self._stream):
            self._step.run(block, targets)
        caller.wait_stream(self._stream)

    def _record(self, block: torch.Tensor, targets: torch.Tensor) -> _Recording:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._step.chance)  # each replay draws anew
        with (
            torch.cuda.device(self._step.device),
            torch.cuda.stream(self._stream),  # left behind whatever the recording raises
            torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
        ):
            self._step.run(block, targets)
        return _Recording(graph, block, targets)


@lru_cache
def _recording_stream(device: torch.device) -> torch.cuda.Stream:
    """One for each device, for cuBLAS keeps memory a stream; the default one cannot be recorded."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _optimizer(network: Network, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """Weights of matrices and kernels decay; biases and the scales of norms do not."""
    decaying = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [
        {"params": decaying, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    on_gpu = device.type == "cuda"
    # A recording keeps numbers as they were; what changes must be in the device's memory.
    rate = torch.tensor(recipe.peak_rate, device=device) if on_gpu else recipe.peak_rate
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=on_gpu or None, capturable=on_gpu)
    return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=on_gpu or None)
