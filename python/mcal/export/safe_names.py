"""Names that every file system takes, from names that people gave."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

__all__ = ["distinct_names", "safe_name"]

# What Windows refuses in a name, what separates folders, and what no terminal shows.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\ud800-\udfff\u2028\u2029]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MOST_BYTES = 180  # of the 255 that file systems take: room for an ending and a number


def safe_name(name: str) -> str:
    """One part of a path: never empty, hidden, reserved or too long; most names stay as they are.

    Slashes and all that some file system refuses become ``_``. Different names may become equal.
    """
    safe = _UNSAFE.sub("_", name).rstrip(". ")
    if safe.startswith((".", " ")):
        safe = "_" + safe[1:]
    if not safe or _RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    if len(safe.encode("utf-8")) > _MOST_BYTES:
        mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        kept = safe.encode("utf-8")[-(_MOST_BYTES - len(mark) - 1) :].decode("utf-8", "ignore")
        safe = f"{mark}~{kept}"  # the end, with the file's ending, is kept
    return safe


def distinct_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """A safe name for each that is not ``taken``; capitals and small letters are the same."""
    taken = {name.casefold() for name in taken}
    found: list[str] = []
    for number, name in enumerate(names):
        safe = safe_name(name)
        while safe.casefold() in taken:
            safe = f"{safe}~{number}"
        taken.add(safe.casefold())
        found.append(safe)
    return found
