"""What every metric must do, over the engine's table of metrics."""

from __future__ import annotations

from typing import Any

import empyrical  # type: ignore[import-untyped]
import numpy as np
import polars as pl
import pytest
import reference
from market import flat_market, market

import simcore
from simcore import engine

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


CASES = {
    "trend": (TREND, market(seed=1, n_bars=2_000)),
    "trend, calm": (TREND, market(seed=2, n_bars=2_000, sigma=1e-4)),
    "hold": (HOLD, market(seed=3, n_bars=1_000)),
    "hold, short": (HOLD, market(seed=4, n_bars=110)),
    "never": (NEVER, market(seed=5, n_bars=300)),
}


def test_every_metric_has_a_twin_and_every_twin_a_metric() -> None:
    assert [row["name"] for row in METRICS] == list(reference.METRICS)


@pytest.mark.parametrize("row", METRICS, ids=lambda row: row["name"])
class TestEveryMetric:
    def test_says_its_unit_its_source_and_which_way_is_better(self, row: dict[str, Any]) -> None:
        assert row["unit"] and row["source"]
        assert row["better"] in ("higher", "lower", "neither")

    @pytest.mark.parametrize("case", CASES)
    def test_equals_its_slow_twin(self, row: dict[str, Any], case: str) -> None:
        result, run = run_of(*CASES[case])
        found, expected = result.metrics[row["name"]], reference.METRICS[row["name"]](run)
        if expected is None:
            assert found is None
        else:
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)

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
            detail="summary",
        )
        index = [each["name"] for each in METRICS].index(row["name"])
        for single, run in zip(markets, together, strict=True):
            alone = simcore.backtest(
                strategy, single, initial_cash=CASH, bars_per_year=BARS_PER_YEAR
            )
            expected = alone.metrics[row["name"]]
            found = run["metrics"][index]
            assert found == expected or (expected is None and np.isnan(found))


@pytest.mark.parametrize("case", ["trend", "trend, calm", "hold", "hold, short"])
def test_metrics_of_returns_equal_empyrical(case: str) -> None:
    result, run = run_of(*CASES[case])
    returns = np.array(run.returns)
    expected = {
        "total_return": empyrical.cum_returns_final(returns),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=BARS_PER_YEAR),
        "sortino": empyrical.sortino_ratio(returns, annualization=BARS_PER_YEAR),
        "max_drawdown": empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns, annualization=BARS_PER_YEAR),
    }
    for name, value in expected.items():
        assert result.metrics[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name


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
