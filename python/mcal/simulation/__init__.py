"""Campaigns on simulated pools: what a policy costs and keeps, before any label is bought.

A world (``World``, ``RandomWorld``, ``Replay``) says what a model trained on n items would get
wrong, and how sure it would be; a policy buys, trains and labels by its own rules; the books count
every label and every dollar. ``simulate`` runs many of them. docs/simulation.md explains.
"""

from .books import Books, Forecast, Outcome, Owner
from .curves import FAMILIES, Curve
from .files import open_world
from .named import WORLDS
from .policies import POLICIES, Policy, open_policies
from .replay import Replay
from .result import PolicySummary, SimulationResult
from .simulate import QUICK, simulate
from .worlds import Model, RandomWorld, SimulatedPool, Source, World

__all__ = [
    "FAMILIES",
    "POLICIES",
    "QUICK",
    "WORLDS",
    "Books",
    "Curve",
    "Forecast",
    "Model",
    "Outcome",
    "Owner",
    "Policy",
    "PolicySummary",
    "RandomWorld",
    "Replay",
    "SimulatedPool",
    "SimulationResult",
    "Source",
    "World",
    "open_policies",
    "open_world",
    "simulate",
]
