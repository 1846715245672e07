"""Backtests: one for a person who reads it, or all of a strategy's for the tables.

The engine does the arithmetic. Here its columns get their names; frames are made when asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.cache import RunCache
from simcore.backtests.market import check_timeframe, market_columns
from simcore.backtests.metric_values import (
    MetricValues,
    flag_names,
    is_whole,
    run_metrics,
)
from simcore.backtests.request import (
    ExecutionArgument,
    check_bars_per_year,
    execution_fields,
    execution_json,
    execution_name,
    signature,
)
from simcore.backtests.series import alive_returns, phase_sharpe
from simcore.backtests.trials import HandLedger, scores_of
from simcore.bars import columns, columns_by_path, dataset_hash
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario.calendar import Timeframe
from simcore.scenario.calendar import bars_per_year as calendar_bars_per_year
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tables import TABLES

if TYPE_CHECKING:
    from simcore.tables.table import Table

# Manifest, number and columns of one path: what a strategy runs on.
Market = tuple[Mapping[str, Any], int, engine.Columns]

RUN_KEY = ("scenario_id", "path", "strategy_id")
BENCHMARK = "buy_and_hold"
# Nobody stated how many bars are a year: what is annualised rests on the timestamps.
A_INFERRED = "A_INFERRED"


@cache
def benchmark_program() -> str:
    """The program that every run is set beside: buy and hold, as the library has it."""
    return compile_strategy(BENCHMARK).program_json


class _Whole:
    """A run with every metric; made again, when first asked for, if it has but those of a summary.

    What is read of a run holds this and not the run's `Backtest`, which would hold it in turn: two
    that hold each other are not freed before Python looks for such, and the columns of dozens of
    runs would lie about till then.
    """

    def __init__(
        self,
        run: engine.RunColumns,
        strategy: Strategy,
        bars: pl.DataFrame,
        asked: tuple[ExecutionArgument, float, float],
    ) -> None:
        self._run = run
        self._strategy = strategy
        self._bars = bars
        self._asked = asked

    @cached_property
    def run(self) -> engine.RunColumns:
        """The run as the engine returned it."""
        if is_whole(self._run):
            return self._run
        return _run_one(self._strategy, self._bars, self._asked, benchmark_program())

    def metrics(self) -> dict[str, float | None]:
        """Every metric by name."""
        return run_metrics(self.run)


class Backtest:
    """One run of one strategy over one path; every part is built when first read.

    Args:
        run: What the engine returned.
        strategy: What was run.
        bars: What it was run over.
        asked: Execution, initial cash and bars per year.
        used_cache: Whether the run was found rather than made.
    """

    def __init__(
        self,
        run: engine.RunColumns,
        strategy: Strategy,
        bars: pl.DataFrame,
        asked: tuple[ExecutionArgument, float, float],
        *,
        used_cache: bool = False,
    ) -> None:
        self._run = run
        self._strategy = strategy
        self._bars = bars
        self._asked = asked
        self._whole = _Whole(run, strategy, bars, asked)
        self.used_cache = used_cache

    @cached_property
    def metrics(self) -> Mapping[str, float | None]:
        """Value by name of metric, None where it is not defined; `flags` say why.

        The first ones, of a summary, come with the run; the others are worked out together when
        one of them is first asked for.
        """
        return MetricValues(run_metrics(self._run), self._whole.metrics)

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """What to know about the metrics, all of them."""
        return flag_names(self._whole.run["flags"])

    @cached_property
    def equity(self) -> pl.Series:
        """Equity at each close, quote currency, shape ``(n_bars,)``."""
        return pl.Series("equity_quote", self._run["equity_quote"])

    @cached_property
    def returns(self) -> NDArray[np.float64]:
        """Simple returns, one a bar, the first against the initial cash; shape ``(n_bars,)``.

        0 from a ruin on: of nothing there is nothing to win.
        """
        return alive_returns(self._run["equity_quote"], float(self._asked[1]))

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row a closed trade: the columns of the table `trades` from `id` on."""
        return _trades(self._run["trades"], self._strategy.tags)

    @cached_property
    def events(self) -> Mapping[str, int]:
        """How often something happened that is no trade, by name."""
        return dict(self._run["events"])

    @cached_property
    def signature(self) -> str:
        """Hash of everything the run depends on; equal signatures mean equal bytes."""
        return _bare_signature(self._strategy, self._bars, self._asked)


def backtest(
    strategy: Strategy | str | Path | Mapping[str, Any],
    bars: pl.DataFrame,
    *,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
) -> Backtest:
    """Run a strategy over the bars of one path.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: Columns ``ts, open, high, low, close, volume``, one path of one asset, time rising.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Quote currency, above 0.
        bars_per_year: Annualises the ratios; None means a market that never closes and the
            strategy's timeframe.
        home: Where the user's documents lie, runs are cached and trials are counted; None does
            nothing of it.

    Raises:
        SpecError: The strategy, the execution or the columns are wrong; MULTIPLE_PATHS; the bars
            are of another timeframe than the strategy.
        EngineError: A bar is impossible, or the series is shorter than the strategy's lookback.
    """
    compiled = compile_strategy(strategy, home=home)
    check_amount("initial_cash", initial_cash)
    if bars_per_year is None:
        bars_per_year = default_bars_per_year(compiled)
    else:
        check_bars_per_year(bars_per_year)
    asked = (execution, initial_cash, bars_per_year)
    if home is None:
        return Backtest(_run_one(compiled, bars, asked), compiled, bars, asked)
    runs = RunCache(Path(home))
    signed = _bare_signature(compiled, bars, asked)
    kept = runs.read(signed)
    if kept is not None:
        return Backtest(kept, compiled, bars, asked, used_cache=True)
    run = _run_one(compiled, bars, asked, benchmark_program())
    history = columns(bars)
    scores = scores_of([compiled.ir_hash], [run], len(history["ts"]), bars_per_year)
    HandLedger(home, compiled, history, execution).teller("backtest")(scores)
    runs.write(signed, run)
    return Backtest(run, compiled, bars, asked)


def default_bars_per_year(strategy: Strategy) -> float:
    """Bars a year of a market that never closes, at the strategy's timeframe."""
    return float(calendar_bars_per_year(cast(Timeframe, strategy.timeframe), "24x7"))


def check_amount(name: str, value: float) -> None:
    """Refuse what is not a finite number above 0."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not 0.0 < value < math.inf:
        reason = "OUT_OF_RANGE" if is_number else "WRONG_TYPE"
        message = f"got {value if is_number else repr(value)}, expected a finite number above 0"
        raise SpecError([Problem("DOC_INVALID", reason, message, path=f"/{name}")])


def _run_one(
    strategy: Strategy,
    bars: pl.DataFrame,
    asked: tuple[ExecutionArgument, float, float],
    benchmark: str | None = None,
) -> engine.RunColumns:
    profile, initial_cash, bars_per_year = asked
    bar_columns = market_columns(strategy, bars)
    return engine.backtest(
        (strategy.program_json,),
        execution_json(profile),
        (bar_columns,),
        ((0, 0),),
        initial_cash=float(initial_cash),
        bars_per_year=(float(bars_per_year),),
        detail="equity",
        benchmark=benchmark,
    )[0]


def _bare_signature(
    strategy: Strategy, bars: pl.DataFrame, asked: tuple[ExecutionArgument, float, float]
) -> str:
    """Signature of a run over bars that came without a scenario."""
    profile, initial_cash, bars_per_year = asked
    return signature(
        ir_hash=strategy.ir_hash,
        scenario_hash=None,
        dataset_hash=dataset_hash(bars),
        path=int(bars["path"][0]) if "path" in bars.columns and bars.height else 0,
        execution=execution_fields(profile),
        initial_cash=initial_cash,
        bars_per_year=bars_per_year,
        engine_version=engine.version(),
        libm_profile=engine.catalogue()["libm_profile"],
    )


def run_strategy(
    strategy: Strategy,
    scenarios: Sequence[tuple[Mapping[str, Any], pl.DataFrame]],
    execution: ExecutionArgument,
    initial_cash: float,
    equity_every_bars: int = 1,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Run a strategy over every path of every scenario, in one call of the engine.

    Args:
        strategy: What to run.
        scenarios: For each scenario its row of the table `scenarios` (``scenario_id,
            scenario_hash, dataset_hash, libm_profile, A, a_inferred``) and its rows of the table
            `bars`, every path, sorted by path and time.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Quote currency, above 0.
        equity_every_bars: Rows of `equity` are every so many closes, the last one always.

    Returns:
        Rows of the tables `backtests`, `trades` and `equity`, in key order; without scenarios,
        no rows.
    """
    fields, name = execution_fields(execution), execution_name(execution)
    rows, trades, equity = [], [], []
    markets = _markets(scenarios)
    for (manifest, path, path_columns), run in _runs(strategy, markets, execution, initial_cash):
        key = dict(zip(RUN_KEY, (manifest["scenario_id"], path, strategy.id), strict=True))
        labels = [pl.lit(value).alias(name) for name, value in key.items()]
        row = _row(strategy, manifest, path, run, fields, initial_cash)
        n_bars = len(path_columns["ts"])
        first_kept = (n_bars - 1) % equity_every_bars
        curve = _equity(run, path_columns["ts"])[first_kept::equity_every_bars]
        rows.append({**key, **row, "execution": name, "bars": n_bars, "equity_rows": curve.height})
        trades.append(_trades(run["trades"], strategy.tags).with_columns(labels))
        equity.append(curve.with_columns(labels))
    return (
        _table(TABLES["backtests"], [pl.DataFrame(rows, infer_schema_length=None)]),
        _table(TABLES["trades"], trades),
        _table(TABLES["equity"], equity),
    )


def scored_runs(
    strategies: Sequence[Strategy],
    scenarios: Sequence[tuple[Mapping[str, Any], pl.DataFrame]],
    execution: ExecutionArgument,
    initial_cash: float,
) -> pl.DataFrame:
    """Run strategies as `run_strategy` does and keep no more than what their runs scored.

    Args:
        strategies: What to run, each on the scenarios of its timeframe.
        scenarios: Manifest, with its ``timeframe``, and bars of each.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Quote currency, above 0.

    Returns:
        Rows of the table `backtests`, in key order, with 0 for `equity_rows`.
    """
    fields, name = execution_fields(execution), execution_name(execution)
    table, markets = TABLES["backtests"], _markets(scenarios)
    frames = []
    for strategy in strategies:
        own = [market for market in markets if market[0]["timeframe"] == strategy.timeframe]
        rows = [
            {
                **dict(zip(RUN_KEY, (manifest["scenario_id"], path, strategy.id), strict=True)),
                **_row(strategy, manifest, path, run, fields, initial_cash),
                "execution": name,
                "bars": len(path_columns["ts"]),
                "equity_rows": 0,
            }
            for (manifest, path, path_columns), run in _runs(strategy, own, execution, initial_cash)
        ]
        # Column by column, as a type is known for each and need not be inferred from the rows.
        columns = {
            each.name: pl.Series([row[each.name] for row in rows], dtype=each.polars_type())
            for each in table.columns
        }
        frames.append(pl.DataFrame(columns))
    return _table(table, [pl.concat(frames)] if frames else [])


def _markets(scenarios: Sequence[tuple[Mapping[str, Any], pl.DataFrame]]) -> list[Market]:
    """Every path of every scenario."""
    return [
        (manifest, path, path_columns)
        for manifest, bars in scenarios
        for path, path_columns in columns_by_path(bars)
    ]


def _runs(
    strategy: Strategy,
    markets: Sequence[Market],
    execution: ExecutionArgument,
    initial_cash: float,
) -> Iterator[tuple[Market, engine.RunColumns]]:
    """Every market with its run, from one call of the engine."""
    check_amount("initial_cash", initial_cash)
    for _, _, path_columns in markets:
        check_timeframe(strategy, path_columns["ts"])
    runs = engine.backtest(
        (strategy.program_json,),
        execution_json(execution),
        [path_columns for _, _, path_columns in markets],
        [(0, index) for index in range(len(markets))],
        initial_cash=float(initial_cash),
        bars_per_year=[float(manifest["A"]) for manifest, _, _ in markets],
        benchmark=benchmark_program(),
    )
    return zip(markets, runs, strict=True)


def _table(table: Table, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    with_rows = [table.conform(frame) for frame in frames if frame.height]
    return table.sort(pl.concat(with_rows)) if with_rows else table.empty()


def _row(
    strategy: Strategy,
    manifest: Mapping[str, Any],
    path: int,
    run: engine.RunColumns,
    fields: Mapping[str, Any],
    initial_cash: float,
) -> dict[str, Any]:
    """One run as a row of `backtests`, without its key and length."""
    signed = signature(
        ir_hash=strategy.ir_hash,
        scenario_hash=manifest["scenario_hash"],
        dataset_hash=manifest["dataset_hash"],
        path=path,
        execution=fields,
        initial_cash=initial_cash,
        bars_per_year=float(manifest["A"]),
        engine_version=engine.version(),
        libm_profile=manifest["libm_profile"],
    )
    flags = flag_names(run["flags"])
    if manifest["a_inferred"]:
        flags += (A_INFERRED,)
    return {
        "ir_hash": strategy.ir_hash,
        "scenario_hash": manifest["scenario_hash"],
        "dataset_hash": manifest["dataset_hash"],
        "signature": signed,
        "bars_per_year": float(manifest["A"]),
        "initial_cash_quote": float(initial_cash),
        "final_equity_quote": run["final_equity_quote"],
        **run_metrics(run),
        "phase_sharpe": phase_sharpe(np.append(initial_cash, run["equity_quote"])),
        "flags": " ".join(flags),
    }


def _equity(run: engine.RunColumns, ts: NDArray[np.int64]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "t": np.arange(len(ts), dtype=np.uint32),
            "ts": ts,
            "equity_quote": run["equity_quote"],
            "cash_quote": run["cash_quote"],
            "position_base": run["position_base"],
        }
    )


def _trades(trades: engine.Columns, tags: Sequence[str | None]) -> pl.DataFrame:
    """The engine's trades with names for codes, in the order of the table."""
    import pyarrow as pa

    words = {"exit_reason": _exit_reasons(), "entry_tag": pl.Series(tags, dtype=pl.String)}
    own = [each.name for each in TABLES["trades"].columns if each.name not in RUN_KEY]
    plain = [name for name in own if name not in words]
    # Through Arrow, and as one batch of it: a small run would otherwise spend most of its time
    # making columns.
    batch = pa.RecordBatch.from_arrays([pa.array(trades[name]) for name in plain], plain)
    frame = pl.DataFrame(batch)
    for index, name in enumerate(own):
        if name in words:
            frame.insert_column(index, words[name][trades[name]].alias(name))
    return frame


@cache
def _exit_reasons() -> pl.Series:
    """Why a position ended, at the code of each reason."""
    column = next(each for each in TABLES["trades"].columns if each.name == "exit_reason")
    return pl.Series(engine.catalogue()["codes"]["exit_reason"], dtype=column.polars_type())
