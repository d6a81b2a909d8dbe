"""Ways to label a pool, to be compared on the same simulated models."""

from __future__ import annotations

from collections.abc import Iterable

from .ground_truth import GroundTruth
from .mcal import Mcal
from .naive import DELTAS, NaiveAl, OracleAl
from .oracle_plan import OraclePlan
from .pac_labels import PacLabels
from .people import People
from .protocol import Policy
from .released import Released

__all__ = ["POLICIES", "Policy", "open_policies"]

_ALL: tuple[Policy, ...] = (
    Mcal(),
    Mcal("mcal-paper", "paper"),
    Released(),
    *map(NaiveAl, DELTAS),
    OracleAl(),
    GroundTruth(),
    PacLabels(),
    People(),
    OraclePlan(),
)
POLICIES = {policy.name: policy for policy in _ALL}
NAIVE = "naive-al"  # all of them


def open_policies(names: Iterable[str]) -> list[Policy]:
    """Policies by name, each once, in the order given; "naive-al" is one for every delta.

    Raises
    ------
    ValueError
        An unknown name.
    """
    found: dict[str, Policy] = {}
    for name in names:
        if name != NAIVE and name not in POLICIES:
            known = ", ".join([*POLICIES, NAIVE])
            raise ValueError(f"policy: expected one of {known}, found {name!r}")
        found |= {
            policy.name: policy
            for policy in POLICIES.values()
            if policy.name == name or (name == NAIVE and isinstance(policy, NaiveAl))
        }
    return list(found.values())
