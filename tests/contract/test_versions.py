"""Every version of every table that was ever written can still be read, and newer ones are refused.

The files beside this one were written by the code of their time, two rows each.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from simcore.errors import StoreError, TableError
from simcore.lake import scan, views
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES
from simcore.tables.table import Table
from simcore.tables.versions import CHANGES, Same, at, changes, since

FILES = Path(__file__).parent / "versions"
SHAPES = FILES / "shapes.txt"
PLACE = {
    "campaign": "c0-old", "strategy": "ma_cross", "evolution": "e0-old", "generation": "g000",
}  # fmt: skip
OLD = sorted(
    (name, int(number))
    for name, number in (
        re.fullmatch(r"(\w+)\.v(\d+)", path.stem).groups() for path in FILES.glob("*.parquet")
    )
)


def place_of(table: Table, first: str = "c0-old") -> Partition:
    """The partition of a table whose widest name is `first`."""
    values = {**PLACE, table.partitioned_by[0]: first}
    return Partition(**{name: values[name] for name in table.partitioned_by})


def plain(table: Table) -> pl.DataFrame:
    """One row of a table as it is now, of zeros and empty texts."""
    values = {"str": "", "bool": False, "bytes16": bytes(16), "bytes32": bytes(32)}
    row = {
        column.name: column.values[0] if column.values else values.get(column.dtype, 0)
        for column in table.columns
    }
    return pl.DataFrame([row], schema=table.polars_schema())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with every file of an older version in its place."""
    for name, version in OLD:
        table = TABLES[name]
        place = place_of(table, f"c{version}-old")
        target = Store(tmp_path / "lake").path(table, place)
        target.parent.mkdir(parents=True)
        shutil.copy(FILES / f"{name}.v{version}.parquet", target)
    return tmp_path


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home / "lake")


def test_every_older_version_has_a_file() -> None:
    expected = [
        (name, version)
        for name, table in TABLES.items()
        for version in range(1, table.schema_version)
    ]
    assert sorted(expected) == OLD


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
class TestEveryTable:
    def test_has_a_change_for_each_version_after_the_first(self, table: Table) -> None:
        assert table.schema_version == 1 + len(CHANGES.get(table.name, ()))
        assert all(change.said.endswith(".") for change in changes(table))

    def test_adds_and_renames_columns_that_it_has(self, table: Table) -> None:
        for number, change in enumerate(changes(table), 2):
            names = {column.name for column in at(table, number).columns}
            before = {column.name for column in at(table, number - 1).columns}
            assert set(change.added) | set(change.renamed) <= names
            assert not set(change.added) & before
            assert set(change.renamed.values()) <= before
            for fill in change.added.values():
                assert not isinstance(fill, Same) or fill.name in before

    def test_keeps_the_columns_of_a_version_once_that_is_written_down(self, table: Table) -> None:
        known = dict(line.rsplit(" ", 1) for line in SHAPES.read_text().splitlines())
        line = f"{table.name} {table.schema_version}"
        assert known.get(line) == shape(table), (
            f"{line} has other columns than {SHAPES.name} says: raise schema_version and add a "
            "Change to simcore/tables/versions.py, or write the file anew if it was never shipped"
        )


def shape(table: Table) -> str:
    """Digest of what a file must have to be read; a further word in an enum changes nothing."""
    columns = [(c.name, c.dtype, c.nullable) for c in table.columns]
    told = repr((table.key, table.partitioned_by, columns))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


if os.environ.get("PROVING_GOLDEN") == "write":
    SHAPES.write_text(
        "".join(f"{name} {t.schema_version} {shape(t)}\n" for name, t in sorted(TABLES.items()))
    )


@pytest.mark.parametrize(("name", "version"), OLD)
class TestAnOlderFile:
    def test_is_read_in_the_columns_of_today(self, store: Store, name: str, version: int) -> None:
        table = TABLES[name]
        place = place_of(table, f"c{version}-old")
        rows = store.read(table, place)
        assert dict(rows.schema) == table.polars_schema()
        assert rows.height == 2
        raw = pl.read_parquet(FILES / f"{name}.v{version}.parquet")
        for column in at(table, version).columns:
            now = next(
                (
                    new
                    for change in changes(table)[version - 1 :]
                    for new, old in change.renamed.items()
                    if old == column.name
                ),
                column.name,
            )
            assert rows[now].cast(raw[column.name].dtype).to_list() == raw[column.name].to_list()

    def test_says_nothing_that_it_did_not_know(self, store: Store, name: str, version: int) -> None:
        table = TABLES[name]
        rows = store.read(table, place_of(table, f"c{version}-old"))
        for change in changes(table)[version - 1 :]:
            for column, fill in change.added.items():
                wanted = rows[fill.name].to_list() if isinstance(fill, Same) else [fill] * 2
                assert rows[column].to_list() == wanted, column

    def test_gives_only_the_columns_that_are_asked_for(
        self, store: Store, name: str, version: int
    ) -> None:
        table = TABLES[name]
        wanted = [table.columns[-1].name, table.columns[0].name]
        rows = store.read(table, place_of(table, f"c{version}-old"), wanted)
        assert rows.columns == wanted

    def test_hashes_to_what_was_written_into_it(
        self, store: Store, name: str, version: int
    ) -> None:
        table = TABLES[name]
        footer = store.verify(table, place_of(table, f"c{version}-old"))
        assert footer.schema_version == version

    def test_is_not_taken_for_one_of_today(self, store: Store, name: str, version: int) -> None:
        provenance = Provenance({"campaigns/c0-old": "ab" * 32}, 1, "0.1.0")
        place = place_of(TABLES[name], f"c{version}-old")
        assert not store.is_current(TABLES[name], place, provenance)


@pytest.mark.parametrize("name", sorted({name for name, _ in OLD}))
def test_old_and_new_partitions_are_scanned_and_viewed_as_one(
    home: Path, store: Store, name: str
) -> None:
    table = TABLES[name]
    store.write(table, place_of(table, "c9-new"), plain(table), Provenance({}, 1, "x"))
    places = store.partitions(table)
    expected = pl.concat(
        store.read(table, place).with_columns(
            pl.lit(value).alias(key) for key, value in place.parts()
        )
        for place in sorted(places, key=lambda place: place.key)
    )
    order_of_rows = [*table.partitioned_by, *table.key]
    scanned = scan(name, home=home).collect().sort(order_of_rows)
    assert scanned.schema == expected.schema
    assert scanned.equals(expected.sort(order_of_rows))
    connection = duckdb.connect()
    connection.execute(views(store))
    seen = connection.sql(f"select * from {name}").pl()
    assert seen.columns == expected.columns
    for change in changes(table):
        for column in (*change.added, *change.renamed):
            found, wanted = (frame[column].cast(pl.String) for frame in (seen, expected))
            assert sorted(found, key=str) == sorted(wanted, key=str)


def test_a_file_of_a_later_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    store, table = Store(tmp_path / "lake"), TABLES["games"]
    newer = replace(table, schema_version=99)
    place = place_of(table)
    path = store.write(newer, place, table.empty(), Provenance({}, 1, "x")).path
    with pytest.raises(StoreError) as refused:
        store.read(table, place)
    assert refused.value.code == "NEWER_SCHEMA"
    assert str(path) in refused.value.message
    assert (
        "got schema version 99, expected at most 2 [a newer Proving Ground wrote it: install"
        in (refused.value.message)
    )
    with pytest.raises(StoreError, match="schema version 99"):
        store.verify(table, place)
    for read in (lambda: scan("games", home=tmp_path), lambda: views(store)):
        with pytest.raises(TableError, match="schema version 99"):
            read()
    with pytest.raises(TableError, match="schema version 99"):
        at(table, 99)
    with pytest.raises(TableError, match="expected 1 to 2"):
        at(table, 0)


def test_a_file_whose_columns_are_not_those_of_its_version_is_refused(tmp_path: Path) -> None:
    store, table = Store(tmp_path), TABLES["games"]
    other = replace(table, columns=table.columns[:-1], schema_version=1)
    rows = table.empty().drop("result")
    store.write(other, place_of(table), rows, Provenance({}, 1, "x"))
    with pytest.raises(StoreError) as refused:
        store.read(table, place_of(table))
    assert refused.value.code == "OTHER_SCHEMA"


def test_the_version_in_which_a_column_came_is_told() -> None:
    table = TABLES["backtests"]
    assert [since(table, name) for name in ("sharpe", "cagr", "phase_sharpe", "equity_rows")] == [
        1, 2, 3, 4,
    ]  # fmt: skip
    assert since(TABLES["scenarios"], "A") == 1, "it had another name"


@pytest.mark.parametrize("harm", ["torn", "foreign"])
def test_a_file_that_is_none_of_ours_is_named_by_a_scan(tmp_path: Path, harm: str) -> None:
    table = TABLES["games"]
    path = Store(tmp_path / "lake").path(table, place_of(table))
    path.parent.mkdir(parents=True)
    if harm == "torn":
        path.write_bytes(b"PAR1 and no more")
    else:
        shutil.copy(FILES / "standings.v1.parquet", path)
    with pytest.raises(StoreError) as refused:
        scan("games", home=tmp_path)
    assert refused.value.code == harm.upper()
    assert str(path) in refused.value.message


def test_a_scan_of_what_is_not_there_has_the_columns_and_no_rows(tmp_path: Path) -> None:
    empty = scan("games", home=tmp_path, campaign="c0-old").collect()
    assert empty.is_empty()
    assert empty.columns == [*TABLES["games"].polars_schema(), "campaign"]
    with pytest.raises(TableError, match='table "gmes" is not known'):
        scan("gmes", home=tmp_path)
