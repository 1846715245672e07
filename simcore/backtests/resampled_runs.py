"""Monte Carlo on the runs of a strategy, as rows of the table `monte_carlo`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.backtests.monte_carlo import STATISTICS, resampled
from simcore.backtests.run import RUN_KEY
from simcore.tables import TABLES

# Below each of these a path counts as bad; nothing is bad in itself about a shortfall.
THRESHOLDS: Final = {"sharpe": 0.0, "max_drawdown": -0.2, "profit_factor_bar": 1.0, "cagr": 0.0}
# Fewest returns whose blocks can be estimated.
RETURNS_MIN: Final = 10


def resampled_runs(
    runs: pl.DataFrame,
    equity: pl.DataFrame,
    bars_per_year: Mapping[str, float],
    *,
    n_paths: int,
    method: str,
) -> pl.DataFrame:
    """Resample every run of a strategy on its own returns.

    Args:
        runs: Rows of the table `backtests`, one execution.
        equity: Their rows of the table `equity`.
        bars_per_year: By id of scenario.
        n_paths: Paths a run.
        method: As for `simcore.monte_carlo`; blocks are chosen by the returns.

    Returns:
        Rows of the table `monte_carlo`, in key order: five a run. A run that never gained nor
        lost, or ended before ten bars, has rows of nulls with no paths, so that no run is missing.
    """
    table = TABLES["monte_carlo"]
    curves = equity.partition_by(["scenario_id", "path"], as_dict=True, maintain_order=True)
    rows: list[dict[str, Any]] = []
    for run in runs.iter_rows(named=True):
        curve = curves[run["scenario_id"], run["path"]]["equity_quote"].to_numpy()
        returns = returns_of(curve, run["initial_cash_quote"])
        key = {name: run[name] for name in RUN_KEY}
        rows += [
            {**key, **row}
            for row in _rows(
                returns, run["signature"], bars_per_year[run["scenario_id"]], n_paths, method
            )
        ]
    if not rows:
        return table.empty()
    return table.sort(table.conform(pl.DataFrame(rows, schema=table.polars_schema())))


def returns_of(equity: NDArray[np.float64], initial_cash: float) -> NDArray[np.float64]:
    """Simple returns of an equity curve, the first against the initial cash; none after ruin."""
    before = np.concatenate([[initial_cash], equity[:-1]])
    ruined = np.flatnonzero(equity <= 0.0)
    n = int(ruined[0]) + 1 if len(ruined) else len(equity)
    returns: NDArray[np.float64] = equity[:n] / before[:n] - 1.0
    return returns


def _rows(
    returns: NDArray[np.float64], signature: str, bars_per_year: float, n_paths: int, method: str
) -> list[dict[str, Any]]:
    """One row a statistic, without the key of the run."""
    if len(returns) < RETURNS_MIN or not returns.any():
        flag = "LOW_SAMPLE" if len(returns) < RETURNS_MIN else "ZERO_DISPERSION"
        nothing = {"method": method, "block_bars": None, "n_paths": 0, "flags": flag}
        return [
            {"metric": name, "threshold": THRESHOLDS.get(name), **nothing} for name in STATISTICS
        ]
    made = resampled(
        returns,
        bars_per_year=bars_per_year,
        n_paths=n_paths,
        method=method,
        signature=signature,
    )
    rows = []
    for row in made.rows():
        name = str(row["metric"])
        observed, threshold = made.observed[name], THRESHOLDS.get(name)
        worse = None if threshold is None else made.probability(name, threshold)[0]
        rows.append(
            {
                **row,
                "method": method,
                "block_bars": made.block_bars,
                "n_paths": made.n_paths,
                "observed": None if np.isnan(observed) else observed,
                "threshold": threshold,
                "worse_fraction": worse,
                "flags": " ".join(made.flags),
            }
        )
    return rows
