import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mcal.pools import fingerprint
from mcal.pools.fingerprint import array_fingerprint, files_fingerprint

CLASSES = ("a", "b")
ARRAY = np.arange(60, dtype=np.uint8).reshape(5, 3, 4)


def test_everything_that_makes_the_pool_counts() -> None:
    prints = [
        array_fingerprint(ARRAY, CLASSES, None),
        array_fingerprint(ARRAY, ("b", "a"), None),
        array_fingerprint(ARRAY, ("a,b", "c"), None),
        array_fingerprint(ARRAY, ("a", "b,c"), None),
        array_fingerprint(ARRAY, CLASSES, list("vwxyz")),
        array_fingerprint(ARRAY, CLASSES, list("wvxyz")),
        array_fingerprint(ARRAY[::-1], CLASSES, None),
        array_fingerprint(ARRAY.reshape(5, 4, 3), CLASSES, None),
        array_fingerprint(ARRAY.view(np.int8), CLASSES, None),
    ]
    assert len(set(prints)) == len(prints)


def test_memory_layout_does_not_count() -> None:
    expected = array_fingerprint(ARRAY, CLASSES, None)
    assert array_fingerprint(np.asfortranarray(ARRAY), CLASSES, None) == expected
    assert array_fingerprint(np.repeat(ARRAY, 2, axis=0)[::2], CLASSES, None) == expected


def test_another_process_finds_the_same() -> None:
    code = (
        "import numpy as np; from mcal.pools.fingerprint import array_fingerprint as f;"
        "print(f(np.arange(60, dtype=np.uint8).reshape(5, 3, 4), ('a', 'b'), None))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == array_fingerprint(ARRAY, CLASSES, None)


def test_of_a_large_array_a_sample_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_FULL_ARRAY_BYTES", 10)
    monkeypatch.setattr(fingerprint, "_SAMPLED_ROWS", 3)
    expected = array_fingerprint(ARRAY, CLASSES, None)
    for row, counts in enumerate([True, False, True, False, True]):
        other = ARRAY.copy()
        other[row, 0, 0] += 1
        assert (array_fingerprint(other, CLASSES, None) != expected) == counts


def test_of_files_name_size_and_content_count(tmp_path: Path) -> None:
    def of(**contents: bytes) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        sizes = np.array([len(content) for content in contents.values()])
        return files_fingerprint(folder, list(contents), sizes, CLASSES, (2, 8, 8, 3))

    expected = of(a=b"1", b=b"2")
    assert of(a=b"1", b=b"2") == expected, "the folder's own place does not count"
    prints = {expected, of(a=b"1", c=b"2"), of(a=b"1", b=b"3"), of(a=b"1", b=b"22")}
    assert len(prints) == 4


def test_of_many_files_sizes_still_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_FULL_FILES", 2)
    monkeypatch.setattr(fingerprint, "_SAMPLED_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_bytes(b"x")

    def now() -> str:
        sizes = np.array([(tmp_path / name).stat().st_size for name in "abc"])
        return files_fingerprint(tmp_path, list("abc"), sizes, CLASSES, (3, 8, 8, 3))

    expected = now()
    (tmp_path / "b").write_bytes(b"y")
    assert now() == expected, "the middle file is not in a sample of two"
    (tmp_path / "b").write_bytes(b"xx")
    assert now() != expected
