from mcal.types import derive_seed


def test_every_use_has_its_own_seed_and_keeps_it() -> None:
    seeds = {
        derive_seed(s, r, p) for s in range(5) for r in range(5) for p in ("test", "train:a", "b")
    }
    assert len(seeds) == 75
    assert derive_seed(7, 2, "test") == derive_seed(7, 2, "test")
    assert all(0 <= s < 2**63 for s in seeds)
