"""True learning curves: the error rate on a random item after training on n others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["FAMILIES", "Curve", "Family"]

Family = Literal["power", "truncated", "floor", "plateau"]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True)
class Curve:
    """e(n) through two points, in one of the four families of ``mcal.fitting``.

    ============  =====================================================
    "power"       alpha n^-gamma
    "truncated"   alpha n^-gamma exp(-n / k), Eq. 3
    "floor"       alpha n^-gamma + floor
    "plateau"     E0 / (1 + (n / middle)^steep): chance for a while
    ============  =====================================================

    All but the last are soft-capped at the chance error E0 by e = (u^-8 + E0^-8)^(-1/8)
    (algorithm.md section 3); the points are those of u, and may lie above E0 then.

    Parameters
    ----------
    family : {"power", "truncated", "floor", "plateau"}
    points : ((n, error), (n, error))
        Training sizes in items, rising, and errors above 0, not rising.
    k : float
        Cut-off in items, > 0; "truncated" alone.
    floor : float
        Error that no training goes below, in [0, the second error); "floor" alone.

    Raises
    ------
    ValueError
        A value is out of range, or a family is given what it does not have.
    """

    family: Family
    points: tuple[tuple[float, float], tuple[float, float]]
    k: float = math.inf
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"family: expected {', '.join(FAMILIES)}, found {self.family!r}")
        try:
            (n_1, e_1), (n_2, e_2) = self.points
        except (TypeError, ValueError):
            raise ValueError(f"points: expected two of (n, error), found {self.points!r}") from None
        if not (0.0 < n_1 < n_2 < math.inf and 0.0 < e_2 <= e_1 < math.inf):
            raise ValueError(
                f"points: expected rising sizes and errors that do not, found {self.points!r}"
            )
        if not self.k > 0.0 or (self.k != math.inf and self.family != "truncated"):
            raise ValueError(f"k: expected > 0, and only for 'truncated', found {self.k!r}")
        if not 0.0 <= self.floor < e_2 or (self.floor and self.family != "floor"):
            raise ValueError(
                f"floor: expected in [0, {e_2}), and only for 'floor', found {self.floor!r}"
            )

    def error(self, n_train: float, chance: float) -> float:
        """e(n) in (0, E0) for ``n_train`` > 0, where ``chance`` is E0.

        Raises
        ------
        ValueError
            A plateau through a point that is not below chance.
        """
        (n_1, e_1), (n_2, e_2) = self.points
        span = math.log(n_2 / n_1)
        if self.family == "plateau":
            if not e_1 < chance:
                raise ValueError(f"points: expected errors below chance, {chance:g}, found {e_1}")
            odds_1, odds_2 = e_1 / (chance - e_1), e_2 / (chance - e_2)
            steep = math.log(odds_1 / odds_2) / span
            return float(chance / (1.0 + (n_train / n_1) ** steep / odds_1))
        falls_1 = (e_1 - self.floor) * math.exp(n_1 / self.k)
        falls_2 = (e_2 - self.floor) * math.exp(n_2 / self.k)
        gamma = math.log(falls_1 / falls_2) / span
        free = falls_1 * (n_train / n_1) ** -gamma * math.exp(-n_train / self.k) + self.floor
        low, high = min(free, chance), max(free, chance)
        return float(low * (1.0 + (low / high) ** 8.0) ** -0.125)  # no power of a tiny number
