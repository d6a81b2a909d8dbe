"""Classifiers in torch, which is imported when the first one is opened and not before."""

from .opening import open_classifier

__all__ = ["open_classifier"]
