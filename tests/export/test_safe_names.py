"""Names for file systems: what they must never be, on names of any kind."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcal.export.safe_names import distinct_names, safe_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat", "cat"),
        ("a/b.png", "a_b.png"),
        ("zürich 日本.png", "zürich 日本.png"),
        ("", "_"),
        (".", "_"),
        ("..", "_"),
        (".hidden", "_hidden"),
        ("trailing. .", "trailing"),
        ('a\\b:c*d?e"f<g>h|i', "a_b_c_d_e_f_g_h_i"),
        ("COM1.txt", "_COM1.txt"),
        ("console", "console"),
        ("\udce9.png", "_.png"),
    ],
)
def test_most_names_stay_and_bad_ones_are_mended(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@given(st.text(max_size=400))
def test_any_name_becomes_a_good_one(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode("utf-8")) <= 200
    assert not re.search(r'[\x00-\x1f/\\\\:*?"<>|]', safe)
    assert safe[0] not in ". "
    assert safe[-1] not in ". "


@given(st.lists(st.text(alphabet="aA/_~1.", max_size=3), max_size=30))
def test_different_names_stay_apart_whatever_the_case(names: list[str]) -> None:
    found = distinct_names(names)
    assert len({name.casefold() for name in found}) == len(found) == len(names)


def test_long_names_differ_by_their_ends_and_beginnings() -> None:
    names = [f"{letter}{'é' * 300}.png" for letter in "ab"]
    found = [safe_name(name) for name in names]
    assert found[0] != found[1]
    assert all(name.endswith(".png") for name in found)
