"""How far a Sharpe ratio can be off, from what a run leaves behind; no resampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def sharpe_error(
    sharpe: NDArray[np.float64], *, n_bars: int, bars_per_year: float
) -> NDArray[np.float64]:
    """Return the standard error of annualised Sharpe ratios, of the shape of `sharpe`.

    It holds for returns that are independent and nearly normal. Fat tails to the left and returns
    that follow one another make it larger; a bootstrap of the returns sees both.

    Args:
        sharpe: Annualised, any shape; NaN stays NaN.
        n_bars: Returns that each was measured on, 1 or more.
        bars_per_year: What annualised it.

    Source:
        Lo (2002), "The statistics of Sharpe ratios", Financial Analysts Journal 58(4), eq. 9,
        scaled to a year.
    """
    return np.asarray(np.sqrt((bars_per_year + 0.5 * sharpe**2) / n_bars))


def difference_error(
    returns: NDArray[np.float64], others: NDArray[np.float64], *, bars_per_year: float
) -> float | None:
    """Return the standard error of the difference of two annualised Sharpe ratios.

    Both are measured on the same bars, so that what moves both does not count. Tails count,
    memory from bar to bar does not.

    Args:
        returns: Simple returns per bar, ``(n_bars,)``.
        others: Those of the other, ``(n_bars,)``.
        bars_per_year: Annualises the ratios.

    Returns:
        None where either series does not vary.

    Source:
        Ledoit and Wolf (2008), "Robust performance hypothesis testing with the Sharpe ratio",
        J. Empirical Finance 15: the delta method of its section 3, without its kernel.
    """
    influences = [_influence(each) for each in (returns, others)]
    if influences[0] is None or influences[1] is None:
        return None
    gap: NDArray[Any] = influences[0] - influences[1]
    return math.sqrt(float(np.mean(gap**2)) / gap.size * bars_per_year)


def _influence(returns: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """What each return adds to the Sharpe ratio per bar, times their number."""
    deviation = float(returns.std())
    if not deviation > 0.0:
        return None
    z = (returns - returns.mean()) / deviation
    ratio = float(returns.mean()) / deviation
    return np.asarray(z - 0.5 * ratio * (z**2 - 1.0))
