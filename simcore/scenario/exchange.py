"""When a real exchange was open: its sessions, with half days, holidays and daylight saving.

The sessions come from the tables of `exchange_calendars`, which needs no network. Synthetic
calendars have none of this and live in the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore.refusals import nearest

DAY_NS: Final = 86_400_000_000_000

Days = NDArray[np.datetime64]


class BadExchangeError(Exception):
    """An exchange that is not known, or not for the years of a file."""


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of whole calendar years, in order.

    Args:
        days: Day that each session is called by, ``(n_sessions,)``.
        open: Nanoseconds UTC at which it opens; so the others.
        close: When it closes.
        pause: When it pauses, such as for lunch; its close if it does not.
        resume: When it opens again after the pause; its close if it does not pause.
        n_years: How many years these are.
    """

    days: Days
    open: NDArray[np.int64]
    close: NDArray[np.int64]
    pause: NDArray[np.int64]
    resume: NDArray[np.int64]
    n_years: int

    def bars(self, bar_ns: int) -> NDArray[np.int64]:
        """Return the bars of each session; a short last bar counts, a day is one bar."""
        if bar_ns >= DAY_NS:
            return np.ones(self.days.size, dtype=np.int64)
        parts = (self.pause - self.open, self.close - self.resume)
        return sum((-(-part // bar_ns) for part in parts), start=np.zeros_like(self.open))

    def bars_per_year(self, bar_ns: int) -> float:
        """Return the mean over the years."""
        return int(self.bars(bar_ns).sum()) / self.n_years


@dataclass(frozen=True, eq=False)
class Placed:
    """Bars within sessions.

    Args:
        session: Number of each bar's session, ``(n_bars,)``; -1 outside of all.
        ts: Nanoseconds UTC at which the bar opens.
        known_at: When it is over, which is no later than its session's close.
    """

    session: NDArray[np.int64]
    ts: NDArray[np.int64]
    known_at: NDArray[np.int64]


def sessions(exchange: str, first_ns: int, last_ns: int) -> Sessions:
    """Return the sessions of the years from one instant's to another's.

    Raises:
        BadExchangeError: There is no such exchange, or it is not known for these years.
    """
    import exchange_calendars

    years = [int(str(np.datetime64(ns, "ns"))[:4]) for ns in (first_ns, last_ns)]
    names = exchange_calendars.get_calendar_names(include_aliases=True)
    if exchange not in names:
        near = nearest(exchange, names)
        hint = f' [did you mean "{near}"?]' if near else ""
        raise BadExchangeError(f'got "{exchange}", expected an exchange such as "XNYS"{hint}')
    start, end = f"{years[0]}-01-01", f"{years[1]}-12-31"
    try:
        calendar = exchange_calendars.get_calendar(exchange, start=start, end=end)
    except (ValueError, exchange_calendars.errors.CalendarError) as cause:
        said = str(cause).splitlines()[0]
        raise BadExchangeError(
            f"got bars of {years[0]} to {years[1]}, expected years for which {exchange} is known "
            f"({said})"
        ) from None
    schedule = calendar.schedule
    close = _ns(schedule["close"])
    return Sessions(
        days=schedule.index.to_numpy().astype("datetime64[D]"),
        open=_ns(schedule["open"]),
        close=close,
        pause=_or(_ns(schedule["break_start"]), close),
        resume=_or(_ns(schedule["break_end"]), close),
        n_years=years[1] - years[0] + 1,
    )


def placed(
    calendar: Sessions, ts: NDArray[np.int64], days: Days, is_midnight: NDArray[np.bool_],
    bar_ns: int,
) -> Placed:  # fmt: skip
    """Return where bars lie among the sessions.

    Args:
        calendar: The sessions.
        ts: Times of the bars as the file states them, ns UTC, ``(n_bars,)``.
        days: Day of each on the file's own clock.
        is_midnight: Whether that clock shows midnight.
        bar_ns: Length of a bar. One of a day that is stamped at midnight is that day's session;
            any other belongs to the session that is open then.
    """
    inside = np.searchsorted(calendar.open, ts, side="right") - 1
    known = np.maximum(inside, 0)
    is_open = (inside >= 0) & (ts < calendar.close[known])
    is_open &= ~((ts >= calendar.pause[known]) & (ts < calendar.resume[known]))
    session = np.where(is_open, inside, -1)
    if bar_ns < DAY_NS:
        known = np.maximum(session, 0)
        before = ts < calendar.pause[known]
        end = np.where(before, calendar.pause[known], calendar.close[known])
        return Placed(session, ts, np.minimum(ts + bar_ns, end))
    at = np.minimum(np.searchsorted(calendar.days, days), calendar.days.size - 1)
    called = np.where(calendar.days[at] == days, at, -1)
    session = np.where(is_midnight, called, session)
    known = np.maximum(session, 0)
    return Placed(session, calendar.open[known], calendar.close[known])


def _ns(times: Any) -> NDArray[np.int64]:
    """Return a column of times as nanoseconds UTC; a missing one is the least of its type."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    values: NDArray[np.int64] = naive.astype("datetime64[ns]").astype(np.int64)
    return values


def _or(values: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(values == np.iinfo(np.int64).min, others, values)
