"""A slow, obvious twin of the synthetic calendars: minute by minute through the weeks.

No holidays, no daylight saving. A bar never straddles the end of a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "4h": 240, "1d": 1440}
DAY = timedelta(days=1)
MONDAY, FRIDAY, SUNDAY = 0, 4, 6
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class BarTime:
    """When a bar opens and closes, how long it is in nominal bars, and whether it opens a session.

    Args:
        ts: Nanoseconds UTC.
        known_at: Nanoseconds UTC.
        length: Below 1 for the short last bar of a session.
        opens_session: False on a calendar without sessions.
    """

    ts: int
    known_at: int
    length: float
    opens_session: bool


def sessions(calendar: str, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield opening and closing time of every session, from a week before `start`."""
    day = start.replace(hour=0, minute=0, second=0) - 7 * DAY
    while True:
        weekday = day.weekday()
        if calendar == "us_equity" and MONDAY <= weekday <= FRIDAY:
            yield day + timedelta(hours=14, minutes=30), day + timedelta(hours=21)
        elif calendar == "sessions_252" and MONDAY <= weekday <= FRIDAY:
            yield day, day + DAY
        elif calendar == "fx_24x5" and weekday == SUNDAY:
            opens = day + timedelta(hours=22)
            yield opens, opens + 5 * DAY
        day += DAY


def bar_times(calendar: str, timeframe: str, start_utc: str, n_bars: int) -> list[BarTime]:
    """Return the first bars that open at `start_utc` or after it."""
    start = datetime.strptime(start_utc, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    nominal = timedelta(minutes=MINUTES[timeframe])
    if calendar == "24x7":
        opens = [start + t * nominal for t in range(n_bars)]
        return [BarTime(_ns(ts), _ns(ts + nominal), 1.0, False) for ts in opens]
    bars: list[BarTime] = []
    for first, end in sessions(calendar, start):
        # A daily bar of a stock lasts its session.
        step = min(nominal, end - first)
        ts = first
        while ts < end:
            close = min(ts + step, end)
            if ts >= start:
                bars.append(BarTime(_ns(ts), _ns(close), (close - ts) / step, ts == first))
            ts = close
        if len(bars) >= n_bars:
            return bars[:n_bars]
    raise AssertionError("the weeks never end")


def session_bars(calendar: str, timeframe: str) -> float:
    """Return the length of a session in nominal bars."""
    minutes = {"us_equity": 390, "sessions_252": 1440, "fx_24x5": 5 * 1440}.get(calendar, 0)
    return minutes / min(MINUTES[timeframe], minutes) if minutes else 0.0


def _ns(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1) * 1000
