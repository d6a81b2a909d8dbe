from xml.etree import ElementTree

import pytest

from mcal.errors import AnnotatorError
from mcal.label_studio import no_label_word, read_form, write_form
from mcal.types import NO_LABEL

WILD = (
    'the "best" <b>&amp;</b>',
    "it's",
    " spaced  out ",
    "two\nlines\tand a tab",
    "日本 🐈",
    "$5 bill",
    "US$image",
    "${x}",
    "]]>",
    "none of these",
    "(none of these)",
)


def test_any_class_comes_back_as_it_was() -> None:
    form = read_form(write_form(WILD), WILD, "p")
    for label in [*range(len(WILD)), NO_LABEL]:
        assert form.label(form.result(label)) == label
    assert form.label(form.result(0)) == 0
    words = [region["value"]["choices"][0] for region in map(one, map(form.result, range(3)))]
    assert words == list(WILD[:3])


def one(result: list[dict[str, object]]) -> dict[str, object]:
    (region,) = result
    return region


def test_no_class_is_taken_for_a_variable_of_the_task() -> None:
    """Label Studio shows the task's data for $word: the choice would lose its name."""
    choices = list(ElementTree.fromstring(write_form(("$image", "5 $", "cat"))).iter("Choice"))
    assert [choice.get("alias") for choice in choices] == ["$image", None, None, None]
    assert choices[0].get("value") == "$\u2060image"


def test_the_word_for_none_is_no_class() -> None:
    assert no_label_word(("cat",)) == "none of these"
    assert no_label_word(WILD) == "((none of these))"


def test_a_class_that_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(AnnotatorError, match=r"classes: 'a\\x00b' has characters"):
        write_form(("cat", "a\0b"))


IMAGE = '<Image name="image" value="$photo"/>'
CHOICES = '<Choices name="{}" toName="{}" choice="{}">{}</Choices>'
DOG = '<Choice value="dog"/>'
CATS = '<Choice value="cat"/><Choice value="d" alias="dog"/>'


def test_the_right_choices_are_found_among_others() -> None:
    other = CHOICES.format("light", "image", "single", '<Choice value="day"/>')
    audio = '<Audio name="sound" value="$sound"/>' + CHOICES.format("a", "sound", "single", CATS)
    mine = CHOICES.format("kind", "image", "single-radio", f"<View>{CATS}</View>")
    form = read_form(f"<View>{IMAGE}{other}{audio}{mine}</View>", ("cat", "dog"), "p")
    assert (form.image_key, form.control, form.image) == ("photo", "kind", "image")
    assert form.label([one(form.result(1)), {"from_name": "light", "type": "choices"}]) == 1


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("<View", "is not XML"),
        ("<View/>", "expected an <Image>"),
        ('<View><Image name="image" value="fixed.png"/></View>', "expected an <Image>"),
        (f"<View>{IMAGE}</View>", "no choice for 'cat', 'dog'"),
        (
            f"<View>{IMAGE}{CHOICES.format('c', 'image', 'single', DOG)}</View>",
            "no choice for 'cat'; add them there",
        ),
        (
            f"<View>{IMAGE}{CHOICES.format('c', 'image', 'multiple', CATS)}</View>",
            "expected single choices",
        ),
    ],
)
def test_what_is_missing_is_named(xml: str, words: str) -> None:
    with pytest.raises(AnnotatorError, match=f"project 4: .*{words}"):
        read_form(xml, ("cat", "dog"), "project 4")


def test_many_missing_classes_are_not_all_listed() -> None:
    classes = tuple(f"class {i}" for i in range(1000))
    with pytest.raises(AnnotatorError, match="'class 19' and 980 more"):
        read_form(f"<View>{IMAGE}</View>", classes, "p")
