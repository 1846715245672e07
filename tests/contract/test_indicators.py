"""What every indicator must do, over the engine's table of indicators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import reference
import talib
from market import flat_market, market
from numpy.typing import NDArray

import simcore
from simcore import engine

Floats = NDArray[np.float64]
Twin = Callable[[pl.DataFrame, int], list[float]]

# Expression with a window, slow twin, TA-Lib's function. A new indicator needs a row here.
ROWS: dict[str, tuple[str, Twin, Callable[[dict[str, Floats], int], Floats]]] = {
    "ma": (
        "ma(close, {n})",
        lambda bars, n: reference.ma(bars["close"].to_list(), n),
        lambda columns, n: talib.SMA(columns["close"], n),
    ),
    "ema": (
        "ema(close, {n})",
        lambda bars, n: reference.ema(bars["close"].to_list(), n),
        lambda columns, n: talib.EMA(columns["close"], n),
    ),
    "rsi": (
        "rsi(close, {n})",
        lambda bars, n: reference.rsi(bars["close"].to_list(), n),
        lambda columns, n: talib.RSI(columns["close"], n),
    ),
    "atr": (
        "atr({n})",
        lambda bars, n: reference.atr(
            bars["high"].to_list(), bars["low"].to_list(), bars["close"].to_list(), n
        ),
        lambda columns, n: talib.ATR(columns["high"], columns["low"], columns["close"], n),
    ),
}
INDICATORS: list[dict[str, Any]] = engine.catalogue()["indicators"]
N_BARS = 9_000  # windows are re-based along the way


def values(expression: str, bars: pl.DataFrame) -> Floats:
    return simcore.indicator(expression, bars).fill_null(float("nan")).to_numpy()


def test_every_indicator_has_a_twin_and_every_twin_an_indicator() -> None:
    assert sorted(row["name"] for row in INDICATORS) == sorted(ROWS)


@pytest.mark.parametrize("row", INDICATORS, ids=lambda row: row["name"])
class TestEveryIndicator:
    def windows(self, row: dict[str, Any]) -> list[int]:
        return [int(row["params"][0]["min"]), 3, 14, 200]

    def test_says_its_source_units_and_range(self, row: dict[str, Any]) -> None:
        assert row["source"]
        for param in row["params"]:
            assert param["unit"] and param["min"] < param["max"]

    @pytest.mark.parametrize("price", [100.0, 1e-6, 1e9])
    def test_equals_its_slow_twin(self, row: dict[str, Any], price: float) -> None:
        expression, twin, _ = ROWS[row["name"]]
        bars = market(seed=11, n_bars=N_BARS if price == 100.0 else 600, price=price)
        for n in self.windows(row):
            expected = np.array(twin(bars, n))
            found = values(expression.format(n=n), bars)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0.0)

    def test_equals_ta_lib(self, row: dict[str, Any]) -> None:
        expression, _, peer = ROWS[row["name"]]
        bars = market(seed=12, n_bars=N_BARS)
        columns = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close")}
        for n in (2, 14, 200):
            expected = peer(columns, n)
            found = values(expression.format(n=n), bars)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=0.0)

    def test_gives_a_prefix_for_a_prefix(self, row: dict[str, Any]) -> None:
        expression = ROWS[row["name"]][0].format(n=14)
        bars = market(seed=13, n_bars=700)
        whole = values(expression, bars)
        for n_bars in (15, 16, 100, 699):
            assert np.array_equal(values(expression, bars[:n_bars]), whole[:n_bars], equal_nan=True)

    def test_is_unknown_through_its_warm_up_and_finite_after_it(self, row: dict[str, Any]) -> None:
        for n in self.windows(row):
            expression = ROWS[row["name"]][0].format(n=n)
            found = simcore.indicator(expression, market(seed=14, n_bars=500))
            warmup = n + int(row["warmup"]["plus_bars"])
            assert found.null_count() == warmup
            assert found[:warmup].null_count() == warmup
            assert found[warmup:].is_finite().all()

    def test_is_unknown_throughout_a_series_that_is_too_short(self, row: dict[str, Any]) -> None:
        expression = ROWS[row["name"]][0].format(n=50)
        assert simcore.indicator(expression, market(seed=15, n_bars=20)).null_count() == 20

    def test_does_not_depend_on_the_scale_of_prices(self, row: dict[str, Any]) -> None:
        expression = ROWS[row["name"]][0].format(n=14)
        bars = market(seed=16, n_bars=400)
        doubled = bars.with_columns(pl.col("open", "high", "low", "close") * 4.0)
        scale = 1.0 if row["name"] == "rsi" else 4.0
        # Powers of two change no digit.
        assert np.array_equal(
            values(expression, doubled), values(expression, bars) * scale, equal_nan=True
        )


def test_a_market_that_never_moves_is_neither_strong_nor_weak() -> None:
    found = simcore.indicator("rsi(close, 14)", flat_market(40))
    assert found[14:].to_list() == [50.0] * 26
    assert simcore.indicator("atr(14)", flat_market(40))[14:].to_list() == [0.0] * 26


def test_the_worked_example_of_a_moving_average_holds() -> None:
    bars = flat_market(5).with_columns(
        close=pl.Series([1.0, 2.0, 3.0, 4.0, 6.0]),
        open=pl.Series([1.0, 2.0, 3.0, 4.0, 6.0]),
        high=pl.Series([6.0] * 5),
        low=pl.Series([1.0] * 5),
    )
    assert simcore.indicator("ma(close, 2)", bars).to_list() == [None, 1.5, 2.5, 3.5, 5.0]
    assert simcore.indicator("ema(close, 3)", bars).to_list() == [None, None, 2.0, 3.0, 4.5]
