"""Which bars a file should have by its calendar and does not have; reported, never refused."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore.scenario.calendar import Calendar, Timeframe, bars_per_day
from simcore.scenario.exchange import Days

_PLACES_MAX: Final = 5
_HOUR_NS: Final = 3_600_000_000_000


def missing(days: Days, expected: NDArray[np.int64], session: NDArray[np.int64]) -> dict[str, Any]:
    """Return what is missing between the first bar and the last.

    The first and the last session may be begun or ended by the file, so they lack nothing that
    others could tell.

    Args:
        days: What each session is called by, ``(n_sessions,)``.
        expected: Bars that each should have.
        session: Number of each bar's session, ``(n_bars,)``; negative for none.

    Returns:
        ``bars`` that are missing, ``sessions`` without any, and the ``first`` days that lack bars.
    """
    known = session[session >= 0]
    if known.size == 0:
        return {"bars": 0, "sessions": 0, "first": []}
    inner = slice(int(known.min()) + 1, int(known.max()))
    found = np.bincount(known, minlength=days.size)[inner]
    lacking = np.maximum(expected[inner] - found, 0)
    places = days[inner][lacking > 0][:_PLACES_MAX]
    return {
        "bars": int(lacking.sum()),
        "sessions": int(np.count_nonzero(found == 0)),
        "first": [str(day) for day in places],
    }


def missing_by_calendar(
    ts: NDArray[np.int64], days: Days, timeframe: Timeframe, calendar: Calendar
) -> dict[str, Any]:
    """Return what is missing by a calendar that knows no holidays.

    Args:
        ts: Times of the bars, ns UTC, rising, ``(n_bars,)``.
        days: Day of each on the file's own clock.
        timeframe: Length of a bar.
        calendar: Which days have sessions: all, or Monday to Friday.

    Returns:
        As `missing`.
    """
    if timeframe != "1d" and calendar != "us_equity":
        # A day of currencies ends at 22:00 UTC, so that Sunday's evening is Monday.
        shift_ns = 2 * _HOUR_NS if calendar == "fx_24x5" else 0
        days = (ts + shift_ns).astype("datetime64[ns]").astype("datetime64[D]")
    numbers = days.astype(np.int64)
    every = np.arange(numbers.min(), numbers.max() + 1)
    # Day 0, the first of 1970, was a Thursday.
    is_open = (every + 3) % 7 < 5 if calendar != "24x7" else np.ones(every.size, dtype=np.bool_)
    expected = np.where(is_open, bars_per_day(timeframe, calendar), 0)
    place = np.cumsum(is_open) - 1
    session = np.where(is_open[numbers - every[0]], place[numbers - every[0]], -1)
    sessions = every[is_open].astype("datetime64[D]")
    return missing(sessions, expected[is_open], session)
