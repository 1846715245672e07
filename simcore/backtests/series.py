"""Metrics of a bare series of returns, such as a fund's or a benchmark's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcore import engine
from simcore.backtests.run import flag_names

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


def metrics(
    returns: Sequence[float] | NDArray[np.float64] | pl.Series,
    *,
    bars_per_year: float,
    mar: float = 0.0,
    rf: float = 0.0,
) -> dict[str, Any]:
    """Return what a series of returns can tell without its trades.

    Args:
        returns: Simple returns, one a bar, ``(n_bars,)``; the first from the initial equity.
        bars_per_year: Bars in a year, for annualising.
        mar: Least acceptable return per bar, for `sortino`.
        rf: Riskless rate per bar, for `sharpe`.

    Returns:
        Values by name, None where a metric is not defined, and ``flags``, a tuple that says why.
        An empty series gives None for every ratio.

    Raises:
        EngineError: ``bars_per_year`` is not above 0, or an option is not finite.

    Source:
        The formulas' own sources stand in ``simcore.catalogue()["metrics"]``.
    """
    column = np.ascontiguousarray(np.asarray(returns, dtype=np.float64))
    values, bits = engine.metrics(column, bars_per_year=bars_per_year, mar=mar, rf=rf)
    found: dict[str, Any] = {
        name: None if math.isnan(value) else value for name, value in values.items()
    }
    found["flags"] = flag_names(bits)
    return found
