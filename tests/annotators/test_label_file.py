from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import read_label_file
from mcal.errors import AnnotatorError
from mcal.types import NO_LABEL

CLASSES = ("cat", "dog")
NAMES = ("a.png", "=b.png", " c.png")


def no_names() -> tuple[str, ...]:
    raise AssertionError("nobody may ask for the names here")


@pytest.mark.parametrize(
    ("text", "matched_by"),
    [
        ("index,label\n2,none\n0,dog\n1,cat\n", "index"),
        ("label\nDog\ncat\nnone\n", "position"),
        ("index,item,label\n0,a,dog\n1,b,cat\n2,c,none\n", "index"),
    ],
)
def test_reads_csv(tmp_path: Path, text: str, matched_by: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    labels, found = read_label_file(tmp_path / "t.csv", CLASSES, no_names)
    assert found == matched_by
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 0, NO_LABEL]


def test_reads_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.array([1, 0, -1], np.int8))
    labels, matched_by = read_label_file(tmp_path / "t.npy", CLASSES, no_names)
    assert matched_by == "position"
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
        ("index,label\n", "found no rows"),
        ("name,label\na,cat\n", "expected a column 'index' or 'item' .* found name, label"),
        ("index\n0\n", "column 'label' is missing"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(AnnotatorError, match=words):
        read_label_file(tmp_path / "t.csv", CLASSES, no_names)


@pytest.mark.parametrize(
    "array", [np.array([0.0]), np.array([[0]]), np.array([2]), np.array([-2]), np.empty(0, int)]
)
def test_refuses_arrays_of_something_else(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "t.npy", array)
    with pytest.raises(AnnotatorError, match="expected"):
        read_label_file(tmp_path / "t.npy", CLASSES, no_names)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("t.csv", "t.npy"):
        with pytest.raises(AnnotatorError, match="cannot be read"):
            read_label_file(tmp_path / name, CLASSES, no_names)


def test_rows_are_taken_by_item_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,item\nnone,c.png\ndog,a.png\ncat,'=b.png\n")
    labels, matched_by = read_label_file(tmp_path / "t.csv", CLASSES, lambda: NAMES)
    assert labels.tolist() == [1, 0, NO_LABEL]
    assert matched_by == "item"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a.png,cat\nd.png,cat\n", "line 3: no item of the pool is called 'd.png'"),
        ("a.png,cat\na.png,cat\n", "line 3: item 'a.png' is there twice"),
        ("a.png,cat\n", "each of 3 items, found none for 2 of them, '=b.png' among them"),
        ("a.png,cow\n", "line 2: 'cow' is no class"),
    ],
)
def test_says_what_is_wrong_with_items(tmp_path: Path, rows: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(f"item,label\n{rows}")
    with pytest.raises(AnnotatorError, match=words):
        read_label_file(tmp_path / "t.csv", CLASSES, lambda: NAMES)
