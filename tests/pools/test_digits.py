import numpy as np
import pytest

from mcal.errors import SettingsError
from mcal.pools import open_pool, read_truth
from mcal.settings import PoolSettings

sklearn_datasets = pytest.importorskip("sklearn.datasets")
DIGITS = PoolSettings(kind="digits")


def test_holds_every_digit_with_its_ink_spread_over_a_byte() -> None:
    pool = open_pool(DIGITS, None)
    bunch = sklearn_datasets.load_digits()
    assert pool.classes == tuple("0123456789")
    read = pool.read(np.arange(1797))[..., 0]
    assert read.shape == (1797, 8, 8)
    assert (read.min(), read.max()) == (0, 255)
    assert np.array_equal(np.rint(read / 255 * 16), bunch.images)
    assert np.array_equal(read_truth(DIGITS, None), bunch.target)


def test_a_limit_keeps_every_class_and_pool_and_truth_together() -> None:
    limited = PoolSettings(kind="digits", limit=300)
    pool, truth = open_pool(limited, None), read_truth(limited, None)
    rows = [int(pool.item_name(index)) for index in range(300)]
    assert rows == sorted(set(rows))
    assert rows != list(range(300))
    whole = open_pool(DIGITS, None)
    assert np.array_equal(pool.read(np.arange(300)), whole.read(np.array(rows)))
    assert np.array_equal(truth, read_truth(DIGITS, None)[rows])
    assert len(set(truth.tolist())) == 10
    assert open_pool(limited, None).fingerprint == pool.fingerprint != whole.fingerprint


def test_a_limit_beyond_the_end_keeps_all() -> None:
    assert open_pool(PoolSettings(kind="digits", limit=10_000), None).n_pool == 1797


def test_classes_are_the_data_set_s_own() -> None:
    open_pool(DIGITS, tuple("0123456789"))
    with pytest.raises(SettingsError, match=r"those of 'digits' in its order \(0, 1, 2"):
        open_pool(DIGITS, tuple("9876543210"))
    with pytest.raises(SettingsError, match="classes"):
        read_truth(DIGITS, ("a", "b"))
