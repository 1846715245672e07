"""Rows of the table of resampled runs."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from simcore.backtests.monte_carlo import METHODS, STATISTICS, resampled
from simcore.backtests.resampled_runs import resampled_runs, returns_of
from simcore.tables import TABLES
from simcore.tables import monte_carlo as tables

CURVE = 10_000.0 * np.cumprod(1.0 + 0.01 * np.random.default_rng(1).standard_normal(200))
SIGNATURES = {"moved": "a" * 64, "flat": "b" * 64, "short": "c" * 64}


def table_of(curves: dict[str, np.ndarray]) -> pl.DataFrame:
    keys = {"path": 0, "strategy_id": "s"}
    runs = pl.DataFrame(
        [
            {"scenario_id": name, **keys, "signature": SIGNATURES[name],
             "initial_cash_quote": 10_000.0}
            for name in curves
        ],
        schema_overrides={"path": pl.UInt32},
    )  # fmt: skip
    equity = pl.concat(
        [
            pl.DataFrame({"equity_quote": curve}).select(
                pl.lit(name).alias("scenario_id"), pl.lit(0, pl.UInt32).alias("path"), pl.all()
            )
            for name, curve in curves.items()
        ]
    )
    years = dict.fromkeys(curves, 252.0)
    return resampled_runs(runs, equity, years, n_paths=300, method="stationary")


def test_a_run_has_a_row_a_metric_and_the_percentiles_of_its_returns() -> None:
    rows = table_of({"moved": CURVE})
    assert TABLES["monte_carlo"].violations(rows) == []
    assert rows["metric"].to_list() == list(STATISTICS)
    returns = returns_of(CURVE, 10_000.0)
    alone = resampled(returns, bars_per_year=252.0, n_paths=300, signature=SIGNATURES["moved"])
    assert rows["p5"].to_list() == alone.percentiles["p5"].to_list()
    assert rows["mcse_p95"].to_list() == alone.percentiles["mcse_p95"].to_list()
    assert rows["observed"].to_list() == list(alone.observed.values())
    by_metric = {row["metric"]: row for row in rows.iter_rows(named=True)}
    assert by_metric["cagr"]["worse_fraction"] == alone.probability("cagr", 0.0)[0]
    deep = alone.probability("max_drawdown", -0.2)[0]
    assert by_metric["max_drawdown"]["worse_fraction"] == deep
    assert by_metric["es_5_bar"]["worse_fraction"] is None


def test_a_run_with_nothing_to_resample_has_rows_of_nulls() -> None:
    rows = table_of({"flat": np.full(50, 10_000.0), "short": CURVE[:9]})
    assert TABLES["monte_carlo"].violations(rows) == []
    assert rows.height == 10
    assert rows["n_paths"].to_list() == [0] * 10
    assert rows["flags"].to_list() == ["ZERO_DISPERSION"] * 5 + ["LOW_SAMPLE"] * 5
    assert rows["p50"].null_count() == rows["observed"].null_count() == 10


def test_no_runs_give_no_rows() -> None:
    runs = TABLES["backtests"].empty()
    rows = resampled_runs(runs, TABLES["equity"].empty(), {}, n_paths=10, method="iid")
    assert rows.height == 0
    assert rows.schema == TABLES["monte_carlo"].polars_schema()


def test_returns_begin_at_the_cash_and_end_with_ruin() -> None:
    found = returns_of(np.array([110.0, 55.0, 0.0, 0.0, 0.0]), 100.0)
    assert found == pytest.approx([0.1, -0.5, -1.0])


def test_the_table_and_the_engine_name_the_same_things() -> None:
    assert tables.METRICS == STATISTICS
    assert tables.METHODS == METHODS
