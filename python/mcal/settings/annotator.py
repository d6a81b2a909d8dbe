"""Who is asked: one table for each kind of annotator.

No secret is ever written here: a table names the environment variable that holds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .base import Model

__all__ = ["AnnotatorSettings", "CallableSettings", "FilesSettings", "OracleSettings"]


class OracleSettings(Model):
    """Known labels, for evaluation and demonstrations."""

    kind: Literal["oracle"] = "oracle"
    path: Path | None = None
    """CSV or .npy file with the true labels (default: those of the data set)."""
    noise_rate: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of answers that are wrong."""


class FilesSettings(Model):
    """CSV files that people fill in."""

    kind: Literal["files"] = "files"
    path: Path | None = None
    """Folder for the CSV files (default: in the campaign's own folder)."""

    @model_validator(mode="before")
    @classmethod
    def _as_once_written(cls, values: Any) -> Any:
        """Campaigns of old keep the oracle's key, at 0, with the files annotator too."""
        if isinstance(values, dict) and values.get("noise_rate") == 0.0:
            return {key: value for key, value in values.items() if key != "noise_rate"}
        return values


class CallableSettings(Model):
    """A Python function that is called for each item."""

    kind: Literal["callable"] = "callable"
    function: Annotated[str, Field(pattern=r"^\w+(\.\w+)*:\w+(\.\w+)*$")]
    """"package.module:name"; also a coroutine function."""
    path: Path | None = None
    """Folder to import it from, besides the places that Python searches (default: that of the
    settings file)."""
    pass_as: Literal["item", "picture", "name"] = "item"
    """What it is called with: ``mcal.annotators.Item``, the picture, or the item's name."""
    calls_per_s: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """At most so many calls in a second."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 4
    """Calls at once."""
    timeout_s: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 60.0
    """For each try of a call."""
    attempts: Annotated[int, Field(ge=1)] = 6
    """Tries where a call timed out, lost its connection, or says that it may be tried again."""


AnnotatorSettings = Annotated[
    OracleSettings | FilesSettings | CallableSettings, Field(discriminator="kind")
]
"""Any of them; ``kind`` says which."""
