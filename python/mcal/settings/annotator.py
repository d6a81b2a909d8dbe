"""Who is asked: one table for each kind of annotator.

No secret is ever written here: a table names the environment variable that holds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from .base import Model

__all__ = ["AnnotatorSettings", "FilesSettings", "OracleSettings"]


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


AnnotatorSettings = Annotated[OracleSettings | FilesSettings, Field(discriminator="kind")]
"""Any of them; ``kind`` says which."""
