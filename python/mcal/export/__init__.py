"""The labelled pool as a file: CSV, Parquet or JSON lines."""

from __future__ import annotations

from .export import ExportFormat, export
from .rows import COLUMNS

__all__ = ["COLUMNS", "ExportFormat", "export"]
