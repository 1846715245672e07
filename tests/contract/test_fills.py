"""The engine's fills and ledger against a slow account that books one order at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import reference
from market import market

import simcore

DOCUMENT: dict[str, Any] = {
    "version": "0.1.0",
    "id": "twin",
    "name": "Two averages",
    "timeframe": "1h",
    "params": {},
    "rules": [
        {"if": "ma(close, 5) > ma(close, 20)", "then": "buy"},
        {"if": "ma(close, 5) < ma(close, 20)", "then": "close"},
    ],
    "metadata": {},
}
FREE = {"base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0}
FLAT = {"base_bps": 3.0, "k_vol": 0.0, "fee_bps": 7.0}
HONEST = {"base_bps": 1.0, "k_vol": 0.05, "fee_bps": 2.0}


def both(
    bars: pl.DataFrame, costs: dict[str, float], percent: float, stop_percent: float | None
) -> tuple[simcore.Backtest, reference.Account]:
    bound = {"max_holding_bars": 5_000_000, "max_daily_loss_pct": 100}
    stop = {"stop": {"type": "pct", "value": stop_percent}} if stop_percent else {}
    risk = {"sizing": {"type": "pct_equity", "value": percent}, **bound, **stop}
    result = simcore.backtest(
        {**DOCUMENT, "risk": risk}, bars, execution={"base": "honest_v1", **costs}
    )
    close = bars["close"].to_list()
    fast, slow = reference.ma(close, 5), reference.ma(close, 20)
    account = reference.long_only(
        reference.Bars(*(bars[name].to_list() for name in ("open", "high", "low", "close"))),
        [a > b for a, b in zip(fast, slow, strict=True)],
        [a < b for a, b in zip(fast, slow, strict=True)],
        cash=10_000.0,
        percent=percent,
        costs=reference.Costs(**costs),
        stop_percent=stop_percent,
    )
    return result, account


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("stop_percent", [None, 1.0, 4.0])
@pytest.mark.parametrize("percent", [50.0, 100.0])
@pytest.mark.parametrize("costs", [FREE, FLAT, HONEST], ids=["free", "flat", "honest"])
def test_equity_and_fills_equal_those_of_the_slow_account(
    costs: dict[str, float], percent: float, stop_percent: float | None, seed: int
) -> None:
    result, account = both(market(seed=seed, n_bars=700), costs, percent, stop_percent)
    np.testing.assert_allclose(result.equity.to_numpy(), account.equity, rtol=1e-9, atol=1e-6)
    entries, exits = account.fills[::2], account.fills[1::2]
    trades = result.trades
    assert len(entries) > 10
    assert trades["entry_bar"].to_list() == [bar for bar, *_ in entries]
    assert trades["exit_bar"].to_list() == [bar for bar, *_ in exits]
    np.testing.assert_allclose(
        trades["qty"], [quantity for _, _, quantity, _ in entries], rtol=1e-9
    )
    np.testing.assert_allclose(trades["entry_px"], [price for *_, price in entries], rtol=1e-9)
    np.testing.assert_allclose(trades["exit_px"], [price for *_, price in exits], rtol=1e-9)


def test_stops_are_among_the_exits_that_were_compared() -> None:
    result, _ = both(market(seed=1, n_bars=700), FLAT, 100.0, 1.0)
    reasons = result.trades["exit_reason"].cast(pl.String).value_counts()
    assert {"stop", "signal"} <= set(reasons["exit_reason"])


@pytest.mark.parametrize("finalize", ["close", "mark"])
def test_costs_of_closing_that_take_the_last_of_the_equity_are_ruin(finalize: str) -> None:
    # Enters with all of one unit of cash; the fee of leaving is more than what is left.
    execution = {"base": "honest_v1", "fixed": 0.5, "finalize": finalize}
    made = simcore.backtest("buy_and_hold", market(0, 500), initial_cash=1.0, execution=execution)
    is_ruined = finalize == "close"
    assert ("RUIN" in made.flags) == is_ruined
    assert (made.metrics["total_return"] == -1.0) == is_ruined
