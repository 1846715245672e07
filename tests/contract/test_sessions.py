"""Synthetic calendars open and close as their slow twin says, and as those of exchanges do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import exchange_calendars
import pytest
from family_documents import CALENDARS, TIMEFRAMES, document
from hypothesis import given, settings
from hypothesis import strategies as st
from sessions import bar_times, session_bars

from simcore import engine
from simcore.scenario.calendar import Calendar, Timeframe, bars_per_day, bars_per_year

DAYS_A_WEEK = {"24x7": 7, "fx_24x5": 5, "us_equity": 5, "sessions_252": 5}


def times(calendar: str, timeframe: str, start: str, n_bars: int) -> list[tuple[int, int]]:
    """Opening and closing time of the engine's bars, ns UTC."""
    scenario = document(
        "trend", calendar=calendar, timeframe=timeframe, start=start, duration_bars=n_bars
    )
    bars = engine.generate(scenario).columns
    return list(zip(bars["ts"].tolist(), bars["known_at"].tolist(), strict=True))


def instant(ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)


@given(
    st.sampled_from(CALENDARS),
    st.sampled_from(TIMEFRAMES),
    st.datetimes(datetime(1678, 1, 2), datetime(2240, 1, 1)).map(
        lambda at: at.replace(microsecond=0)
    ),
)
@settings(max_examples=100)
def test_bars_open_and_close_when_the_twin_says(
    calendar: str, timeframe: str, start: datetime
) -> None:
    text = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    slow = bar_times(calendar, timeframe, text, 150)
    assert times(calendar, timeframe, text, 150) == [(bar.ts, bar.known_at) for bar in slow]


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_a_week_has_as_many_bars_as_the_table_of_calendars_says(
    calendar: Calendar, timeframe: Timeframe
) -> None:
    a_week = DAYS_A_WEEK[calendar] * bars_per_day(timeframe, calendar)
    # 2000-01-02 is a Sunday; its bars follow the sessions of a whole week.
    opens = [bar.ts for bar in bar_times(calendar, timeframe, "2000-01-02T00:00:00Z", a_week + 1)]
    assert instant(opens[-1]) - instant(opens[0]) == timedelta(days=7)
    trading_days = {"24x7": 365, "fx_24x5": 260, "us_equity": 252, "sessions_252": 252}
    a_year = bars_per_day(timeframe, calendar) * trading_days[calendar]
    assert bars_per_year(timeframe, calendar) == a_year
    facts = engine.generate(document("trend", calendar=calendar, timeframe=timeframe)).facts
    assert facts["bars_per_year"] == a_year


def test_stocks_trade_when_new_york_does_in_winter_but_for_holidays() -> None:
    exchange = exchange_calendars.get_calendar("XNYS", start="2023-12-01", end="2024-03-08")
    schedule = exchange.schedule.loc["2024-01-16":"2024-02-16"]
    expected = [
        (int(row.open.value), int(row.close.value)) for row in schedule.itertuples(index=False)
    ]
    assert len(expected) == 24
    assert times("us_equity", "1d", "2024-01-16T00:00:00Z", 100)[:24] == expected
    # Washington's birthday, which a synthetic year does not know.
    assert exchange.is_session("2024-02-19") is False
    opened = instant(times("us_equity", "1d", "2024-01-16T00:00:00Z", 100)[24][0])
    assert opened == datetime(2024, 2, 19, 14, 30, tzinfo=UTC)


def test_sessions_around_the_clock_are_those_of_the_calendar_24_5() -> None:
    exchange = exchange_calendars.get_calendar("24/5", start="2023-12-01", end="2024-07-01")
    schedule = exchange.schedule.loc["2024-01-01":"2024-05-17"]
    expected = [
        (int(row.open.value), int(row.close.value)) for row in schedule.itertuples(index=False)
    ]
    assert times("sessions_252", "1d", "2024-01-01T00:00:00Z", 100) == expected[:100]


@pytest.mark.parametrize("calendar", ["fx_24x5", "us_equity", "sessions_252"])
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_lengths_of_bars_sum_to_that_of_their_session(calendar: str, timeframe: str) -> None:
    bars = bar_times(calendar, timeframe, "2000-01-02T00:00:00Z", 8000)
    starts = [t for t, bar in enumerate(bars) if bar.opens_session]
    for first, following in pairwise(starts[:3]):
        total = sum(bar.length for bar in bars[first:following])
        assert total == pytest.approx(session_bars(calendar, timeframe), rel=1e-12)
    assert len(starts) > 1
