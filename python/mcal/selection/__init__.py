"""Which items the model is sure of, and which ones people should label next."""

from __future__ import annotations
