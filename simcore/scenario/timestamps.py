"""Times of a user's file as nanoseconds UTC: dates, clock times with or without an offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

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
_READABLE: Final = "a date or time such as 2020-01-31 or 2020-01-31T09:30:00"
# What 64 bits of nanoseconds can hold, in microseconds.
_US_MAX: Final = (2**63 - 1) // 1000


class BadTimezoneError(Exception):
    """A name that is not a time zone."""


@dataclass(frozen=True, eq=False)
class Stamps:
    """Times of a column.

    Args:
        ns: Nanoseconds UTC since 1970, ``(n_rows,)``; `UNKNOWN_TS` where unreadable.
        faults: Row and what was expected of it, for each unreadable value, in row order.
    """

    ns: NDArray[np.int64]
    faults: tuple[tuple[int, str], ...]


def utc_ns(values: pl.Series, timezone: str) -> Stamps:
    """Return the times of a column.

    Args:
        values: Dates, datetimes, or text. A time without an offset is on `timezone`'s clock, and
            a date is that clock's midnight.
        timezone: IANA name, such as ``"UTC"`` or ``"America/New_York"``.

    Raises:
        BadTimezoneError: There is no such zone.
    """
    _check_timezone(timezone)
    if values.dtype == pl.String:
        naive, aware = _parsed(values)
    elif values.dtype == pl.Date or (
        isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is None
    ):
        naive, aware = values.cast(pl.Datetime("us")), _nothing(values, "UTC")
    elif isinstance(values.dtype, pl.Datetime):
        naive, aware = _nothing(values, None), values.dt.convert_time_zone("UTC")
        aware = aware.cast(pl.Datetime("us", "UTC"))
    else:
        every = tuple((row, _READABLE) for row in range(len(values)))
        return Stamps(np.full(len(values), UNKNOWN_TS), every)
    local = naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null")
    utc = local.dt.convert_time_zone("UTC").zip_with(local.is_not_null(), aware)
    us = utc.dt.epoch("us")
    us = us.zip_with((us.abs() <= _US_MAX).fill_null(False), pl.Series([None], dtype=pl.Int64))
    unread = us.is_null().arg_true().to_list()
    faults = tuple((row, _expected(naive[row], timezone)) for row in unread)
    ns = np.array((us * 1000).fill_null(UNKNOWN_TS).to_numpy())
    return Stamps(ns, faults)


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


def _expected(naive: Any, timezone: str) -> str:
    """Return what is expected of a time that could not be read, or that the clock does not have."""
    if naive is None:
        return _READABLE
    return f"a time that {timezone} has once, between 1678 and 2262 [state times with an offset]"
