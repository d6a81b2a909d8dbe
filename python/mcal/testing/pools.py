"""What every pool must promise."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mcal.types import Pool


class PoolContract:
    """Subclass it as ``Test...`` and say how a pool of three items or more is made."""

    def make_pool(self, world: Path) -> Pool:
        """A pool in the folder ``world``; again the same items in the same order."""
        raise NotImplementedError

    def make_other_pool(self, world: Path) -> Pool:
        """As many items, of which one differs from those of ``make_pool``."""
        raise NotImplementedError

    def test_says_what_it_is(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        assert isinstance(pool, Pool)
        assert isinstance(pool.n_pool, int)
        assert pool.n_pool >= 3, "make_pool: the contract needs three items or more"
        assert isinstance(pool.classes, tuple)
        assert len(set(pool.classes)) == len(pool.classes) >= 2
        assert pool.kind in ("images", "embeddings")

    def test_the_fingerprint_is_of_the_items(self, tmp_path: Path) -> None:
        for world in ("one", "other"):
            (tmp_path / world).mkdir()
        pool = self.make_pool(tmp_path / "one")
        assert re.fullmatch("[0-9a-f]{64}", pool.fingerprint), "a sha256 in hexadecimal"
        assert self.make_pool(tmp_path / "one").fingerprint == pool.fingerprint
        other = self.make_other_pool(tmp_path / "other")
        assert other.n_pool == pool.n_pool
        assert other.fingerprint != pool.fingerprint

    def test_reads_the_kind_it_says(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        items = pool.read(np.arange(pool.n_pool))
        assert len(items) == pool.n_pool
        if pool.kind == "images":
            assert items.dtype == np.uint8
            assert items.ndim == 4
            assert items.shape[3] in (1, 3)
        else:
            assert items.dtype == np.float32
            assert items.ndim == 2
            assert np.isfinite(items).all()

    def test_reads_in_any_order(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        items = pool.read(np.arange(pool.n_pool))
        mixed = np.random.default_rng(0).permutation(pool.n_pool)
        assert np.array_equal(pool.read(mixed), items[mixed])
        repeated = np.array([2, 0, 2])
        assert np.array_equal(pool.read(repeated), items[repeated])
        none = pool.read(np.empty(0, np.int64))
        assert none.shape == (0, *items.shape[1:])
        assert none.dtype == items.dtype

    def test_what_was_read_belongs_to_the_reader(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        indices = np.arange(pool.n_pool)
        items = pool.read(indices)
        before = items.copy()
        items[...] = 1
        assert np.array_equal(pool.read(indices), before)

    def test_reads_in_several_threads(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        indices = np.arange(pool.n_pool)
        items = pool.read(indices)
        with ThreadPoolExecutor(4) as executor:
            for again in executor.map(pool.read, [indices] * 8):
                assert np.array_equal(again, items)

    def test_refuses_indices_of_no_item(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        for index in (-1, pool.n_pool):
            with pytest.raises(ValueError, match="ind"):
                pool.read(np.array([0, index]))
            with pytest.raises(ValueError, match="index"):
                pool.item_name(index)

    def test_every_item_has_a_name_of_its_own(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        names = [pool.item_name(index) for index in range(pool.n_pool)]
        assert all(isinstance(name, str) and name for name in names)
        assert len(set(names)) == len(names)
        for name in names:
            name.encode()  # text that a file or a service can hold

    def test_broken_items_are_blank(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        broken = pool.broken()
        assert all(isinstance(index, int) and 0 <= index < pool.n_pool for index in broken)
        assert all(isinstance(reason, str) and reason for reason in broken.values())
        assert not pool.read(np.array(sorted(broken), np.int64)).any()
        broken[-1] = "changed by the caller"
        assert -1 not in pool.broken()

    def test_does_not_know_the_truth(self, tmp_path: Path) -> None:
        pool = self.make_pool(tmp_path)
        assert not {"labels", "targets", "truth", "y"} & set(dir(pool))
