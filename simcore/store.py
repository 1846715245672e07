"""Partitioned Parquet: a partition is whole or absent, and says what it was made from.

The only way to disk for results. A write is a draft outside the dataset tree on the same file
system, an fsync and one rename; partition values stand in the path and never in the file, so that
Polars, DuckDB and pandas read ``<root>/<table>/**`` with hive partitioning.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import polars as pl

from simcore import parquet
from simcore.errors import StoreError
from simcore.parquet import Footer
from simcore.seeds import jcs, sha256_hex
from simcore.tables.content import content_hash
from simcore.tables.table import Table

__all__ = ["Footer", "Partition", "Provenance", "Store", "content_hash"]

KEY_PATTERN: Final = re.compile(r"[a-z][a-z0-9_-]*")
# Words that some reader of hive paths takes for a boolean, a number, a date or nothing.
RESERVED_KEYS: Final = frozenset({"true", "false", "inf", "nan", "null", "none"})

_FILE_NAME: Final = "data.parquet"
_STAGING: Final = ".staging"


@dataclass(frozen=True)
class Partition:
    """The address of one partition: the values of a table's `partitioned_by`.

    Args:
        campaign: Id of a campaign, or None where the table is not partitioned by it.
        strategy: Id of a strategy, or None where the table is not partitioned by it.
        evolution: Id of an evolution, or None likewise.
        generation: Key of a generation, such as ``g003``, or None likewise.

    Raises:
        StoreError: ``BAD_KEY``: a value that some reader would not take for a string.
    """

    campaign: str | None = None
    strategy: str | None = None
    evolution: str | None = None
    generation: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.parts():
            if not KEY_PATTERN.fullmatch(value) or value in RESERVED_KEYS:
                raise StoreError(
                    "BAD_KEY",
                    f"partition {name}: got {value!r}, expected {KEY_PATTERN.pattern} "
                    f"and none of {', '.join(sorted(RESERVED_KEYS))}",
                )

    @classmethod
    def parse(cls, table: Table, key: str) -> Partition:
        """Return the partition of `table` that `key` names, such as ``"c1-light|ma_cross"``."""
        values = key.split("|")
        if len(values) != len(table.partitioned_by):
            expected = "|".join(table.partitioned_by)
            raise StoreError("BAD_KEY", f"{table.name}: got key {key!r}, expected {expected}")
        return cls(**dict(zip(table.partitioned_by, values, strict=True)))

    def parts(self) -> list[tuple[str, str]]:
        """Return the names and values that are set, the widest first."""
        pairs = (
            ("campaign", self.campaign),
            ("strategy", self.strategy),
            ("evolution", self.evolution),
            ("generation", self.generation),
        )
        return [(name, value) for name, value in pairs if value is not None]

    @property
    def key(self) -> str:
        """The values joined as Dagster joins them: ``"c1-light|ma_cross"``."""
        return "|".join(value for _, value in self.parts())

    @property
    def folder(self) -> str:
        """The folders of a hive path: ``"campaign=c1-light/strategy=ma_cross"``."""
        return "/".join(f"{name}={value}" for name, value in self.parts())


@dataclass(frozen=True)
class Provenance:
    """What a partition is made from; its digest decides whether work is skipped.

    Args:
        documents: Hash of each document, by its kind and id.
        seed: Root seed, or None where none is used.
        engine_version: Crate version and digest of the engine's sources.
        upstream: Content hash of each partition that was read, by table and key.
        settings: What else the rows depend on, such as a profile's name; JSON values.
    """

    documents: Mapping[str, str]
    seed: int | None
    engine_version: str
    upstream: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def input_hash(self, table: Table) -> str:
        """Return the SHA-256 of everything `table` is made from, 64 hexadecimal digits."""
        inputs: dict[str, Any] = {
            "documents": dict(self.documents),
            "seed": self.seed,
            "engine_version": self.engine_version,
            "schema_version": table.schema_version,
            "upstream": dict(self.upstream),
        }
        if self.settings:
            inputs["settings"] = dict(self.settings)
        return sha256_hex(jcs(inputs))


class Store:
    """Every table below one root.

    Args:
        root: The lake; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def path(self, table: Table, partition: Partition) -> Path:
        """Return where the partition's file is or will be.

        Raises:
            StoreError: ``BAD_KEY``: the partition does not fit the table.
        """
        names = tuple(name for name, _ in partition.parts())
        if names != table.partitioned_by:
            raise StoreError(
                "BAD_KEY",
                f"{table.name}: got a partition by {', '.join(names) or 'nothing'}, "
                f"expected by {', '.join(table.partitioned_by)}",
            )
        return self.root / table.name / partition.folder / _FILE_NAME

    def write(
        self, table: Table, partition: Partition, rows: pl.DataFrame, provenance: Provenance
    ) -> Footer:
        """Put a whole partition in place of what was there, torn or not.

        Args:
            table: What the rows are.
            partition: Where they go.
            rows: Columns of the table in any order, rows in any order; may be empty.
            provenance: What they were made from.

        Raises:
            TableError: The rows are not what the table says; nothing is written.
            StoreError: ``DISK_FULL``, ``READ_ONLY`` or ``UNWRITABLE``; what was there stays.
        """
        target = self.path(table, partition)
        rows = table.sort(table.conform(rows))
        metadata = {
            "table": table.name,
            "content_hash": content_hash(table, rows),
            "input_hash": provenance.input_hash(table),
            "documents": jcs(dict(provenance.documents)).decode(),
            "seed": json.dumps(provenance.seed),
            "engine_version": provenance.engine_version,
            "schema_version": str(table.schema_version),
        }
        with parquet.writing(target), self._draft() as (handle, draft):
            parquet.write(table, rows, metadata, handle)
            handle.flush()
            os.fsync(handle.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
            self._sync_folders(target.parent)
        footer = self.footer(table, partition)
        if footer is None:
            raise StoreError(
                "VANISHED",
                f"{target}: the file is gone right after it was written, expected it in place "
                "[is another process deleting it?]",
                is_passing=True,
            )
        return footer

    def footer(self, table: Table, partition: Partition) -> Footer | None:
        """Return what the partition says about itself, or None where it is absent.

        Raises:
            StoreError: ``TORN``: the file cannot be read as Parquet; ``FOREIGN``: it is not ours
                or another table's.
        """
        return parquet.footer(table, self.path(table, partition))

    def read(
        self, table: Table, partition: Partition, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return the rows of a partition, in key order, partition columns not among them.

        Args:
            table: What the rows are.
            partition: Where they lie.
            columns: Names of the columns wanted, in that order; None for all.

        Raises:
            StoreError: ``ABSENT``, ``TORN``, ``FOREIGN``, or ``OTHER_SCHEMA``.
            TableError: A column is not known.
        """
        names = [column.name for column in table.columns] if columns is None else list(columns)
        wanted = [table.column(name) for name in names]
        path = self.path(table, partition)
        footer = parquet.footer(table, path)
        if footer is None:
            raise StoreError(
                "ABSENT",
                f"{path}: there is no such file, expected the partition {partition.key} of "
                f"{table.name} [materialise it first]",
            )
        return parquet.rows(table, path, wanted)

    def is_current(self, table: Table, partition: Partition, provenance: Provenance) -> bool:
        """Return whether a whole partition made from just this is there.

        An absent, torn or foreign file is not current; `torn` names the latter two.
        """
        path = self.path(table, partition)
        try:
            footer = parquet.footer(table, path)
            if footer is None or footer.input_hash != provenance.input_hash(table):
                return False
            return parquet.has_schema_of(table, path)
        except StoreError:
            return False

    def verify(self, table: Table, partition: Partition) -> Footer:
        """Recompute the content hash from the rows and compare it with the footer's.

        Raises:
            StoreError: ``HASH_MISMATCH``, or what `read` raises.
        """
        rows = self.read(table, partition)
        footer = self.footer(table, partition)
        found = content_hash(table, rows)
        if footer is None or footer.content_hash != found:
            expected = footer.content_hash if footer else "a file"
            raise StoreError(
                "HASH_MISMATCH",
                f"{self.path(table, partition)}: content hash: got {found}, expected {expected} "
                "[delete the file and materialise it again]",
            )
        return footer

    def partitions(self, table: Table) -> list[Partition]:
        """Return the partitions that have a file, whole or torn, sorted by key."""
        found = (self._partition_at(table, path) for path in self._files(table))
        return sorted((each for each in found if each is not None), key=lambda each: each.key)

    def torn(self, table: Table) -> list[Path]:
        """Return the files below the table that are not whole partitions of it, sorted."""
        wrong = []
        for path in self._files(table):
            try:
                if self._partition_at(table, path) is None or parquet.footer(table, path) is None:
                    wrong.append(path)
            except StoreError:
                wrong.append(path)
        return wrong

    def retire(self, table: Table, partition: Partition, to: Path) -> Path | None:
        """Move a partition below another root and return its new place, None if it was absent.

        Args:
            table: What the rows are.
            partition: Where they lie.
            to: Root of the retired, outside the dataset tree; the path below it stays the same.
        """
        path = self.path(table, partition)
        if not path.exists():
            return None
        target = to / table.name / partition.folder / _FILE_NAME
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
        self._remove_empty_folders(path.parent)
        return target

    def discard(self, table: Table, partition: Partition) -> None:
        """Remove a partition, whole or torn; no error where it is absent."""
        path = self.path(table, partition)
        path.unlink(missing_ok=True)
        self._remove_empty_folders(path.parent)

    def sweep(self) -> list[Path]:
        """Remove the drafts that dead writers left behind, and return what was removed.

        Raises:
            StoreError: ``READ_ONLY`` or ``UNWRITABLE``: there is one that cannot be removed.
        """
        removed = []
        for path in sorted((self.root / _STAGING).glob("*.parquet")):
            with parquet.writing(path), _no_file_is_fine(), path.open("rb") as handle:
                if _is_locked_by_us(handle):  # A living writer holds the lock until it renames.
                    path.unlink()
                    removed.append(path)
        return removed

    @contextmanager
    def _draft(self) -> Iterator[tuple[IO[bytes], Path]]:
        """Open a locked file in the staging folder; it is removed unless it was renamed."""
        staging = self.root / _STAGING
        staging.mkdir(parents=True, exist_ok=True)
        while True:
            number, name = tempfile.mkstemp(suffix=".parquet", dir=staging)
            handle = os.fdopen(number, "wb")
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle.fileno()).st_nlink == 1:  # No sweep came between the two calls.
                break
            handle.close()
        try:
            with handle:
                os.fchmod(handle.fileno(), 0o644)  # mkstemp lets only the owner read.
                yield handle, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _files(self, table: Table) -> list[Path]:
        return sorted(path for path in (self.root / table.name).rglob("*") if path.is_file())

    def _partition_at(self, table: Table, path: Path) -> Partition | None:
        *folders, name = path.relative_to(self.root / table.name).parts
        pairs = [folder.partition("=") for folder in folders]
        if name != _FILE_NAME or tuple(each[0] for each in pairs) != table.partitioned_by:
            return None
        try:
            return Partition(**{each[0]: each[2] for each in pairs})
        except StoreError:
            return None

    def _sync_folders(self, folder: Path) -> None:
        """Make the rename last through a power cut: every folder up to the root is synced."""
        for each in (folder, *folder.parents):
            _sync_folder(each)
            if each == self.root:
                break

    def _remove_empty_folders(self, folder: Path) -> None:
        for each in (folder, *folder.parents):
            if each == self.root or not each.exists() or any(each.iterdir()):
                break
            each.rmdir()


@contextmanager
def _no_file_is_fine() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return


def _is_locked_by_us(handle: IO[bytes]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
