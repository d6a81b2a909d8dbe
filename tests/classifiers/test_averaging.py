"""Averaged weights against a slow oracle."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers.architectures import build_network  # noqa: E402
from mcal.classifiers.averaging import Average  # noqa: E402


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_average_of_every_weight_and_statistic(share: float) -> None:
    torch.manual_seed(0)
    network = build_network("small-cnn", (16, 16, 1), 3).train()
    average = Average(network, share)
    expected = {k: v.double().numpy() for k, v in copy.deepcopy(network.state_dict()).items()}
    for k in range(6):
        average.advance()
        network(torch.randn(4, 1, 16, 16))  # moves the statistics of batch norms
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update()
        for name, latest in network.state_dict().items():
            expected[name] += (latest.double().numpy() - expected[name]) / (1 + share * k)
    latest = {k: v.clone() for k, v in network.state_dict().items()}
    average.hand_over()
    for name, found in network.state_dict().items():
        if found.is_floating_point():
            np.testing.assert_allclose(
                found.numpy(), expected[name], rtol=1e-5, atol=1e-5, err_msg=name
            )
            assert share == 0 or not torch.equal(found, latest[name])
        else:  # a counter
            assert torch.equal(found, latest[name])


def test_with_share_1_it_is_the_plain_mean() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    average = Average(layer, 1.0)
    for value in (3.0, 5.0, 10.0):
        average.advance()
        torch.nn.init.constant_(layer.weight, value)
        average.update()
    average.hand_over()
    assert layer.weight.item() == pytest.approx(6.0)
