"""Label Studio's own forms: the labelling configuration, answers, addresses of images.

Text only, no files and no network: the export and the annotator both write them, so that a project
of the one fits the other.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree import ElementTree

from mcal.errors import AnnotatorError
from mcal.types import NO_LABEL, Picture

__all__ = ["LOCAL_FILES", "Form", "data_uri", "no_label_word", "read_form", "write_form"]

LOCAL_FILES = "/data/local-files/?d="
"""What an image's address begins with that the server reads from its own disk."""

_NONE = "none of these"
# What XML can carry at all; and Label Studio replaces $word by the task's data.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VARIABLE = re.compile(r"\$(?=\w|[{\[])")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True)
class Form:
    """Where a project's configuration shows the image and takes the class."""

    image_key: str  # of a task's data
    control: str  # the choices' name
    image: str  # the image's name
    labels: dict[str, int]  # by the word that an annotation carries

    @cached_property
    def _words(self) -> dict[int, str]:
        return {label: word for word, label in self.labels.items()}

    def label(self, result: Any) -> int | str:
        """The class number or NO_LABEL that an annotation gives, or what is wrong with it."""
        words = [
            word
            for region in result
            if region.get("from_name") == self.control and region.get("type") == "choices"
            for word in region["value"]["choices"]
        ]
        if not words:
            return "nothing was chosen"
        if len(words) > 1:
            return f"{len(words)} classes were chosen at once"
        known = self.labels.get(words[0])
        return f"'{words[0]}' is none of the classes" if known is None else known

    def result(self, label: int) -> list[dict[str, Any]]:
        """``label`` as an annotation or a prediction carries it."""
        return [
            {
                "from_name": self.control,
                "to_name": self.image,
                "type": "choices",
                "value": {"choices": [self._words[label]]},
            }
        ]

    def prediction(self, label: int, score: float, model: str) -> dict[str, Any]:
        """What a model says, as a task carries it."""
        return {"model_version": model, "score": score, "result": self.result(label)}


def data_uri(picture: Picture) -> str:
    """An image as an address that carries it whole."""
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"


def no_label_word(classes: Sequence[str]) -> str:
    """What people choose where no class fits: a word that is no class."""
    word = _NONE
    while word in classes:
        word = f"({word})"
    return word


def write_form(classes: Sequence[str]) -> str:
    """A configuration with one choice for each class, and one where none fits.

    Raises
    ------
    AnnotatorError
        A class has characters that no configuration can carry.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", name="image", value="$image", zoom="true")
    choices = ElementTree.SubElement(
        view, "Choices", name="label", toName="image", choice="single", required="true"
    )
    for name in (*classes, no_label_word(classes)):
        if _NOT_XML.search(name):
            raise AnnotatorError(f"classes: {name!r} has characters that Label Studio cannot show")
        shown = _VARIABLE.sub(f"${_WORD_JOINER}", name)
        choice = ElementTree.SubElement(choices, "Choice", value=shown)
        if shown != name:
            choice.set("alias", name)  # what annotations carry instead of what is shown
    return ElementTree.tostring(view, encoding="unicode")


def read_form(xml: str, classes: Sequence[str], place: str) -> Form:
    """The choices among those of a project that mcal can use.

    Parameters
    ----------
    xml : str
        The project's configuration.
    classes : (C,) str
        Each must be a choice; a choice for "none of these" may be missing.
    place : str
        Which project, for messages.

    Raises
    ------
    AnnotatorError
        No image with single choices of all classes; says what is missing.
    """
    try:
        view = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise AnnotatorError(f"{place}: its labelling configuration is not XML: {error}") from error
    images = {
        image.get("name", ""): image.get("value", "")[1:]
        for image in view.iter("Image")
        if re.fullmatch(r"\$\w+", image.get("value", ""))
    }
    if not images:
        raise AnnotatorError(f'{place}: expected an <Image> with value="$...", found none')
    missing: list[str] = list(classes)
    for control in view.iter("Choices"):
        words = {c.get("alias", c.get("value", "")) for c in control.iter("Choice")}
        image = control.get("toName", "")
        if image not in images:
            continue
        lacking = [name for name in classes if name not in words]
        if not lacking:
            if control.get("choice", "single") == "multiple":
                raise AnnotatorError(f"{place}: expected single choices, found several at once")
            labels = {name: label for label, name in enumerate(classes)}
            labels[no_label_word(classes)] = NO_LABEL
            return Form(images[image], control.get("name", ""), image, labels)
        missing = min(missing, lacking, key=len)
    listed = ", ".join(f"'{name}'" for name in missing[:20])
    more = f" and {len(missing) - 20:,} more" if len(missing) > 20 else ""
    raise AnnotatorError(
        f"{place}: its labelling configuration has no choice for {listed}{more}; "
        "add them there, or name another project"
    )
