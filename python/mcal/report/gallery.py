"""Pictures of the items that are worth a look."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from mcal.types import NO_LABEL, Picture

from .story import MachineItems, Story

__all__ = ["BROKEN_SHOWN", "Card", "broken", "cards"]

BROKEN_SHOWN = 100


@dataclass(frozen=True)
class Card:
    """One item."""

    name: str
    picture: str | None  # a data address
    lines: Sequence[str]


def cards(
    items: MachineItems | None,
    story: Story,
    item_name: Callable[[int], str],
    picture: Callable[[int], Picture | None],
) -> list[Card]:
    """What the machine said of each item, and what people say where they were asked."""
    if items is None:
        return []
    found = []
    for position, index in enumerate(items.indices.tolist()):
        said = _named(int(items.machine[position]), story)
        lines = [f"machine: {said}", f"confidence {items.confidence[position]:.3f}"]
        if items.people is not None:
            lines.insert(1, f"people: {_named(int(items.people[position]), story)}")
        found.append(Card(item_name(index), _address(picture(index)), lines))
    return found


def broken(story: Story, item_name: Callable[[int], str]) -> list[tuple[str, str]]:
    """Names and reasons of the first items that cannot be read."""
    first = islice(story.campaign.broken.items(), BROKEN_SHOWN)
    return [(item_name(index), reason) for index, reason in first]


def _named(label: int, story: Story) -> str:
    return "none of these" if label == NO_LABEL else story.campaign.classes[label]


def _address(shown: Picture | None) -> str | None:
    if shown is None:
        return None
    return f"data:{shown.media_type};base64,{b64encode(shown.data).decode('ascii')}"
