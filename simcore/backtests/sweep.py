"""A strategy at every setting of a grid, over one path: metrics only, indicators shared."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.metric_values import metric_names
from simcore.backtests.request import ExecutionArgument, execution_json
from simcore.backtests.run import check_amount, default_bars_per_year
from simcore.backtests.trials import HandLedger, annual_scores
from simcore.bars import columns
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem
from simcore.strategy.grid import programs
from simcore.strategy.identity import identities
from simcore.strategy.strategy import Strategy, compile_strategy

MAX_SETTINGS = 1_000_000
# What one call of the engine holds at a time: programs and results, a few kilobytes each.
BATCH_SETTINGS = 4_096

Values = Sequence[float] | NDArray[Any]


def sweep(
    strategy: Strategy | str | Path | Mapping[str, Any],
    grid: Mapping[str, Values],
    bars: pl.DataFrame,
    *,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
    n_threads: int | None = None,
) -> pl.DataFrame:
    """Run a strategy at every combination of parameter values.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        grid: Values by name of parameter, each list not empty.
        bars: As for `simcore.backtest`.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Quote currency, above 0.
        bars_per_year: Annualises the ratios; None means a market that never closes.
        home: Where the user's documents lie and trials are counted; None means the library only
            and counts nothing.
        n_threads: None takes the machine's cores; the result is the same for any number.

    Returns:
        One row a combination, the first name slowest: the grid's names, then the metrics, null
        where one is not defined. Every metric is null where the strategy has no meaning: where a
        constraint does not hold, or an indicator is given what it does not take.

    Raises:
        SpecError: The strategy, the execution or the columns are wrong; a name is no parameter;
            a value is no number or outside its parameter's domain.
        LimitError: More than a million combinations.
    """
    compiled = compile_strategy(strategy, home=home)
    check_amount("initial_cash", initial_cash)
    settings = _settings(grid)
    names = list(grid)
    programs(compiled, names, _each_value_once(settings))  # refuses before any work
    history = columns(bars)
    asked = (execution_json(execution), history, float(initial_cash))
    ledger = None if home is None else HandLedger(home, compiled, history, execution)
    year = default_bars_per_year(compiled) if bars_per_year is None else bars_per_year
    check_amount("bars_per_year", year)
    values = np.full((len(settings), len(metric_names())), np.nan)
    for start in range(0, len(settings), BATCH_SETTINGS):
        rows = slice(start, start + BATCH_SETTINGS)
        texts = programs(compiled, names, settings[rows])
        values[rows] = _batch(texts, asked, year, n_threads)
        if ledger is not None:
            legal = [row for row, text in enumerate(texts, start) if text is not None]
            known = identities(compiled, names, [settings[row] for row in legal])
            sharpe = values[legal, metric_names().index("sharpe")]
            hashes = [each.ir_hash for each in known]
            ledger.teller("sweep")(annual_scores(hashes, sharpe, len(history["ts"]), year))
    varied = {name: [values[i] for values in settings] for i, name in enumerate(grid)}
    metrics = {name: values[:, i] for i, name in enumerate(metric_names())}
    return pl.DataFrame([*_series(varied), *_series(metrics)])


def _batch(
    texts: Sequence[str | None],
    asked: tuple[str, engine.Columns, float],
    bars_per_year: float,
    n_threads: int | None,
) -> NDArray[np.float64]:
    """Metrics of some settings, ``(n_settings, n_metrics)``; NaN where there is no program."""
    execution, bars, initial_cash = asked
    legal = [text for text in texts if text is not None]
    runs = engine.backtest(
        legal,
        execution,
        (bars,),
        [(index, 0) for index in range(len(legal))],
        initial_cash=initial_cash,
        bars_per_year=(bars_per_year,),
        detail="summary",
        n_threads=n_threads,
    )
    values = np.full((len(texts), len(metric_names())), np.nan)
    if runs:
        is_legal = np.array([text is not None for text in texts])
        values[is_legal] = np.stack([run["metrics"] for run in runs])
    return values


def _each_value_once(settings: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Few settings in which every value of every parameter stands."""
    axes = [list(dict.fromkeys(axis)) for axis in zip(*settings, strict=True)]
    longest = max(len(axis) for axis in axes)
    return [tuple(axis[i % len(axis)] for axis in axes) for i in range(longest)]


def _series(columns_by_name: Mapping[str, Any]) -> list[pl.Series]:
    return [
        pl.Series(name, column, nan_to_null=True) if isinstance(column, np.ndarray)
        else pl.Series(name, column, strict=False)
        for name, column in columns_by_name.items()
    ]  # fmt: skip


def _settings(grid: Mapping[str, Values]) -> list[tuple[float, ...]]:
    """Every combination, the first name slowest."""
    problems = []
    n_settings = 1
    for name, values in grid.items():
        path = f"/grid/{name}"
        if isinstance(values, str) or not len(values):
            message = f"got {values!r}, expected a list of one number or more"
            problems.append(Problem("ARGUMENT", "GRID", message, path))
            continue
        n_settings *= len(values)
        for index, value in enumerate(values):
            is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not is_number:
                message = f"got {value!r}, expected a number"
                problems.append(Problem("ARGUMENT", "WRONG_TYPE", message, f"{path}/{index}"))
    if not grid:
        message = "got no parameter, expected one or more"
        problems.append(Problem("ARGUMENT", "GRID", message, "/grid"))
    if problems:
        raise SpecError(problems)
    if n_settings > MAX_SETTINGS:
        message = f"grid: got {n_settings} combinations, expected at most {MAX_SETTINGS}"
        raise LimitError("TOO_LARGE", message)
    plain = [[_plain(value) for value in values] for values in grid.values()]
    return list(itertools.product(*plain))


def _plain(value: float) -> float:
    """The number as Python's own, an integer where it is one."""
    return value.item() if isinstance(value, np.generic) else value
