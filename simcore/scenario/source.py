"""The user's own bars: read from CSV or Parquet, refused by row where no market can have made them.

What a document may say of a file is `SourceDocument`; what becomes of the rows is the engine's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.scenario.calendar import Calendar, Timeframe, bar_seconds
from simcore.scenario.coverage import missing, missing_by_calendar
from simcore.scenario.exchange import BadExchangeError, Sessions, placed, sessions
from simcore.scenario.source_file import ROWS_MIN, Refusal, contents, frame
from simcore.scenario.timestamps import UNKNOWN_TS, BadTimezoneError, Stamps, utc_ns, utc_text
from simcore.seeds import jcs

PROBLEMS_MAX: Final = 20
PRICES: Final = ("open", "high", "low", "close")
SOURCE_COLUMNS: Final = ("ts", *PRICES, "volume")

_DTYPES: Final = {"ts": "i64", "known_at": "i64", "hl_order": "i8"}
_Name = Annotated[str, Field(min_length=1, max_length=256)]


class ColumnNames(BaseModel):
    """How the columns are called in the file.

    `asset` says which asset a row is of, for files that hold several; `hl_order` which extreme of
    a bar came first, for bars that this project made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ts: _Name
    open: _Name
    high: _Name
    low: _Name
    close: _Name
    volume: _Name
    asset: _Name | None = None
    hl_order: _Name | None = None


class SourceDocument(BaseModel):
    """Where the bars lie, in which time zone their clock ran, what their columns are called.

    `exchange` names the exchange whose sessions they are of, such as ``XNYS``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: _Name
    timezone: _Name
    columns: ColumnNames
    exchange: _Name | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


@dataclass(frozen=True)
class Setting:
    """What the scenario says that decides how rows are read.

    Args:
        timeframe: Length of a bar.
        calendar: When the market is open, if no exchange says it.
        assets: Names of the assets, in order.
    """

    timeframe: Timeframe
    calendar: Calendar
    assets: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Source:
    """Bars of a file, as the engine takes them.

    Args:
        columns: ``ts`` (ns UTC, open of the bar) and OHLCV, each ``(n_assets * n_bars,)``, one
            asset after the other; with an exchange ``known_at`` too, and ``hl_order`` if the file
            has it.
        sha256: Hash of the columns, whatever file they came from.
        quality: By which clock and calendar the file was read, and which bars it lacks.
        bars_per_year: Of the exchange; None without one.
    """

    columns: dict[str, NDArray[Any]]
    sha256: str
    quality: dict[str, Any]
    bars_per_year: float | None


def read(spec: SourceDocument, folder: Path, setting: Setting, *, code: str, origin: str) -> Source:
    """Return the bars of a file, or refuse it with what is wrong, the first twenty at once.

    Args:
        spec: What the document says of the file.
        folder: Where the document lies; the path is relative to it.
        setting: What else the document says.
        code: Code of the problems.
        origin: File or id of the document.

    Raises:
        SpecError: The file is missing, is not what its name says, lacks a column, was changed,
            or has rows with a missing, unreadable or impossible value, out of order or outside
            the sessions of its exchange.
    """

    def refusal(reason: str, message: str, field: str, *hints: Hint) -> Problem:
        place = f"/params/source/{field}"
        return Problem(code, reason, f"{spec.path}: {message}", place, origin, hints=hints)

    table = _table(spec, folder, refusal)
    rows, lengths = _rows_by_asset(table, spec, setting, refusal)
    table = table if spec.columns.asset is None else table[rows]
    try:
        stamps = utc_ns(table["ts"], spec.timezone)
    except BadTimezoneError as cause:
        raise SpecError([refusal("UNKNOWN_TIMEZONE", str(cause), "timezone")]) from None
    faults, columns = _columns(table, stamps)
    calendar = _sessions(spec, stamps, refusal)
    outside, session = _place(columns, stamps, calendar, spec, setting)
    faults += outside + _row_faults(columns)
    bounds = np.cumsum([0, *lengths])
    for first, last in pairwise(bounds):
        faults += _order_faults(columns["ts"][first:last], rows[first:last], int(first))
    if faults:
        faults = [replace(fault, row=int(rows[fault.row])) for fault in faults]
        raise SpecError(_told(faults, spec, refusal))
    kept = _shared(columns["ts"], bounds, refusal)
    columns = {name: values[kept] for name, values in columns.items()}
    one = kept[: kept.size // len(lengths)]
    quality = {
        "timezone": spec.timezone,
        "exchange": spec.exchange,
        "calendar": None if spec.exchange else setting.calendar,
        "missing": _missing(stamps, session, calendar, setting, one),
        "unaligned_bars": int(rows.size - kept.size),
    }
    bars_per_year = calendar.bars_per_year(_bar_ns(setting)) if calendar else None
    return Source(columns, _digest(columns), quality, bars_per_year)


def _table(spec: SourceDocument, folder: Path, refusal: Refusal) -> pl.DataFrame:
    """Return the columns that the document names, under our names."""
    file = contents(folder / spec.path, refusal)
    if spec.sha256 is not None and file.sha256 != spec.sha256:
        hint = Hint("was the file changed? state its new hash, or leave sha256 out")
        message = f"got {file.sha256}, expected {spec.sha256}"
        raise SpecError([refusal("HASH_MISMATCH", message, "sha256", hint)])
    names = {ours: name for ours, name in spec.columns if name is not None}
    return frame(file, names, refusal)


def _told(faults: list[_Fault], spec: SourceDocument, refusal: Refusal) -> list[Problem]:
    faults.sort(key=lambda fault: (fault.row, fault.column))
    known = [refusal(fault.reason, fault.sentence(spec), "path") for fault in faults[:PROBLEMS_MAX]]
    more = len(faults) - PROBLEMS_MAX
    return [*known, refusal("MORE", f"and {more} more", "path")] if more > 0 else known


def _rows_by_asset(
    table: pl.DataFrame, spec: SourceDocument, setting: Setting, refusal: Refusal
) -> tuple[NDArray[np.int64], list[int]]:
    """Return the rows of the scenario's assets, one asset after the other, and how many of each."""
    if spec.columns.asset is None:
        if len(setting.assets) > 1:
            message = f"got no column, expected the one that tells {len(setting.assets)} assets"
            raise SpecError([refusal("MISSING_FIELD", message, "columns/asset")])
        return np.arange(table.height), [table.height]
    told = table["asset"].cast(pl.String, strict=False)
    groups = [(told == name).fill_null(False).arg_true().to_numpy() for name in setting.assets]
    lacking = [
        name for name, rows in zip(setting.assets, groups, strict=True) if rows.size < ROWS_MIN
    ]
    if lacking:
        message = f"got too few rows of {', '.join(lacking)}, expected {ROWS_MIN} or more of each"
        raise SpecError([refusal("ASSET_MISSING", message, "columns/asset")])
    return np.concatenate(groups).astype(np.int64), [rows.size for rows in groups]


def _sessions(spec: SourceDocument, stamps: Stamps, refusal: Refusal) -> Sessions | None:
    known = stamps.ns[stamps.ns != UNKNOWN_TS]
    if spec.exchange is None or known.size == 0:
        return None
    try:
        return sessions(spec.exchange, int(known.min()), int(known.max()))
    except BadExchangeError as cause:
        raise SpecError([refusal("UNKNOWN_EXCHANGE", str(cause), "exchange")]) from None


def _bar_ns(setting: Setting) -> int:
    return bar_seconds(setting.timeframe) * 1_000_000_000


def _place(
    columns: dict[str, NDArray[Any]],
    stamps: Stamps,
    calendar: Sessions | None,
    spec: SourceDocument,
    setting: Setting,
) -> tuple[list[_Fault], NDArray[np.int64]]:
    """Put the bars into the sessions of their exchange: open, close, and which one it is."""
    if calendar is None:
        return [], np.full(stamps.ns.size, -1)
    found = placed(calendar, stamps.ns, stamps.days, stamps.is_midnight, _bar_ns(setting))
    is_known = stamps.ns != UNKNOWN_TS
    is_inside = (found.session >= 0) & is_known
    columns["ts"] = np.where(is_inside, found.ts, stamps.ns)
    columns["known_at"] = np.where(is_inside, found.known_at, stamps.ns)
    expected = f"a time at which {spec.exchange} is open"
    outside = np.flatnonzero(~is_inside & is_known)
    return [
        _Fault("OUTSIDE_HOURS", int(row), "ts", utc_text(stamps.ns[row]), expected)
        for row in outside
    ], found.session


def _shared(
    ts: NDArray[np.int64], bounds: NDArray[np.int64], refusal: Refusal
) -> NDArray[np.int64]:
    """Return the rows whose time every asset has, in order."""
    parts = [ts[first:last] for first, last in pairwise(bounds)]
    common = parts[0]
    for part in parts[1:]:
        common = np.intersect1d(common, part, assume_unique=True)
    if common.size < ROWS_MIN:
        message = f"got {common.size} times that all assets have, expected {ROWS_MIN} or more"
        raise SpecError([refusal("OUT_OF_RANGE", message, "path")])
    return np.flatnonzero(np.isin(ts, common)) if len(parts) > 1 else np.arange(ts.size)


def _missing(
    stamps: Stamps,
    session: NDArray[np.int64],
    calendar: Sessions | None,
    setting: Setting,
    one: NDArray[np.int64],
) -> dict[str, Any]:
    """Return which bars the file lacks; the assets share their times, so `one` tells for all."""
    if calendar is not None:
        return missing(calendar.days, calendar.bars(_bar_ns(setting)), session[one])
    days = stamps.days[one]
    return missing_by_calendar(stamps.ns[one], days, setting.timeframe, setting.calendar)


@dataclass(frozen=True)
class _Fault:
    """A row that cannot be: where, what was found, what was expected."""

    reason: str
    row: int
    column: str
    got: str
    expected: str

    def sentence(self, spec: SourceDocument) -> str:
        """Return the sentence of the fault; rows count from 1, below the header."""
        name = getattr(spec.columns, self.column)
        return f'row {self.row + 1}, column "{name}": got {self.got}, expected {self.expected}'


def _columns(table: pl.DataFrame, stamps: Stamps) -> tuple[list[_Fault], dict[str, NDArray[Any]]]:
    """Return the values of the columns, and a fault for each that cannot be read."""
    faults = [
        _Fault(bad.reason, bad.row, "ts", _shown(table["ts"], bad.row), bad.expected)
        for bad in stamps.faults
    ]
    columns: dict[str, NDArray[Any]] = {"ts": stamps.ns}
    for name in SOURCE_COLUMNS[1:]:
        columns[name], unread = _numbers(table[name])
        nan = "NAN_VOLUME" if name == "volume" else "NAN_PRICE"
        for row in np.flatnonzero(~np.isfinite(columns[name])):
            reason = "NOT_A_NUMBER" if unread[row] else nan
            got = _shown(table[name], int(row))
            faults.append(_Fault(reason, int(row), name, got, "a finite number"))
    if "hl_order" in table.columns:
        order, _ = _numbers(table["hl_order"])
        is_order = np.isin(order, (-1.0, 0.0, 1.0))
        columns["hl_order"] = np.where(is_order, order, 0.0).astype(np.int8)
        for row in np.flatnonzero(~is_order):
            got = _shown(table["hl_order"], int(row))
            faults.append(_Fault("BAD_HL_ORDER", int(row), "hl_order", got, "-1, 0 or 1"))
    return faults, columns


def _numbers(values: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a column as numbers, and which of its values say something that is no number."""
    if values.dtype.is_numeric():
        numbers = values.cast(pl.Float64)
        says_something = pl.Series([False] * len(values))
    elif not isinstance(values.dtype, pl.String | pl.Categorical | pl.Null):
        # Times, truths and bytes are no prices, whatever they might be cast to.
        numbers = pl.Series([None] * len(values), dtype=pl.Float64)
        says_something = values.is_not_null()
    else:
        text = values.cast(pl.String).str.strip_chars().replace("", None)
        numbers = text.cast(pl.Float64, strict=False)
        says_something = text.is_not_null()
    unread = (numbers.is_null() & says_something).to_numpy()
    return np.array(numbers.fill_null(float("nan")).to_numpy()), unread


def _row_faults(columns: dict[str, NDArray[Any]]) -> list[_Fault]:
    """Return the rows that were read but that no market can have made."""
    faults: list[_Fault] = []
    volume = columns["volume"]
    o, h, lo, c = (columns[name] for name in PRICES)
    # What is not finite has its fault already; comparisons with NaN are false.
    for name in PRICES:
        price = columns[name]
        faults += [
            _Fault("PRICE_NOT_POSITIVE", int(row), name, _spelled(price[row]), "a price above 0")
            for row in np.flatnonzero(price <= 0.0)
        ]
    for reason, name, price, bound, is_broken, side in (
        ("HIGH_BELOW_BODY", "high", h, np.fmax(o, c), h < np.fmax(o, c), "at least"),
        ("LOW_ABOVE_BODY", "low", lo, np.fmin(o, c), lo > np.fmin(o, c), "at most"),
    ):
        faults += [
            _Fault(reason, int(row), name, _spelled(price[row]), f"{side} {_spelled(bound[row])}")
            for row in np.flatnonzero(is_broken)
        ]
    faults += [
        _Fault("NEGATIVE_VOLUME", int(row), "volume", _spelled(volume[row]), "0 or more")
        for row in np.flatnonzero(volume < 0.0)
    ]
    return faults


def _order_faults(ts: NDArray[np.int64], rows: NDArray[np.int64], start: int) -> list[_Fault]:
    """Return the times of one asset that do not rise.

    Args:
        ts: Its times.
        rows: Row of each in the file.
        start: Place of the first among the rows of all assets.
    """
    faults = []
    first_row: dict[int, int] = {}
    known = np.flatnonzero(ts != UNKNOWN_TS)
    # A difference of times far apart does not fit its type, a comparison always does.
    falls = np.flatnonzero(ts[known][1:] <= ts[known][:-1]) + 1
    for at in falls:
        here, before = int(known[at]), int(known[at - 1])
        if ts[here] == ts[before]:
            first = first_row.setdefault(int(ts[here]), before)
            got, expected = f"{utc_text(ts[here])} again", f"it once (row {rows[first] + 1} has it)"
            faults.append(_Fault("DUPLICATE_TS", start + here, "ts", got, expected))
        else:
            expected = f"a time after {utc_text(ts[before])} of row {rows[before] + 1}"
            faults.append(_Fault("UNSORTED_TS", start + here, "ts", utc_text(ts[here]), expected))
    return faults


def _digest(columns: dict[str, NDArray[Any]]) -> str:
    """Return the hash of the bars: canonical header, line feed, little-endian columns."""
    names = [*SOURCE_COLUMNS, *(name for name in ("known_at", "hl_order") if name in columns)]
    header = {
        "schema": "source/0.1",
        "columns": [[name, _DTYPES.get(name, "f64")] for name in names],
        "rows": int(columns["ts"].size),
    }
    digest = hashlib.sha256(jcs(header) + b"\n")
    for name in names:
        # JSON's names of the types are NumPy's but for the width in bits.
        dtype = {"i64": "<i8", "i8": "<i1"}.get(_DTYPES.get(name, "f64"), "<f8")
        digest.update(columns[name].astype(dtype).tobytes())
    return digest.hexdigest()


def _shown(values: pl.Series, row: int) -> str:
    """Return a value as the file has it; of a date or time, the number that the file holds."""
    # Neither Python nor Polars can spell every date that a file can hold.
    value = (values.to_physical() if values.dtype.is_temporal() else values)[row]
    return "nothing" if value is None or value == "" else repr(value)


def _spelled(value: np.float64) -> str:
    """Return a number in the fewest digits that say which it is."""
    return repr(float(value))
