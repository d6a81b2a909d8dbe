"""Amazon SageMaker Ground Truth: a labelling job for each batch."""

from .annotator import GroundTruthAnnotator

__all__ = ["GroundTruthAnnotator"]
