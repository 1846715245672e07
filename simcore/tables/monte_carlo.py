"""Table of the resampled runs: what else a run's returns could have looked like."""

from __future__ import annotations

from typing import Final

from simcore.tables.table import Column, Table

METRICS: Final = ("sharpe", "max_drawdown", "profit_factor_bar", "cagr", "es_5_bar")
METHODS: Final = ("stationary", "circular", "moving", "iid", "permute")
PERCENTILES: Final = ("p5", "p25", "p50", "p75", "p95")
_RUN_KEY: Final = ("scenario_id", "path", "strategy_id")


def _number(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "f64", unit, f"{meaning} Null: not defined.", nullable=True)


MONTE_CARLO: Final = Table(
    "monte_carlo",
    "One row per metric of a run: percentiles over resampled paths of the run's returns.",
    key=(*_RUN_KEY, "metric"),
    partitioned_by=("campaign", "strategy"),
    columns=(
        Column("scenario_id", "str", "-", "Id of the scenario's document."),
        Column("path", "u32", "-", "Number of the path, from zero."),
        Column("strategy_id", "str", "-", "Id of the strategy's document."),
        Column("metric", "enum", "-", "What each path scores, in the metric's own unit.",
               values=METRICS),
        Column("method", "enum", "-", "How the returns were resampled.", values=METHODS),
        Column("block_bars", "f64", "bars", "Mean bars of a block. Null: nothing was drawn.",
               nullable=True, minimum=1.0),
        Column("n_paths", "u32", "paths", "Resampled paths; 0 for a run that never gained nor "
               "lost, or ended before ten bars."),
        _number("observed", "-", "The metric of the run's returns as they came."),
        *(_number(name, "-", f"Percentile {name[1:]} over the paths.") for name in PERCENTILES),
        _number("mean", "-", "Mean over the paths."),
        *(
            _number(f"mcse_{name}", "-", f"Monte Carlo standard error of {name}.")
            for name in PERCENTILES
        ),
        _number("threshold", "-", "Below this a path is bad."),
        Column("worse_fraction", "f64", "fraction", "Share of paths below the threshold. Null: "
               "there is none.", nullable=True, minimum=0.0, maximum=1.0),
        Column("flags", "str", "-", "Names of what to know about the paths, space between."),
    ),
    references=((_RUN_KEY, "backtests", _RUN_KEY),),
)  # fmt: skip

TABLES: Final = (MONTE_CARLO,)
