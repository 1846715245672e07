"""What happened day by day.

Days are those of the markets, in UTC: no clock is read, so that the same runs give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from simcore.scoring.composite import COMPOSITE_V1
from simcore.scoring.score import Floats, Runs
from simcore.tables import TABLES


def daily_rollups(
    runs: pl.DataFrame, days: pl.DataFrame, leaders: Mapping[str, Sequence[str]]
) -> pl.DataFrame:
    """Return one row for each UTC day that a campaign's markets cover.

    A run belongs to the day of its last bar, and so does a tournament. The rows are made from the
    whole of what there is: a run that comes late changes its own day and adds to no other.

    Args:
        runs: Rows of the table `backtests`.
        days: ``scenario_id, path, first, last``: days of the first and the last bar of each path.
        leaders: By tournament, the ids of its first places.

    Returns:
        Rows of the table `daily_rollups`. A day without runs counts 0 and averages null.
    """
    table = TABLES["daily_rollups"]
    if days.is_empty():
        return table.empty()
    dated = runs.join(days, on=["scenario_id", "path"], how="inner")
    dated = dated.with_columns(score=pl.Series(_scores(dated)))
    counted = dated.group_by(pl.col("last").alias("day")).agg(
        simulations_run=pl.len(),
        total_trades=pl.col("n_trades").cast(pl.UInt64).sum(),
        avg_roi=pl.col("total_return").sort().mean(),
        median_roi=pl.col("total_return").median(),
        roi_p5=pl.col("total_return").quantile(0.05, "linear"),
        roi_p95=pl.col("total_return").quantile(0.95, "linear"),
        avg_score=pl.col("score").sort().mean(),
    )
    span = pl.date_range(days["first"].min(), days["last"].max(), eager=True)  # type: ignore[arg-type]
    closed = pl.DataFrame(
        {
            "day": [dated["last"].max() if dated.height else None],
            "tournaments_completed": [len(leaders)],
            "best_entry": [" ".join(sorted({name for each in leaders.values() for name in each}))],
        },
        schema_overrides={"day": pl.Date},
    )
    rows = (
        pl.DataFrame({"day": span})
        .join(counted, on="day", how="left")
        .join(closed, on="day", how="left")
        .with_columns(
            pl.col("simulations_run", "total_trades", "tournaments_completed").fill_null(0),
            date=pl.col("day").dt.to_string(),
        )
    )
    return table.conform(rows.drop("day").sort("date"))


def days_of(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the UTC days of the first and the last bar of each path.

    Args:
        bars: Rows of the table `bars`.
    """
    ts = pl.col("ts").cast(pl.Datetime("ns"))
    return bars.group_by("scenario_id", "path").agg(
        first=ts.min().dt.date(), last=ts.max().dt.date()
    )


def _scores(runs: pl.DataFrame) -> Floats:
    """Score of each run by the default score, shape ``(n_runs,)``."""
    metrics: dict[str, Any] = {
        each: runs[each].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for each in COMPOSITE_V1.metrics
    }
    is_ruined = runs["flags"].str.split(" ").list.contains("RUIN").to_numpy()
    known = Runs(metrics, is_ruined, np.ones(runs.height, dtype=np.bool_))
    return COMPOSITE_V1.points(known, COMPOSITE_V1.weights)
