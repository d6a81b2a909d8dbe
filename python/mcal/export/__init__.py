"""The labelled pool as a file or a folder, for whoever trains on it."""

from __future__ import annotations

from .export import FOLDER_FORMATS, Exported, ExportFormat, check_template, export
from .rows import COLUMNS

__all__ = ["COLUMNS", "FOLDER_FORMATS", "ExportFormat", "Exported", "check_template", "export"]
