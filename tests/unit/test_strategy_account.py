"""Rules that look at the account: what they compile to and what they do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from market import market

import simcore
from simcore import engine
from simcore.backtests.request import execution_fields
from simcore.bars import columns
from simcore.errors import SpecError

FREE = {"base": "honest_v1", "base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0}


def document(*rules: tuple[str, str], **risk: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "id": "account",
        "name": "Account",
        "timeframe": "1h",
        "rules": [{"if": condition, "then": then} for condition, then in rules],
        "params": {},
        "risk": {
            "sizing": {"type": "fixed_qty", "qty": 1},
            "stop": {"type": "pct", "value": 50},
            **risk,
        },
        "metadata": {},
    }


def bars(close: list[float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ts": [index * 3_600_000_000_000 for index in range(len(close))],
            "open": close,
            "high": [price + 1 for price in close],
            "low": [price - 1 for price in close],
            "close": close,
            "volume": [1.0] * len(close),
        }
    )


def run(strategy: dict[str, Any], close: list[float]) -> dict[str, Any]:
    return engine.backtest(
        [simcore.compile_strategy(strategy).program_json],
        execution_fields(FREE),
        [columns(bars(close))],
        [(0, 0)],
        initial_cash=10_000.0,
        bars_per_year=[8_760.0],
    )[0]


def trades(strategy: dict[str, Any], close: list[float]) -> list[tuple[int, int]]:
    made = run(strategy, close)["trades"]
    return list(zip(made["entry_bar"].tolist(), made["exit_bar"].tolist(), strict=True))


def test_a_position_is_closed_after_the_closes_it_has_seen() -> None:
    strategy = document(("position == 0", "buy"), ("bars_in_trade >= 2", "close"))
    # Bought at the open of bar 1; the closes of bars 1 and 2 are two; sold at the open of bar 3.
    assert trades(strategy, [100.0] * 8) == [(1, 3), (4, 6), (7, 7)]


def test_a_gain_is_taken_from_the_entry_price() -> None:
    strategy = document(("close < 100", "buy"), ("close >= entry_price * 1.1", "close"))
    close = [99.0, 100.0, 105.0, 111.0, 120.0, 130.0, 130.0]
    assert trades(strategy, close) == [(1, 4)]


def test_what_is_unknown_while_flat_fires_nothing() -> None:
    strategy = document(("not (close > entry_price)", "buy"), ("close > 1", "close"))
    assert trades(strategy, [100.0] * 8) == []


def test_functions_of_the_account_are_evaluated_as_the_run_goes() -> None:
    strategy = document(
        ("position == 0", "buy"), ("close < highest(entry_price + close - close, 3)", "close")
    )
    close = [100.0, 100.0, 100.0, 100.0, 99.0, 99.0, 99.0]
    assert trades(strategy, close)[0] == (1, 5)


def test_a_rule_of_the_account_names_no_bar_ahead() -> None:
    program = json.loads(
        simcore.compile_strategy(
            document(("position == 0", "buy"), ("close > entry_price[2]", "close"))
        ).program_json
    )
    steps = {step["name"]: step for step in program["code"] if step["op"] == "account"}
    assert set(steps) == {"position", "entry_price"}
    assert all((step["w"], step["dep"]) == (0, 0) for step in steps.values())


def test_a_run_with_the_account_equals_one_without_where_it_decides_nothing() -> None:
    close = [float(x) for x in 100.0 + np.cumsum(np.sin(np.arange(300.0) / 7.0))]
    rules = [("crossover(close, ma(close, 9))", "buy"), ("crossunder(close, ma(9))", "close")]
    always = "(position >= 0 or position < 0)"
    asking = [(f"{condition} and {always}", then) for condition, then in rules]
    plain, asked = run(document(*rules), close), run(document(*asking), close)
    assert len(plain["trades"]["id"]) > 5
    for name in ("equity_quote", "cash_quote", "position_base", "metrics"):
        assert np.array_equal(plain[name], asked[name], equal_nan=True)


def test_the_account_has_no_column_outside_a_run() -> None:
    with pytest.raises(SpecError) as refusal:
        simcore.indicator("close - entry_price", bars([1.0, 2.0]))
    (problem,) = refusal.value.problems
    assert (problem.reason, problem.span) == ("UNKNOWN_NAME", (8, 19))


@pytest.mark.parametrize(
    ("risk", "order"),
    [
        ({"take_profit": {"type": "pct", "value": 1}}, None),
        ({"trailing": {"type": "pct", "value": 1}}, None),
        ({"max_adds": 1}, None),
        ({"sizing": {"type": "vol_target", "annual_vol": 0.2, "n": 5}}, None),
        ({}, {"type": "limit", "offset_bps": 5}),
        ({}, {"type": "stop_limit", "offset_bps": 5, "limit_offset_bps": 1}),
    ],
)
def test_whatever_the_language_can_say_is_executed(
    risk: dict[str, Any], order: dict[str, Any] | None
) -> None:
    strategy = document(("close > open", "buy"), ("close < open", "close"), **risk)
    if order is not None:
        strategy["rules"][0]["order"] = order
    made = simcore.backtest(strategy, market(1, 400))
    assert made.trades.height > 5
    known = {"signal", "end_of_data", *risk}
    assert set(made.trades["exit_reason"].cast(pl.String)) <= known
