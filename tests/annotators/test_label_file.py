from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import read_label_file
from mcal.errors import AnnotatorError
from mcal.types import NO_LABEL

CLASSES = ("cat", "dog")


@pytest.mark.parametrize(
    "text",
    [
        "index,label\n2,none\n0,dog\n1,cat\n",
        "label\nDog\ncat\nnone\n",
        "index,item,label,source\n0,a,dog,human\n1,b,cat,machine\n2,c,none,human\n",
    ],
)
def test_reads_csv(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    labels = read_label_file(tmp_path / "t.csv", CLASSES)
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 0, NO_LABEL]


def test_reads_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.array([1, 0, -1], np.int8))
    labels = read_label_file(tmp_path / "t.npy", CLASSES)
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("index,label\n0,cta\n", "line 2: 'cta' is no class .did you mean 'cat'"),
        ("index,label\n0,\n", "line 2: '' is no class"),
        ("index,label\n0,cat\n0,cat\n", "line 3: index 0 is there twice"),
        ("index,label\n0,cat\n2,cat\n", "item 1 has no label"),
        ("index,label\n-1,cat\n", "expected an index, found '-1'"),
        ("index,label\n", "item 0 has no label"),
        ("index\n0\n", "column 'label' is missing"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(AnnotatorError, match=words):
        read_label_file(tmp_path / "t.csv", CLASSES)


@pytest.mark.parametrize(
    "array", [np.array([0.0]), np.array([[0]]), np.array([2]), np.array([-2]), np.empty(0, int)]
)
def test_refuses_arrays_of_something_else(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "t.npy", array)
    with pytest.raises(AnnotatorError, match="expected"):
        read_label_file(tmp_path / "t.npy", CLASSES)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("t.csv", "t.npy"):
        with pytest.raises(AnnotatorError, match="cannot be read"):
            read_label_file(tmp_path / name, CLASSES)
