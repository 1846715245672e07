"""Times of a user's file as nanoseconds UTC: dates, clock times with or without an offset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

UNKNOWN_TS: Final = int(np.iinfo(np.int64).min)

_DATE_FORMATS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
_NAIVE_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
)
_SLASHED: Final = r"^\d{1,2}/\d{1,2}/\d{4}$"
_SLASHED_FORMATS: Final = ("%m/%d/%Y", "%d/%m/%Y")
_AWARE_FORMATS: Final = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f%z")
_OFFSET: Final = r"([+-]\d{2}:?\d{2}|Z)$"
_READABLE: Final = "a date or time such as 2020-01-31 or 2020-01-31T09:30:00"
# What 64 bits of nanoseconds can hold, in microseconds.
_NS_MIN: Final = 10**17
_US_MAX: Final = (2**63 - 1) // 1000
_DAYS_MAX: Final = _US_MAX // (86_400 * 10**6)


class BadTimezoneError(Exception):
    """A name that is not a time zone."""


@dataclass(frozen=True)
class BadStamp:
    """A time that cannot be taken: why, in which row, and what was expected."""

    reason: str
    row: int
    expected: str


@dataclass(frozen=True, eq=False)
class Stamps:
    """Times of a column.

    Args:
        ns: Nanoseconds UTC since 1970, ``(n_rows,)``; `UNKNOWN_TS` where unreadable.
        days: Day of each on the stated clock, not a time where unreadable.
        is_midnight: Whether that clock shows midnight.
        faults: The values that cannot be taken, in row order.
    """

    ns: NDArray[np.int64]
    days: NDArray[np.datetime64]
    is_midnight: NDArray[np.bool_]
    faults: tuple[BadStamp, ...]


def utc_ns(values: pl.Series, timezone: str) -> Stamps:
    """Return the times of a column.

    Args:
        values: Dates, datetimes, text, or nanoseconds UTC since 1970 as the table `bars` has
            them. A time without an offset is on `timezone`'s clock, and a date is that clock's
            midnight.
        timezone: IANA name, such as ``"UTC"`` or ``"America/New_York"``.

    Raises:
        BadTimezoneError: There is no such zone.
    """
    _check_timezone(timezone)
    if values.dtype == pl.Int64 and values.abs().min() is not None:
        least = int(values.abs().min())  # type: ignore[arg-type]
        # Seconds, milliseconds and microseconds of our time are all smaller.
        values = values.cast(pl.Datetime("ns", "UTC")) if least >= _NS_MIN else values
    mixed: tuple[BadStamp, ...] = ()
    if values.dtype == pl.String:
        naive, aware = _parsed(values)
        mixed = _mixed(values, naive, aware, timezone)
    elif values.dtype == pl.Date or (
        isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is None
    ):
        naive, aware = _bounded(values).cast(pl.Datetime("us")), _nothing(values, "UTC")
    elif isinstance(values.dtype, pl.Datetime):
        naive, aware = _nothing(values, None), _bounded(values).dt.convert_time_zone("UTC")
        aware = aware.cast(pl.Datetime("us", "UTC"))
    else:
        naive, aware = _nothing(values, None), _nothing(values, "UTC")
    local = naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
    utc = local.dt.convert_time_zone("UTC").zip_with(local.is_not_null(), aware)
    us = utc.dt.epoch("us")
    is_told = (us.abs() <= _US_MAX).fill_null(False)
    us = us.zip_with(is_told, pl.Series([None], dtype=pl.Int64))
    unread = us.is_null().arg_true().to_list()
    # No value leaves the series: Python has no year 0, which a file may well have.
    is_time = naive.is_not_null()
    faults = [BadStamp("BAD_TIMESTAMP", row, _expected(is_time[row], timezone)) for row in unread]
    wall = utc.zip_with(is_told, _nothing(utc, "UTC")).dt.convert_time_zone(timezone)
    wall = wall.dt.replace_time_zone(None)
    return Stamps(
        ns=np.array((us * 1000).fill_null(UNKNOWN_TS).to_numpy()),
        days=wall.dt.date().to_numpy().astype("datetime64[D]"),
        is_midnight=(wall.dt.time() == time(0)).fill_null(False).to_numpy(),
        faults=tuple(sorted([*faults, *mixed], key=lambda fault: fault.row)),
    )


def midnight_text(day: str, timezone: str) -> str | None:
    """Return the instant at which a day such as ``2020-08-31`` begins on a zone's clock.

    Returns:
        As `utc_text`; None for anything that is not such a day.
    """
    date = pl.Series([day]).str.to_date("%Y-%m-%d", strict=False)
    stamps = utc_ns(date, timezone)
    return None if stamps.faults else utc_text(stamps.ns[0])


def utc_text(ns: int | np.int64) -> str:
    """Return a time as ``2020-01-31T09:30:00Z``."""
    return f"{np.datetime64(int(ns), 'ns').astype('datetime64[s]')}Z"


def _parsed(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the texts as naive and as aware times, null where they are not of that sort."""
    text = values.str.strip_chars()
    # chrono's %z reads offsets but not the Z of ISO 8601.
    offset = text.str.replace("Z$", "+00:00")
    naive, aware = _nothing(values, None), _nothing(values, "UTC")
    for form in (*_DATE_FORMATS, *_NAIVE_FORMATS):
        if naive.null_count() == 0:
            break
        if form in _DATE_FORMATS:
            found = text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
        else:
            found = text.str.to_datetime(form, time_unit="us", strict=False)
        naive = naive.zip_with(naive.is_not_null(), found)
    if naive.null_count() > 0:
        naive = naive.zip_with(naive.is_not_null(), _slashed(text))
    for form in _AWARE_FORMATS:
        if (naive.is_null() & aware.is_null()).any():
            found = offset.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
            aware = aware.zip_with(aware.is_not_null(), found)
    return naive, aware


def _mixed(
    text: pl.Series, naive: pl.Series, aware: pl.Series, timezone: str
) -> tuple[BadStamp, ...]:
    """Return the times that are not told as the first is: with an offset, without, with another.

    Offsets may differ where each is that of the stated zone at its instant.
    """
    if aware.null_count() == len(aware):
        return ()
    offset = text.str.strip_chars().str.extract(_OFFSET)
    offset = offset.str.replace(":", "").str.replace("Z", "+0000")
    offset = offset.zip_with(aware.is_not_null(), pl.Series([None], dtype=pl.String))
    is_told = (naive.is_not_null() | aware.is_not_null()).to_numpy()
    if not is_told.any() or (naive.is_null().all() and offset.n_unique() == 1):
        return ()
    rows = np.flatnonzero(is_told)
    first = offset[int(rows[0])]
    if first is None:
        expected = f"a time without an offset, as row {rows[0] + 1} has"
        odd = offset.is_not_null()
    else:
        own = aware.dt.convert_time_zone(timezone).dt.to_string("%z")
        if (own == offset).fill_null(True).all():
            expected = f"a time with an offset, as row {rows[0] + 1} has"
            odd = naive.is_not_null()
        else:
            expected = f"the offset {first} of row {rows[0] + 1}, or everywhere that of {timezone}"
            odd = (offset != first).fill_null(True)
    return tuple(
        BadStamp("MIXED_TIMEZONES", int(row), expected)
        for row in np.flatnonzero(odd.to_numpy() & is_told)
    )


def _slashed(text: pl.Series) -> pl.Series:
    """Return dates written 1/31/1999 or 31/1/1999; null where the column does not say which."""
    is_slashed = text.str.contains(_SLASHED).fill_null(False)
    dates = [
        text.str.to_date(form, strict=False).zip_with(is_slashed, _no_date(text))
        for form in _SLASHED_FORMATS
    ]
    month_first, day_first = dates
    if month_first.null_count() == day_first.null_count():
        return _nothing(text, None)  # No day beyond the twelfth: either reading may be meant.
    return min(dates, key=lambda each: each.null_count()).cast(pl.Datetime("us"))


def _bounded(values: pl.Series) -> pl.Series:
    """Return dates or times, null where nanoseconds cannot hold them: Polars would give up."""
    per_day = {"ns": 86_400 * 10**9, "us": 86_400 * 10**6, "ms": 86_400 * 10**3}
    unit = per_day[values.dtype.time_unit or "us"] if isinstance(values.dtype, pl.Datetime) else 1
    is_near = values.to_physical().cast(pl.Int64).is_between(-_DAYS_MAX * unit, _DAYS_MAX * unit)
    return values.zip_with(is_near.fill_null(False), pl.Series([None], dtype=values.dtype))


def _no_date(like: pl.Series) -> pl.Series:
    return pl.Series([None] * len(like), dtype=pl.Date)


def _nothing(like: pl.Series, timezone: str | None) -> pl.Series:
    return pl.Series([None] * len(like), dtype=pl.Datetime("us", timezone))


def _check_timezone(timezone: str) -> None:
    probe = pl.Series([0]).cast(pl.Datetime("us"))
    try:
        probe.dt.replace_time_zone(timezone)
    except (pl.exceptions.PolarsError, ValueError):
        raise BadTimezoneError(
            f'got "{timezone}", expected an IANA name such as "UTC" or "America/New_York"'
        ) from None


def _expected(is_time: bool, timezone: str) -> str:
    """Return what is expected of a time that could not be read, or that the clock does not have."""
    if not is_time:
        return _READABLE
    return f"a time that {timezone} has once, between 1678 and 2262 [state times with an offset]"
