"""The lake as an analyst opens it: a lazy frame a table, and views for DuckDB.

Only what lies there is read; every partition comes in the columns of today, whichever version of
its table it was written in.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simcore import parquet
from simcore.disk import odd, writing
from simcore.errors import StoreError
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import BYTES_WIDTH, Column, Table, find
from simcore.tables.versions import Same, at, changes, upgraded

if TYPE_CHECKING:
    import polars as pl

_SQL_TYPES: Final = {
    "u8": "UTINYINT", "u16": "USMALLINT", "u32": "UINTEGER", "u64": "UBIGINT", "i8": "TINYINT",
    "i32": "INTEGER", "i64": "BIGINT", "f64": "DOUBLE", "bool": "BOOLEAN", "str": "VARCHAR",
    "enum": "VARCHAR",
}  # fmt: skip


def scan(
    table: str,
    *,
    home: str | Path,
    campaign: str | None = None,
    strategy: str | None = None,
    evolution: str | None = None,
    generation: str | None = None,
    collection: str | None = None,
) -> pl.LazyFrame:
    """Return a table of the lake as a lazy frame, all its partitions or some of them.

    Args:
        table: Name of the table.
        home: Holds the lake.
        campaign: Only partitions of this campaign; None for all. The other names likewise.
        strategy: Only partitions of this strategy.
        evolution: Only partitions of this evolution.
        generation: Only partitions of this generation.
        collection: Only imported runs of this collection.

    Returns:
        The columns of the table and, behind them, those of its path, as text; no rows where there
        is no such partition. A filter on a column of the path opens only the files it asks for.

    Raises:
        TableError: UNKNOWN_TABLE; NEWER_SCHEMA: a newer version of this project wrote a partition.
        StoreError: A file is torn or not ours.
    """
    import polars as pl

    asked = find(list(TABLES.values()), table)
    store = Store.of(home)
    given = {
        "campaign": campaign,
        "strategy": strategy,
        "evolution": evolution,
        "generation": generation,
        "collection": collection,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    places = [
        place for place in store.partitions(asked) if wanted.items() <= dict(place.parts()).items()
    ]
    frames = [
        frame
        for version, found in _by_version(store, asked, places).items()
        for frame in _frames(store, asked, found, version)
    ]
    if not frames:
        return asked.empty().lazy().with_columns(
            pl.lit(None, pl.String).alias(name) for name in asked.partitioned_by
        )  # fmt: skip
    return pl.concat(frames) if len(frames) > 1 else frames[0]


def _frames(
    store: Store, table: Table, places: Sequence[Partition], version: int
) -> list[pl.LazyFrame]:
    """Return lazy frames of partitions of one version, in the columns of today."""
    import polars as pl

    paths = [store.path(table, place) for place in places]
    folders: dict[str, type[pl.DataType]] = dict.fromkeys(table.partitioned_by, pl.String)
    if all(isinstance(path, Path) for path in paths):
        read = pl.scan_parquet(
            [str(path) for path in paths],
            hive_partitioning=True,
            hive_schema=folders,
            try_parse_hive_dates=False,
        )
        return [_in_types(table, read, version)]
    # The store knows how to speak to a bucket, and brings rows up to today.
    return [
        store.read(table, place)
        .lazy()
        .with_columns(pl.lit(value).alias(name) for name, value in place.parts())
        for place in places
    ]


def views(store: Store, *, named: str | None = None) -> str:
    """Return SQL that makes a view of each table for DuckDB.

    A table of which nothing lies there becomes a view without rows, so that a query over it is not
    an error. A view of files of one version finds those that come later by itself; where versions
    are mixed it names its files.

    Args:
        store: The lake.
        named: How the SQL shall name it, such as a path relative to where DuckDB is started; None
            for the absolute path, or the URL of a bucket.
    """
    root = store.root
    absolute = str(root.absolute() if isinstance(root, Path) else root)
    place = absolute if named is None else named.rstrip("/")
    head = (
        "-- Views of the lake for DuckDB, one a table: `duckdb -init views.sql`, or `.read` it.\n"
        "-- Written by `proving tables --duckdb`; write it again when a first partition of a table "
        "has come."
    )
    return "\n\n".join([head, *(_view(store, table, place) for table in TABLES.values())]) + "\n"


def put_views(store: Store, home: Path) -> None:
    """Put the views of a home in place, if they are not there as they would be written now.

    Args:
        store: The lake.
        home: Where ``views.sql`` lies.
    """
    path, sql = home / "views.sql", views(store)
    if not path.is_file() or path.read_bytes() != sql.encode():
        put(path, sql)


def put(path: Path, content: str | bytes) -> Path:
    """Put a file beside the tables, whole or not at all, and return where it lies.

    Raises:
        StoreError: ``DISK_FULL``, ``READ_ONLY`` or ``UNWRITABLE``, the last also where a folder, a
            pipe or a device has the name; what was there stays.
    """
    with writing(path):
        what = odd(path) if path.exists() else None
        if what is not None:
            raise StoreError(
                "UNWRITABLE", f"{path}: got {what}, expected the name of a file [name another]"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".draft")
        draft = Path(name)
        try:
            with os.fdopen(number, "wb") as handle:
                handle.write(content.encode() if isinstance(content, str) else content)
                handle.flush()
                os.fsync(handle.fileno())
            draft.chmod(0o644)  # mkstemp lets only the owner read.
            return draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _by_version(
    store: Store, table: Table, places: Sequence[Partition]
) -> dict[int, list[Partition]]:
    """Return the partitions that are there by the version of their columns, the oldest first."""
    found: dict[int, list[Partition]] = {}
    for place in places:
        version = parquet.version(table, store.path(table, place))
        if version is not None:
            found.setdefault(version, []).append(place)
    return dict(sorted(found.items()))


def _in_types(table: Table, read: pl.LazyFrame, version: int) -> pl.LazyFrame:
    import polars as pl

    if version != table.schema_version:
        return upgraded(table, read, version)
    # Parquet knows the names of an enum as a dictionary of text, and no more.
    return read.with_columns(
        pl.col(column.name).cast(column.polars_type())
        for column in table.columns
        if column.dtype == "enum"
    )


def _view(store: Store, table: Table, place: str) -> str:
    versions = _by_version(store, table, store.partitions(table))
    if not versions:
        columns = [f"NULL::{_sql_type(column)} AS {_quoted(column.name)}"
                   for column in table.columns]  # fmt: skip
        columns += [f"NULL::VARCHAR AS {name}" for name in table.partitioned_by]
        body = f"SELECT {', '.join(columns)} WHERE false"
    elif list(versions) == [table.schema_version]:
        body = f"SELECT * FROM {_read(table, _text(f'{place}/{table.name}/**/*.parquet'))}"
    else:
        root = str(store.root)

        def listed(partitions: Sequence[Partition]) -> str:
            paths = [str(store.path(table, each)).removeprefix(root) for each in partitions]
            return f"[{', '.join(_text(place + path) for path in paths)}]"

        body = "\nUNION ALL ".join(
            f"SELECT {_select(table, version)} FROM {_read(table, listed(found))}"
            for version, found in versions.items()
        )
    return f"-- {table.meaning}\nCREATE OR REPLACE VIEW {table.name} AS\n{body};"


def _read(table: Table, files: str) -> str:
    folders = ", ".join(f"'{name}': VARCHAR" for name in table.partitioned_by)
    return f"read_parquet({files}, hive_partitioning = true, hive_types = {{{folders}}})"


def _select(table: Table, version: int) -> str:
    """Return the columns of today out of those of an older version."""
    expressions = {column.name: _quoted(column.name) for column in at(table, version).columns}
    for change in changes(table)[version - 1 :]:
        for new, old in change.renamed.items():
            expressions[new] = expressions.pop(old)
        for name, fill in change.added.items():
            value = expressions[fill.name] if isinstance(fill, Same) else _literal(fill)
            expressions[name] = f"{value}::{_sql_type(table.column(name))}"
    columns = [f"{expressions[column.name]} AS {_quoted(column.name)}" for column in table.columns]
    return ", ".join([*columns, *table.partitioned_by])


def _literal(value: str | bool | None) -> str:
    if value is None:
        return "NULL"
    return _text(value) if isinstance(value, str) else str(value).lower()


def _sql_type(column: Column) -> str:
    return "BLOB" if column.dtype in BYTES_WIDTH else _SQL_TYPES[column.dtype]


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
