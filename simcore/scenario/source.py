"""The user's own bars: read from CSV or Parquet, refused by row where no market can have made them.

What a document may say of a file is `SourceDocument`; what becomes of the rows is the engine's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import nearest
from simcore.scenario.timestamps import BadTimezoneError, utc_ns, utc_text
from simcore.seeds import jcs

PROBLEMS_MAX: Final = 20
ROWS_MIN: Final = 2
ROWS_MAX: Final = 5_000_000
PRICES: Final = ("open", "high", "low", "close")
SOURCE_COLUMNS: Final = ("ts", *PRICES, "volume")

_SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")
_Name = Annotated[str, Field(min_length=1, max_length=256)]


class ColumnNames(BaseModel):
    """How the columns are called in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    ts: _Name
    open: _Name
    high: _Name
    low: _Name
    close: _Name
    volume: _Name


class SourceDocument(BaseModel):
    """Where the bars lie, in which time zone their clock ran, what their columns are called."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: _Name
    timezone: _Name
    columns: ColumnNames
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


@dataclass(frozen=True, eq=False)
class Source:
    """Bars of a file, as the engine takes them.

    Args:
        columns: ``ts`` (ns UTC, open of the bar) and OHLCV, each ``(n_bars,)``.
        sha256: Hash of the columns, whatever file they came from.
    """

    columns: dict[str, NDArray[Any]]
    sha256: str


def read(spec: SourceDocument, folder: Path, *, code: str, origin: str) -> Source:
    """Return the bars of a file, or refuse it with what is wrong, the first twenty at once.

    Args:
        spec: What the document says of the file.
        folder: Where the document lies; the path is relative to it.
        code: Code of the problems.
        origin: File or id of the document.

    Raises:
        SpecError: The file is missing, is not what its name says, lacks a column, was changed,
            or has rows with a missing, unreadable or impossible value, or out of order.
    """
    path = folder / spec.path

    def refusal(reason: str, message: str, field: str, *hints: Hint) -> Problem:
        place = f"/params/source/{field}"
        return Problem(code, reason, f"{spec.path}: {message}", place, origin, hints=hints)

    _check_file(path, spec, refusal)
    frame = _frame(path, spec, refusal)
    faults, columns = _columns(frame, spec, refusal)
    faults += _row_faults(columns)
    if faults:
        faults.sort(key=lambda fault: (fault.row, fault.column))
        known = [refusal(fault.reason, fault.sentence(spec), "path") for fault in faults]
        more = len(known) - PROBLEMS_MAX
        if more > 0:
            known = [*known[:PROBLEMS_MAX], refusal("MORE", f"and {more} more", "path")]
        raise SpecError(known)
    return Source(columns, _digest(columns))


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


def _check_file(path: Path, spec: SourceDocument, refusal: Any) -> None:
    if not path.name.endswith(_SUFFIXES):
        known = ", ".join(_SUFFIXES)
        message = f'got the suffix "{path.suffix}", expected one of {known}'
        raise SpecError([refusal("BAD_FORMAT", message, "path")])
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as cause:
        reason = "FILE_MISSING" if isinstance(cause, FileNotFoundError) else "FILE_UNREADABLE"
        raise SpecError(
            [refusal(reason, f"{cause.strerror or cause}, expected a file of bars", "path")]
        ) from None
    if spec.sha256 is not None and found != spec.sha256:
        hint = Hint("was the file changed? state its new hash, or leave sha256 out")
        raise SpecError(
            [refusal("HASH_MISMATCH", f"got {found}, expected {spec.sha256}", "sha256", hint)]
        )


def _frame(path: Path, spec: SourceDocument, refusal: Any) -> pl.DataFrame:
    """Return the wanted columns of the file under our names, CSV values as text."""
    try:
        if path.name.endswith(".parquet"):
            frame = pl.read_parquet(path, hive_partitioning=False)
        else:
            frame = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as cause:
        kind = "Parquet" if path.name.endswith(".parquet") else "CSV with a header"
        reason = str(cause).splitlines()[0]
        raise SpecError([refusal("BAD_FORMAT", f"{reason}; expected {kind}", "path")]) from None
    names = {ours: getattr(spec.columns, ours) for ours in SOURCE_COLUMNS}
    missing = [
        refusal(
            "COLUMN_MISSING",
            f'column "{name}" is missing, expected one of {", ".join(frame.columns)}',
            f"columns/{ours}",
            *([Hint(f'did you mean "{near}"?')] if (near := nearest(name, frame.columns)) else []),
        )
        for ours, name in names.items()
        if name not in frame.columns
    ]
    if missing:
        raise SpecError(missing)
    if not ROWS_MIN <= frame.height <= ROWS_MAX:
        message = f"got {frame.height} rows, expected {ROWS_MIN} to {ROWS_MAX}"
        raise SpecError([refusal("OUT_OF_RANGE", message, "path")])
    return frame.select(pl.col(name).alias(ours) for ours, name in names.items())


def _columns(
    frame: pl.DataFrame, spec: SourceDocument, refusal: Any
) -> tuple[list[_Fault], dict[str, NDArray[Any]]]:
    """Return the values of the columns, and a fault for each that cannot be read."""
    try:
        stamps = utc_ns(frame["ts"], spec.timezone)
    except BadTimezoneError as cause:
        raise SpecError([refusal("UNKNOWN_TIMEZONE", str(cause), "timezone")]) from None
    faults = [
        _Fault("BAD_TIMESTAMP", row, "ts", _shown(frame["ts"][row]), expected)
        for row, expected in stamps.faults
    ]
    columns: dict[str, NDArray[Any]] = {"ts": stamps.ns}
    for name in SOURCE_COLUMNS[1:]:
        columns[name], unread = _numbers(frame[name])
        nan = "NAN_VOLUME" if name == "volume" else "NAN_PRICE"
        for row in np.flatnonzero(~np.isfinite(columns[name])):
            reason = "NOT_A_NUMBER" if unread[row] else nan
            got = _shown(frame[name][int(row)])
            faults.append(_Fault(reason, int(row), name, got, "a finite number"))
    return faults, columns


def _numbers(values: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a column as numbers, and which of its values say something that is no number."""
    if values.dtype.is_numeric():
        numbers = values.cast(pl.Float64)
        says_something = pl.Series([False] * len(values))
    else:
        text = values.cast(pl.String, strict=False).str.strip_chars().replace("", None)
        numbers = text.cast(pl.Float64, strict=False)
        says_something = text.is_not_null()
    unread = (numbers.is_null() & says_something).to_numpy()
    return np.array(numbers.fill_null(float("nan")).to_numpy()), unread


def _row_faults(columns: dict[str, NDArray[Any]]) -> list[_Fault]:
    """Return the rows that were read but that no market can have made."""
    faults: list[_Fault] = []
    ts, volume = columns["ts"], columns["volume"]
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
    return faults + _order_faults(ts)


def _order_faults(ts: NDArray[np.int64]) -> list[_Fault]:
    faults = []
    first_row: dict[int, int] = {}
    known = ts != np.iinfo(np.int64).min
    rows = np.flatnonzero(known)
    steps = np.diff(ts[rows])
    for at in np.flatnonzero(steps <= 0) + 1:
        row, before = int(rows[at]), int(rows[at - 1])
        if steps[at - 1] == 0:
            first = first_row.setdefault(int(ts[row]), before)
            got, expected = f"{utc_text(ts[row])} again", f"it once (row {first + 1} has it)"
            faults.append(_Fault("DUPLICATE_TS", row, "ts", got, expected))
        else:
            expected = f"a time after {utc_text(ts[before])} of row {before + 1}"
            faults.append(_Fault("UNSORTED_TS", row, "ts", utc_text(ts[row]), expected))
    return faults


def _digest(columns: dict[str, NDArray[Any]]) -> str:
    """Return the hash of the bars: canonical header, line feed, little-endian columns."""
    header = {
        "schema": "source/0.1",
        "columns": [[name, "i64" if name == "ts" else "f64"] for name in SOURCE_COLUMNS],
        "rows": int(columns["ts"].size),
    }
    digest = hashlib.sha256(jcs(header) + b"\n")
    for name in SOURCE_COLUMNS:
        digest.update(columns[name].astype("<i8" if name == "ts" else "<f8").tobytes())
    return digest.hexdigest()


def _shown(value: Any) -> str:
    return "nothing" if value is None or value == "" else repr(value)


def _spelled(value: np.float64) -> str:
    """Return a number in the fewest digits that say which it is."""
    return repr(float(value))
