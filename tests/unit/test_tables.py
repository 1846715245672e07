"""Tables: what each is made of, and what is found wrong with rows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pyarrow as pa
import pytest

from simcore.errors import TableError
from simcore.tables import TABLES
from simcore.tables.content import content_hash
from simcore.tables.table import BYTES_WIDTH, Column, Table, Violation

TABLE = Table(
    "sample",
    "Rows to try the checks on.",
    key=("name", "t"),
    partitioned_by=("campaign",),
    columns=(
        Column("name", "str", "-", "A name."),
        Column("t", "u32", "bars", "A number."),
        Column("x", "f64", "quote", "A value.", nullable=True, minimum=0.0, maximum=10.0),
        Column("side", "enum", "-", "A word.", values=("buy", "sell")),
        Column("id", "bytes16", "-", "Bytes.", nullable=True),
        Column("wall_s", "f64", "s", "A duration.", volatile=True),
    ),
)


def rows(**changes: object) -> pl.DataFrame:
    given: dict[str, object] = {
        "name": ["a", "a", "b"],
        "t": [0, 1, 0],
        "x": [1.0, None, 3.0],
        "side": ["buy", "sell", "buy"],
        "id": [bytes(16), None, bytes(range(16))],
        "wall_s": [0.1, 0.2, 0.3],
    }
    return pl.DataFrame({**given, **changes}, strict=False)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
class TestEveryTable:
    def test_is_named_as_its_key_in_the_registry(self, table: Table) -> None:
        assert TABLES[table.name] is table

    def test_says_what_each_column_means_and_in_which_unit(self, table: Table) -> None:
        assert table.meaning.endswith(".")
        for column in table.columns:
            assert column.meaning.endswith("."), column.name
            assert column.unit, column.name

    def test_has_a_key_of_its_own_columns_none_of_them_nullable(self, table: Table) -> None:
        assert table.key
        for name in table.key:
            assert not table.column(name).nullable

    def test_has_no_column_twice_and_none_that_stands_in_the_path(self, table: Table) -> None:
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert not set(names) & set(table.partitioned_by)

    def test_names_the_values_of_each_enum_and_of_nothing_else(self, table: Table) -> None:
        for column in table.columns:
            assert (column.values is not None) == (column.dtype == "enum"), column.name
            assert len(set(column.values or ())) == len(column.values or ())

    def test_refers_to_columns_that_exist(self, table: Table) -> None:
        for own, other, theirs in table.references:
            assert len(own) == len(theirs)
            for name, their_name in zip(own, theirs, strict=True):
                there = TABLES[other].column(their_name)
                assert table.column(name).dtype == there.dtype

    def test_gives_one_schema_to_polars_and_arrow(self, table: Table) -> None:
        assert table.schema().names == list(table.polars_schema())
        assert table.violations(table.empty()) == []

    def test_without_rows_has_a_content_hash(self, table: Table) -> None:
        assert len(content_hash(table, table.empty())) == 64


def test_chaos_tables_begin_with_the_run_they_belong_to() -> None:
    chaos = [table for name, table in TABLES.items() if name.startswith("chaos_")]
    assert len(chaos) == 14
    for table in chaos:
        assert [column.name for column in table.columns[:3]] == ["run_id", "seed", "arm"]


class TestConform:
    def test_puts_columns_in_order_and_values_in_their_types(self) -> None:
        shuffled = rows().select(reversed(rows().columns))
        fitted = TABLE.conform(shuffled)
        assert dict(fitted.schema) == TABLE.polars_schema()
        assert fitted.columns == [column.name for column in TABLE.columns]
        assert fitted["side"].to_list() == ["buy", "sell", "buy"]

    def test_names_every_missing_and_foreign_column_at_once(self) -> None:
        with pytest.raises(TableError, match=r'"t" is missing.*"more" is foreign') as refused:
            TABLE.conform(rows(more=[1, 2, 3]).drop("t"))
        assert refused.value.code == "SCHEMA"

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({"t": [0, -1, 2]}, "got -1 at row 1, expected u32"),
            ({"t": [0.0, 0.5, 1.0]}, "got 0.5 at row 1, expected u32"),
            ({"t": [0, 2**32, 1]}, "expected u32"),
            ({"t": ["0", "1", "2"]}, "got String, expected u32"),
            ({"side": ["buy", "hold", "buy"]}, "got 'hold' at row 1, expected enum buy, sell"),
            ({"x": [2**53 + 1, 1, 2]}, "expected f64"),
            ({"id": [b"short", None, None]}, "expected 16"),
            ({"x": ["1", "2", "3"]}, "got String, expected f64"),
        ],
    )
    def test_refuses_what_would_be_lost(self, change: dict[str, object], found: str) -> None:
        with pytest.raises(TableError) as refused:
            TABLE.conform(rows(**change))
        assert found in refused.value.message

    def test_takes_a_column_of_nulls_for_any_type(self) -> None:
        fitted = TABLE.conform(rows(x=[None] * 3, id=[None] * 3))
        assert fitted["x"].null_count() == fitted["id"].null_count() == 3

    def test_takes_whole_floats_for_integers(self) -> None:
        assert TABLE.conform(rows(t=[0.0, 1.0, 0.0]))["t"].to_list() == [0, 1, 0]


class TestSort:
    def test_puts_rows_in_key_order_enums_in_the_order_of_their_names_in_the_table(self) -> None:
        columns = (
            Column("arm", "enum", "-", "A word.", values=("real", "twin", "canary")),
            Column("id", "bytes16", "-", "Bytes."),
        )
        table = Table("keys", "Keys.", ("arm", "id"), ("campaign",), columns)
        low, high = bytes(16), b"\xff" * 16
        given = [("canary", low), ("twin", high), ("real", low), ("twin", low)]
        unsorted = table.conform(pl.DataFrame(given, schema=["arm", "id"], orient="row"))
        assert [each.check for each in table.violations(unsorted)] == ["key"]
        rows_ = table.sort(unsorted)
        assert rows_.rows() == [("real", low), ("twin", low), ("twin", high), ("canary", low)]
        assert table.violations(rows_) == []


class TestViolations:
    def found(self, frame: pl.DataFrame) -> list[tuple[str, str, int]]:
        return [(each.check, each.column, each.count) for each in TABLE.violations(frame)]

    def test_are_none_for_whole_rows(self) -> None:
        assert TABLE.violations(TABLE.conform(rows())) == []

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"t": [0, 0, 0]}, ("key", "name,t", 1)),
            ({"name": ["b", "a", "b"]}, ("key", "name,t", 1)),
            ({"name": ["a", "a", None]}, ("nulls", "name", 1)),
            ({"x": [1.0, float("nan"), float("inf")]}, ("finite", "x", 2)),
            ({"x": [-1.0, 11.0, 5.0]}, ("range", "x", 1)),
            ({"side": ["buy", None, None]}, ("nulls", "side", 2)),
        ],
    )
    def test_name_the_check_the_column_and_the_count(
        self, change: dict[str, object], expected: tuple[str, str, int]
    ) -> None:
        assert expected in self.found(TABLE.conform(rows(**change)))

    def test_show_the_first_offending_row(self) -> None:
        violations = TABLE.violations(TABLE.conform(rows(x=[1.0, 2.0, 11.0])))
        assert violations == [Violation("range", "x", 1, "row 2: 11.0")]

    def test_of_another_schema_are_one_and_stop_there(self) -> None:
        assert self.found(rows().drop("x"))[0][0] == "schema"
        assert self.found(TABLE.conform(rows()).with_columns(pl.col("t").cast(pl.Int64))) == [
            ("schema", "t", 1)
        ]
        shuffled = TABLE.conform(rows()).select(reversed(rows().columns))
        assert self.found(shuffled)[0][:2] == ("schema", "order")


class TestContentHash:
    def test_does_not_depend_on_the_order_of_rows(self) -> None:
        whole = TABLE.conform(rows())
        assert content_hash(TABLE, whole) == content_hash(TABLE, whole.reverse())

    @pytest.mark.parametrize(
        "change",
        [
            {"x": [1.0, None, 3.5]},
            {"x": [1.0, 0.0, 3.0]},
            {"name": ["a", "a", "bb"]},
            {"side": ["buy", "sell", "sell"]},
            {"id": [bytes(16), bytes(16), bytes(range(16))]},
            {"t": [0, 2, 0]},
        ],
    )
    def test_depends_on_every_value(self, change: dict[str, object]) -> None:
        before = content_hash(TABLE, TABLE.conform(rows()))
        assert content_hash(TABLE, TABLE.conform(rows(**change))) != before

    def test_leaves_volatile_columns_out(self) -> None:
        other = TABLE.conform(rows(wall_s=[9.0, 9.0, 9.0]))
        assert content_hash(TABLE, other) == content_hash(TABLE, TABLE.conform(rows()))

    def test_depends_on_the_version_of_the_schema(self) -> None:
        newer = replace(TABLE, schema_version=2)
        whole = TABLE.conform(rows())
        assert content_hash(newer, whole) != content_hash(TABLE, whole)


def test_bytes_are_fixed_in_files() -> None:
    for table in TABLES.values():
        for column in table.columns:
            if column.dtype in BYTES_WIDTH:
                field = table.schema().field(column.name)
                assert field.type == pa.binary(BYTES_WIDTH[column.dtype])


def test_an_unknown_column_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TableError, match=r'"y" is not known; expected one of name, t, x'):
        TABLE.column("y")
