"""Contract tests for your own pools and annotators.

Subclass a contract in a test file, say how one is made, and pytest runs the promises that the
rest of mcal relies on::

    class TestMyAnnotator(AnnotatorContract):
        def make_annotator(self, world): ...
        def answer(self, world, batch, ticket, labels): ...

Needs pytest; ``mcal`` itself does not.
"""

from .annotators import AnnotatorContract
from .pools import PoolContract

__all__ = ["AnnotatorContract", "PoolContract"]
