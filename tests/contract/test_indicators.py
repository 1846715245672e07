"""What every indicator must do, over the engine's table of indicators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from simcore.strategy.functions import functions

Floats = NDArray[np.float64]
Bars = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """How one output is asked for and what it is compared with.

    `constants` follow from a window; `degree` is the power of the price that values grow with.
    TA-Lib takes differences of large sums where the engine sums small differences, so `slack` is
    what its values may miss, absolutely, at prices near 100.
    """

    twin: Callable[[Bars, int], Sequence[float]]
    peer: Callable[[dict[str, Floats], int], Floats] | None = None
    constants: Callable[[int], tuple[float, ...]] = lambda n: (n,)
    degree: int = 1
    slack: float = 0.0


def bands(output: str, degree: int, peer: Callable[[Any], Floats]) -> Row:
    return Row(
        lambda bars, n: reference.bbands(bars["close"], n, 2.0, output),
        lambda x, n: peer((*talib.BBANDS(x["close"], n, 2.0, 2.0), x["close"])),
        lambda n: (n, 2),
        degree,
        slack=1e-7,
    )


def macd(output: str, index: int) -> Row:
    return Row(
        lambda bars, n: reference.macd(bars["close"], n, n + 5, 3, output),
        lambda x, n: talib.MACD(x["close"], n, n + 5, 3)[index],
        lambda n: (n, n + 5, 3),
        slack=1e-10,
    )


def stoch(output: str, index: int) -> Row:
    return Row(
        lambda bars, n: reference.stoch(bars, n, 3, 2, output),
        lambda x, n: talib.STOCH(x["high"], x["low"], x["close"], n, 3, 0, 2, 0)[index],
        lambda n: (n, 3, 2),
        degree=0,
        slack=1e-9,
    )


def of_close(twin: Any, peer: Any = None, degree: int = 1, slack: float = 0.0) -> Row:
    """A row of one series and one window."""
    over = None if peer is None else lambda x, n: peer(x["close"], n)
    return Row(lambda bars, n: twin(bars["close"], n), over, degree=degree, slack=slack)


def of_bars(twin: Any, peer: Any = None, degree: int = 1, slack: float = 0.0) -> Row:
    """A row of the bars themselves and one window."""
    over = None if peer is None else lambda x, n: peer(x["high"], x["low"], x["close"], n)
    return Row(twin, over, degree=degree, slack=slack)


# By name, and output where there are several. A new indicator needs a row here.
ROWS: dict[str, Row] = {
    "ma": of_close(reference.ma, talib.SMA),
    "ema": of_close(reference.ema, talib.EMA),
    "rsi": of_close(reference.rsi, talib.RSI, degree=0),
    "atr": of_bars(
        lambda bars, n: reference.atr(bars["high"], bars["low"], bars["close"], n), talib.ATR
    ),
    "bbands.upper": bands("upper", 1, lambda x: x[0]),
    "bbands.mid": bands("mid", 1, lambda x: x[1]),
    "bbands.lower": bands("lower", 1, lambda x: x[2]),
    "bbands.width": bands("width", 0, lambda x: (x[0] - x[2]) / x[1]),
    "bbands.pctb": bands("pctb", 0, lambda x: (x[3] - x[2]) / (x[0] - x[2])),
    "slope": of_close(reference.slope, talib.LINEARREG_SLOPE, slack=1e-9),
    "wma": of_close(reference.wma, talib.WMA),
    "highest": of_close(reference.highest, lambda x, n: talib.MAX(x, n)),
    "lowest": of_close(reference.lowest, lambda x, n: talib.MIN(x, n)),
    "stdev": of_close(reference.stdev, talib.STDDEV, slack=1e-7),
    "zscore": of_close(reference.zscore, degree=0),
    "mom": of_close(reference.mom, talib.MOM),
    "roc": of_close(reference.roc, talib.ROC, degree=0),
    "ret": of_close(reference.ret, talib.ROCP, degree=0, slack=1e-13),
    "macd.line": macd("line", 0),
    "macd.signal": macd("signal", 1),
    "macd.hist": macd("hist", 2),
    "stoch.k": stoch("k", 0),
    "stoch.d": stoch("d", 1),
    "adx": of_bars(reference.adx, talib.ADX, degree=0),
    "cci": of_bars(reference.cci, talib.CCI, degree=0, slack=1e-8),
    "willr": of_bars(reference.willr, talib.WILLR, degree=0),
    "obv": Row(
        lambda bars, _: reference.obv(bars),
        lambda x, _: talib.OBV(x["close"], x["volume"]),
        lambda _: (),
        degree=0,
        slack=1e-6,
    ),
    "vwap": of_bars(reference.vwap),
    "realized_vol": of_bars(reference.realized_vol, degree=0),
    "barssince": Row(
        lambda bars, n: reference.barssince(
            [b > a for a, b in zip(bars["open"], bars["close"], strict=True)]
        ),
        constants=lambda _: (),
        degree=0,
    ),
}
INDICATORS: dict[str, dict[str, Any]] = {
    row["name"]: row for row in engine.catalogue()["indicators"]
}
N_BARS = 9_000


def asked(key: str, n: int) -> str:
    name, _, output = key.partition(".")
    series = {"num": "close", "bool": "close > open"}
    given = [series[kind] for kind in INDICATORS[name]["inputs"]]
    given += [str(value) for value in ROWS[key].constants(n)]
    return f"{name}({', '.join(given)})" + (f".{output}" if output else "")


def values(expression: str, bars: pl.DataFrame) -> Floats:
    return simcore.indicator(expression, bars).fill_null(float("nan")).to_numpy()


def lists(bars: pl.DataFrame) -> Bars:
    return {name: bars[name].to_list() for name in bars.columns}


def windows(key: str) -> list[int]:
    params = INDICATORS[key.partition(".")[0]]["params"]
    return [int(params[0]["min"]), 3, 14, 200] if ROWS[key].constants(3) else [3]


def test_every_output_has_a_twin_and_every_twin_an_output() -> None:
    outputs = [
        f"{name}.{output['name']}".rstrip(".")
        for name, row in INDICATORS.items()
        for output in row["outputs"]
    ]
    assert sorted(outputs) == sorted(ROWS)


@pytest.mark.parametrize("row", INDICATORS.values(), ids=INDICATORS)
def test_every_indicator_says_its_source_units_and_range(row: dict[str, Any]) -> None:
    assert row["source"]
    for param in row["params"]:
        assert param["unit"] and param["min"] < param["max"]
    for output in row["outputs"]:
        assert output["low"] is None or output["high"] is None or output["low"] < output["high"]


@pytest.mark.parametrize("key", ROWS)
class TestEveryIndicator:
    @pytest.mark.parametrize("price", [100.0, 1e-6, 1e9])
    def test_equals_its_slow_twin(self, key: str, price: float) -> None:
        row = ROWS[key]
        bars = market(seed=11, n_bars=5_000 if price == 100.0 else 600, price=price)
        # What crosses zero cannot be told to nine digits of itself, but of what it is made of.
        scale = price**row.degree * 1e-12
        for n in windows(key):
            expected = np.array(row.twin(lists(bars), n))
            found = values(asked(key, n), bars)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=scale)

    def test_equals_ta_lib(self, key: str) -> None:
        row = ROWS[key]
        if row.peer is None:
            assert key in {"zscore", "vwap", "realized_vol", "barssince"}
            return
        bars = market(seed=12, n_bars=N_BARS)
        columns = {name: bars[name].to_numpy() for name in bars.columns}
        for n in (2, 14, 200):
            expected = row.peer(columns, n)
            found = values(asked(key, n), bars)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=row.slack)

    def test_gives_a_prefix_for_a_prefix(self, key: str) -> None:
        bars = market(seed=13, n_bars=700)
        whole = values(asked(key, 14), bars)
        for n_bars in (15, 16, 100, 699):
            part = values(asked(key, 14), bars[:n_bars])
            assert np.array_equal(part, whole[:n_bars], equal_nan=True)

    def test_is_unknown_through_its_warm_up_and_finite_after_it(self, key: str) -> None:
        for n in windows(key):
            found = simcore.indicator(asked(key, n), market(seed=14, n_bars=500))
            function = functions()[key.partition(".")[0]]
            warmup = function.lookback_bars(*ROWS[key].constants(n))
            # Bars since what has not happened yet are not known, however long one waits.
            first = warmup if key != "barssince" else found.is_not_null().arg_max()
            assert first is not None
            assert found.null_count() == first >= warmup
            assert found[:first].null_count() == first
            assert found[first:].is_finite().all()

    def test_is_unknown_throughout_a_series_that_is_too_short(self, key: str) -> None:
        warmup = functions()[key.partition(".")[0]].lookback_bars(*ROWS[key].constants(50))
        bars = market(seed=15, n_bars=max(1, min(warmup, 20)))
        found = simcore.indicator(asked(key, 50), bars)
        assert found.null_count() == (0 if warmup == 0 and key != "barssince" else len(bars))

    def test_grows_with_prices_as_its_unit_says(self, key: str) -> None:
        bars = market(seed=16, n_bars=400)
        larger = bars.with_columns(pl.col("open", "high", "low", "close") * 4.0)
        scale = 4.0 ** ROWS[key].degree
        # Powers of two change no digit.
        found, expected = values(asked(key, 14), larger), values(asked(key, 14), bars) * scale
        assert np.array_equal(found, expected, equal_nan=True)


def test_a_market_that_never_moves_is_neither_strong_nor_weak() -> None:
    bars = flat_market(40)
    assert simcore.indicator("rsi(close, 14)", bars)[14:].to_list() == [50.0] * 26
    for name in ("atr(14)", "bbands(14, 2).width", "stdev(14)", "slope(14)", "realized_vol(14)"):
        assert simcore.indicator(name, bars)[14:].to_list() == [0.0] * 26
    for name in ("bbands(14, 2).pctb", "zscore(14)", "stoch(5, 3, 3).k", "cci(14)", "willr(14)"):
        assert simcore.indicator(name, bars).null_count() == 40


def test_where_nothing_is_traded_there_is_no_average_price() -> None:
    bars = flat_market(6).with_columns(volume=pl.Series([1.0, 0.0, 0.0, 0.0, 2.0, 1.0]))
    expected = [None, 100.0, None, None, 100.0, 100.0]
    assert simcore.indicator("vwap(2)", bars).to_list() == expected


def test_the_worked_example_of_a_moving_average_holds() -> None:
    bars = flat_market(5).with_columns(
        close=pl.Series([1.0, 2.0, 3.0, 4.0, 6.0]),
        open=pl.Series([1.0, 2.0, 3.0, 4.0, 6.0]),
        high=pl.Series([6.0] * 5),
        low=pl.Series([1.0] * 5),
    )
    assert simcore.indicator("ma(close, 2)", bars).to_list() == [None, 1.5, 2.5, 3.5, 5.0]
    assert simcore.indicator("ema(close, 3)", bars).to_list() == [None, None, 2.0, 3.0, 4.5]
