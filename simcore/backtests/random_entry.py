"""The random-entry twin: what a strategy would score had it traded at random times.

A twin has as many positions as the run, held as long, on the same sides, of the same share of
equity and at the same costs; only their order and their times are drawn. What the run scores above
its twins came from when it traded, and not from being in the market.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.metric_values import metric_names
from simcore.backtests.request import ExecutionArgument, execution_fields, execution_json
from simcore.backtests.run import Backtest, backtest, default_bars_per_year
from simcore.bars import columns, dataset_hash
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem
from simcore.refusals import nearest
from simcore.seeds import SEED_MAX, derive
from simcore.strategy.strategy import Strategy, compile_strategy

N_TWINS: Final = 200
MAX_TWINS: Final = 100_000
MAX_POSITIONS: Final = 20_000_000
PURPOSE: Final = "random_entry"
# Scores that differ by less are the same: the twin's shares of equity are rounded.
TIE: Final = 1e-9


@dataclass(frozen=True, eq=False)
class RandomEntry:
    """Where a run stands among its random-entry twins.

    Args:
        metric: Name of the score.
        score: Of the run, None where it is not defined.
        percentile: Share of twins that score less, in percent, those that score the same by
            half; None where there is nothing to compare.
        percentile_se: Its standard error for the number of twins, in percent; one twin more on
            either side keeps it above 0.
        p_value: Chance that a run at random times scores as much: one-sided, never 0.
        twin_scores: Of the twins, ``(n_twins,)``; NaN where one is not defined.
        n_positions: Of the run, and of each twin.
        seed: That of the draws.
        flags: ``NO_TRADES`` where the run has no position, ``NO_FREEDOM`` where every twin scores
            what the run scores, since its positions fit in one way only.
    """

    metric: str
    score: float | None
    percentile: float | None
    percentile_se: float | None
    p_value: float | None
    twin_scores: NDArray[np.float64]
    n_positions: int
    seed: int
    flags: tuple[str, ...]

    def __str__(self) -> str:
        """Return the result as a sentence."""
        if self.percentile is None:
            return f"random entry: no percentile ({' '.join(self.flags) or 'no score'})"
        return (
            f"random entry: {self.metric} at percentile {self.percentile:.1f}"
            f" (± {self.percentile_se:.1f}) of {self.twin_scores.size} twins,"
            f" p = {self.p_value:.3g}, n = {self.n_positions} positions"
            + "".join(f", {flag}" for flag in self.flags)
        )


def random_entry(
    strategy: Strategy | str | Path | Mapping[str, Any],
    bars: pl.DataFrame,
    *,
    metric: str = "sharpe",
    n_twins: int = N_TWINS,
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    home: str | Path | None = None,
    seed: int | None = None,
    n_threads: int | None = None,
) -> RandomEntry:
    """Run a strategy and its random-entry twins over the same bars.

    A twin enters and leaves at opens, as a market order does; a position that the run left in the
    bar of its entry is closed at that bar's close. Stops, margin calls and limits of a day are the
    strategy's, and are not part of a twin.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`.
        metric: A metric of a summary of which more is better.
        n_twins: 1 or more.
        execution: As for `simcore.backtest`.
        initial_cash: Quote currency, above 0.
        bars_per_year: Annualises the ratios.
        home: Where the user's documents lie.
        seed: None derives it from what is run and over which bars, so that another execution or
            another engine meets the same twins.
        n_threads: None takes the machine's cores; the result is the same for any number.

    Raises:
        SpecError: As for `simcore.backtest`; the metric is not known, or a number is none.
        LimitError: All twins together have too many positions.

    Source:
        p-value: Phipson and Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9(1).
    """
    _check(metric, n_twins, seed)
    compiled = compile_strategy(strategy, home=home)
    year = default_bars_per_year(compiled) if bars_per_year is None else bars_per_year
    run = backtest(
        compiled, bars, execution=execution, initial_cash=initial_cash, bars_per_year=year
    )
    derived = derive(0, PURPOSE, compiled.ir_hash, dataset_hash(bars))
    drawn_by, score = derived if seed is None else seed, run.metrics[metric]
    positions = _positions(run, bars, int(execution_fields(execution)["bar_delay"]))
    n = positions["side"].size
    if n == 0:
        none = (None, None, None, np.empty(0), 0)
        return RandomEntry(metric, score, *none, drawn_by, ("NO_TRADES",))
    if n * n_twins > MAX_POSITIONS:
        message = f"n_twins: got {n_twins} of {n} positions, expected {MAX_POSITIONS} in all"
        raise LimitError("TOO_LARGE", message)
    runs = _twins(compiled, bars, positions, n_twins, drawn_by, execution,
                  (float(initial_cash), float(year), n_threads))  # fmt: skip
    column = metric_names().index(metric)
    twins = np.array([float(each["metrics"][column]) for each in runs])
    return _placed(metric, score, twins, n, drawn_by)


def twin_summaries(
    run: Backtest,
    strategy: Strategy,
    bars: pl.DataFrame,
    *,
    n_twins: int,
    seed: int,
    execution: ExecutionArgument,
    initial_cash: float,
    bars_per_year: float,
) -> list[engine.RunColumns]:
    """Return the summaries of the twins of a run; none for a run without positions.

    Args:
        run: The run, with full trades.
        strategy: What was run.
        bars: Over which bars.
        n_twins: How many twins.
        seed: Of the draws.
        execution: As the run's.
        initial_cash: As the run's.
        bars_per_year: As the run's.
    """
    positions = _positions(run, bars, int(execution_fields(execution)["bar_delay"]))
    if positions["side"].size == 0:
        return []
    asked = (float(initial_cash), float(bars_per_year), None)
    return _twins(strategy, bars, positions, n_twins, seed, execution, asked)


def _twins(
    strategy: Strategy,
    bars: pl.DataFrame,
    positions: Mapping[str, NDArray[Any]],
    n_twins: int,
    seed: int,
    execution: ExecutionArgument,
    asked: tuple[float, float, int | None],
) -> list[engine.RunColumns]:
    """The summaries of all twins."""
    initial_cash, year, n_threads = asked
    first = strategy.lookback_bars + int(execution_fields(execution)["bar_delay"])
    scripts = _drawn(positions, n_twins, seed, first, bars.height)
    risk, n = strategy.model.risk, positions["side"].size
    return engine.scripted(
        execution_json(execution),
        columns(bars),
        scripts,
        starts=range(0, n * n_twins, n),
        max_leverage=1.0 if risk is None else risk.max_leverage,
        initial_cash=initial_cash,
        bars_per_year=year,
        n_threads=n_threads,
    )


def _placed(
    metric: str, score: float | None, twins: NDArray[np.float64], n_positions: int, seed: int
) -> RandomEntry:
    scored = twins[~np.isnan(twins)]
    if score is None or scored.size == 0:
        return RandomEntry(metric, score, None, None, None, twins, n_positions, seed, ())
    is_tied = np.abs(scored - score) <= TIE * max(1.0, abs(score))
    n_tied = int(np.count_nonzero(is_tied))
    n_below = int(np.count_nonzero((scored < score) & ~is_tied))
    share = (n_below + 0.5 * n_tied) / scored.size
    shrunk = (n_below + 0.5 * n_tied + 1.0) / (scored.size + 2.0)
    error = math.sqrt(shrunk * (1.0 - shrunk) / scored.size)
    p_value = (1 + scored.size - n_below) / (1 + scored.size)
    flags = ("NO_FREEDOM",) if n_tied == scored.size else ()
    return RandomEntry(
        metric, score, 100.0 * share, 100.0 * error, p_value, twins, n_positions, seed, flags
    )


def _positions(run: Backtest, bars: pl.DataFrame, bar_delay: int) -> dict[str, NDArray[Any]]:
    """The run's positions: bars held, sides, and shares of equity at their decisions.

    Trades that overlap, as those of a position that was added to, are one position.
    """
    trades = run.trades.sort("entry_bar", "id")
    entry = trades["entry_bar"].to_numpy().astype(np.int64)
    # A position that was held through the last close was held through its bar.
    is_last = (trades["exit_reason"] == "end_of_data").to_numpy()
    end = trades["exit_bar"].to_numpy().astype(np.int64) + is_last
    decided = np.maximum(entry - bar_delay, 0)
    close, equity = bars["close"].to_numpy(), run.equity.to_numpy()
    share = trades["qty"].to_numpy() * close[decided] / equity[decided]
    side = trades["side"].to_numpy().astype(np.float64)
    held: list[int] = []
    shares: list[float] = []
    sides: list[float] = []
    free_from = -1
    for number in range(entry.size):
        if entry[number] < free_from:
            held[-1] += max(0, int(end[number]) - free_from)
            shares[-1] += float(share[number])
        else:
            held.append(int(end[number] - entry[number]))
            shares.append(float(share[number]))
            sides.append(float(side[number]))
        free_from = max(free_from, int(end[number]), int(entry[number]) + 1)
    return {"held": np.array(held, dtype=np.int64), "side": np.array(sides),
            "share": np.array(shares)}  # fmt: skip


def _drawn(
    positions: Mapping[str, NDArray[Any]], n_twins: int, seed: int, first: int, n_bars: int
) -> engine.Columns:
    """The scripts of all twins: the positions in a drawn order, at drawn times, one twin a lane.

    The free bars are shared out between the positions as points that fall anywhere with equal
    chance cut a line.
    """
    held = positions["held"]
    n = held.size
    taken = np.maximum(held, 1)
    n_free = max(0, n_bars - first - int(taken.sum()))
    draws = np.stack([engine.uniforms(seed, PURPOSE, lane, 2 * n) for lane in range(n_twins)])
    order = np.argsort(draws[:, :n], axis=1, kind="stable")
    cuts = np.sort(np.floor(draws[:, n:] * (n_free + 1)), axis=1).astype(np.int64)
    before = np.cumsum(taken[order], axis=1) - taken[order]
    entry = first + cuts + before
    return {
        "entry_bar": entry.ravel(),
        "exit_bar": np.minimum(entry + held[order], n_bars).ravel(),
        "side": positions["side"][order].ravel(),
        "share": positions["share"][order].ravel(),
    }


def _check(metric: str, n_twins: int, seed: int | None) -> None:
    # Twins are summaries, which hold no other metric.
    rising = [
        row["name"]
        for row in engine.catalogue()["metrics"]
        if row["better"] == "higher" and row["in_summary"]
    ]
    if metric not in rising:
        near = nearest(metric, rising)
        message = f"got {metric!r}, expected a metric of which more is better"
        message += f" [did you mean {near}?]" if near else f": {', '.join(rising)}"
        raise SpecError([Problem("ARGUMENT", "UNKNOWN_NAME", message, "/metric", "random_entry")])
    for name, value, low, high in (
        ("n_twins", n_twins, 1, MAX_TWINS),
        ("seed", 0 if seed is None else seed, 0, SEED_MAX),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            message = f"got {value!r}, expected a whole number from {low} to {high}"
            problem = Problem("ARGUMENT", "OUT_OF_RANGE", message, f"/{name}", "random_entry")
            raise SpecError([problem])
