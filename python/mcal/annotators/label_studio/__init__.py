"""Labels by people in Label Studio, over its REST interface."""

from .annotator import LabelStudioAnnotator

__all__ = ["LabelStudioAnnotator"]
