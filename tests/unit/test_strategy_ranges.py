"""Where values lie whatever the market does, and what that makes of conditions."""

from __future__ import annotations

from typing import Any

import pytest

from simcore.strategy.check import check_strategy


def reasons(condition: str) -> set[str]:
    document: dict[str, Any] = {
        "version": "0.1.0",
        "id": "one",
        "name": "One",
        "timeframe": "1h",
        "rules": [
            {"if": condition, "then": "buy"},
            {"if": "crossunder(close, ma(close, 30))", "then": "close"},
        ],
        "params": {},
        "risk": {
            "sizing": {"type": "pct_equity", "value": 10},
            "stop": {"type": "atr", "n": 14, "mult": 3},
        },
        "metadata": {},
    }
    return {problem.reason for problem in check_strategy(document)}


@pytest.mark.parametrize(
    "condition",
    [
        "rsi(14) > 100",
        "adx(14) > 100",
        "stoch(14, 3, 3).k < 0",
        "willr(14) > 0",
        "stdev(20) < 0",
        "realized_vol(20) < 0",
        "hour > 23",
        "weekday >= 7",
        "bars_in_trade < 0",
        "abs(close - open) < 0",
        "min(rsi(14), close) < 0",
        "max(rsi(14), 101) < 101",
        "ma(rsi(14), 5) > 100",
        "highest(rsi(14), 5)[2] > 100",
        "lowest(low, 5) < 0",
        "vwap(5) < 0",
        "barssince(close > open) < 0",
        "hl2 < 0",
        "volume < 0",
    ],
)
def test_what_lies_outside_every_value_is_never_true(condition: str) -> None:
    assert "DEAD_RULE" in reasons(condition)


@pytest.mark.parametrize("condition", ["hour <= 23", "abs(close - open) >= 0", "ma(low, 9) >= 0"])
def test_what_holds_for_every_value_is_always_true(condition: str) -> None:
    assert "ALWAYS_TRUE" in reasons(condition)


@pytest.mark.parametrize(
    "condition",
    [
        "bbands(20, 2).pctb > 1",
        "bbands(20, 2).width < 0",
        "zscore(20) < -5",
        "obv() < 0",
        "cci(20) < -300",
        "macd(12, 26, 9).hist < 0",
        "slope(20) < 0",
        "mom(3) < 0",
        "ma(close - open, 5) < 0",
        "position < 0",
        "max(rsi(14), close) > 100",
        "log(close) < 0",
    ],
)
def test_what_may_have_any_value_is_left_alone(condition: str) -> None:
    assert reasons(condition) == set()
