"""How many scenarios a comparison takes, and what it can see with those it has.

Everyone runs on the same scenarios, so what counts is the spread of the differences of two entries,
which is far smaller than that of their scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from simcore.errors import InvariantError

POWER: Final = 0.8
SCENARIOS: Final = 200  # the default of a tournament that wants to promote
FAMILIES: Final = 4


@dataclass(frozen=True)
class Plan:
    """What a tournament will be able to see.

    Args:
        scenarios: Markets everybody runs on.
        alpha: Chance of seeing a difference where there is none, one-sided.
        power: Chance of seeing one as large as `mde`.
        mde_sd: Smallest difference that is seen that often, in deviations of paired differences.
        mde: The same in points; None where the deviation is not known.
        needed: Scenarios that a difference of `wanted` takes; None where either is not known.
    """

    scenarios: int
    alpha: float
    power: float
    mde_sd: float
    mde: float | None = None
    needed: int | None = None


def plan(
    scenarios: int,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    deviation: float | None = None,
    wanted: float | None = None,
) -> Plan:
    """Return what so many scenarios can see.

    Args:
        scenarios: Markets everybody runs on, 1 or more.
        alpha: One-sided error, above 0 and below 1/2.
        power: Above 1/2 and below 1.
        deviation: Of the paired differences over scenarios, points; from a pilot.
        wanted: Difference that matters, points.

    Source:
        One-sided z test of a mean: n = ((z_alpha + z_power) s / d)**2.
    """
    if scenarios < 1 or not 0.0 < alpha < 0.5 <= power < 1.0:
        message = f"got {scenarios} scenarios, alpha {alpha}, power {power}"
        raise InvariantError(f"plan: {message}, expected 1 or more, below 1/2, from 1/2 below 1")
    both = NormalDist().inv_cdf(1.0 - alpha) + NormalDist().inv_cdf(power)
    mde_sd = both / math.sqrt(scenarios)
    if deviation is None:
        return Plan(scenarios, alpha, power, mde_sd)
    needed = math.ceil((both * deviation / wanted) ** 2) if wanted else None
    return Plan(scenarios, alpha, power, mde_sd, mde_sd * deviation, needed)


def for_unknown_spread(needed: int, alpha: float) -> int:
    """Scenarios that are needed where the deviation is estimated from the same differences.

    `plan` takes it for known, and promises a few percent more than a small tournament keeps.

    Args:
        needed: What `plan` says.
        alpha: One-sided error, as it was given to `plan`.

    Source:
        Guenther (1981), "Sample size formulas for normal theory t tests", American Statistician
        35(4).
    """
    return needed + math.ceil(NormalDist().inv_cdf(1.0 - alpha) ** 2 / 2.0)


def paired_deviation(deviation: float, correlation: float) -> float:
    """Deviation of the difference of two entries that spread alike and move together."""
    return deviation * math.sqrt(2.0 * (1.0 - correlation))
