"""Every architecture takes every shape of image it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers import open_classifier  # noqa: E402
from mcal.classifiers.architectures import build_network  # noqa: E402
from mcal.classifiers.scoring import fold_batch_norms  # noqa: E402
from mcal.settings import ClassifierSettings  # noqa: E402


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (33, 47, 4), (224, 160, 3)])
@pytest.mark.parametrize("architecture", ["small-cnn", "cnn18", "resnet18"])
def test_shapes(architecture: str, shape: tuple[int, int, int]) -> None:
    network = build_network(architecture, shape, 7).eval()
    height, width, channels = shape
    with torch.inference_mode():
        embeddings = network.embed(torch.zeros(2, channels, height, width))
        assert embeddings.shape == (2, network.head.in_features)
        assert network.classify(embeddings).shape == (2, 7)


@pytest.mark.parametrize(
    "architecture",
    [
        "resnet50",
        "efficientnet_b0",
        "squeezenet1_1",
        "googlenet",
        "densenet121",
        "mobilenet_v3_small",
        "alexnet",
        "vit_b_32",
    ],
)
def test_torchvision_names_take_small_grey_images(architecture: str) -> None:
    network = build_network(architecture, (32, 32, 1), 5).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, 1, 32, 32))
    assert logits.shape == (2, 5)
    assert torch.isfinite(logits).all()


def test_cnn18_is_resnet18_without_its_skip_connections() -> None:
    def shapes(architecture: str) -> list[Any]:
        network = build_network(architecture, (224, 224, 3), 10)
        return sorted(
            tuple(p.shape) for n, p in network.named_parameters() if "downsample" not in n
        )

    assert shapes("cnn18") == shapes("resnet18")


@pytest.mark.parametrize("architecture", ["small-cnn", "cnn18", "resnet18", "efficientnet_b0"])
def test_folding_batch_norms_changes_nothing(architecture: str) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, (32, 32, 3), 4)
    images = torch.randn(8, 3, 32, 32) + 1
    with torch.no_grad():
        network(images)  # gives the norms something to have measured
        network.eval()
        expected = network(images)
        folded = fold_batch_norms(network)
        torch.testing.assert_close(folded(images), expected, rtol=1e-3, atol=1e-3)
    n_norms = [
        sum(isinstance(m, torch.nn.BatchNorm2d) for m in n.modules()) for n in (network, folded)
    ]
    assert n_norms[1] < n_norms[0]


def test_dropout_is_as_repeatable_as_the_rest(make_images: Any) -> None:
    pool, labels = make_images(6, 32, 32, 3)
    settings = ClassifierSettings(
        architecture="efficientnet_b0", epochs=1, batch_size=3, device="cpu"
    )

    def logits() -> Any:
        model = open_classifier(settings, pool).train(pool, np.arange(6), labels, seed=1)
        return model.score(pool, np.arange(6)).logits

    np.testing.assert_array_equal(logits(), logits())
