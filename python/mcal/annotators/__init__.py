"""Who labels. The protocol is ``mcal.types.Annotator``; its contract is ``mcal.testing``."""

from .files import FilesAnnotator
from .label_file import LabelFile, read_label_file
from .open import open_annotator
from .oracle import OracleAnnotator

__all__ = [
    "FilesAnnotator",
    "LabelFile",
    "OracleAnnotator",
    "open_annotator",
    "read_label_file",
]
