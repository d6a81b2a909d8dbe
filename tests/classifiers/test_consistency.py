"""Thresholds and pseudo-labels against FreeMatch's formulas written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mcal.classifiers.consistency import PseudoLabels, Thresholds  # noqa: E402
from mcal.classifiers.recipes import Consistency, distortion_for  # noqa: E402

CPU = torch.device("cpu")
C = 4


def consistency(**numbers: Any) -> Consistency:
    given = {
        "per_label": 1,
        "weight": 2.0,
        "begins": 0.2,
        "full": 0.4,
        "momentum": 0.9,
        "most_items": 1000,
    }
    return Consistency(**(given | numbers), distortion=distortion_for((28, 28, 1)))


def random_logits(seed: int, n: int = 8) -> Any:
    return 3 * torch.randn(n, C, generator=torch.Generator().manual_seed(seed))


def softmax(logits: Any) -> Any:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_thresholds_are_those_of_the_paper() -> None:
    found = Thresholds(C, 0.9, CPU)
    tau, share = 1 / C, np.full(C, 1 / C)  # Eq. 5 and 6 at t = 0
    kept = []
    for t in range(20):
        q = softmax(random_logits(t).double().numpy())
        tau = 0.9 * tau + 0.1 * q.max(1).mean()
        share = 0.9 * share + 0.1 * q.mean(0)
        threshold = share / share.max() * tau  # Eq. 8
        expected = [float(row.max() >= threshold[row.argmax()]) for row in q]
        probabilities = torch.from_numpy(q).float()
        found.update(probabilities)
        believed = found.believed(probabilities)
        np.testing.assert_array_equal(believed.numpy(), expected)
        kept += expected
    assert 0.1 < np.mean(kept) < 0.9
    assert found.confidence.item() == pytest.approx(tau, rel=1e-5)
    np.testing.assert_allclose(found.shares.numpy(), share, rtol=1e-5)


def test_the_loss_is_the_mean_over_all_items_of_those_believed() -> None:
    plain, distorted = random_logits(1), random_logits(2).requires_grad_()
    pseudo = PseudoLabels(consistency(momentum=0.1), C, CPU)
    pseudo.set_share(1.0)
    plain.requires_grad_()
    loss = pseudo.loss(plain, distorted)
    loss.backward()
    assert plain.grad is None  # nobody learns what the answer is to be
    q = softmax(plain.detach().double().numpy())
    believed = pseudo.thresholds.believed(torch.from_numpy(q).float()).numpy()
    said = softmax(distorted.detach().double().numpy())
    losses = [-np.log(p[row.argmax()]) for p, row in zip(said, q, strict=True)]
    assert 0 < believed.sum() < 8
    assert loss.item() == pytest.approx(2.0 * np.mean(believed * losses), rel=1e-5)
    assert ((distorted.grad.abs().sum(1) > 0).numpy() == (believed > 0)).all()


def test_unlabelled_items_count_after_the_labels_have_had_their_time() -> None:
    shares = [0.0, 0.1, 0.2, 0.3, 0.4, 0.7, 1.0]
    weights = [consistency().weight_at(share) for share in shares]
    assert weights == pytest.approx([0, 0, 0, 1, 2, 2, 2])
    pseudo = PseudoLabels(consistency(), C, CPU)
    assert pseudo.loss(random_logits(1), random_logits(2)).item() == 0
    pseudo.set_share(0.2)
    assert pseudo.loss(random_logits(1), random_logits(2)).item() == 0


def test_nothing_of_a_step_depends_on_how_many_are_believed() -> None:
    pseudo = PseudoLabels(consistency(momentum=0.0), C, CPU)
    pseudo.set_share(1.0)
    nobody = torch.zeros(8, C)
    nobody[0, 1] = 50.0  # one sure item, which lifts the bar above all others
    nobody[1:, 0] = 1e-3
    loss = pseudo.loss(nobody, random_logits(0))
    assert torch.isfinite(loss)
    assert loss.shape == ()
