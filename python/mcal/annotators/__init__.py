"""Who labels. The protocol is ``mcal.types.Annotator``; its contract is ``mcal.testing``."""

from .files import FilesAnnotator
from .known_labels import KnownLabels, digest_of, read_known_labels
from .label_file import LabelFile, read_label_file
from .open import open_annotator
from .oracle import OracleAnnotator

__all__ = [
    "FilesAnnotator",
    "KnownLabels",
    "LabelFile",
    "OracleAnnotator",
    "digest_of",
    "open_annotator",
    "read_known_labels",
    "read_label_file",
]
