"""How many bars a day and a year have, by timeframe and calendar."""

from __future__ import annotations

from typing import Final, Literal

Timeframe = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
Calendar = Literal["24x7", "fx_24x5", "us_equity", "sessions_252"]

_BAR_SECONDS: Final[dict[Timeframe, int]] = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "1h": 3_600,
    "4h": 14_400,
    "1d": 86_400,
}
_DAYS_PER_YEAR: Final[dict[Calendar, int]] = {
    "24x7": 365,
    "fx_24x5": 260,
    "us_equity": 252,
    "sessions_252": 252,
}
_SESSION_SECONDS: Final[dict[Calendar, int]] = {
    "24x7": 86_400,
    "fx_24x5": 86_400,
    "us_equity": 390 * 60,  # 09:30 to 16:00.
    "sessions_252": 86_400,
}


def bar_seconds(timeframe: Timeframe) -> int:
    """Return the nominal length of a bar, in seconds."""
    return _BAR_SECONDS[timeframe]


def bars_per_day(timeframe: Timeframe, calendar: Calendar) -> int:
    """Return the bars of one trading day; a short last bar counts as one."""
    whole, rest = divmod(_SESSION_SECONDS[calendar], _BAR_SECONDS[timeframe])
    return whole + (rest > 0)


def bars_per_year(timeframe: Timeframe, calendar: Calendar) -> int:
    """Return the bars of a year, by which ratios are annualised."""
    return bars_per_day(timeframe, calendar) * _DAYS_PER_YEAR[calendar]
