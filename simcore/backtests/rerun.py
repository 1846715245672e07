"""One strategy over one path, run again and again as its execution changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from simcore import engine
from simcore.backtests.market import market_columns
from simcore.backtests.metric_values import metric_names
from simcore.backtests.request import (
    ExecutionArgument,
    check_bars_per_year,
    execution_fields,
    execution_json,
)
from simcore.backtests.run import (
    Backtest,
    backtest,
    default_bars_per_year,
)
from simcore.strategy.strategy import Strategy, compile_strategy

StrategyArgument = Strategy | str | Path | Mapping[str, Any]


class Rerun:
    """A strategy, bars and an execution that can be changed.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`, and so are the others.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        bars_per_year: Annualises the ratios.
        home: Where the user's documents lie.
    """

    def __init__(
        self,
        strategy: StrategyArgument,
        bars: pl.DataFrame,
        execution: ExecutionArgument,
        bars_per_year: float | None,
        home: str | Path | None,
    ) -> None:
        self.strategy = compile_strategy(strategy, home=home)
        self.bars = bars
        self.fields = execution_fields(execution)
        given = default_bars_per_year(self.strategy) if bars_per_year is None else bars_per_year
        check_bars_per_year(given)
        self.year = float(given)
        self._execution = {"base": execution} if isinstance(execution, str) else dict(execution)
        self._columns = market_columns(self.strategy, bars)

    def full(self, initial_cash: float, **changed: Any) -> Backtest:
        """The run with some fields of its execution changed."""
        execution = {**self._execution, **changed}
        return backtest(
            self.strategy,
            self.bars,
            execution=execution,
            initial_cash=initial_cash,
            bars_per_year=self.year,
        )

    def summary(self, initial_cash: float, **changed: Any) -> dict[str, float]:
        """Metrics by name, NaN for null, and ``net``: profit over initial cash."""
        run = engine.backtest(
            (self.strategy.program_json,),
            execution_json({**self._execution, **changed}),
            (self._columns,),
            ((0, 0),),
            initial_cash=initial_cash,
            bars_per_year=(self.year,),
            detail="summary",
        )[0]
        metrics = dict(zip(metric_names(), run["metrics"].tolist(), strict=True))
        return {**metrics, "net": run["final_equity_quote"] / initial_cash - 1.0}
