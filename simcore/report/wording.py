"""Numbers as a person reads them: with their interval, in words where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NONE: Final = "–"
_NS_PER_SECOND: Final = 1e9
_NS_PER_DAY: Final = 86_400 * 1e9
_UUSD_PER_USD: Final = 1e6


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits behind the point; a dash where there is none."""
    if value is None:
        return NONE
    told = f"{value:,.{digits}f}"
    return told.removeprefix("-") if float(told.replace(",", "")) == 0.0 else told


def percent(value: float | None, digits: int = 1) -> str:
    """Return a fraction in hundredths; a dash where there is none."""
    return NONE if value is None else f"{number(100.0 * value, digits)} %"


def interval(row: Mapping[str, Any], value: str, low: str, high: str, digits: int = 2) -> str:
    """Return a number with its interval, or with the words that it has none."""
    if row[value] is None:
        return NONE
    if row[low] is None or row[high] is None:
        return f"{number(row[value], digits)} (no interval)"
    return (
        f"{number(row[value], digits)} ({number(row[low], digits)} to {number(row[high], digits)})"
    )


def duration(ns: float | None) -> str:
    """Return nanoseconds in the unit that a person would choose: seconds, minutes or hours."""
    if ns is None:
        return NONE
    value = ns / _NS_PER_SECOND
    for unit, most in (("s", 120.0), ("min", 120.0)):
        if abs(value) < most:
            return f"{value:.1f} {unit}"
        value /= 60.0
    return f"{value:,.1f} h"


def day(ns: int | None) -> str:
    """Return nanoseconds since the start as days."""
    return NONE if ns is None else f"{ns / _NS_PER_DAY:.2f}"


def usd(uusd: int | None) -> str:
    """Return millionths of a dollar as dollars."""
    return NONE if uusd is None else f"{uusd / _UUSD_PER_USD:,.2f} USD"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
