"""Bars, executions and amounts that no backtest can be made of: each refused with its code."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from market import HOUR_NS, START_NS, market

import simcore
from simcore.backtests.request import execution_fields
from simcore.errors import EngineError, SpecError

N_BARS = 200
PROFILES = ["honest_v1", "spec_v0", "stress_v1"]
NOT_NEGATIVE = [
    "lot", "base_bps", "k_vol", "fee_bps", "maker_bps", "min_fee", "fixed", "impact_y",
    "half_spread_bps", "borrow_bps_year",
]  # fmt: skip
NUMBERS = [*NOT_NEGATIVE, "participation", "funding_bps_year", "cash_rate_year", "bar_delay"]
WORDS = [
    "market_fill",
    "limit_fill",
    "intrabar",
    "conflict",
    "finalize",
    "on_insufficient",
    "impact",
]

Change = Callable[[pl.DataFrame], pl.DataFrame]


def with_value(name: str, value: float, row: int = 100) -> Change:
    """One value of one column is another."""

    def changed(bars: pl.DataFrame) -> pl.DataFrame:
        here = pl.int_range(pl.len()) == row
        return bars.with_columns(pl.when(here).then(value).otherwise(pl.col(name)).alias(name))

    return changed


def spaced(distance_ns: int) -> Change:
    return lambda bars: bars.with_columns(ts=START_NS + distance_ns * pl.int_range(pl.len()))


WRONG_BARS: dict[str, tuple[Change, str, str]] = {
    "unsorted": (lambda bars: bars[::-1], "UNSORTED_TS", "row 1"),
    "swapped in the middle": (
        lambda bars: pl.concat([bars[:100], bars[101:102], bars[100:101], bars[102:]]),
        "UNSORTED_TS", "row 101",
    ),
    "one bar twice": (
        lambda bars: pl.concat([bars[:100], bars[99:]]), "DUPLICATE_TS", "row 100",
    ),
    "an open that is NaN": (with_value("open", math.nan), "NAN_PRICE", "row 100"),
    "a high that is NaN": (with_value("high", math.nan), "NAN_PRICE", "row 100"),
    "a low that is NaN": (with_value("low", math.nan), "NAN_PRICE", "row 100"),
    "a close that is NaN": (with_value("close", math.nan), "NAN_PRICE", "row 100"),
    "an infinite close": (with_value("close", math.inf), "NAN_PRICE", "row 100"),
    "a price of nothing": (with_value("low", 0.0), "PRICE_NOT_POSITIVE", "row 100"),
    "a price beyond products": (with_value("high", 1e300), "PRICE_OUT_OF_RANGE", "row 100"),
    "a price below products": (with_value("low", 5e-324), "PRICE_OUT_OF_RANGE", "row 100"),
    "a high below the close": (with_value("high", 1.0), "HIGH_BELOW_BODY", "row 100"),
    "a low above the close": (with_value("low", 1e6), "LOW_ABOVE_BODY", "row 100"),
    "a volume that is NaN": (with_value("volume", math.nan), "NEGATIVE_VOLUME", "row 100"),
    "a negative volume": (with_value("volume", -1.0), "NEGATIVE_VOLUME", "row 100"),
    "shorter than the lookback": (lambda bars: bars[:30], "WINDOW_EXCEEDS_SERIES", "30 bars"),
    "one bar": (lambda bars: bars[:1], "WINDOW_EXCEEDS_SERIES", "1 bars"),
    "no bars": (lambda bars: bars[:0], "WINDOW_EXCEEDS_SERIES", "0 bars"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_BARS)
def test_wrong_bars_are_refused_with_their_code_and_place(case: str) -> None:
    change, code, place = WRONG_BARS[case]
    with pytest.raises(EngineError, match=place) as refused:
        simcore.backtest("ma_cross", change(market(1, N_BARS)))
    assert refused.value.code == code


def test_as_many_bars_as_the_lookback_asks_for_are_enough() -> None:
    assert len(simcore.backtest("ma_cross", market(1, 31)).equity) == 31


@pytest.mark.parametrize(
    ("timeframe", "distance_ns"), [("1h", HOUR_NS // 4), ("1h", 4 * HOUR_NS), ("1d", HOUR_NS)]
)
def test_bars_of_another_timeframe_are_refused(timeframe: str, distance_ns: int) -> None:
    document = {**simcore.compile_strategy("ma_cross").document, "timeframe": timeframe}
    with pytest.raises(SpecError, match=f"timeframe {timeframe}") as refused:
        simcore.backtest(document, spaced(distance_ns)(market(1, N_BARS)))
    (problem,) = refused.value.problems
    assert (problem.code, problem.reason, problem.path) == (
        "BARS_INVALID",
        "OTHER_TIMEFRAME",
        "/ts",
    )


@pytest.mark.parametrize(
    "times",
    [
        pytest.param([t + 16 * (t // 7) for t in range(N_BARS)], id="sessions of seven hours"),
        pytest.param([t + 48 * (t // 120) for t in range(N_BARS)], id="weeks of five days"),
        pytest.param([t + t // 3 for t in range(N_BARS)], id="every fourth bar is missing"),
        pytest.param([24 * t - (t > 100) for t in range(N_BARS)], id="days and a change of clock"),
    ],
)
def test_gaps_between_bars_are_no_other_timeframe(times: list[int]) -> None:
    timeframe = "1d" if times[1] == 24 else "1h"
    document = {**simcore.compile_strategy("ma_cross").document, "timeframe": timeframe}
    bars = market(1, N_BARS).with_columns(ts=START_NS + HOUR_NS * pl.Series(times))
    assert len(simcore.backtest(document, bars).equity) == N_BARS


@pytest.mark.parametrize(
    "needs_volume",
    [{"participation": 0.1}, {"impact": "sqrt"}, {"impact": "zipline"}],
    ids=["participation", "sqrt", "zipline"],
)
def test_a_bar_without_volume_is_refused_where_volume_matters(needs_volume: dict[str, Any]) -> None:
    bars = with_value("volume", 0.0)(market(1, N_BARS))
    with pytest.raises(EngineError) as refused:
        simcore.backtest("ma_cross", bars, execution={"base": "honest_v1", **needs_volume})
    assert refused.value.code == "ZERO_VOLUME"
    assert len(simcore.backtest("ma_cross", bars).equity) == N_BARS


def problems(profile: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError) as refused:
        simcore.backtest("ma_cross", market(1, N_BARS), execution=profile)
    return [(each.code, each.reason, each.path) for each in refused.value.problems]


@pytest.mark.parametrize("name", ["honest", "", "honest_v2", "HONEST_V1"])
def test_an_unknown_profile_is_refused(name: str) -> None:
    assert problems(name) == [("DOC_INVALID", "UNKNOWN_ID", "/execution")]
    assert problems({"base": name}) == [("DOC_INVALID", "UNKNOWN_ID", "/execution/base")]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_a_negative_cost_is_refused(name: str, profile: str) -> None:
    found = problems({"base": profile, name: -1e-9})
    assert found == [("DOC_INVALID", "OUT_OF_RANGE", f"/execution/{name}")]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_none_is_refused(name: str, value: float) -> None:
    ((code, reason, path),) = problems({"base": "honest_v1", name: value})
    assert (code, path) == ("DOC_INVALID", f"/execution/{name}")
    assert reason in ("OUT_OF_RANGE", "WRONG_TYPE")


@pytest.mark.parametrize("value", [0.0, -0.1, 1.5])
def test_a_participation_that_is_no_share_is_refused(value: float) -> None:
    ((code, reason, _),) = problems({"base": "honest_v1", "participation": value})
    assert (code, reason) == ("DOC_INVALID", "OUT_OF_RANGE")


@pytest.mark.parametrize("value", [0, -1])
def test_an_order_cannot_be_active_in_the_bar_that_made_it(value: int) -> None:
    found = problems({"base": "honest_v1", "bar_delay": value})
    assert found == [("DOC_INVALID", "OUT_OF_RANGE", "/execution/bar_delay")]


@pytest.mark.parametrize("name", WORDS)
def test_a_word_that_means_nothing_is_refused(name: str) -> None:
    ((code, reason, path),) = problems({"base": "honest_v1", name: "sometimes"})
    assert (code, reason) == ("DOC_INVALID", "BAD_ENUM")
    assert path.startswith("/execution")


def test_all_problems_of_an_execution_are_told_at_once() -> None:
    found = problems({"base": "honest_v1", "fee_bps": -1, "k_vol": "much", "latency": 3})
    assert {path for *_, path in found} == {
        "/execution/fee_bps", "/execution/k_vol", "/execution/latency",
    }  # fmt: skip


@pytest.mark.parametrize("cash", [0.0, -1.0, math.nan, math.inf])
def test_initial_cash_must_be_an_amount(cash: float) -> None:
    with pytest.raises(SpecError) as refused:
        simcore.backtest("ma_cross", market(1, N_BARS), initial_cash=cash)
    (problem,) = refused.value.problems
    assert (problem.reason, problem.path) == ("OUT_OF_RANGE", "/initial_cash")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_field_of_a_profile_can_be_stated(profile: str) -> None:
    stated = {"base": profile, **execution_fields(profile)}
    a = simcore.backtest("ma_cross", market(1, N_BARS), execution=profile)
    b = simcore.backtest("ma_cross", market(1, N_BARS), execution=stated)
    assert a.equity.to_list() == b.equity.to_list()
    assert set(execution_fields(profile)) == {*NUMBERS, *WORDS}


def test_a_strategy_that_quarrels_with_itself_is_refused_where_that_is_an_error() -> None:
    document = {
        **simcore.compile_strategy("ma_cross").document, "params": {}, "constraints": [],
        "rules": [
            {"if": "volume > 100 and volume < 600", "then": "buy"},
            {"if": "volume > 500", "then": "sell"},
            {"if": "volume < 50", "then": "close"},
        ],
    }  # fmt: skip
    with pytest.raises(EngineError) as refused:
        simcore.backtest(
            document, market(1, N_BARS), execution={"base": "honest_v1", "conflict": "error"}
        )
    assert refused.value.code == "RUNTIME_CONFLICT"
