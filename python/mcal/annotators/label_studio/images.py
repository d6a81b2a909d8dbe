"""How Label Studio gets an item's image: within the task, or from where it can be read."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote
from xml.sax.saxutils import escape

from mcal.label_studio import LOCAL_FILES, data_uri
from mcal.settings import LabelStudioSettings
from mcal.types import Picture

# Pictures cannot be told to be missing but by a picture; browsers run no script in it.
_NOTE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="80">'
    '<text x="8" y="44" font-family="sans-serif">cannot be shown: {name}</text></svg>'
)


def image_source(
    settings: LabelStudioSettings, picture: Callable[[int], Picture | None]
) -> Callable[[int, str], str]:
    """What gives, for an item's index and name, the address that its task shows."""

    def inline(index: int, name: str) -> str:
        found = picture(index)
        if found is None:
            found = Picture(_NOTE.format(name=escape(name)).encode(), "image/svg+xml")
        return data_uri(found)

    def from_address(index: int, name: str) -> str:
        filled = (settings.image_url or "{item}").replace("{item}", quote(name))
        if settings.images == "url":
            return filled
        return LOCAL_FILES + filled

    return inline if settings.images == "inline" else from_address
