"""Returns of a strategy at many settings over one history, one column a setting.

What the probability of overfitting and the paths of combinatorial splits are computed from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.market import market_columns
from simcore.backtests.request import ExecutionArgument, execution_json
from simcore.backtests.run import check_amount, default_bars_per_year
from simcore.backtests.search import Candidate, Candidates, Grid, candidates
from simcore.backtests.series import alive_returns
from simcore.backtests.trials import HandLedger, scores_of
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem
from simcore.strategy.strategy import Strategy, compile_strategy

if TYPE_CHECKING:
    import polars as pl

# Eight bytes each: two gibibytes.
_VALUES_MAX: Final = 1 << 28
_AT_ONCE: Final = 256


@dataclass(frozen=True)
class SettingReturns:
    """Returns by setting.

    Args:
        tried: The settings, in the order of the columns.
        returns: Simple returns, ``(n_bars, n_settings)``, the first against the initial cash; 0
            from a ruin on.
    """

    tried: Candidates
    returns: NDArray[np.float64]


def setting_returns(
    strategy: Strategy | str | Path | Mapping[str, Any],
    bars: pl.DataFrame,
    *,
    grid: Grid | None = None,
    n_settings: int = 64,
    seed: int = 0,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    home: str | Path | None = None,
) -> SettingReturns:
    """Run a strategy at many settings over all bars, and return what each earned bar by bar.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`.
        grid: Values by name of parameter; None draws `n_settings` from the stated domains.
        n_settings: How many settings are drawn without a grid.
        seed: Of the draws.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Of every run, quote currency, above 0.
        home: Where the user's documents lie and trials are counted; None counts nothing.

    Returns:
        One column for each setting that does something of its own and whose lookback the history
        holds.

    Raises:
        SpecError: An argument is wrong, or no setting fits into the history.
        LimitError: More than 10,000 settings, or more values than two gibibytes hold.
    """
    compiled = compile_strategy(strategy, home=home)
    check_amount("initial_cash", initial_cash)
    history, text = market_columns(compiled, bars), execution_json(execution)
    n_bars = len(history["ts"])
    tried = candidates(compiled, grid=grid, n_settings=n_settings, seed=seed)
    fitting = tuple(each for each in tried.settings if each.lookback_bars < n_bars)
    if not fitting:
        message = f"got {n_bars} bars, expected more than the strategy looks back at any setting"
        raise SpecError([Problem("ARGUMENT", "TOO_SHORT", message, "/bars")])
    if n_bars * len(fitting) > _VALUES_MAX:
        message = f"got {n_bars} bars at {len(fitting)} settings, expected at most {_VALUES_MAX}"
        raise LimitError("TOO_LARGE", f"{message} values")
    ledger = None if home is None else HandLedger(home, compiled, history, execution)
    year = default_bars_per_year(compiled)
    columns_made = []
    for start in range(0, len(fitting), _AT_ONCE):
        batch = fitting[start : start + _AT_ONCE]
        runs = _runs(batch, history, text, float(initial_cash), year)
        if ledger is not None:
            scores = scores_of([each.ir_hash for each in batch], runs, n_bars, year)
            ledger.teller("setting_returns")(scores)
        columns_made += [alive_returns(run["equity_quote"], float(initial_cash)) for run in runs]
    returns = np.column_stack(columns_made)
    return SettingReturns(Candidates(tried.names, tried.widths, fitting), returns)


def _runs(
    batch: Sequence[Candidate],
    history: engine.Columns,
    execution: str,
    initial_cash: float,
    bars_per_year: float,
) -> list[engine.RunColumns]:
    return engine.backtest(
        [each.program_json for each in batch],
        execution,
        (history,),
        [(index, 0) for index in range(len(batch))],
        initial_cash=initial_cash,
        bars_per_year=(bars_per_year,),
        detail="equity",
    )
