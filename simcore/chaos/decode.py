"""Tables of the engine as tables of the project: codes to names, sentinels to nulls, arms marked.

What a code means stands in the engine's catalogue; what a column is stands in `simcore.tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from simcore.chaos.log import NO_ID
from simcore.errors import InvariantError
from simcore.tables import TABLES
from simcore.tables.table import Column

PREFIX: Final = "chaos_"
RUN_COLUMNS: Final = ("run_id", "seed", "arm")

# Which set of the catalogue names the codes of a column.
_SETS: Final = {
    "intensity": "intensity", "kind": "injection", "level": "level", "liquidity": "liquidity",
    "log": "log", "origin": "origin", "purpose": "purpose", "scope": "position_scope",
    "state": "state", "status": "status", "status_truth": "status", "tif": "tif", "type": "type",
}  # fmt: skip
_NO_CLOID: Final = bytes(16)

Codes = Mapping[str, Mapping[str, int]]


def frame(name: str, columns: Mapping[str, Any], codes: Codes) -> pl.DataFrame:
    """Return one table of one run, without the columns that name the run.

    Args:
        name: Name of the table, without its prefix.
        columns: Columns by name, each ``(n_rows,)``, as the engine gave them.
        codes: Sets of the catalogue, name to code.

    Returns:
        The columns that the project's table has and the engine filled, in the table's order.
    """
    table = TABLES[f"{PREFIX}{name}"]
    wanted = [column for column in table.columns if column.name in columns]
    return pl.DataFrame([_series(column, columns[column.name], codes) for column in wanted])


def _series(column: Column, values: Any, codes: Codes) -> pl.Series:
    if column.dtype == "bytes16":
        content: list[bytes | None] = list(_bytes(values))
        if column.nullable:
            content = [None if value == _NO_CLOID else value for value in content]
        return pl.Series(column.name, content, dtype=pl.Binary)
    raw = pl.Series(column.name, values)
    if column.dtype in ("enum", "str") and raw.dtype.is_integer():
        names = {code: name for name, code in codes[_SETS[column.name]].items()}
        return raw.replace_strict(names, return_dtype=column.polars_type())
    if column.dtype == "bool":
        return raw.cast(pl.Boolean)
    if column.nullable and raw.dtype.is_integer():
        absent = NO_ID if raw.dtype == pl.UInt64 else -1
        raw = raw.to_frame().select(pl.when(raw != absent).then(raw)).to_series()
    return raw.cast(column.polars_type())


def _bytes(values: Any) -> list[bytes]:
    """Return identifiers of 16 bytes from a ``(n, 16)`` array or a list of bytes."""
    if isinstance(values, np.ndarray):
        rows = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 16)
        content = rows.tobytes()
        return [content[at : at + 16] for at in range(0, len(content), 16)]
    found = [bytes(value) for value in values]
    if any(len(value) != len(_NO_CLOID) for value in found):
        raise InvariantError("client order id: found another length, expected 16 bytes")
    return found


def marked(rows: pl.DataFrame, run_id: bytes, seed: int, arm: str) -> pl.DataFrame:
    """Return the rows with the columns before them that say which run they are of."""
    return rows.select(
        pl.lit(run_id, dtype=pl.Binary).alias("run_id"),
        pl.lit(seed, dtype=pl.UInt64).alias("seed"),
        pl.lit(arm).alias("arm"),
        pl.all(),
    )


def whole(name: str, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of every run as the table wants them, in the order of its key."""
    table = TABLES[f"{PREFIX}{name}"]
    if not parts:
        return table.empty()
    conformed = [table.conform(part) for part in parts]
    return table.sort(pl.concat(conformed))
