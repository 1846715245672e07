"""What every metric must do, over the engine's table of metrics."""

from __future__ import annotations

import itertools
from typing import Any

import metric_twins
import numpy as np
import polars as pl
import pytest
import reference
from market import flat_market, market
from metric_twins import Series, Trip
from return_vectors import ODD, PLAIN, RUIN

import simcore
from simcore import engine
from simcore.backtests.run import benchmark_program
from simcore.tables import TABLES

METRICS: list[dict[str, Any]] = engine.catalogue()["metrics"]
FLAGS = set(engine.catalogue()["codes"]["metric_flags"])
BARS_PER_YEAR = 8_760.0
CASH = 10_000.0

TREND = {
    "version": "0.1.0",
    "id": "trend",
    "name": "Two averages",
    "timeframe": "1h",
    "params": {"fast": 5, "slow": 20},
    "rules": [
        {"if": "ma(close, fast) > ma(close, slow)", "then": "buy"},
        {"if": "ma(close, fast) < ma(close, slow)", "then": "close"},
    ],
    "risk": {"sizing": {"type": "pct_equity", "value": 90}, "stop": {"type": "pct", "value": 2}},
    "metadata": {},
}
HOLD = {
    **TREND,
    "id": "hold",
    "params": {},
    "rules": [{"if": "close > 0", "then": "buy"}],
    "risk": {
        "sizing": {"type": "pct_equity", "value": 100},
        "max_holding_bars": 5_000_000,
        "max_daily_loss_pct": 100,
    },
}
NEVER = {
    **HOLD,
    "id": "never",
    "rules": [{"if": "close > 1e12", "then": "buy"}],
}


def run_of(document: dict[str, Any], bars: pl.DataFrame) -> tuple[simcore.Backtest, reference.Run]:
    """A backtest, and what its metrics may read."""
    result = simcore.backtest(document, bars, initial_cash=CASH, bars_per_year=BARS_PER_YEAR)
    trades = result.trades
    traded_quote = float((trades["qty"] * (trades["entry_px"] + trades["exit_px"])).sum())
    run = reference.Run(
        CASH, result.equity.to_list(), trades["net_pnl"].to_list(), traded_quote, BARS_PER_YEAR
    )
    return result, run


def series_of(document: dict[str, Any], bars: pl.DataFrame) -> Series:
    """The same for the metrics that no summary has."""
    result, run = run_of(document, bars)
    held, _ = run_of(HOLD, bars)
    close = bars["close"].to_list()
    position = np.zeros(bars.height)
    trips = []
    stop = document["risk"].get("stop")
    for row in result.trades.iter_rows(named=True):
        is_last = row["exit_reason"] == "end_of_data"
        position[row["entry_bar"] : row["exit_bar"]] = row["qty"] * row["side"]
        assert not is_last or position[row["exit_bar"]] == 0.0
        distance = close[row["entry_bar"] - 1] * stop["value"] / 100.0 if stop else None
        trips.append(
            Trip(
                net=row["net_pnl"],
                gross=row["gross_pnl"],
                traded=row["qty"] * (row["entry_px"] + row["exit_px"]),
                cost=row["fees"] + row["slippage_cost"],
                held=row["bars_held"],
                risk=None if distance is None else row["qty"] * distance,
            )
        )
    levels = [CASH, *held.equity.to_list()]
    return Series(
        run.returns,
        BARS_PER_YEAR,
        initial=CASH,
        ts=bars["ts"].to_list(),
        bench=[b / a - 1.0 for a, b in itertools.pairwise(levels)],
        trades=trips,
        position=position.tolist(),
        close=close,
        equity=[CASH, *result.equity.to_list()],
    )


CASES = {
    "trend": (TREND, market(seed=1, n_bars=2_000)),
    "trend, calm": (TREND, market(seed=2, n_bars=2_000, sigma=1e-4)),
    "hold": (HOLD, market(seed=3, n_bars=1_000)),
    "hold, short": (HOLD, market(seed=4, n_bars=110)),
    "never": (NEVER, market(seed=5, n_bars=300)),
}


SERIES = {name: series_of(*case) for name, case in CASES.items()}


def test_every_metric_has_a_twin_and_every_twin_a_metric() -> None:
    twins = [*reference.METRICS, *metric_twins.METRICS]
    assert [row["name"] for row in METRICS] == twins


def test_the_table_has_a_column_for_every_metric_in_its_unit() -> None:
    columns = [c for c in TABLES["backtests"].columns if c.name in {m["name"] for m in METRICS}]
    assert [c.name for c in columns] == [
        "total_return", "sharpe", "sortino", "max_drawdown", "calmar", "win_rate", "profit_factor",
        "turnover", "n_trades", *metric_twins.METRICS,
    ]  # fmt: skip
    assert {c.name: c.unit for c in columns} == {m["name"]: m["unit"] for m in METRICS}
    assert all(c.nullable for c in columns if c.name != "n_trades")


def close_to(expected: float) -> Any:
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row["name"])
class TestEveryMetric:
    def test_says_its_unit_its_source_and_which_way_is_better(self, row: dict[str, Any]) -> None:
        assert row["unit"] and row["source"] and row["formula"] and row["null"]
        assert row["better"] in ("higher", "lower", "neither")
        assert row["basis"] in ("bar", "day", "trade")
        assert row["needs"] in ("returns", "dates", "benchmark", "run")

    @pytest.mark.parametrize("case", CASES)
    def test_equals_its_slow_twin(self, row: dict[str, Any], case: str) -> None:
        result, run = run_of(*CASES[case])
        found, name = result.metrics[row["name"]], row["name"]
        if name in reference.METRICS:
            expected = reference.METRICS[name](run)
        else:
            expected = metric_twins.METRICS[name](SERIES[case])
        if expected is None:
            assert found is None
        else:
            assert found == close_to(expected)

    @pytest.mark.parametrize("case", CASES)
    def test_gives_one_number_or_null_with_a_flag(self, row: dict[str, Any], case: str) -> None:
        result, _ = run_of(*CASES[case])
        value = result.metrics[row["name"]]
        assert set(result.flags) <= FLAGS
        if value is None:
            assert result.flags
        else:
            assert np.isfinite(value)

    def test_scores_a_path_alone_as_in_company(self, row: dict[str, Any]) -> None:
        strategy = simcore.compile_strategy(TREND)
        markets = [market(seed=seed, n_bars=400) for seed in range(4)]
        bars = [
            {**{n: m[n].to_numpy() for n in m.columns}, "hl_order": np.zeros(400, dtype=np.int8)}
            for m in markets
        ]
        together = engine.backtest(
            [strategy.program_json],
            engine.catalogue()["executions"]["honest_v1"],
            bars,
            [(0, i) for i in range(4)],
            initial_cash=CASH,
            bars_per_year=[BARS_PER_YEAR] * 4,
            detail="equity",
            benchmark=benchmark_program(),
        )
        index = [each["name"] for each in METRICS].index(row["name"])
        for single, run in zip(markets, together, strict=True):
            alone = simcore.backtest(
                strategy, single, initial_cash=CASH, bars_per_year=BARS_PER_YEAR
            )
            expected = alone.metrics[row["name"]]
            found = run["metrics"][index]
            assert found == expected or (expected is None and np.isnan(found))


@pytest.mark.parametrize("vector", [*PLAIN, *ODD, "ruin"])
@pytest.mark.parametrize("rf", [0.0, 1e-4])
def test_metrics_of_bare_returns_equal_their_slow_twins(vector: str, rf: float) -> None:
    returns = {**PLAIN, **ODD, "ruin": RUIN}[vector]
    ts = 946_684_800 * 10**9 + np.arange(len(returns)) * (6 * 3_600 * 10**9)
    bench = np.random.default_rng(11).normal(0.0, 0.01, len(returns)) + 0.3 * returns
    found = simcore.metrics(returns, bars_per_year=1_460.0, benchmark=bench, mar=2e-4, rf=rf, ts=ts)
    n = 4 if vector == "ruin" else len(returns)
    series = Series(
        returns[:n].tolist(),
        1_460.0,
        ts=ts.tolist()[:n],
        bench=bench.tolist()[:n],
        mar=2e-4,
        rf=rf,
    )
    bare = [row["name"] for row in METRICS if row["needs"] != "run"]
    assert list(found) == [*bare, "flags"]
    for name in set(bare) & set(metric_twins.METRICS):
        expected = metric_twins.METRICS[name](series)
        if expected is None:
            assert found[name] is None, name
        else:
            assert found[name] == close_to(expected), name


def test_a_metric_that_is_wanted_alone_is_that_of_the_catalogue() -> None:
    returns = PLAIN["heavy tails"]
    whole = simcore.metrics(returns, bars_per_year=365.0)
    some = simcore.metrics(returns, bars_per_year=365.0, only=["calmar", "psr", "p5_bar"])
    assert set(some) == {"calmar", "p5_bar", "psr", "flags"}
    assert all(some[name] == whole[name] for name in some if name != "flags")


def test_a_loss_in_the_first_bar_counts_in_the_drawdown() -> None:
    bars = flat_market(120).with_columns(
        low=pl.Series([100.0] + [50.0] * 119),
        close=pl.Series([100.0] + [50.0] * 119),
        open=pl.Series([100.0, 100.0] + [50.0] * 118),
    )
    result, _ = run_of(HOLD, bars)
    deepest = result.metrics["max_drawdown"]
    assert deepest is not None and deepest < -0.49


def test_a_strategy_that_never_trades_scores_zero_and_says_so() -> None:
    result, _ = run_of(*CASES["never"])
    assert result.metrics["total_return"] == 0.0
    assert result.metrics["sharpe"] == 0.0 and result.metrics["sortino"] == 0.0
    assert result.metrics["win_rate"] is None and result.metrics["profit_factor"] is None
    assert result.metrics["turnover"] == 0.0 and result.metrics["n_trades"] == 0.0
    assert {"ZERO_DISPERSION", "NO_TRADES", "NO_DRAWDOWN"} <= set(result.flags)


def test_winners_only_have_no_profit_factor() -> None:
    rising = np.linspace(100.0, 200.0, 150)
    bars = flat_market(150).with_columns(
        open=pl.Series(rising),
        high=pl.Series(rising),
        low=pl.Series(rising),
        close=pl.Series(rising),
    )
    result, _ = run_of(HOLD, bars)
    assert result.metrics["profit_factor"] is None and result.metrics["win_rate"] == 1.0
    assert "NO_LOSSES" in result.flags
