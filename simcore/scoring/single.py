"""Scores that are one metric, or one metric less what is not known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from simcore.scoring.score import RUIN_POINTS, Floats, Runs, Score

ONE_SIDED_95: Final = 1.645


def _metric(name: str) -> Callable[[Runs, Sequence[float]], Floats]:
    def compute(runs: Runs, _: Sequence[float]) -> Floats:
        values = runs.metrics[name]
        return np.where(np.isnan(values), 0.0, values)

    return compute


def sharpe_lcb(runs: Runs, _: Sequence[float]) -> Floats:
    """Annual Sharpe ratio less 1.645 of its standard errors; null counts as 0.

    The error is that of a mean over a deviation with the skewness and kurtosis that were seen.

    Args:
        runs: With `sharpe`, `skew`, `kurt` (raw), `bars` and `bars_per_year`.

    Source:
        Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", J. Risk 15(2).
    """
    known = runs.metrics
    root_year = np.sqrt(known["bars_per_year"])
    per_bar = known["sharpe"] / root_year
    spread = 1.0 - known["skew"] * per_bar + (known["kurt"] - 1.0) / 4.0 * per_bar**2
    error = np.sqrt(np.maximum(spread, 0.0) / np.maximum(known["bars"] - 1.0, 1.0)) * root_year
    bound = known["sharpe"] - ONE_SIDED_95 * error
    return np.where(np.isnan(bound), 0.0, bound)


SINGLE: Final = (
    Score(
        name="log_growth",
        unit="1/year",
        meaning="Annual growth of the logarithm of equity.",
        source="Kelly (1956), Bell System Technical Journal 35(4)",
        metrics=("log_growth",),
        compute=_metric("log_growth"),
        ruin=RUIN_POINTS,
    ),
    Score(
        name="sharpe",
        unit="1/sqrt(year)",
        meaning="Annual Sharpe ratio on bars.",
        source="Sharpe (1994), J. Portfolio Management 21(1)",
        metrics=("sharpe",),
        compute=_metric("sharpe"),
        ruin=RUIN_POINTS,
    ),
    Score(
        name="sharpe_lcb",
        unit="1/sqrt(year)",
        meaning="Annual Sharpe ratio less 1.645 of its standard errors.",
        source="Bailey and Lopez de Prado (2012), J. Risk 15(2)",
        metrics=("sharpe", "skew", "kurt", "bars", "bars_per_year"),
        compute=sharpe_lcb,
        ruin=RUIN_POINTS,
    ),
    Score(
        name="calmar",
        unit="1/year",
        meaning="Annual growth over the deepest fall.",
        source="Young (1991), Futures magazine",
        metrics=("calmar",),
        compute=_metric("calmar"),
        ruin=RUIN_POINTS,
    ),
)
