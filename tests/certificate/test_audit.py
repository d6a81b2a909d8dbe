"""The promise by full enumeration, the rule against a slow oracle, and every edge."""

from itertools import combinations, product
from math import comb, floor

import numpy as np
import pytest
from scipy.stats import hypergeom

from mcal import Certificate, certify, machine_positions

NONE = np.zeros(0, np.int64)


def oracle_cut(frame: int, drawn: list[int], wrong: list[int], allowed: int, risk: float) -> int:
    """The set rule as algorithm.md prints it, item by item; ``drawn`` and ``wrong`` are ranks."""
    k = -1
    while (
        allowed + 2 + k <= frame
        and hypergeom.cdf(k + 1, frame, allowed + 2 + k, len(drawn)) <= risk + 1e-12
    ):
        k += 1
    if frame - len(drawn) <= allowed:
        return frame
    seen = 0
    for rank in range(frame if k >= 0 else 0):
        seen += rank in drawn and rank in wrong
        if seen == k + 1:
            return rank
    return frame if k >= 0 else 0


@pytest.mark.parametrize("n_audit", [0, 1, 3, 5, 6])
@pytest.mark.parametrize("target_error", [0.0, 0.15, 0.3, 1.0])
@pytest.mark.parametrize(("target", "start"), [("set", None), ("machine", 2), ("machine", 5)])
def test_the_promise_holds_for_every_layout_of_errors(
    n_audit: int, target_error: float, target: str, start: int | None
) -> None:
    """All 2^7 layouts x all draws: both the target and the sharper certified error are kept."""
    n_ranked, frame, n_pool, confidence = 7, 6, 10, 0.7
    for layout in product((False, True), repeat=n_ranked):
        is_wrong = np.array(layout)
        above_target = above_certified = 0
        for drawn in combinations(range(frame), n_audit):
            positions = np.array(drawn, np.int64)
            certificate = certify(
                n_ranked,
                frame,
                positions,
                is_wrong[positions],
                n_pool=n_pool,
                target_error=target_error,
                confidence=confidence,
                target=target,
                start=start,
            )
            machine = machine_positions(certificate.cut, positions)
            assert machine.size == certificate.n_machine
            errors = int(is_wrong[machine].sum())
            base = n_pool if target == "set" else max(1, machine.size)
            above_target += errors / base > target_error
            above_certified += errors > certificate.certified_errors
            assert certificate.certified_error == certificate.certified_errors / base
            assert certificate.certified_error <= target_error
        n_draws = comb(frame, n_audit)
        assert above_target / n_draws <= 1 - confidence + 1e-12
        assert above_certified / n_draws <= 1 - confidence + 1e-12


def test_the_promise_is_not_kept_by_far() -> None:
    """The worst layout breaks it with almost the probability allowed: nothing is given away."""
    n_ranked, n_audit, allowed, risk = 400, 120, 20, 0.05
    k = max(k for k in range(60) if hypergeom.cdf(k, n_ranked, allowed + 1 + k, n_audit) <= risk)
    worst = hypergeom.cdf(k, n_ranked, allowed + 1 + k, n_audit)
    assert 0.035 < worst <= risk
    rng = np.random.default_rng(5)
    is_wrong = np.arange(n_ranked) < allowed + 1 + k
    broken = 0
    for _ in range(4000):
        positions = rng.choice(n_ranked, n_audit, replace=False)
        certificate = certify(
            n_ranked, n_ranked, positions, is_wrong[positions], n_pool=n_ranked, target_error=0.05
        )
        broken += is_wrong[machine_positions(certificate.cut, positions)].sum() > allowed
    assert broken / 4000 == pytest.approx(worst, abs=4 * np.sqrt(risk / 4000))


def test_the_cut_is_that_of_the_printed_rule() -> None:
    rng = np.random.default_rng(2)
    for _ in range(400):
        n_ranked = int(rng.integers(1, 80))
        frame = int(rng.integers(1, n_ranked + 1))
        n_audit = int(rng.integers(0, frame + 1))
        n_pool = n_ranked + int(rng.integers(0, 40))
        target_error, confidence = rng.uniform(0, 0.3), rng.uniform(0.3, 0.99)
        is_wrong = rng.random(n_ranked) < rng.uniform(0, 0.6) * np.linspace(0, 1, n_ranked)
        positions = rng.choice(frame, n_audit, replace=False)
        found = certify(
            n_ranked,
            frame,
            positions,
            is_wrong[positions],
            n_pool=n_pool,
            target_error=target_error,
            confidence=confidence,
        )
        allowed = floor(target_error * n_pool)
        cut = oracle_cut(
            frame, positions.tolist(), np.flatnonzero(is_wrong).tolist(), allowed, 1 - confidence
        )
        free = np.setdiff1d(np.arange(n_ranked), positions)[:allowed]
        machine = np.setdiff1d(np.arange(cut), positions)
        expected = machine if machine.size >= free.size else free
        assert machine_positions(found.cut, positions).tolist() == expected.tolist()
        assert (found.n_audit, found.n_wrong) == (n_audit, is_wrong[positions].sum())


def certified(
    positions: np.ndarray, wrong: np.ndarray | bool, target_error: float = 0.05, **more: object
) -> Certificate:
    marks = np.broadcast_to(np.asarray(wrong), np.shape(positions))
    settings: dict[str, object] = {"n_pool": 1000, "target_error": target_error} | more
    return certify(800, 600, positions, marks, **settings)  # type: ignore[arg-type]


def test_nothing_audited_leaves_the_errors_that_are_allowed_anyway() -> None:
    found = certified(NONE, False)
    assert (found.cut, found.n_machine, found.certified_errors) == (50, 50, 50)
    assert found.tolerated is None
    assert certified(np.arange(300), False, target="machine", start=1).tolerated is None
    assert certified(NONE, False, target="machine", start=1).n_machine == 0
    assert certified(NONE, False, target_error=0.0).n_machine == 0


def test_everything_may_be_wrong_at_a_target_of_one() -> None:
    assert certified(np.arange(5), True, target_error=1.0).n_machine == 795


def test_an_audit_of_the_whole_frame_leaves_nothing_to_doubt() -> None:
    found = certified(np.arange(600), False, target_error=0.0)
    assert (found.cut, found.n_machine, found.certified_error) == (600, 0, 0.0)
    assert certified(np.arange(600), True).n_machine == 50  # the allowed, below the frame


def test_none_wrong_certifies_the_frame_below_the_target() -> None:
    found = certified(np.arange(0, 600, 4), False)
    assert (found.cut, found.n_machine) == (600, 450)
    assert 0 < found.certified_error < 0.02
    machine = certified(np.arange(0, 600, 4), False, target="machine", start=300)
    assert (machine.cut, machine.certified_error) == (600, 22 / 450)


def test_all_wrong_certifies_no_more_than_is_allowed_anyway() -> None:
    found = certified(np.arange(0, 600, 2), True)
    assert (found.n_machine, found.certified_errors) == (50, 50)
    assert certified(np.arange(0, 600, 2), True, target="machine", start=1).n_machine == 0


def test_an_empty_ranking_has_an_empty_certificate() -> None:
    for target, start in (("set", None), ("machine", 0)):
        found = certify(0, 0, [], [], n_pool=10, target_error=0.05, target=target, start=start)
        assert (found.cut, found.n_machine, found.certified_error) == (0, 0, 0.0)


def test_the_order_of_the_audited_ranks_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    positions = rng.choice(600, 200, replace=False).astype(np.int32)
    wrong = positions > 500
    order = rng.permutation(200)
    assert certified(positions, wrong) == certified(positions[order], wrong[order])


def test_more_wrong_or_more_confidence_never_certifies_more() -> None:
    rng = np.random.default_rng(1)
    positions = np.sort(rng.choice(600, 300, replace=False))
    last = 10**9
    for n_wrong in range(0, 300, 10):
        found = certified(positions, np.arange(300) >= 300 - n_wrong)
        assert found.n_machine <= last
        last = found.n_machine
    cuts = [certified(positions, positions > 450, confidence=c).n_machine for c in (0.5, 0.9, 0.99)]
    assert cuts == sorted(cuts, reverse=True)


def test_a_hundred_million_items_need_no_pass_over_them() -> None:
    positions = np.arange(0, 80_000_000, 400)
    found = certify(
        90_000_000, 80_000_000, positions, positions % 1200 == 0, n_pool=10**8, target_error=0.05
    )
    assert 0.1 < found.n_machine / 10**8 < 0.16  # a third of all are wrong
    assert found.certified_error <= 0.05


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_pool": 799}, "n_ranked: expected an integer >= 0 and <= 799, found 800"),
        ({"frame": 801}, "frame: expected an integer >= 0 and <= 800, found 801"),
        ({"frame": True}, "frame: expected an integer"),
        ({"positions": [0, 600]}, r"positions: expected ranks in \[0, 600\), found 600"),
        ({"positions": [-1, 6]}, r"positions: expected ranks in \[0, 600\), found -1"),
        ({"positions": [3, 3]}, "positions: expected each rank once, found 3 twice"),
        ({"positions": [1.0, 2.0]}, "positions: expected integers of shape"),
        ({"positions": [[1, 2]]}, r"positions: .* found int64 of shape \(1, 2\)"),
        ({"wrong": [True]}, r"wrong: expected bool of shape \(2,\), found bool of shape \(1,\)"),
        ({"wrong": [0, 1]}, "wrong: expected bool of shape .*, found int64"),
        ({"target_error": 1.1}, "target_error: expected a finite number >= 0 and <= 1, found 1.1"),
        ({"target_error": np.nan}, "target_error: expected a finite number"),
        ({"confidence": 0.0}, "confidence: expected a finite number > 0 and < 1, found 0.0"),
        ({"target": "both"}, "target: expected 'set' or 'machine', found 'both'"),
        ({"start": 3}, "start: expected None for target 'set', found 3"),
        ({"target": "machine"}, "start: expected an integer >= 1 and <= 600, found None"),
        ({"target": "machine", "start": 0}, "start: expected an integer >= 1 and <= 600, found 0"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], words: str) -> None:
    call: dict[str, object] = {
        "n_ranked": 800,
        "frame": 600,
        "positions": [1, 2],
        "wrong": [True, False],
        "n_pool": 1000,
        "target_error": 0.05,
    }
    with pytest.raises(ValueError, match=words):
        certify(**(call | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "positions", [[1.9, 3.2], [False, True], [-1], [2, 2], [[1]], ["1"], [float("nan")]]
)
def test_what_is_no_rank_is_never_taken_for_one(positions: list) -> None:
    with pytest.raises(ValueError, match="positions: expected"):
        machine_positions(6, positions)
