"""Runs of many strategies over many markets, in one call of the engine, and what they score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.metric_values import flag_names, metric_names
from simcore.backtests.request import ExecutionArgument, execution_json
from simcore.backtests.trials import execution_hash, lineage
from simcore.evolution.markets import Markets
from simcore.scoring.composite import COMPOSITE_V1
from simcore.scoring.score import Floats, Runs
from simcore.scoring.significance import FLAT
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES

RUIN: Final = "RUIN"


@dataclass(frozen=True, eq=False)
class Trials:
    """What came of running every strategy on every market.

    Args:
        scores: Composite points, ``(n_markets, n_strategies)``.
        sharpe: Annualised Sharpe ratio, of the same shape; NaN where it is not defined.
        n_trades: Closed trades, of the same shape.
        is_ruined: Whether equity reached zero, of the same shape.
        profit: Final equity less the cash at the start, of the same shape.
        gap: How far the bounds of ambiguous bars lie apart, in percent, of the same shape.
        equity: Of each market the equity of each strategy, ``(n_strategies, n_bars)``; empty
            where it was not asked for.
        initial_cash: At the start, quote currency.
    """

    scores: Floats
    sharpe: Floats
    n_trades: Floats
    is_ruined: NDArray[np.bool_]
    profit: Floats
    gap: Floats
    equity: tuple[Floats, ...]
    initial_cash: float

    def returns(self) -> Floats:
        """Simple returns per bar of all markets, one after the other, ``(n_bars, n_strategies)``.

        A ruined run has a return of zero once nothing is left.
        """
        return np.concatenate([self._changes(each) for each in self.equity], axis=1).T

    def daily_returns(self, markets: Markets) -> Floats:
        """The same per day."""
        days = [each[:, markets.day_ends(at)] for at, each in enumerate(self.equity)]
        return np.concatenate([self._changes(each) for each in days], axis=1).T

    def _changes(self, equity: Floats) -> Floats:
        start = np.full((len(equity), 1), self.initial_cash)
        before = np.concatenate([start, equity[:, :-1]], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            changes: Floats = np.where(before > 0.0, equity / before - 1.0, 0.0)
        return changes


def run(
    strategies: Sequence[Strategy],
    markets: Markets,
    execution: ExecutionArgument,
    initial_cash: float,
    *,
    wants_equity: bool = False,
    n_threads: int | None = None,
) -> Trials:
    """Run every strategy on every market.

    Args:
        strategies: Compiled, of the markets' timeframe.
        markets: Where they run.
        execution: How orders become fills.
        initial_cash: Quote currency, above 0.
        wants_equity: Whether equity is kept.
        n_threads: None takes the machine's cores; the result is the same for any number.
    """
    n_markets, n_strategies = len(markets.bars), len(strategies)
    runs = engine.backtest(
        [each.program_json for each in strategies],
        execution_json(execution),
        markets.bars,
        [(at, market) for market in range(n_markets) for at in range(n_strategies)],
        initial_cash=float(initial_cash),
        bars_per_year=markets.bars_per_year,
        detail="equity" if wants_equity else "summary",
        n_threads=n_threads,
    )
    shape = (n_markets, n_strategies)
    table = np.array([each["metrics"] for each in runs], dtype=np.float64)
    metrics = {name: table[:, at].reshape(shape) for at, name in enumerate(metric_names())}
    ruined = [RUIN in flag_names(each["flags"]) for each in runs]
    is_ruined = np.array(ruined, dtype=np.bool_).reshape(shape)
    final = np.array([each["final_equity_quote"] for each in runs]).reshape(shape)
    equity: tuple[Floats, ...] = ()
    if wants_equity:
        equity = tuple(
            np.stack([each["equity_quote"] for each in runs[at : at + n_strategies]])
            for at in range(0, len(runs), n_strategies)
        )
    scored = Runs(metrics, is_ruined, np.ones(shape, dtype=np.bool_))
    return Trials(
        scores=COMPOSITE_V1.points(scored, COMPOSITE_V1.weights),
        sharpe=metrics["sharpe"],
        n_trades=np.nan_to_num(metrics["n_trades"]),
        is_ruined=is_ruined,
        profit=final - initial_cash,
        gap=np.array([each["ambiguity_gap"] for each in runs]).reshape(shape),
        equity=equity,
        initial_cash=float(initial_cash),
    )


def sharpe_variance(returns: Floats) -> float | None:
    """Return the variance of the Sharpe ratios per bar of some trials.

    Args:
        returns: One column a trial, ``(n_bars, n_trials)``.

    Returns:
        None where fewer than two of them ever moved.
    """
    deviations = returns.std(axis=0, ddof=1)
    moved = deviations > FLAT * np.abs(returns).max(axis=0)
    known = returns.mean(axis=0)[moved] / deviations[moved]
    return float(np.var(known, ddof=1)) if known.size > 1 else None


def tried_rows(
    strategies: Sequence[Strategy],
    markets: Markets,
    trials: Trials,
    execution: ExecutionArgument,
    asked_by: str,
) -> pl.DataFrame:
    """Return the rows of the table `trials` of every run.

    Args:
        strategies: Who ran, no program twice.
        markets: Where.
        trials: What came of it.
        execution: How orders became fills.
        asked_by: Who ran them.
    """
    n_markets, n_strategies = trials.scores.shape
    roots = np.sqrt(np.array(markets.bars_per_year))
    sharpe = (trials.sharpe / roots[:, None]).ravel()
    n_bars = [len(each["ts"]) for each in markets.bars]
    made = pl.DataFrame(
        {
            "lineage": np.repeat([lineage(each) for each in markets.bars], n_strategies),
            "ir_hash": [each.ir_hash for each in strategies] * n_markets,
            "execution_hash": [execution_hash(execution)] * (n_markets * n_strategies),
            "struct_hash": [each.struct_hash for each in strategies] * n_markets,
            "strategy_id": [each.id for each in strategies] * n_markets,
            "sharpe_bar": pl.Series(sharpe).fill_nan(None),
            "bars": np.repeat(n_bars, n_strategies),
            "asked_by": [asked_by] * (n_markets * n_strategies),
        }
    )
    return TABLES["trials"].conform(made)
