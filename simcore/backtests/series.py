"""Metrics of a bare series of returns, such as a fund's or a benchmark's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simcore import engine
from simcore.backtests.metric_values import flag_names, named
from simcore.backtests.request import BARS_PER_YEAR_MAX, check_bars_per_year
from simcore.errors import SpecError
from simcore.problems import Problem

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

N_PHASES = 6
# What the engine takes for no deviation: a share of the largest value, and what a quotient of
# equities rounds off.
FLAT: Final = 1e-12
ROUNDED: Final = 4.0 * float(np.finfo(np.float64).eps)


def metrics(
    returns: Sequence[float] | NDArray[np.float64] | pl.Series,
    *,
    bars_per_year: float,
    benchmark: Sequence[float] | NDArray[np.float64] | pl.Series | None = None,
    mar: float = 0.0,
    rf: float = 0.0,
    ts: Sequence[datetime] | NDArray[Any] | pl.Series | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return what a series of returns can tell without its trades.

    Args:
        returns: Simple returns, one a bar, ``(n_bars,)``; the first from the initial equity.
        bars_per_year: Bars in a year, for annualising.
        benchmark: Returns of something else over the same bars, ``(n_bars,)``; without it what is
            relative to it is None.
        mar: Least acceptable return per bar, for `sortino` and `downside_dev`.
        rf: Riskless rate per bar, for the Sharpe ratios and `alpha`.
        ts: When each bar opened, rising, ``(n_bars,)``: ns UTC, datetimes without time zone or in
            UTC; without it what counts in days is None.
        only: Names of the metrics that are wanted, which takes less time; None wants all.

    Returns:
        Values by name, None where a metric is not defined, and ``flags``, a tuple that says why.
        An empty series gives None for every ratio.

    Raises:
        SpecError: Returns that are no column of numbers; ``bars_per_year`` that is no number, or
            more than a year can have.
        EngineError: ``bars_per_year`` is not above 0; an option, a return or one of the
            benchmark's is not finite; columns of unequal length; times that do not rise; a name
            that is no metric of returns.

    Source:
        The formulas' own sources stand in ``simcore.catalogue()["metrics"]``.
    """
    if not isinstance(bars_per_year, int | float | np.number):
        message = f"got {bars_per_year!r}, expected a finite number above 0"
        raise SpecError([Problem("ARGUMENT", "WRONG_TYPE", message, path="/bars_per_year")])
    if BARS_PER_YEAR_MAX < bars_per_year < math.inf:
        check_bars_per_year(bars_per_year)
    values, bits = engine.metrics(
        _column(returns),
        bars_per_year=bars_per_year,
        mar=mar,
        rf=rf,
        benchmark=None if benchmark is None else _column(benchmark, "benchmark"),
        ts=None if ts is None else _nanoseconds(ts),
        only=only,
    )
    found: dict[str, Any] = {**named(values.items())}
    found["flags"] = flag_names(bits)
    return found


def alive_returns(equity: NDArray[np.float64], initial_cash: float) -> NDArray[np.float64]:
    """Return the simple returns of an equity curve, 0 from a ruin on, ``(n_bars,)``.

    Args:
        equity: At each close, ``(n_bars,)``.
        initial_cash: What the first return is from, above 0.
    """
    before = np.append(initial_cash, equity[:-1]) if len(equity) else equity
    is_alive = np.minimum.accumulate(before) > 0.0
    return np.where(is_alive, equity / np.where(is_alive, before, 1.0) - 1.0, 0.0)


def phase_returns(
    returns: Sequence[float] | NDArray[np.float64] | pl.Series, n_phases: int = N_PHASES
) -> NDArray[np.float64]:
    """Return the growth of each of several equal phases of a series, ``(n_phases,)``.

    A phase is one of `n_phases` stretches of as many bars as the others, or one more; with fewer
    bars than phases some are empty and return 0.

    Args:
        returns: Simple returns, one a bar, ``(n_bars,)``.
        n_phases: Into how many the series is cut.
    """
    growth = 1.0 + _column(returns)
    least, longer = divmod(len(growth), n_phases)
    if least == 0:
        return np.append(growth - 1.0, np.zeros(n_phases - longer))
    phases = np.arange(n_phases)
    total: NDArray[np.float64] = np.multiply.reduceat(
        growth, least * phases + np.minimum(phases, longer)
    )
    return total - 1.0


def phase_sharpe(equity: NDArray[np.float64]) -> float | None:
    """Return mean over deviation of the growth of six phases, not annualised.

    Args:
        equity: The initial cash, then equity at each close, ``(n_bars + 1,)``.

    Returns:
        None where the phases differ by no more than rounding, or equity reached zero.
    """
    if not (equity > 0.0).all():
        return None
    growth = phase_returns(np.diff(equity) / equity[:-1])
    deviation = float(np.std(growth, ddof=1))
    if deviation <= max(FLAT * float(np.abs(growth).max()), ROUNDED):
        return None
    return float(np.mean(growth)) / deviation


def _column(values: Any, name: str = "returns") -> NDArray[np.float64]:
    """The values as one column; a single number is a series of one."""
    try:
        column = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as refused:
        message = f"got what is no column of numbers ({refused}), expected one number a bar"
        problem = Problem("ARGUMENT", "WRONG_TYPE", message, path=f"/{name}")
        raise SpecError([problem]) from None
    if column.ndim != 1:
        message = f"got shape {column.shape}, expected one number a bar"
        raise SpecError([Problem("ARGUMENT", "WRONG_SHAPE", message, path=f"/{name}")])
    return np.ascontiguousarray(column)


def _nanoseconds(ts: Any) -> NDArray[np.int64]:
    column = np.asarray(ts)
    if column.dtype.kind != "i":
        column = column.astype("datetime64[ns]").astype(np.int64)
    return np.ascontiguousarray(column, dtype=np.int64)
