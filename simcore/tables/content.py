"""The hash of a table's rows: the same for the same values, whatever file they lie in."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from simcore.seeds import jcs
from simcore.tables.table import BYTES_WIDTH, Column, Table

_CHUNK_ROWS: Final = 1 << 16


def content_hash(table: Table, rows: pl.DataFrame) -> str:
    """Return the hash of the rows: the same for the same values, whatever wrote the file.

    SHA-256 over the canonical header, a line feed, and column by column one validity byte a row,
    then the values: little-endian numbers, bytes as they are, strings and enums as u32 length and
    UTF-8. The slot of a null is zero (no text). Volatile columns are left out.

    Args:
        table: What the rows are.
        rows: Conformed rows, put in key order here if they are not.
    """
    rows = table.sort(rows)
    columns = [column for column in table.columns if not column.volatile]
    header = {
        "table": table.name,
        "schema_version": table.schema_version,
        "rows": rows.height,
        "columns": [[column.name, column.dtype] for column in columns],
    }
    digest = hashlib.sha256(jcs(header) + b"\n")
    for column in columns:
        values = rows[column.name]
        digest.update(values.is_not_null().cast(pl.UInt8).to_numpy().tobytes())
        for start in range(0, rows.height, _CHUNK_ROWS):
            digest.update(_value_bytes(column, values[start : start + _CHUNK_ROWS]))
    return digest.hexdigest()


def _value_bytes(column: Column, values: pl.Series) -> bytes:
    """Return the values of a column as `content_hash` defines them."""
    if column.dtype in ("str", "enum"):
        return _text_bytes(values.cast(pl.String).fill_null(""))
    if column.dtype in BYTES_WIDTH:
        zero = bytes(BYTES_WIDTH[column.dtype])
        return b"".join(values.fill_null(zero).to_list())
    if column.dtype == "bool":
        return values.fill_null(False).cast(pl.UInt8).to_numpy().tobytes()
    numbers = values.fill_null(0).to_numpy()
    return numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).tobytes()


def _text_bytes(values: pl.Series) -> bytes:
    """Return each text as its length in bytes (u32) and its UTF-8, one behind the other."""
    array = values.to_arrow().cast(pa.large_string())
    _, offsets_buffer, text_buffer = array.buffers()
    n = len(array)
    offsets = np.frombuffer(offsets_buffer, dtype="<i8")[array.offset : array.offset + n + 1]
    lengths = np.diff(offsets)
    text = np.frombuffer(text_buffer or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    # Text byte k of row i lies behind i + 1 lengths of four bytes each.
    is_text = np.ones(4 * n + text.size, dtype=bool)
    starts = offsets[:-1] - offsets[0] + 4 * np.arange(n)
    length_slots = (starts[:, None] + np.arange(4)).ravel()
    is_text[length_slots] = False
    block = np.empty(is_text.size, dtype=np.uint8)
    block[length_slots] = lengths.astype("<u4").view(np.uint8)
    block[is_text] = text
    return block.tobytes()
