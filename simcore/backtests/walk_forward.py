"""Walk-forward: learn on a stretch of bars, be judged on the next, step on.

A fold's runs see the bars before their stretch as history and nothing behind it: indicators are
warm, the account is new. What was tried is told to the ledger of trials as it is tried.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.backtests.folds import Fold, Plan
from simcore.backtests.market import market_columns
from simcore.backtests.metric_values import flag_names, metric_names, run_metrics
from simcore.backtests.request import ExecutionArgument, check_bars_per_year, execution_json
from simcore.backtests.run import benchmark_program, check_amount, default_bars_per_year
from simcore.backtests.search import Candidate, Candidates, Grid, candidates, objective_sign
from simcore.backtests.series import metrics as metrics_of
from simcore.backtests.trials import HandLedger, Score, scores_of
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.strategy.strategy import Strategy, compile_strategy

IN_SAMPLE: Final = "is"
OUT_OF_SAMPLE: Final = "oos"

Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class Asked:
    """What the folds of one history have in common.

    Args:
        execution: Every field of the profile, as JSON text.
        initial_cash: Of each run, quote currency.
        bars_per_year: Annualises the ratios.
        objective: Metric by which a setting is chosen.
    """

    execution: str
    initial_cash: float
    bars_per_year: float
    objective: str


@dataclass(frozen=True)
class Judged:
    """One fold: what was chosen, how it did where it was chosen and where it is judged.

    Args:
        fold: The bars.
        chosen: The setting.
        n_settings: How many were tried.
        in_sample: Metrics and flags over the train.
        out_of_sample: The same over the test.
        equity: At each close of the test, from the initial cash, ``(n_test_bars,)``.
    """

    fold: Fold
    chosen: Candidate
    n_settings: int
    in_sample: tuple[Metrics, tuple[str, ...]]
    out_of_sample: tuple[Metrics, tuple[str, ...]]
    equity: NDArray[np.float64]


class WalkForward:
    """What came of a walk-forward.

    Args:
        judged: The folds, the oldest first.
        tried: Every setting that was run.
        asked: What the folds have in common.
    """

    def __init__(self, judged: Sequence[Judged], tried: Candidates, asked: Asked) -> None:
        self.judged = tuple(judged)
        self._tried = tried
        self._asked = asked

    @cached_property
    def folds(self) -> pl.DataFrame:
        """Two rows a fold, ``is`` before ``oos``.

        ``fold, segment, start_bar, stop_bar, ir_hash, parameters`` (of the chosen setting, as JSON
        text)``, n_settings``, then every metric and ``flags``.
        """
        return pl.DataFrame(self.rows(), infer_schema_length=None)

    def rows(self) -> list[dict[str, Any]]:
        """The rows of `folds`."""
        return [row for each in self.judged for row in self._rows(each)]

    def _rows(self, each: Judged) -> list[dict[str, Any]]:
        fold = each.fold
        values = (int(value) if value.is_integer() else value for value in each.chosen.values)
        chosen = json.dumps(dict(zip(self._tried.names, values, strict=True)))
        return [
            {
                "fold": fold.number,
                "segment": segment,
                "start_bar": start,
                "stop_bar": stop,
                "ir_hash": each.chosen.ir_hash,
                "parameters": chosen,
                "n_settings": each.n_settings,
                **metrics,
                "flags": " ".join(flags),
            }
            for segment, start, stop, (metrics, flags) in (
                (IN_SAMPLE, fold.train_start, fold.train_stop, each.in_sample),
                (OUT_OF_SAMPLE, fold.test_start, fold.test_stop, each.out_of_sample),
            )
        ]

    @cached_property
    def parameters(self) -> pl.DataFrame:
        """What was chosen: one row a fold, ``fold`` and one column a parameter that varies."""
        chosen = zip(*(each.chosen.values for each in self.judged), strict=True)
        named = dict(zip(self._tried.names, chosen, strict=False))
        return pl.DataFrame({"fold": [each.fold.number for each in self.judged], **named})

    @cached_property
    def equity(self) -> pl.Series:
        """Equity over the tests, each begun with what the one before left, ``(n_oos_bars,)``."""
        pieces, cash = [], self._asked.initial_cash
        for each in self.judged:
            growth = each.equity / self._asked.initial_cash
            pieces.append(cash * growth)
            cash = max(float(pieces[-1][-1]), 0.0)
        return pl.Series("equity_quote", np.concatenate(pieces))

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The folds in a few numbers.

        ``mean``, ``std`` (ddof 1) and ``min`` of each metric over the tests, without those where
        it is not defined; ``stitched``, the metrics of `equity`; ``wfe``, log growth a bar of the
        tests over that of the trains, None unless the trains grew; ``parameter_drift``, the mean
        step of a parameter from fold to fold over the width of its domain, None where nothing can
        drift; ``n_folds`` and ``n_settings``.
        """
        judged = {name: self._over_tests(name) for name in metric_names()}
        equity = np.concatenate([[self._asked.initial_cash], self.equity.to_numpy()])
        alive = equity[: int(np.argmax(equity <= 0.0)) + 1] if (equity <= 0.0).any() else equity
        returns = alive[1:] / alive[:-1] - 1.0
        return {
            "n_folds": len(self.judged),
            "n_settings": len(self._tried.settings),
            "wfe": self._efficiency(),
            "parameter_drift": self._drift(),
            "mean": {name: float(np.mean(all_)) if all_ else None for name, all_ in judged.items()},
            "std": {
                name: float(np.std(all_, ddof=1)) if len(all_) > 1 else None
                for name, all_ in judged.items()
            },
            "min": {name: min(all_, default=None) for name, all_ in judged.items()},
            "stitched": metrics_of(returns, bars_per_year=self._asked.bars_per_year),
        }

    def _over_tests(self, name: str) -> list[float]:
        values = (each.out_of_sample[0][name] for each in self.judged)
        return [float(value) for value in values if value is not None]

    def _efficiency(self) -> float | None:
        growths: dict[str, float] = {IN_SAMPLE: 0.0, OUT_OF_SAMPLE: 0.0}
        lengths = dict.fromkeys(growths, 0)
        for row in self.rows():
            total_return = row["total_return"]
            if total_return is None or total_return <= -1.0:
                return None
            growths[row["segment"]] += math.log1p(total_return)
            lengths[row["segment"]] += row["stop_bar"] - row["start_bar"]
        learnt = growths[IN_SAMPLE] / lengths[IN_SAMPLE]
        return growths[OUT_OF_SAMPLE] / lengths[OUT_OF_SAMPLE] / learnt if learnt > 0.0 else None

    def _drift(self) -> float | None:
        widths = np.array(self._tried.widths)
        if len(self.judged) < 2 or not (widths > 0.0).any():
            return None
        values = np.array([each.chosen.values for each in self.judged])[:, widths > 0.0]
        return float(np.mean(np.abs(np.diff(values, axis=0)) / widths[widths > 0.0]))


def walk_forward(
    strategy: Strategy | str | Path | Mapping[str, Any],
    bars: pl.DataFrame,
    *,
    folds: int = 5,
    scheme: str = "rolling",
    train_bars: int | None = None,
    test_bars: int | None = None,
    purge_bars: int | None = None,
    embargo_bars: int = 0,
    grid: Grid | None = None,
    objective: str = "sharpe",
    execution: ExecutionArgument = "honest_v1",
    initial_cash: float = 10_000.0,
    bars_per_year: float | None = None,
    n_settings: int = 64,
    seed: int = 0,
    home: str | Path | None = None,
) -> WalkForward:
    """Choose parameters on the past, judge them on what follows, and step on.

    Args:
        strategy: A compiled strategy, or a document, its id, path or text.
        bars: As for `simcore.backtest`.
        folds: How many tests; more on this and the next five in `simcore.backtests.folds.Plan`.
        scheme: ``rolling`` or ``anchored``.
        train_bars: Bars from the first train to the first test; None for what is left.
        test_bars: Bars of a test; None for what is left, half of the history at most.
        purge_bars: Cut off the end of each train; None for as long as a trade may last.
        embargo_bars: Cut off beside them.
        grid: Values by name, at most 10,000 combinations; None draws from the stated domains.
        objective: Metric by which a setting is chosen; of equals, the smallest `ir_hash`.
        execution: A profile's name, or ``{"base": name, **overrides}``.
        initial_cash: Of every run, quote currency, above 0.
        bars_per_year: Annualises the ratios; None means a market that never closes.
        n_settings: How many settings are drawn without a grid.
        seed: Of the draws.
        home: Where the user's documents lie and trials are counted; None counts nothing.

    Returns:
        `WalkForward`. What a fold chooses depends on no bar behind its train.

    Raises:
        SpecError: An argument is wrong, or the history does not hold the folds.
        LimitError: More than 10,000 settings.

    Source:
        Pardo (2008), "The Evaluation and Optimization of Trading Strategies", ch. 11.
    """
    compiled = compile_strategy(strategy, home=home)
    asked = _asked(compiled, execution, initial_cash, bars_per_year, objective)
    history = market_columns(compiled, bars)
    plan = Plan(folds, scheme, train_bars, test_bars, purge_bars, embargo_bars)
    steps = plan.over(len(history["ts"]), holding_bars=holding_bars(compiled))
    tried = candidates(compiled, grid=grid, n_settings=n_settings, seed=seed)
    ledger = None if home is None else HandLedger(home, compiled, history, execution)
    tell = None if ledger is None else ledger.teller("walk_forward")
    return WalkForward(judge(history, steps, tried, asked, tell), tried, asked)


def _asked(
    strategy: Strategy,
    execution: ExecutionArgument,
    initial_cash: float,
    bars_per_year: float | None,
    objective: str,
) -> Asked:
    check_amount("initial_cash", initial_cash)
    year = default_bars_per_year(strategy) if bars_per_year is None else bars_per_year
    check_bars_per_year(year)
    objective_sign(objective)
    return Asked(execution_json(execution), float(initial_cash), float(year), objective)


def holding_bars(strategy: Strategy) -> int:
    """Return how long a trade of the strategy may last by its own limit; 1 without one."""
    risk = strategy.model.risk
    longest = None if risk is None else risk.max_holding_bars
    return 1 if longest is None else int(longest)


def judge(
    history: engine.Columns,
    folds: Sequence[Fold],
    tried: Candidates,
    asked: Asked,
    tell: Callable[[Sequence[Score]], None] | None = None,
) -> list[Judged]:
    """Choose and judge on every fold.

    Args:
        history: Columns of one path of one asset.
        folds: The bars of each.
        tried: The settings to choose from.
        asked: What the folds have in common.
        tell: Takes what each setting scored, right after it was run.

    Raises:
        SpecError: TOO_SHORT, a train in which no setting has a value for all it reads.
    """
    return [_judged(history, fold, tried, asked, tell) for fold in folds]


def _judged(
    history: engine.Columns,
    fold: Fold,
    tried: Candidates,
    asked: Asked,
    tell: Callable[[Sequence[Score]], None] | None,
) -> Judged:
    ready = [each for each in tried.settings if each.lookback_bars < fold.train_stop]
    if not ready:
        least = min(each.lookback_bars for each in tried.settings)
        message = (
            f"fold {fold.number} learns from the bars before {fold.train_stop}, expected more than "
            f"the {least} that the strategy looks back"
        )
        raise SpecError([Problem("ARGUMENT", "TOO_SHORT", message, "/train_bars")])
    learnt = _runs(history, fold.train_start, fold.train_stop, ready, asked)
    if tell is not None:
        n_bars = fold.train_stop - fold.train_start
        tell(scores_of([each.ir_hash for each in ready], learnt, n_bars, asked.bars_per_year))
    best = _best(learnt, asked.objective)
    chosen = ready[best]
    # What was chosen is run once more for the metrics that a search does without.
    known = _runs(history, fold.train_start, fold.train_stop, [chosen], asked, is_whole=True)[0]
    judged = _runs(history, fold.test_start, fold.test_stop, [chosen], asked, is_whole=True)[0]
    return Judged(fold, chosen, len(ready), _told(known), _told(judged), judged["equity_quote"])


def _runs(
    history: engine.Columns,
    start: int,
    stop: int,
    settings: Sequence[Candidate],
    asked: Asked,
    *,
    is_whole: bool = False,
) -> list[engine.RunColumns]:
    """Run settings over the bars from `start` to `stop`, those before known, those behind not.

    A whole run has equity and every metric, others the metrics of a summary.
    """
    known = {name: column[:stop] for name, column in history.items()}
    return engine.backtest(
        [each.program_json for each in settings],
        asked.execution,
        (known,),
        [(index, 0) for index in range(len(settings))],
        initial_cash=asked.initial_cash,
        bars_per_year=(asked.bars_per_year,),
        detail="equity" if is_whole else "summary",
        benchmark=benchmark_program() if is_whole else None,
        first_bar=start,
    )


def _best(runs: Sequence[engine.RunColumns], objective: str) -> int:
    """Return the run with the best metric; of equals the first, and null is worst."""
    column = metric_names().index(objective)
    values = objective_sign(objective) * np.array([run["metrics"][column] for run in runs])
    return int(np.argmax(np.where(np.isnan(values), -np.inf, values)))


def _told(run: engine.RunColumns) -> tuple[Metrics, tuple[str, ...]]:
    metrics = run_metrics(run)
    return metrics, flag_names(run["flags"])
