"""A strategy at every setting of a grid, over one path: metrics only, indicators shared."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.market import market_columns
from simcore.backtests.metric_values import metric_names
from simcore.backtests.request import ExecutionArgument, check_bars_per_year, execution_json
from simcore.backtests.run import check_amount, default_bars_per_year
from simcore.backtests.sharpe_error import sharpe_error
from simcore.backtests.trials import HandLedger, annual_scores
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem
from simcore.strategy.grid import Lowered, lowered
from simcore.strategy.identity import identities
from simcore.strategy.strategy import Strategy, compile_strategy

MAX_SETTINGS = 1_000_000
# What one call of the engine holds at a time: programs and results, a few kilobytes each.
BATCH_SETTINGS = 4_096
TOO_LONG = "WINDOW_EXCEEDS_SERIES"

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
        where one is not defined, then ``sharpe_se``, the standard error of `sharpe`, and
        ``refused``, null where the setting was run. A refused setting has no metrics; it says
        ``PARAM_CONSTRAINT`` where a constraint does not hold, ``PARAM_DOMAIN`` where an indicator
        is given what it does not take, ``WINDOW_EXCEEDS_SERIES`` where the bars are too few.

    Raises:
        SpecError: The strategy, the execution or the columns are wrong; a name is no parameter;
            a value is no number or outside its parameter's domain.
        EngineError: Not one setting looks back on fewer bars than there are.
        LimitError: More than a million combinations.

    Source:
        The standard error is that of `simcore.backtests.sharpe_error`.
    """
    compiled = compile_strategy(strategy, home=home)
    check_amount("initial_cash", initial_cash)
    settings = _settings(grid)
    names = list(grid)
    lowered(compiled, names, _each_value_once(settings))  # refuses before any work
    history = market_columns(compiled, bars)
    asked = (execution_json(execution), history, float(initial_cash))
    ledger = None if home is None else HandLedger(home, compiled, history, execution)
    year = default_bars_per_year(compiled) if bars_per_year is None else bars_per_year
    check_bars_per_year(year)
    values, refused = _all(compiled, names, settings, (*asked, year, n_threads), ledger)
    varied = {name: [values[i] for values in settings] for i, name in enumerate(grid)}
    metrics = {name: values[:, i] for i, name in enumerate(metric_names())}
    errors = sharpe_error(metrics["sharpe"], n_bars=bars.height, bars_per_year=year)
    frame = pl.DataFrame([*_series(varied), *_series({**metrics, "sharpe_se": errors})])
    return frame.with_columns(pl.Series("refused", refused, dtype=pl.String))


def _all(
    strategy: Strategy,
    names: Sequence[str],
    settings: Sequence[tuple[float, ...]],
    asked: tuple[str, engine.Columns, float, float, int | None],
    ledger: HandLedger | None,
) -> tuple[NDArray[np.float64], list[str | None]]:
    """Metrics of every setting, and why it was refused, batch by batch."""
    execution, bars, initial_cash, year, n_threads = asked
    n_bars, given = len(bars["ts"]), (execution, bars, initial_cash)
    values = np.full((len(settings), len(metric_names())), np.nan)
    refused: list[str | None] = []
    too_long: str | None = None
    for start in range(0, len(settings), BATCH_SETTINGS):
        rows = slice(start, start + BATCH_SETTINGS)
        batch = [_fitting(each, n_bars) for each in lowered(strategy, names, settings[rows])]
        values[rows] = _batch(batch, given, year, n_threads)
        refused += [each.refused for each in batch]
        if ledger is not None:
            run = [row for row, each in enumerate(batch, start) if each.refused is None]
            _tell(ledger, strategy, names, [settings[row] for row in run], values[run], asked)
        too_long = too_long or next((e.program for e in batch if e.refused == TOO_LONG), None)
    if too_long is not None and all(refused):
        _batch([Lowered(too_long)], given, year, n_threads)  # refuses, and says how many it needs
    return values, refused


def _tell(
    ledger: HandLedger,
    strategy: Strategy,
    names: Sequence[str],
    settings: Sequence[tuple[float, ...]],
    values: NDArray[np.float64],
    asked: tuple[str, engine.Columns, float, float, int | None],
) -> None:
    """Write the settings that were run into the ledger of trials."""
    _, bars, _, year, _ = asked
    sharpe = values[:, metric_names().index("sharpe")]
    hashes = [each.ir_hash for each in identities(strategy, names, settings)]
    ledger.teller("sweep")(annual_scores(hashes, sharpe, len(bars["ts"]), year))


def _fitting(setting: Lowered, n_bars: int) -> Lowered:
    """The setting, refused where it looks back on more bars than there are."""
    if setting.program is None or setting.lookback_bars < n_bars:
        return setting
    return replace(setting, refused=TOO_LONG)


def _batch(
    settings: Sequence[Lowered],
    asked: tuple[str, engine.Columns, float],
    bars_per_year: float,
    n_threads: int | None,
) -> NDArray[np.float64]:
    """Metrics of some settings, ``(n_settings, n_metrics)``; NaN where one is refused."""
    execution, bars, initial_cash = asked
    legal = [each.program for each in settings if each.program and each.refused is None]
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
    values = np.full((len(settings), len(metric_names())), np.nan)
    if runs:
        is_legal = np.array([each.refused is None for each in settings])
        values[is_legal] = np.concatenate([run["metrics"] for run in runs]).reshape(len(runs), -1)
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
    if not isinstance(grid, Mapping):
        message = f"got {grid!r}, expected lists of numbers by name of parameter"
        raise SpecError([Problem("ARGUMENT", "GRID", message, "/grid")])
    problems = []
    n_settings = 1
    for name, values in grid.items():
        path = f"/grid/{name}"
        is_list = isinstance(values, Sequence | np.ndarray | range) and not isinstance(values, str)
        if not is_list or not len(values):
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
