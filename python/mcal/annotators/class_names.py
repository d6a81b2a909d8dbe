"""What a person wrote, turned into a class number."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from difflib import get_close_matches

from mcal.manifest import none_of_these
from mcal.types import NO_LABEL

_MOST_LISTED = 20  # classes that fit into a message


def folded(text: str) -> str:
    """``text`` without the differences that keyboards and spreadsheets make: case, white space,
    and the two ways to write an accent."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def as_number(text: str) -> float | None:
    """The finite number that ``text`` is: a spreadsheet makes 1 or 1.0 of a cell 001."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class ClassNames:
    """The words that a person may write for a label.

    A class is meant by its name, in any case where that is unambiguous, and by an equal number
    where its name is one. ``no_label`` is the word for "none of the classes fits"; the category of
    labelling jobs, ``none_of_these``, is understood too.
    """

    def __init__(self, classes: Iterable[str]) -> None:
        self.classes = tuple(classes)
        taken = {folded(name) for name in self.classes}
        self.no_label = "none"
        while self.no_label in taken:
            self.no_label = f"({self.no_label})"
        words = [(name, label) for label, name in enumerate(self.classes)]
        words += [(self.no_label, NO_LABEL), (none_of_these(self.classes), NO_LABEL)]
        self._tables: list[tuple[Callable[[str], Hashable], dict[Hashable, int]]] = [
            (key, _unambiguous(words, key)) for key in (str.strip, folded, as_number)
        ]

    def find(self, text: str) -> int | None:
        """The class number, NO_LABEL, or None when no class is called so."""
        return next((table[key(text)] for key, table in self._tables if key(text) in table), None)

    def why_not(self, text: str) -> str:
        """What to tell a person who wrote something that is no class."""
        names = {folded(name): name for name in (*self.classes, self.no_label)}
        nearest = get_close_matches(folded(text), names, n=1)
        if nearest:
            hint = f" (did you mean '{names[nearest[0]]}'?)"
        elif len(self.classes) <= _MOST_LISTED:
            hint = f" (expected one of: {', '.join(names.values())})"
        else:
            hint = ""
        return f"'{text.strip()}' is no class{hint}"


def _unambiguous(
    words: list[tuple[str, int]], key: Callable[[str], Hashable]
) -> dict[Hashable, int]:
    found: dict[Hashable, set[int]] = {}
    for word, label in words:
        if key(word) is not None:
            found.setdefault(key(word), set()).add(label)
    return {value: min(labels) for value, labels in found.items() if len(labels) == 1}
