"""Percentiles of a sample of draws, and how far they would move if it were drawn again.

Arithmetic that gives the same bits on every machine: sorting, and sums that lose nothing.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

PERCENTILES: Final = {"p5": 0.05, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p95": 0.95}

Floats = NDArray[np.float64]


def quantile(ordered: Floats, q: float) -> float:
    """Quantile by linear interpolation between neighbours (type 7).

    Args:
        ordered: Ascending, one value or more, ``(n,)``.
        q: 0 to 1.

    Source:
        Hyndman and Fan (1996), "Sample quantiles in statistical packages", American Statistician.
    """
    return _at(ordered, q * (len(ordered) - 1))


def standard_error(ordered: Floats, q: float) -> float | None:
    """Standard error of a quantile of independent draws, without a density.

    How many of n draws lie below the true quantile is binomial; one deviation of that number to
    either side names two order statistics, and half of what lies between them is the error.

    Args:
        ordered: Ascending, ``(n,)``.
        q: Between 0 and 1.

    Returns:
        0 where all draws are equal. None where one of the two lies beyond the smallest or the
        largest draw: what is known ends there, and half of the rest would flatter.

    Source:
        David and Nagaraja (2003), "Order statistics", section 7.1.
    """
    n = len(ordered)
    middle, deviation = n * q - 0.5, math.sqrt(n * q * (1.0 - q))
    low, high = middle - deviation, middle + deviation
    if low < 0.0 or high > n - 1.0:
        return None
    return (_at(ordered, high) - _at(ordered, low)) / 2.0


def mean(values: Floats) -> float:
    """Mean of one value or more, exact but for its last rounding."""
    return math.fsum(values.tolist()) / len(values)


def _at(ordered: Floats, position: float) -> float:
    """Value at a place between two of them."""
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    low, high = float(ordered[below]), float(ordered[above])
    return low + (position - below) * (high - low)
