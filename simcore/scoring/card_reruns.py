"""The part of an evidence card that takes running again: luck of entry, costs, stress, choice.

Everything is run on the first path of each scenario, with the same bars as the campaign's runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from simcore.backtests.cost_edge import break_even
from simcore.backtests.cross_validation import MIN_SETTINGS, overfitting
from simcore.backtests.random_entry import random_entry
from simcore.backtests.request import ExecutionArgument
from simcore.backtests.run import run_strategy
from simcore.backtests.setting_returns import setting_returns
from simcore.errors import SpecError
from simcore.scoring.evidence_card import PROBABILITY, Row, estimate, fact, mean
from simcore.scoring.regimes import run_points
from simcore.strategy.strategy import Strategy

STRESS: Final = "stress_v1"
SETTINGS: Final = 32


def rerun_rows(
    strategy: Strategy,
    markets: Sequence[tuple[Mapping[str, Any], pl.DataFrame]],
    execution: ExecutionArgument,
    initial_cash: float,
    own_points: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> list[Row]:
    """Return the rows of the sections ``random_entry, cost_edge, overfitting, stress``.

    Args:
        strategy: Whose card it is.
        markets: For each scenario its row of `scenarios` and its rows of `bars`, every path.
        execution: Profile of the campaign.
        initial_cash: Quote currency.
        own_points: Score of each run under that profile, in the order of scenario and path.
    """
    rows: list[Row] = []
    for manifest, bars in markets:
        own = bars.filter(pl.col("path") == pl.col("path").first())
        year = float(manifest["A"])
        item = f"{manifest['scenario_id']}/{own['path'][0]}"
        twin = random_entry(
            strategy, own, execution=execution, initial_cash=initial_cash, bars_per_year=year
        )
        size = twin.twin_scores.size
        rows.append(estimate("random_entry", "percentile", twin.percentile, twin.percentile_se,
                             "percent", size, item))  # fmt: skip
        rows.append(
            estimate("random_entry", "p_value", twin.p_value, None, PROBABILITY, size, item)
        )
        edge = break_even(
            strategy, own, execution=execution, initial_cash=initial_cash, bars_per_year=year
        )
        rows.append(estimate("cost_edge", "extra_bps", edge.extra_bps, edge.extra_bps_se, "bps",
                             edge.n_trades, item))  # fmt: skip
        rows.append(_overfitting(strategy, own, execution, item))
    return rows + _stress(strategy, markets, initial_cash, own_points)


def _overfitting(
    strategy: Strategy, bars: pl.DataFrame, execution: ExecutionArgument, item: str
) -> Row:
    """Probability that the best of the strategy's settings is not even a good one."""
    if not any(param.value != 0.0 for param in strategy.model.params.values()):
        return fact("overfitting", "pbo", "no parameter to choose", item)
    try:
        tried = setting_returns(strategy, bars, n_settings=SETTINGS, execution=execution)
        if tried.returns.shape[1] < MIN_SETTINGS:
            return fact("overfitting", "pbo", "too few settings to choose from", item)
        found = overfitting(tried.returns)
    except SpecError as refusal:
        return fact("overfitting", "pbo", f"not defined: {refusal.problems[0].reason}", item)
    if found.pbo is None:
        return fact("overfitting", "pbo", "not defined: the settings do not differ", item)
    n_halves = sum(run.logit.size for run in found.runs)
    return estimate("overfitting", "pbo", found.pbo, None, PROBABILITY, n_halves, item)


def _stress(
    strategy: Strategy,
    markets: Sequence[tuple[Mapping[str, Any], pl.DataFrame]],
    initial_cash: float,
    own_points: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> list[Row]:
    """The score at the costs of a bad day, and what of it is lost, path by path."""
    runs, _, _ = run_strategy(strategy, markets, STRESS, initial_cash)
    if runs.is_empty():
        return [fact("stress", "score", "no run: nothing is known")]
    stressed = run_points(runs)
    rows = [mean("stress", "score", stressed, "points", STRESS)]
    if stressed.shape == own_points.shape:
        rows.append(mean("stress", "score_lost", own_points - stressed, "points", STRESS))
    return rows
