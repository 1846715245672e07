"""How an edge decays with the time between a decision and its fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from simcore.backtests.request import ExecutionArgument, execution_fields
from simcore.backtests.rerun import Rerun, StrategyArgument
from simcore.backtests.run import Backtest
from simcore.backtests.sharpe_error import difference_error, sharpe_error
from simcore.errors import SpecError
from simcore.problems import Problem

DELAYS_BARS: Final = (1, 2, 3, 4, 5)
MAX_DELAY_BARS: Final = 1_000


@dataclass(frozen=True)
class ShiftSensitivity:
    """What happens to the score when every signal comes one bar late.

    Args:
        sharpe: As the execution has it; None where it is not defined, and so on.
        shifted: With every order one bar later.
        drop: What is lost.
        drop_se: Its standard error; both runs see the same bars.
        n_bars: Returns that it rests on.
    """

    sharpe: float | None
    shifted: float | None
    drop: float | None
    drop_se: float | None
    n_bars: int


def delay_decay(
    strategy: StrategyArgument,
    bars: pl.DataFrame,
    *,
    delays_bars: Sequence[int] = DELAYS_BARS,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
) -> pl.DataFrame:
    """Return how an edge decays when its orders come later.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`, and so are the others.
        delays_bars: Bars from a decision to its fill, each 1 or more; the first is compared with.
        execution: A profile's name, or ``{"base": name, **overrides}``; its delay is replaced.
        initial_cash: Quote currency, above 0.
        bars_per_year: Annualises the ratios.
        home: Where the user's documents lie.

    Returns:
        One row a delay: ``bar_delay, sharpe, sharpe_se, drop, drop_se, total_return, n_trades,
        n_bars``. `drop` is what the Sharpe ratio of the first delay has above this one's; null
        where a ratio is not defined.

    Raises:
        SpecError: As for `simcore.backtest`; a delay is none, or there is none.
        EngineError: As for `simcore.backtest`.
    """
    wrong = [
        Problem("ARGUMENT", "OUT_OF_RANGE", f"got {delay!r}, expected a whole number from 1 to"
                f" {MAX_DELAY_BARS}", f"/delays_bars/{at}", "delay_decay")
        for at, delay in enumerate(delays_bars)
        if isinstance(delay, bool) or not isinstance(delay, int)
        or not 1 <= delay <= MAX_DELAY_BARS
    ]  # fmt: skip
    if wrong:
        raise SpecError(wrong)
    if not delays_bars:
        message = "got no delay, expected one or more"
        raise SpecError([Problem("ARGUMENT", "GRID", message, "/delays_bars", "delay_decay")])
    bench = Rerun(strategy, bars, execution, bars_per_year, home)
    runs = [bench.full(initial_cash, bar_delay=delay) for delay in delays_bars]
    rows = []
    for delay, run in zip(delays_bars, runs, strict=True):
        drop, drop_se = _drop(runs[0], run, initial_cash, bench.year)
        sharpe = run.metrics["sharpe"]
        error = None if sharpe is None else _error(sharpe, bars.height, bench.year)
        rows.append((delay, sharpe, error, drop, drop_se, run.metrics["total_return"],
                     run.metrics["n_trades"], bars.height))  # fmt: skip
    schema = {
        "bar_delay": pl.UInt32, "sharpe": pl.Float64, "sharpe_se": pl.Float64, "drop": pl.Float64,
        "drop_se": pl.Float64, "total_return": pl.Float64, "n_trades": pl.UInt32,
        "n_bars": pl.UInt32,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def one_bar_shift(
    strategy: StrategyArgument,
    bars: pl.DataFrame,
    *,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
) -> ShiftSensitivity:
    """Return what a strategy loses when every signal comes one bar later than it did.

    A score that falls to nothing lives on the very next bar: it is short-lived, or it has seen
    what it should not have.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`, and so are the others.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Quote currency, above 0.
        bars_per_year: Annualises the ratios.
        home: Where the user's documents lie.

    Raises:
        SpecError: As for `simcore.backtest`.
        EngineError: As for `simcore.backtest`.
    """
    delay = int(execution_fields(execution)["bar_delay"])
    rows = delay_decay(
        strategy, bars, delays_bars=(delay, delay + 1), execution=execution,
        initial_cash=initial_cash, bars_per_year=bars_per_year, home=home,
    )  # fmt: skip
    last = rows.row(1, named=True)
    return ShiftSensitivity(
        rows["sharpe"][0], last["sharpe"], last["drop"], last["drop_se"], bars.height
    )


def _error(sharpe: float, n_bars: int, bars_per_year: float) -> float:
    return float(sharpe_error(np.array(sharpe), n_bars=n_bars, bars_per_year=bars_per_year))


def _drop(
    first: Backtest, other: Backtest, initial_cash: float, bars_per_year: float
) -> tuple[float | None, float | None]:
    """What the first run's Sharpe ratio has above the other's, and its standard error."""
    above, below = first.metrics["sharpe"], other.metrics["sharpe"]
    if above is None or below is None:
        return None, None
    returns = []
    for run in (first, other):
        equity = np.concatenate([[initial_cash], run.equity.to_numpy()])
        if not (equity[:-1] > 0.0).all():  # ruined: its ratio ends where its returns do
            return above - below, None
        returns.append(np.diff(equity) / equity[:-1])
    return above - below, difference_error(*returns, bars_per_year=bars_per_year)
