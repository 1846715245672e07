"""Partitioned Parquet: a partition is whole or absent, and says what it was made from.

The only way to disk for results, or to a bucket where the lake is one. Partition values stand in
the path and never in the file, so that Polars, DuckDB and pandas read ``<root>/<table>/**`` with
hive partitioning. How a file comes to be whole or absent is the business of `disk` and `bucket`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import polars as pl

from simcore import parquet
from simcore.bucket import Bucket, is_url
from simcore.disk import Disk
from simcore.errors import StoreError
from simcore.parquet import Address, Footer
from simcore.seeds import jcs, sha256_hex
from simcore.tables.content import content_hash
from simcore.tables.table import Table

__all__ = ["Address", "Footer", "Partition", "Provenance", "Store", "content_hash", "lake"]

KEY_PATTERN: Final = re.compile(r"[a-z][a-z0-9_-]*")
# Words that some reader of hive paths takes for a boolean, a number, a date or nothing.
RESERVED_KEYS: Final = frozenset({"true", "false", "inf", "nan", "null", "none"})

_FILE_NAME: Final = "data.parquet"
ELSEWHERE: Final = "lake.url"
"""File of a home that says where its lake is, if not beside it."""


@dataclass(frozen=True)
class Partition:
    """The address of one partition: the values of a table's `partitioned_by`.

    Args:
        campaign: Id of a campaign, or None where the table is not partitioned by it.
        strategy: Id of a strategy, or None where the table is not partitioned by it.
        evolution: Id of an evolution, or None likewise.
        generation: Key of a generation, such as ``g003``, or None likewise.
        collection: Id of a collection of imported runs, or None likewise.

    Raises:
        StoreError: ``BAD_KEY``: a value that some reader would not take for a string.
    """

    campaign: str | None = None
    strategy: str | None = None
    evolution: str | None = None
    generation: str | None = None
    collection: str | None = None

    def __post_init__(self) -> None:
        for name, value in self.parts():
            if not is_key(value):
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
            ("collection", self.collection),
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
        root: The lake: a folder, made when first written to, or the URL of a place in a bucket,
            such as ``s3://lakes/proving``.
    """

    is_frozen: bool = False
    """Whether steps may only find what is there and make nothing."""

    def __init__(self, root: Address | str) -> None:
        self._files = Bucket(str(root)) if is_url(str(root)) else Disk(Path(str(root)))

    @classmethod
    def of(cls, home: str | Path) -> Store:
        """Return the lake of a home."""
        return cls(lake(Path(home)))

    @property
    def root(self) -> Address:
        """The folder or URL that every table lies below."""
        return self._files.root

    def path(self, table: Table, partition: Partition) -> Address:
        """Return where the partition's file is or will be.

        Raises:
            StoreError: ``BAD_KEY``: the partition does not fit the table.
        """
        return self._files.address(self._name(table, partition))

    def _name(self, table: Table, partition: Partition) -> str:
        names = tuple(name for name, _ in partition.parts())
        if names != table.partitioned_by:
            raise StoreError(
                "BAD_KEY",
                f"{table.name}: got a partition by {', '.join(names) or 'nothing'}, "
                f"expected by {', '.join(table.partitioned_by)}",
            )
        return f"{table.name}/{partition.folder}/{_FILE_NAME}"

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
                ``OVERTAKEN``: as `held` says; nothing is written.
        """
        name = self._name(table, partition)
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
        self._files.put(name, lambda handle: parquet.write(table, rows, metadata, handle))
        footer = self.footer(table, partition)
        if footer is None:
            raise StoreError(
                "VANISHED",
                f"{self.path(table, partition)}: the file is gone right after it was written, "
                "expected it in place [is another process deleting it?]",
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
            StoreError: ``ABSENT``, ``TORN``, ``FOREIGN``, ``OTHER_SCHEMA``, or ``NEWER_SCHEMA``.
            TableError: A column is not known.
        """
        names = [column.name for column in table.columns] if columns is None else list(columns)
        wanted = [table.column(name) for name in names]
        self._present(table, partition)
        return parquet.rows(table, self.path(table, partition), wanted)

    def _present(self, table: Table, partition: Partition) -> Footer:
        """Return what a partition says about itself, and refuse one that is absent."""
        footer = self.footer(table, partition)
        if footer is None:
            raise StoreError(
                "ABSENT",
                f"{self.path(table, partition)}: there is no such file, expected the partition "
                f"{partition.key} of {table.name} [materialise it first]",
            )
        return footer

    def is_current(self, table: Table, partition: Partition, provenance: Provenance) -> bool:
        """Return whether a whole partition made from just this is there.

        An absent, torn or foreign file is not current; `torn` names the latter two.

        Raises:
            StoreError: The lake gave no answer: what lies there may well be current.
        """
        path = self.path(table, partition)
        try:
            footer = parquet.footer(table, path)
            if footer is None or footer.input_hash != provenance.input_hash(table):
                return False
            return parquet.has_schema_of(table, path)
        except StoreError as error:
            if error.is_unanswered:
                raise
            return False

    def verify(self, table: Table, partition: Partition) -> Footer:
        """Recompute the content hash from the rows and compare it with the footer's.

        Raises:
            StoreError: ``HASH_MISMATCH``, or what `read` raises.
        """
        footer = self._present(table, partition)
        # Rows of an older version hash as they were written, not as they are read today.
        written, rows = parquet.as_written(table, self.path(table, partition))
        found = content_hash(written, rows)
        if footer.content_hash != found:
            raise StoreError(
                "HASH_MISMATCH",
                f"{self.path(table, partition)}: content hash: got {found}, "
                f"expected {footer.content_hash} "
                "[delete the file and materialise it again]",
            )
        return footer

    def unsealed(self, table: Table) -> list[Partition]:
        """Return the partitions whose file was written before files had a seal, sorted by key.

        Such a file is read as torn. One that cannot be read at all is not among them.

        Raises:
            StoreError: The lake gave no answer.
        """
        found = []
        for partition in self.partitions(table):
            try:
                if parquet.is_unsealed(table, self.path(table, partition)):
                    found.append(partition)
            except StoreError as error:
                if error.is_unanswered:
                    raise
        return found

    def seal(self, table: Table, partition: Partition) -> None:
        """Write a partition without a seal anew, with one; rows and footer stay what they are.

        Raises:
            StoreError: ``HASH_MISMATCH``: its rows are not those that its footer speaks of;
                ``TORN`` or ``OTHER_SCHEMA``: they cannot be read; or the disk refuses. The file
                stays as it was.
        """
        with self.held(table, partition):
            path = self.path(table, partition)
            rows, metadata = parquet.unsealed(table, path)
            found, expected = content_hash(table, rows), metadata.get("content_hash")
            if found != expected:
                raise StoreError(
                    "HASH_MISMATCH",
                    f"{path}: content hash: got {found}, expected {expected} "
                    "[materialise the partition again: a write replaces it]",
                )
            name = self._name(table, partition)
            self._files.put(name, lambda handle: parquet.write(table, rows, metadata, handle))

    def partitions(self, table: Table) -> list[Partition]:
        """Return the partitions that have a file, whole or torn, sorted by key."""
        found = (_partition_at(table, name) for name in self._files.names(table.name))
        return sorted((each for each in found if each is not None), key=lambda each: each.key)

    def torn(self, table: Table) -> list[Address]:
        """Return the files below the table that are not whole partitions of it, sorted.

        Raises:
            StoreError: The lake gave no answer: what lies there may well be whole.
        """
        wrong = []
        for name in self._files.names(table.name):
            path = self._files.address(name)
            try:
                if _partition_at(table, name) is None or parquet.footer(table, path) is None:
                    wrong.append(path)
            except StoreError as error:
                if error.is_unanswered:
                    raise
                wrong.append(path)
        return wrong

    def retire(self, table: Table, partition: Partition, to: Path | str) -> Address | None:
        """Move a partition below another root and return its new place, None if it was absent.

        Args:
            table: What the rows are.
            partition: Where they lie.
            to: Root of the retired, outside the dataset tree; the path below it stays the same.
        """
        path, name = self.path(table, partition), self._name(table, partition)
        if not path.exists():
            return None
        there = Store(to)._files
        if isinstance(there, Disk) and isinstance(path, Path):
            there.take(name, path)
        else:
            content = path.read_bytes()
            there.put(name, lambda handle: _write_all(handle, content))
        self._files.remove(name)
        return there.address(name)

    def discard(self, table: Table, partition: Partition) -> None:
        """Remove a partition, whole or torn; no error where it is absent."""
        self._files.remove(self._name(table, partition))

    def held(self, table: Table, partition: Partition) -> AbstractContextManager[None]:
        """Hold a partition while its rows are read, added to and written, so that none is lost.

        In a folder, whoever else holds it waits. In a bucket nobody waits: `write` raises
        ``OVERTAKEN``, an error that passes, if somebody else wrote the partition meanwhile.
        """
        return self._files.held(self._name(table, partition))

    def sweep(self) -> Sequence[Address]:
        """Remove the drafts that dead writers left behind, and return what was removed."""
        return self._files.sweep()


def is_key(value: str) -> bool:
    """Return whether a partition can be called so: whatever reads its path takes it for a text."""
    return KEY_PATTERN.fullmatch(value) is not None and value not in RESERVED_KEYS


def lake(home: Path) -> Path | str:
    """Return the root of a home's tables: the URL in its file ``lake.url``, else its ``lake``."""
    named = home / ELSEWHERE
    return named.read_text(encoding="utf-8").strip() if named.is_file() else home / "lake"


def _partition_at(table: Table, name: str) -> Partition | None:
    _, *folders, file_name = name.split("/")
    pairs = [folder.partition("=") for folder in folders]
    if file_name != _FILE_NAME or tuple(each[0] for each in pairs) != table.partitioned_by:
        return None
    try:
        return Partition(**{each[0]: each[2] for each in pairs})
    except StoreError:
        return None


def _write_all(handle: IO[bytes], content: bytes) -> None:
    handle.write(content)
