"""One optimisation step: what it changes, and on a GPU that its recording does the same."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers.architectures import build_network  # noqa: E402
from mcal.classifiers.items import Normalisation  # noqa: E402
from mcal.classifiers.recipes import Augmentation, recipe_for  # noqa: E402
from mcal.classifiers.step import EagerStep, step_for  # noqa: E402

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

SHAPE = (16, 16, 3)


def batches(n: int, size: int, device: str) -> list[tuple[Any, Any]]:
    random = np.random.default_rng(3)
    return [
        (
            torch.from_numpy(random.integers(0, 255, (size, *SHAPE), dtype=np.uint8)).to(device),
            torch.from_numpy(random.integers(0, 4, size)).to(device),
        )
        for _ in range(n)
    ]


def normalisation(device: str) -> Normalisation:
    ones = torch.ones(3, device=device)
    return Normalisation(128 * ones, 64 * ones)


def trained(network: Any, step: Any, device: str, n: int = 12, labelled: int = 8) -> Any:
    network.train()
    for k, (block, targets) in enumerate(batches(n, 8, device)):
        step(block, targets[:labelled], k / n)
    step.finish()
    return network.state_dict()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_step_moves_every_weight_at_the_rate_of_its_share(optimizer: Any) -> None:
    torch.manual_seed(0)
    network = build_network("small-cnn", SHAPE, 4)
    recipe = replace(recipe_for("fast", "small-cnn", SHAPE), optimizer=optimizer)
    step = step_for(network, recipe, normalisation("cpu"), 0)
    network.train()
    ((block, targets),) = batches(1, 8, "cpu")
    before = copy.deepcopy(network.state_dict())
    step(block, targets, 1.0)  # where the rate is 0
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter, before[name], rtol=0, atol=0)
    step(block, targets, 0.5)
    for name, parameter in network.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_the_average_is_what_is_left_in_the_end() -> None:
    torch.manual_seed(0)
    recipe = replace(recipe_for("fast", "small-cnn", SHAPE), average_share=0.0)
    latest = build_network("small-cnn", SHAPE, 4)
    averaged = copy.deepcopy(latest)
    last = trained(latest, step_for(latest, recipe, normalisation("cpu"), 0), "cpu")
    recipe = replace(recipe, average_share=0.2)
    mean = trained(averaged, step_for(averaged, recipe, normalisation("cpu"), 0), "cpu")
    for name, weight in last.items():
        if weight.is_floating_point():
            assert torch.isfinite(mean[name]).all()
            assert not torch.equal(mean[name], weight), name


def test_items_without_labels_move_the_weights_only_when_their_time_has_come() -> None:
    torch.manual_seed(0)
    semi = replace(recipe_for("semi", "small-cnn", SHAPE), average_share=0.0)
    assert semi.consistency is not None
    none = replace(semi, consistency=replace(semi.consistency, weight=0.0))
    start = build_network("small-cnn", SHAPE, 4)
    weights = {}
    for name, recipe, share in (("early", semi, 0.0), ("late", semi, 1e-9 + semi.consistency.full),
                                ("none", none, 1e-9 + semi.consistency.full)):  # fmt: skip
        network = copy.deepcopy(start).train()
        step = step_for(network, recipe, normalisation("cpu"), 0)
        ((block, targets),) = batches(1, 8, "cpu")
        step(block, targets[:2], share)
        moved = network.head.weight.detach() - start.head.weight
        weights[name] = moved / recipe.rate(share)
    torch.testing.assert_close(weights["early"], weights["none"], rtol=1e-3, atol=1e-6)
    assert (weights["late"] - weights["none"]).abs().max() > 1e-3


@on_gpu
def test_a_recording_of_semi_does_what_its_steps_do() -> None:
    torch.manual_seed(0)
    recipe = recipe_for("semi", "small-cnn", SHAPE)
    network = build_network("small-cnn", SHAPE, 4).cuda().to(memory_format=torch.channels_last)
    other = copy.deepcopy(network)
    recorded = step_for(network, recipe, normalisation("cuda"), 5)
    found = trained(network, recorded, "cuda", labelled=2)
    eager = EagerStep(other, recipe, normalisation("cuda"), 5)
    wanted = trained(other, eager, "cuda", labelled=2)
    for name, weight in wanted.items():
        torch.testing.assert_close(found[name], weight, rtol=0.05, atol=5e-3, msg=name)


@on_gpu
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_recording_does_what_its_steps_do(optimizer: Any) -> None:
    torch.manual_seed(0)
    recipe = replace(
        recipe_for("fast", "small-cnn", SHAPE),
        optimizer=optimizer,
        augmentation=Augmentation(shift_share=0.2),
    )
    network = build_network("small-cnn", SHAPE, 4).cuda()
    other = copy.deepcopy(network)
    seed = 5
    found = trained(network, step_for(network, recipe, normalisation("cuda"), seed), "cuda")
    wanted = trained(other, EagerStep(other, recipe, normalisation("cuda"), seed), "cuda")
    for name, weight in wanted.items():
        # bfloat16 products may be summed in another order; another draw or rate is far off
        torch.testing.assert_close(found[name], weight, rtol=0.02, atol=2e-3, msg=name)


@on_gpu
@pytest.mark.parametrize(
    "architecture",
    [
        "small-cnn", "cnn18", "resnet18", "resnet50", "efficientnet_b0", "mobilenet_v3_small",
        "densenet121", "googlenet", "inception_v3", "vit_b_16", "swin_t", "vgg11", "squeezenet1_0",
    ],
)  # fmt: skip
def test_every_kind_of_network_can_be_recorded(architecture: str) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, SHAPE, 4).cuda().to(memory_format=torch.channels_last)
    step = step_for(network, recipe_for("fast", architecture, SHAPE), normalisation("cuda"), 0)
    weights = trained(network, step, "cuda", n=6)
    assert all(torch.isfinite(w).all() for w in weights.values())


@on_gpu
def test_others_may_use_the_gpu_during_a_recording() -> None:
    torch.manual_seed(0)
    network = build_network("small-cnn", SHAPE, 4).cuda()
    done = threading.Event()

    def upload() -> None:  # as the thread does that reads items ahead
        while not done.is_set():
            torch.zeros(1 << 20).to("cuda").cpu()

    busy = threading.Thread(target=upload)
    busy.start()
    try:
        for _ in range(10):
            step = step_for(
                network, recipe_for("fast", "small-cnn", SHAPE), normalisation("cuda"), 0
            )
            weights = trained(network, step, "cuda", n=6)
            assert all(torch.isfinite(w).all() for w in weights.values())
    finally:
        done.set()
        busy.join()
