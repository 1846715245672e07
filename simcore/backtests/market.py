"""The bars of a backtest as the engine reads them, once they are of the strategy's timeframe."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.bars import columns
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario.calendar import Timeframe, bar_seconds
from simcore.strategy.strategy import Strategy

if TYPE_CHECKING:
    import polars as pl


def market_columns(strategy: Strategy, bars: pl.DataFrame) -> engine.Columns:
    """Return the columns of one path that a strategy can run over.

    Raises:
        SpecError: The columns are wrong, or the bars are of another timeframe.
    """
    market = columns(bars)
    check_timeframe(strategy, market["ts"])
    return market


def check_timeframe(strategy: Strategy, ts: NDArray[np.int64]) -> None:
    """Refuse bars that mostly lie otherwise apart than the strategy's own.

    Sessions, halts and missing rows make some distances longer, and a change of the clock makes
    days shorter or longer; the commonest distance tells in spite of them. Less than two bars tell
    nothing.
    """
    expected_ns = bar_seconds(cast(Timeframe, strategy.timeframe)) * 10**9
    # Sorting is for bars that look strange only.
    if engine.are_mostly_apart(ts, expected_ns):
        return
    distances_ns = np.diff(ts)
    # What does not rise is refused by the engine, with its row.
    rising_ns, counts = np.unique(distances_ns[distances_ns > 0], return_counts=True)
    if len(rising_ns) and rising_ns[counts.argmax()] != expected_ns:
        seconds = rising_ns[counts.argmax()] / 1e9
        message = (
            f"got bars that lie mostly {seconds:g} seconds apart, expected {expected_ns // 10**9}, "
            f"the strategy's timeframe {strategy.timeframe}"
        )
        problem = Problem("BARS_INVALID", "OTHER_TIMEFRAME", message, path="/ts", source="bars")
        raise SpecError([problem])
