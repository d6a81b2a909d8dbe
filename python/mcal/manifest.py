"""Augmented manifests: labelled items as SageMaker reads and writes them, one JSON object a line.

Text only, no files and no network: the export writes them, annotators read them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = [
    "INDEX_KEY",
    "ITEM_MARK",
    "LABEL_ATTRIBUTE",
    "ManifestLine",
    "ReadManifest",
    "check_source_template",
    "none_of_these",
    "read_augmented_manifest",
    "source_ref",
    "write_augmented_manifest",
]

LABEL_ATTRIBUTE = "mcal-label"
"""The key under which mcal orders and writes labels."""
INDEX_KEY = "mcal-index"
"""The key of an item's index; Ground Truth hands keys it does not know through, unchanged."""
ITEM_MARK = "{item}"
"""Where an item's name goes in a template of image addresses."""

_TYPE = "groundtruth/image-classification"
_METADATA = "-metadata"


@dataclass(frozen=True)
class ManifestLine:
    """One item. Without ``class_name`` it has no label yet, or ``failure`` says why it got none."""

    source_ref: str
    index: int | None = None
    class_name: str | None = None
    label: int | None = None
    """The position of the class in the list of categories its labelling job was given."""
    confidence: float | None = None
    is_human: bool | None = None
    created: str | None = None
    """When it was labelled: ISO 8601."""
    job: str | None = None
    failure: str | None = None


class ReadManifest(NamedTuple):
    """What could be read, and one sentence for each line that could not."""

    lines: dict[int, ManifestLine]  # by line number, counted from 1
    problems: tuple[str, ...]


def none_of_these(classes: Iterable[str]) -> str:
    """The category for "none of the classes fits", in parentheses where a class is called so."""
    taken = {name.strip().casefold() for name in classes}
    word = "none of these"
    while word in taken:
        word = f"({word})"
    return word


def check_source_template(template: str) -> None:
    """ValueError unless ``template`` is an S3 address with one place for an item's name."""
    bucket, _, key = template.removeprefix("s3://").partition("/")
    if (
        not template.startswith("s3://")
        or not bucket
        or ITEM_MARK in bucket
        or key.count(ITEM_MARK) != 1
    ):
        raise ValueError(f'expected "s3://bucket/path/{ITEM_MARK}", found {template!r}')


def source_ref(template: str, item_name: str) -> str:
    """The address of an item's image."""
    return template.replace(ITEM_MARK, item_name)


def read_augmented_manifest(
    lines: Iterable[str], *, attribute: str | None = None, place: str = "manifest"
) -> ReadManifest:
    """The items of a manifest, labelled or not; a line that is damaged takes none with it.

    Parameters
    ----------
    lines : iterable of str
        Of an input manifest, of a labelling job's output, or of an augmented manifest from
        elsewhere; empty ones are passed over.
    attribute : str, optional
        The key of the labels. By default the one key whose ``-metadata`` has a class name or a
        failure; it must be the same on all lines.
    place : str
        What to call the manifest in sentences.

    Returns
    -------
    ReadManifest
        Labels as class names: matching them with classes is the caller's.
    """
    found: dict[int, ManifestLine] = {}
    problems: list[str] = []
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            line, attribute = _read_line(text, attribute)
        except ValueError as error:
            problems.append(f"{place}, line {number}: {error}.")
        else:
            found[number] = line
    return ReadManifest(found, tuple(problems))


def write_augmented_manifest(
    lines: Iterable[ManifestLine], *, attribute: str = LABEL_ATTRIBUTE
) -> Iterator[str]:
    """One line of text, with its end, for each item; ``read_augmented_manifest`` gives it back.

    Keys are those of a Ground Truth image classification. ``confidence`` is required by some
    readers: it is 0 where none was measured, as Ground Truth itself writes it.

    Raises
    ------
    ValueError
        A class name without its ``label`` number.
    """
    for line in lines:
        document: dict[str, Any] = {"source-ref": line.source_ref}
        if line.index is not None:
            document[INDEX_KEY] = line.index
        if line.class_name is not None:
            if line.label is None:
                raise ValueError(f"label: expected the number of {line.class_name!r}, found none")
            document[attribute] = line.label
        metadata = {
            "class-name": line.class_name,
            "confidence": line.confidence,
            "type": None,
            "job-name": line.job,
            "human-annotated": None if line.is_human is None else _yes_or_no(line.is_human),
            "creation-date": line.created,
            "failure-reason": line.failure,
        }
        if line.class_name is not None:
            metadata |= {"type": _TYPE, "confidence": line.confidence or 0}
        metadata = {key: value for key, value in metadata.items() if value is not None}
        if metadata:
            document[attribute + _METADATA] = metadata
        yield json.dumps(document, ensure_ascii=False) + "\n"


def _read_line(text: str, attribute: str | None) -> tuple[ManifestLine, str | None]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError("no whole JSON object; was the file cut off?") from error
    if not isinstance(document, dict):
        raise ValueError("expected a JSON object")
    source = document.get("source-ref")
    if not isinstance(source, str) or not source:
        raise ValueError("expected the address of an image under 'source-ref', found none")
    if attribute is None:
        attribute = _only_attribute(document)
    index = document.get(INDEX_KEY)
    metadata = document.get(f"{attribute}{_METADATA}") if attribute else None
    if not isinstance(metadata, dict):
        metadata = {}
    label = document.get(attribute) if attribute else None
    human = metadata.get("human-annotated")
    line = ManifestLine(
        source_ref=source,
        index=index if _is_count(index) else None,
        class_name=_text(metadata.get("class-name")),
        label=label if _is_count(label) else None,
        confidence=_number(metadata.get("confidence")),
        is_human=None if human is None else str(human).lower() in ("yes", "true"),
        created=_text(metadata.get("creation-date")),
        job=_text(metadata.get("job-name")),
        failure=_text(metadata.get("failure-reason")),
    )
    if line.class_name is None and label is not None and line.failure is None:
        raise ValueError(f"'{attribute}' has no class name")
    return line, attribute


def _only_attribute(document: dict[str, Any]) -> str | None:
    names = [
        key.removesuffix(_METADATA)
        for key, value in document.items()
        if key.endswith(_METADATA) and isinstance(value, dict)
        if "class-name" in value or "failure-reason" in value
    ]
    if len(names) > 1:
        raise ValueError(f"expected one key with labels, found {', '.join(map(repr, names))}")
    return names[0] if names else None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
