import pytest

from mcal.annotators.class_names import ClassNames
from mcal.types import NO_LABEL


@pytest.mark.parametrize(
    ("classes", "text", "label"),
    [
        (("cat", "dog"), "dog", 1),
        (("cat", "dog"), " DOG\t", 1),
        (("cat", "dog"), "None", NO_LABEL),
        (("cat", "dog"), "1", None),
        (("cat", "dog"), "do g", None),
        (("snowy owl", "dog"), "Snowy   Owl", 0),
        (("Cat", "cat"), "cat", 1),
        (("Cat", "cat"), "CAT", None),
        (("cat ", "cat"), "cat", None),
        (("straße", "b"), "STRASSE", 0),
        (("café", "b"), "cafe\u0301", 0),
        (("0", "1"), "1.0", 1),
        (("001", "002"), "2", 1),
        (("1", "1.0"), "1.0", 1),
        (("1", "1.0"), "1.00", None),
        (("nan", "inf"), "NaN", 0),
        (("none", "b"), "none", 0),
        (("none", "b"), "(none)", NO_LABEL),
        (("None", "(NONE)"), "((none))", NO_LABEL),
        (("-5", "5"), "-5", 0),
    ],
)
def test_what_a_person_may_write(classes: tuple[str, ...], text: str, label: int | None) -> None:
    assert ClassNames(classes).find(text) == label


def test_the_nearest_class_is_suggested() -> None:
    names = ClassNames(("Trouser", "Dress", "Coat"))
    assert names.why_not("trousr ") == "'trousr' is no class (did you mean 'Trouser'?)"
    assert names.why_not("nonne") == "'nonne' is no class (did you mean 'none'?)"
    expected = "'xyz' is no class (expected one of: Trouser, Dress, Coat, none)"
    assert names.why_not("xyz") == expected
    many = ClassNames(f"class {number}" for number in range(21))
    assert many.why_not("xyz") == "'xyz' is no class"
