"""One partition's Parquet file: written the same to the byte, read whole or refused by name.

Where files lie and how one takes another's place is the store's business.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simcore.bucket import ObjectPath
from simcore.errors import StoreError, TableError
from simcore.tables.table import BYTES_WIDTH, Column, Table
from simcore.tables.versions import at, upgraded

Address = Path | ObjectPath
"""Where a file lies: on a disk, or in a bucket."""

_PREFIX: Final = b"proving."
_ROW_GROUP_ROWS: Final = 1 << 17
# SHA-256 of the whole file as it was before its seal was put in the place of these zeros.
_SEAL: Final = _PREFIX + b"seal"
_UNSEALED: Final = b"0" * 64
_UNREADABLE: Final = (
    pa.ArrowInvalid,
    pa.ArrowNotImplementedError,
    OSError,
    EOFError,
    UnicodeDecodeError,  # the name of a column
)


# A disk that is away says nothing of what lies on it; a reader that finds nonsense has no number.
_AWAY: Final = frozenset(
    {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT,
     errno.EHOSTDOWN}
)  # fmt: skip


@dataclass(frozen=True)
class Footer:
    """What a whole partition says about itself.

    Args:
        table: Name of its table.
        content_hash: Hash of its rows, as `simcore.store.content_hash` computes it.
        input_hash: Hash of what it was made from, as `Provenance.input_hash` computes it.
        documents: Hash of each document it was made from.
        seed: Root seed, or None.
        engine_version: Engine that made it.
        schema_version: Version of the table it follows.
        rows: Number of rows.
        bytes: Size of the file.
        path: The file.
    """

    table: str
    content_hash: str
    input_hash: str
    documents: dict[str, str]
    seed: int | None
    engine_version: str
    schema_version: int
    rows: int
    bytes: int
    path: Address


def write(table: Table, rows: pl.DataFrame, metadata: Mapping[str, str], handle: IO[bytes]) -> None:
    """Write conformed rows, in their order, and what the footer is to say of them, under a seal.

    Args:
        table: What the rows are.
        rows: What `Table.conform` returned.
        metadata: Every field of `Footer` that the file does not know by itself, as text.
        handle: Where to.
    """
    schema = table.schema().with_metadata(
        {_PREFIX + name.encode(): value.encode() for name, value in metadata.items()}
    )
    arrays = [_array(column, rows[column.name], schema) for column in table.columns]
    draft = pa.BufferOutputStream()
    with pq.ParquetWriter(
        draft,
        schema,
        compression="zstd",
        compression_level=3,
        write_page_checksum=True,
        version="2.6",
    ) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema), _ROW_GROUP_ROWS)
        writer.add_key_value_metadata({_SEAL: _UNSEALED})
    content = draft.getvalue().to_pybytes()
    start = _seal_start(content)
    handle.write(content[:start] + _seal(content, start) + content[start + len(_UNSEALED) :])


def write_columns(table: Table, columns: Mapping[str, NDArray[Any]], handle: IO[bytes]) -> None:
    """Write the columns of a table that there are, row group by row group, without a copy.

    Memory beyond the columns is that of one row group, however many rows there are.

    Args:
        table: What the rows are; its other columns are left out.
        columns: By name, of one length, each of the type of its column.
        handle: Where to.
    """
    names = [column.name for column in table.columns if column.name in columns]
    schema = pa.schema([table.schema().field(name) for name in names])
    whole = pa.Table.from_arrays([pa.array(columns[name]) for name in names], schema=schema)
    with pq.ParquetWriter(
        handle, schema, compression="zstd", write_page_checksum=True, version="2.6"
    ) as writer:
        writer.write_table(whole, row_group_size=_ROW_GROUP_ROWS)


def footer(table: Table, path: Address) -> Footer | None:
    """Return what the file says about itself, or None where there is none.

    Raises:
        StoreError: ``TORN`` or ``FOREIGN``.
    """
    with _reading(path):
        found_here = _metadata(path)
    if found_here is None:
        return None
    metadata, size = found_here
    try:
        found = {
            name.removeprefix(_PREFIX).decode(): value.decode()
            for name, value in (metadata.metadata or {}).items()
            if name.startswith(_PREFIX)
        }
        said = Footer(
            table=found["table"],
            content_hash=found["content_hash"],
            input_hash=found["input_hash"],
            documents=json.loads(found["documents"]),
            seed=json.loads(found["seed"]),
            engine_version=found["engine_version"],
            schema_version=int(found["schema_version"]),
            rows=metadata.num_rows,
            bytes=size,
            path=path,
        )
    except (KeyError, ValueError) as cause:
        raise StoreError(
            "FOREIGN",
            f"{path}: footer: {cause} is missing or unreadable, expected a partition of "
            f"{table.name} written by this project [move the file away]",
        ) from None
    if said.table != table.name:
        raise StoreError(
            "FOREIGN",
            f"{path}: footer: got the table {said.table}, expected {table.name} "
            "[move the file away]",
        )
    return said


def version(table: Table, path: Address) -> int | None:
    """Return which version of its table a file follows, or None where there is none.

    On a disk, what the footer says of each column is not read, so a thousand files take a moment.

    Raises:
        StoreError: ``TORN`` or ``FOREIGN``.
    """
    if isinstance(path, Path):
        with suppress(pl.exceptions.PolarsError, OSError, KeyError, ValueError):
            said = pl.read_parquet_metadata(path)
            if said["proving.table"] == table.name:
                return int(said["proving.schema_version"])
    whole = footer(table, path)  # Slower, and says what is wrong.
    return None if whole is None else whole.schema_version


def rows(table: Table, path: Address, columns: Sequence[Column]) -> pl.DataFrame:
    """Return columns of the file in the table's types, once every byte of it is known to be right.

    A file of an older version of the table is read as that version and brought up to this one.

    Raises:
        StoreError: ``TORN``, ``OTHER_SCHEMA``, or ``NEWER_SCHEMA``.
    """
    names = [column.name for column in columns]
    written, found = _read(table, path, names)
    if written.schema_version != table.schema_version:
        return upgraded(table, found, written.schema_version).select(names).collect()
    return found.select(pl.col(column.name).cast(column.polars_type()) for column in columns)


def as_written(table: Table, path: Address) -> tuple[Table, pl.DataFrame]:
    """Return a table as it was when the file was written, and the rows of the file in its types.

    Raises:
        StoreError: As `rows`.
    """
    written, found = _read(table, path, None)
    return written, found.select(
        pl.col(column.name).cast(column.polars_type()) for column in written.columns
    )


def _read(table: Table, path: Address, names: Sequence[str] | None) -> tuple[Table, pl.DataFrame]:
    """Return the table as the file has it, and its rows: some columns, or all of an older file."""
    with _reading(path):
        content = path.read_bytes()
    is_sealed = _check_seal(path, content)
    with (
        _reading(path),
        pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=not is_sealed) as file,
    ):
        written = _written(table, path, file.metadata.metadata or {})
        is_older = written.schema_version != table.schema_version
        if not is_sealed and not is_older:  # Older ones were written before there were seals.
            raise _broken(path, content)
        if not _is_schema_of(written, file.schema_arrow):
            raise StoreError(
                "OTHER_SCHEMA",
                f"{path}: got other columns than version {written.schema_version} of "
                f"{table.name} has [materialise it again]",
            )
        arrow = file.read(columns=None if is_older or names is None else list(names))
    return written, pl.DataFrame(pl.from_arrow(arrow))


def _written(table: Table, path: Address, metadata: Mapping[bytes, bytes]) -> Table:
    """Return the table as it was when the file was written."""
    said = metadata.get(_PREFIX + b"schema_version", b"")
    try:
        return at(table, int(said or table.schema_version))
    except TableError as error:
        raise StoreError(error.code, f"{path}: {error.message}") from None


def is_unsealed(table: Table, path: Address) -> bool:
    """Return whether a file of today's version of its table was written before there were seals.

    Raises:
        StoreError: ``TORN`` or ``UNREADABLE``.
    """
    with _reading(path):
        found = _metadata(path)
    if found is None:
        return False
    said = found[0].metadata or {}
    version = said.get(_PREFIX + b"schema_version", b"").decode("ascii", "replace")
    return _SEAL not in said and version == str(table.schema_version)


def unsealed(table: Table, path: Address) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the rows of a file without a seal and what its footer says, to be written anew.

    What tells whether they are those that were written is the hash of the rows.

    Raises:
        StoreError: ``TORN``, ``UNREADABLE``, or ``OTHER_SCHEMA``.
    """
    with _reading(path):
        content = path.read_bytes()
        with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
            said = file.metadata.metadata or {}
            if not _is_schema_of(table, file.schema_arrow):
                raise StoreError(
                    "OTHER_SCHEMA",
                    f"{path}: got other columns than {table.name} has [materialise it again]",
                )
            rows = pl.DataFrame(pl.from_arrow(file.read()))
    # In the order of a write, so that the bytes are those that it would leave today.
    metadata = {
        each.name: said[_PREFIX + each.name.encode()].decode()
        for each in fields(Footer)
        if _PREFIX + each.name.encode() in said
    }
    return rows.select(
        pl.col(each.name).cast(each.polars_type()) for each in table.columns
    ), metadata


def has_schema_of(table: Table, path: Address) -> bool:
    """Return whether the file has the columns that the table has now.

    Raises:
        StoreError: ``TORN``.
    """
    with _reading(path):
        found = _metadata(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "there is no such file")
        return _is_schema_of(table, found[0].schema.to_arrow_schema())


def _metadata(path: Address) -> tuple[pq.FileMetaData, int] | None:
    """Return a file's footer and its size in bytes; None where there is no file."""
    if isinstance(path, Path):
        return (pq.read_metadata(path), path.stat().st_size) if path.is_file() else None
    end = path.open_end()
    return None if end is None else (pq.read_metadata(end), end.size_bytes)


def _seal_start(content: bytes) -> int:
    """Return where the seal stands in the footer, -1 where there is none.

    Nothing is decoded to find it: Parquet writes a name, the type of a text (24) and its length.
    """
    name = _SEAL + bytes([24, len(_UNSEALED)])
    found = content.rfind(name)
    return found + len(name) if found >= 0 else -1


def _seal(content: bytes, start: int) -> bytes:
    """Return the seal of a file in which one stands, or is to stand, at `start`."""
    whole = memoryview(content)
    digest = hashlib.sha256(whole[:start])
    digest.update(_UNSEALED)
    digest.update(whole[start + len(_UNSEALED) :])
    return digest.hexdigest().encode()


def _check_seal(path: Address, content: bytes) -> bool:
    """Refuse a file of which any byte is another than the one that was written.

    Page checksums leave out what stands around the pages: a flipped byte there may change what one
    reader skips and another decodes, or bring a decoder down.

    Returns:
        Whether there is a seal.
    """
    start = _seal_start(content)
    if start >= 0 and _seal(content, start) != content[start : start + len(_UNSEALED)]:
        raise _broken(path, content)
    return start >= 0


def _broken(path: Address, content: bytes) -> StoreError:
    return StoreError(
        "TORN",
        f"{path}: not whole: {len(content):,} bytes that do not hash to their seal; expected "
        "the bytes that were written [materialise the partition again: a write replaces it]",
    )


def _is_schema_of(table: Table, found: pa.Schema) -> bool:
    return bool(found.equals(table.schema()))


def _array(column: Column, values: pl.Series, schema: pa.Schema) -> pa.Array[Any]:
    kind = schema.field(column.name).type
    if column.dtype == "enum":
        # All names of the enum, so that the file does not depend on which of them occur.
        codes = values.to_physical().cast(pl.Int32).to_arrow()
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.values, pa.string()))
    if column.dtype in BYTES_WIDTH:
        return pa.array(values.to_list(), kind)
    return values.to_arrow().cast(kind)


@contextmanager
def _reading(path: Address) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, PermissionError) as cause:
        raise StoreError(
            "UNREADABLE", f"{path}: {cause.strerror}, expected a readable file", is_passing=True
        ) from cause
    except _UNREADABLE as cause:
        if isinstance(cause, OSError) and cause.errno in _AWAY:
            raise StoreError(
                "UNREADABLE",
                f"{path}: {cause.strerror}, expected an answer of the disk; nothing is known of "
                "the file, and nothing was changed [is the disk of the lake there? then again]",
                is_passing=True,
            ) from cause
        reason = str(cause).splitlines()[0]
        raise StoreError(
            "TORN",
            f"{path}: not whole: {reason}; expected a Parquet file "
            "[materialise the partition again: a write replaces it]",
        ) from cause
