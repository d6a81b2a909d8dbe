"""A labelling page that mcal serves itself; what people say there lies in an ``Inbox``."""

from .annotator import WebAnnotator

__all__ = ["WebAnnotator"]
