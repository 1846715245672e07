"""Bars as a frame to bars as the engine reads them, and the hash of what they hold."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore import engine
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.seeds import jcs, sha256_hex

DATASET_SCHEMA: Final = "bars/0.1"

PRICES: Final = ("open", "high", "low", "close", "volume")
BARS_DTYPES: Final = {
    "path": "u32", "asset": "u16", "t": "u32", "ts": "i64", "known_at": "i64", "open": "f64",
    "high": "f64", "low": "f64", "close": "f64", "volume": "f64", "hl_order": "i8", "flags": "u8",
}  # fmt: skip
NUMPY_DTYPES: Final = {name: np.dtype(f"<{kind[0]}{int(kind[1:]) // 8}")
                       for name, kind in BARS_DTYPES.items()}  # fmt: skip
# What a whole-number column may hold, where that is less than its type.
LEGAL: Final = {"hl_order": (-1, 1), "flags": (0, 31)}
NS_PER_UNIT: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000}


def columns(bars: pl.DataFrame) -> engine.Columns:
    """Return the columns of one path of one asset, as the engine reads them.

    Columns of the right type are handed over without a copy. What the values must be is the
    engine's to check.

    Args:
        bars: Columns ``ts`` (ns UTC, or a datetime), ``open high low close volume`` and, if they
            are known, ``hl_order`` and ``flags``; ``path`` and ``asset``, where there are any,
            hold one value.

    Raises:
        SpecError: MISSING_COLUMN, WRONG_TYPE, NULL_VALUE, or MULTIPLE_PATHS.
    """
    _check_columns(bars, ("ts", *PRICES))
    _check_single(bars, "path")
    _check_single(bars, "asset")
    return _engine_columns(bars)


def columns_by_path(bars: pl.DataFrame) -> list[tuple[int, engine.Columns]]:
    """Return the columns of every path, as `columns` does for one.

    Args:
        bars: Rows of the table `bars` with one asset, sorted by path and time.

    Raises:
        SpecError: As `columns`; MULTIPLE_PATHS where there is more than one asset.
    """
    _check_columns(bars, ("path", "ts", *PRICES))
    _check_single(bars, "asset")
    whole = _engine_columns(bars)
    paths = bars.get_column("path").to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(paths)) + 1).tolist()] if len(paths) else []
    ends = [*starts[1:], len(paths)]
    return [
        (int(paths[start]), {name: values[start:end] for name, values in whole.items()})
        for start, end in zip(starts, ends, strict=False)
    ]


def _check_columns(bars: pl.DataFrame, wanted: tuple[str, ...]) -> None:
    if not isinstance(bars, pl.DataFrame):
        message = f"got a {type(bars).__name__}, expected a polars.DataFrame"
        raise SpecError([Problem("BARS_INVALID", "WRONG_TYPE", message, source="bars")])
    present = bars.columns
    missing = [name for name in wanted if name not in present]
    if missing:
        message = f"got columns {', '.join(present)}; expected also {', '.join(missing)}"
        raise SpecError([Problem("BARS_INVALID", "MISSING_COLUMN", message, source="bars")])


def _check_single(bars: pl.DataFrame, name: str) -> None:
    if name in bars.columns and bars.height:
        values = bars.get_column(name).to_numpy()
        if values.min() != values.max():
            raise SpecError([_many(name)])


def _engine_columns(bars: pl.DataFrame) -> engine.Columns:
    converted: engine.Columns = {name: _numbers(bars.get_column(name)) for name in PRICES}
    converted["ts"] = _timestamps(bars.get_column("ts"))
    converted["hl_order"] = (
        _ready(bars.get_column("hl_order"), np.dtype(np.int8))
        if "hl_order" in bars.columns
        else np.zeros(bars.height, dtype=np.int8)
    )
    if "flags" in bars.columns:
        converted["flags"] = _ready(bars.get_column("flags"), np.dtype(np.uint8))
    return converted


def _many(name: str) -> Problem:
    return Problem(
        "MULTIPLE_PATHS",
        "MULTIPLE_PATHS",
        f"column {name} holds more than one value, expected one path of one asset",
        path=f"/{name}",
        source="bars",
        hints=(Hint("filter the bars to one path, or use a tournament or a campaign"),),
    )


def _numbers(series: pl.Series) -> NDArray[np.float64]:
    return _ready(series, np.dtype(np.float64))


def _timestamps(series: pl.Series) -> NDArray[np.int64]:
    if isinstance(series.dtype, pl.Datetime):
        unit = NS_PER_UNIT[series.dtype.time_unit]
        return _ready(series.to_physical(), np.dtype(np.int64)) * unit
    return _ready(series, np.dtype(np.int64))


def _ready(series: pl.Series, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values as one contiguous array of that type; a view where they are that already."""
    if series.null_count():
        row = int(series.is_null().arg_max() or 0)
        raise SpecError([_column_problem(series, "NULL_VALUE", f"row {row}: got null", "a value")])
    if not series.dtype.is_numeric() or (dtype.kind in "iu" and not series.dtype.is_integer()):
        found = f"got type {series.dtype}"
        raise SpecError([_column_problem(series, "WRONG_TYPE", found, f"{dtype.name} values")])
    values = series.to_numpy()
    if dtype.kind in "iu" and values.dtype != dtype and len(values):
        _check_fits(series, values, dtype)
    return np.ascontiguousarray(values, dtype=dtype)


def _check_fits(series: pl.Series, values: NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Refuse whole numbers that the narrower type would turn into others."""
    low, high = LEGAL.get(series.name, (np.iinfo(dtype).min, np.iinfo(dtype).max))
    is_outside = (values < low) | (values > high)
    if is_outside.any():
        row = int(is_outside.argmax())
        found, expected = f"row {row}: got {values[row]}", f"{low} to {high}"
        raise SpecError([_column_problem(series, "OUT_OF_RANGE", found, expected)])


def _column_problem(series: pl.Series, reason: str, found: str, expected: str) -> Problem:
    message = f"{found}, expected {expected}"
    return Problem("BARS_INVALID", reason, message, path=f"/{series.name}", source="bars")


def dataset_hash(bars: pl.DataFrame) -> str:
    """Return the hash of bars by their content, whoever made them.

    Args:
        bars: Any of the columns of the table `bars`, with or without those that only generated
            data have; others are left out. Generated bars, whole, hash to the `dataset_hash` of
            their manifest.
    """
    names = [name for name in BARS_DTYPES if name in bars.columns]
    header = {
        "schema": DATASET_SCHEMA,
        "columns": [{"name": name, "dtype": BARS_DTYPES[name]} for name in names],
        "rows": bars.height,
        "paths": bars.get_column("path").n_unique() if "path" in names else 1,
        "assets": bars.get_column("asset").n_unique() if "asset" in names else 1,
    }
    parts = [jcs(header), b"\n"]
    for name in names:
        series = bars.get_column(name)
        values = _timestamps(series) if name == "ts" else _ready(series, NUMPY_DTYPES[name])
        parts.append(values.tobytes())
    return sha256_hex(b"".join(parts))
