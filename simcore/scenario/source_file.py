"""The bytes of a user's file, read once and bounded, and the columns of it that are named.

What the values of a column may be is decided elsewhere.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.refusals import nearest

BYTES_MAX: Final = 1 << 30
CELLS_MAX: Final = 60_000_000
ROWS_MIN: Final = 2
ROWS_MAX: Final = 5_000_000
SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")

_SHOWN_COLUMNS: Final = 20

Refusal = Callable[..., Problem]
"""Makes the problem of a file: reason, message, field of the source, hints."""


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A file as it was at one moment.

    Args:
        data: Its bytes, unpacked if they were packed.
        sha256: Hash of the bytes as they lie on disk.
        is_parquet: Whether its name says Parquet; else it is CSV.
    """

    data: bytes
    sha256: str
    is_parquet: bool


def contents(path: Path, refusal: Refusal, *, bytes_max: int = BYTES_MAX) -> SourceFile:
    """Return the bytes of a file, read once, so that what is hashed is what is parsed.

    Args:
        path: The file; its suffix says how it is packed.
        refusal: Makes the problems.
        bytes_max: Most bytes, packed or not.

    Raises:
        SpecError: It is missing, no ordinary file, too large, or not packed as its name says.
    """
    if not path.name.endswith(SUFFIXES):
        known = ", ".join(SUFFIXES)
        message = f'got the suffix "{path.suffix}", expected one of {known}'
        raise SpecError([refusal("BAD_FORMAT", message, "path")])
    try:
        # A pipe or a device has no end that could be waited for.
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("is no ordinary file")
        with path.open("rb") as file:
            packed = file.read(bytes_max + 1)
    except (OSError, ValueError) as cause:
        reason = "FILE_MISSING" if isinstance(cause, FileNotFoundError) else "FILE_UNREADABLE"
        said = getattr(cause, "strerror", None) or cause
        raise SpecError([refusal(reason, f"{said}, expected a file of bars", "path")]) from None
    data = _unpacked(packed, bytes_max, refusal) if path.name.endswith(".gz") else packed
    if max(len(packed), len(data)) > bytes_max:
        message = f"got more than {bytes_max} bytes, expected no more"
        raise SpecError([refusal("FILE_TOO_LARGE", message, "path")])
    digest = hashlib.sha256(packed).hexdigest()
    return SourceFile(data, digest, path.name.endswith(".parquet"))


def frame(file: SourceFile, names: dict[str, str], refusal: Refusal) -> pl.DataFrame:
    """Return the named columns of a file, CSV values as text.

    Args:
        file: The file.
        names: What each column is called in the file, by our name for it.
        refusal: Makes the problems.

    Returns:
        The columns under our names, from `ROWS_MIN` to `ROWS_MAX` rows.

    Raises:
        SpecError: It is no table, lacks a column or has it twice, or has too few or many rows.
    """
    table = _parquet if file.is_parquet else _csv
    kind = "Parquet" if file.is_parquet else "CSV with a header"
    try:
        found = table(file.data, names, refusal)
    # PyArrow's errors are of these kinds; Polars tells of what it did not foresee by a panic.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as cause:
        raise _bad_format(cause, kind, refusal) from None
    except (ValueError, NotImplementedError) as cause:
        raise _bad_format(cause, kind, refusal) from None
    if not ROWS_MIN <= found.height <= ROWS_MAX:
        got = f"{found.height} rows" if found.height <= ROWS_MAX else "more"
        message = f"got {got}, expected {ROWS_MIN} to {ROWS_MAX} rows"
        raise SpecError([refusal("OUT_OF_RANGE", message, "path")])
    return found.select(pl.col(name).alias(ours) for ours, name in names.items())


def _bad_format(cause: BaseException, kind: str, refusal: Refusal) -> SpecError:
    said = (str(cause).splitlines() or [type(cause).__name__])[0]
    return SpecError([refusal("BAD_FORMAT", f"{said}; expected {kind}", "path")])


def _unpacked(packed: bytes, bytes_max: int, refusal: Refusal) -> bytes:
    """Return what a gzip file holds, or no more than one byte too much of it."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            return file.read(bytes_max + 1)
    except (OSError, EOFError, zlib.error) as cause:
        raise SpecError([refusal("BAD_FORMAT", f"{cause}; expected gzip", "path")]) from None


def _csv(data: bytes, names: dict[str, str], refusal: Refusal) -> pl.DataFrame:
    # Whatever follows a quote that is not closed would be lost without a word.
    if data.count(b'"') % 2 == 1:
        raise ValueError("a quote is opened and never closed")
    header = pl.read_csv(io.BytesIO(data), infer_schema=False, n_rows=0).columns
    _check_columns(header, names, refusal)
    n_cells = len(header) * data.count(b"\n")
    if n_cells > CELLS_MAX:
        message = f"got about {n_cells} values, expected at most {CELLS_MAX}"
        hint = Hint("leave out the columns that the document does not name")
        raise SpecError([refusal("FILE_TOO_LARGE", message, "path", hint)])
    # All columns are parsed, since a row with too many values is misread from there on.
    return pl.read_csv(io.BytesIO(data), infer_schema=False, n_rows=ROWS_MAX + 1)


def _parquet(data: bytes, names: dict[str, str], refusal: Refusal) -> pl.DataFrame:
    # PyArrow, since a hostile file makes the reader of Polars end the process.
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    schema, metadata = file.schema_arrow, file.metadata
    _check_columns(schema.names, names, refusal)
    wanted = list(dict.fromkeys(names.values()))
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(at) for group in groups for at in range(group.num_columns)]
    size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in wanted)
    if metadata.num_rows > ROWS_MAX or size > BYTES_MAX:
        message = (
            f"got {metadata.num_rows} rows of {size} bytes, expected at most {ROWS_MAX} rows and "
            f"{BYTES_MAX} bytes"
        )
        raise SpecError([refusal("OUT_OF_RANGE", message, "path")])
    for name in wanted:
        kind = schema.field(name).type
        if pa.types.is_nested(kind) or isinstance(kind, pa.ExtensionType):
            raise ValueError(f'column "{name}" holds {kind}')
    table = file.read(columns=wanted)
    table.validate(full=True)
    found = pl.from_arrow(table)
    return found if isinstance(found, pl.DataFrame) else found.to_frame()


def _check_columns(header: Sequence[str], names: dict[str, str], refusal: Refusal) -> None:
    """Refuse a file that lacks a named column, or has it twice so that none can tell which."""
    shown = ", ".join(header[:_SHOWN_COLUMNS])
    if len(header) > _SHOWN_COLUMNS:
        shown += f" and {len(header) - _SHOWN_COLUMNS} more"
    wrong = []
    for ours, name in names.items():
        if name not in header:
            near = nearest(name, header)
            hints = [Hint(f'did you mean "{near}"?')] if near else []
            message = f'column "{name}" is missing, expected one of {shown}'
            wrong.append(refusal("COLUMN_MISSING", message, f"columns/{ours}", *hints))
        # Polars gives the second of two columns with one name another.
        elif f"{name}_duplicated_0" in header or list(header).count(name) > 1:
            message = f'column "{name}" is there twice, expected it once'
            wrong.append(refusal("COLUMN_TWICE", message, f"columns/{ours}"))
    if wrong:
        raise SpecError(wrong)
