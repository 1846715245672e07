"""Backtests cannot see the future, their books balance, and threads change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market import market

import simcore
from simcore import engine
from simcore.backtests.metric_values import flag_names
from simcore.backtests.request import execution_fields
from simcore.bars import columns
from simcore.documents import found

LIBRARY = sorted(found("strategies"))
N_BARS = 500
FREE = {"base": "honest_v1", "base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0}
COSTLY = {"base": "honest_v1", "base_bps": 5.0, "k_vol": 0.1, "fee_bps": 10.0, "fixed": 0.5}


def run(
    strategy: Any, bars: pl.DataFrame, execution: Any = "honest_v1", cash: float = 10_000.0
) -> dict[str, Any]:
    """Every column of a run."""
    return engine.backtest(
        [simcore.compile_strategy(strategy).program_json],
        execution_fields(execution),
        [columns(bars)],
        [(0, 0)],
        initial_cash=cash,
        bars_per_year=[8_760.0],
    )[0]


@pytest.mark.parametrize("strategy", LIBRARY)
@given(seed=st.integers(0, 10_000), other=st.integers(0, 10_000), cut=st.integers(30, N_BARS - 2))
@settings(max_examples=12)
def test_another_future_changes_nothing_of_the_past(
    strategy: str, seed: int, other: int, cut: int
) -> None:
    bars = market(seed, N_BARS)
    last_close = bars["close"][cut]
    future = market(other, N_BARS, price=last_close, sigma=0.03)[cut + 1 :]
    seen = pl.concat([bars[: cut + 1], future])
    for execution in ("honest_v1", COSTLY):
        a, b = run(strategy, bars, execution), run(strategy, seen, execution)
        for name in ("equity_quote", "cash_quote", "position_base"):
            assert np.array_equal(a[name][: cut + 1], b[name][: cut + 1])
        for name in a["trades"]:
            # A trade that ended by bar `cut` is the same; what is open goes on otherwise.
            ended = [np.flatnonzero(each["trades"]["exit_bar"] <= cut) for each in (a, b)]
            assert np.array_equal(a["trades"][name][ended[0]], b["trades"][name][ended[1]])


@pytest.mark.parametrize("strategy", LIBRARY)
@given(seed=st.integers(0, 10_000), extra=st.integers(1, 200))
@settings(max_examples=8)
def test_more_bars_change_no_earlier_fill(strategy: str, seed: int, extra: int) -> None:
    bars = market(seed, N_BARS + extra)
    short, long = run(strategy, bars[:N_BARS]), run(strategy, bars)
    # The last bar of the short run closes what is open.
    for name in ("equity_quote", "position_base"):
        assert np.array_equal(short[name][: N_BARS - 1], long[name][: N_BARS - 1])


@pytest.mark.parametrize("strategy", LIBRARY)
@given(
    seed=st.integers(0, 10_000),
    cash=st.sampled_from([1.0, 10_000.0, 1e12]),
    execution=st.sampled_from(["honest_v1", FREE, COSTLY]),
)
@settings(max_examples=12)
def test_the_books_balance(strategy: str, seed: int, cash: float, execution: Any) -> None:
    bars = market(seed, N_BARS)
    made = run(strategy, bars, execution, cash)
    close = bars["close"].to_numpy()
    slack = 1e-9 * max(1.0, cash)
    equity, position = made["equity_quote"], made["position_base"]
    np.testing.assert_allclose(made["cash_quote"] + position * close, equity, rtol=0, atol=slack)
    trades = made["trades"]
    signed = trades["side"] * trades["qty"]
    raw = signed * (trades["exit_raw_px"] - trades["entry_raw_px"])
    filled = signed * (trades["exit_px"] - trades["entry_px"])
    gross, slippage, fees = trades["gross_pnl"], trades["slippage_cost"], trades["fees"]
    np.testing.assert_allclose(gross, raw, rtol=1e-9, atol=slack)
    np.testing.assert_allclose(gross - slippage, filled, rtol=1e-9, atol=slack)
    np.testing.assert_allclose(gross - slippage - fees, trades["net_pnl"], rtol=0, atol=slack)
    # Everything is closed at the end, so what was gained is what the trades gained.
    assert abs(equity[-1] - cash - trades["net_pnl"].sum()) <= slack
    assert position[-1] == 0.0
    # Only the fee of closing what is worth less than that can take more than there is.
    is_ruined = "RUIN" in flag_names(made["flags"])
    assert is_ruined or (made["cash_quote"] >= -slack).all()
    assert (trades["entry_bar"] >= 1).all() and (trades["exit_bar"] >= trades["entry_bar"]).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5)
def test_any_number_of_threads_gives_the_same_bytes(seed: int) -> None:
    programs = [simcore.compile_strategy(name).program_json for name in LIBRARY]
    bars = [columns(market(seed + i, N_BARS)) for i in range(4)]
    runs = [(p, b) for p in range(len(programs)) for b in range(len(bars))]

    def everything(n_threads: int | None, order: list[tuple[int, int]]) -> dict[Any, bytes]:
        made = engine.backtest(
            programs,
            execution_fields("honest_v1"),
            bars,
            order,
            initial_cash=10_000.0,
            bars_per_year=[8_760.0] * len(bars),
            n_threads=n_threads,
        )
        return {
            key: b"".join(
                [each["metrics"].tobytes(), each["equity_quote"].tobytes()]
                + [column.tobytes() for _, column in sorted(each["trades"].items())]
            )
            for key, each in zip(order, made, strict=True)
        }

    expected = everything(1, runs)
    for n_threads in (2, 16, None):
        assert everything(n_threads, runs) == expected
    assert everything(2, runs[::-1]) == expected


@pytest.mark.parametrize("strategy", LIBRARY)
@given(seed=st.integers(0, 10_000), power=st.sampled_from([-8, -1, 1, 10]))
@settings(max_examples=6)
def test_scaling_prices_and_cash_by_a_power_of_two_scales_equity_exactly(
    strategy: str, seed: int, power: int
) -> None:
    bars = market(seed, N_BARS)
    scaled = bars.with_columns(pl.col("open", "high", "low", "close") * 2.0**power)
    a, b = run(strategy, bars), run(strategy, scaled, cash=10_000.0 * 2.0**power)
    assert np.array_equal(a["position_base"], b["position_base"])
    assert np.array_equal(a["equity_quote"] * 2.0**power, b["equity_quote"])


@given(
    seed=st.integers(0, 10_000),
    fee_bps=st.sampled_from([0.0, 1.0, 5.0, 50.0]),
    base_bps=st.sampled_from([0.0, 1.0, 5.0, 50.0]),
)
@settings(max_examples=20)
def test_costs_never_help_on_the_same_fills(seed: int, fee_bps: float, base_bps: float) -> None:
    """A fixed quantity held for the same bars earns less the more it costs."""
    document = {
        "version": "0.1.0", "id": "fixed", "name": "Fixed", "timeframe": "1h", "params": {},
        "rules": [
            {"if": "rsi(close, 7) < 35", "then": "buy"},
            {"if": "rsi(close, 7) > 65", "then": "close"},
        ],
        "risk": {
            "sizing": {"type": "fixed_qty", "qty": 1.0},
            "max_holding_bars": 5_000_000, "max_daily_loss_pct": 100,
        },
        "metadata": {},
    }  # fmt: skip
    bars = market(seed, N_BARS)
    cheap = {"base": "honest_v1", "fee_bps": fee_bps, "base_bps": base_bps}
    dear = {"base": "honest_v1", "fee_bps": fee_bps + 1.0, "base_bps": base_bps}
    rough = {"base": "honest_v1", "fee_bps": fee_bps, "base_bps": base_bps + 1.0}
    final = [run(document, bars, each)["equity_quote"][-1] for each in (cheap, dear, rough)]
    assert final[0] >= final[1] and final[0] >= final[2]
