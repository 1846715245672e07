"""What a table is: columns with units, meanings and limits, a key, and the folders it lies in.

The rows of the registry stand in the kin files beside this one; nothing here names a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, Literal

from simcore.errors import TableError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

DType = Literal[
    "u8",
    "u16",
    "u32",
    "u64",
    "i8",
    "i32",
    "i64",
    "f64",
    "bool",
    "str",
    "enum",
    "bytes16",
    "bytes32",
]
PartitionedBy = Literal["campaign", "strategy", "evolution", "generation", "collection"]

# Width in bytes of the types that hold raw bytes; polars knows only bytes of any length.
BYTES_WIDTH: Final = {"bytes16": 16, "bytes32": 32}
_NUMERIC: Final = ("u8", "u16", "u32", "u64", "i8", "i32", "i64", "f64")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: Name in frames and files; a unit stands last.
        dtype: Type of the values.
        unit: Unit of the values; ``"-"`` where there is none.
        meaning: One sentence for the data dictionary.
        nullable: Whether a value may be missing.
        minimum: Least value allowed, inclusive; None for no limit.
        maximum: Greatest value allowed, inclusive; None for no limit.
        values: The names an enum may hold, in their order; None for other types.
        volatile: Whether the column is kept out of the content hash (wall-clock values).
    """

    name: str
    dtype: DType
    unit: str
    meaning: str
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] | None = None
    volatile: bool = False

    def polars_type(self) -> pl.DataType | type[pl.DataType]:
        """Return the polars type of the column."""
        import polars as pl

        if self.dtype == "enum":
            return pl.Enum(list(self.values or ()))
        if self.dtype in BYTES_WIDTH:
            return pl.Binary
        return {
            "u8": pl.UInt8, "u16": pl.UInt16, "u32": pl.UInt32, "u64": pl.UInt64,
            "i8": pl.Int8, "i32": pl.Int32, "i64": pl.Int64, "f64": pl.Float64,
            "bool": pl.Boolean, "str": pl.String,
        }[self.dtype]  # fmt: skip

    def arrow_field(self) -> pa.Field[Any]:
        """Return the Arrow field of the column, with unit and meaning as its metadata."""
        import pyarrow as pa

        if self.dtype == "enum":
            kind: pa.DataType = pa.dictionary(pa.int32(), pa.string())
        elif self.dtype in BYTES_WIDTH:
            kind = pa.binary(BYTES_WIDTH[self.dtype])
        else:
            kind = {
                "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64(),
                "i8": pa.int8(), "i32": pa.int32(), "i64": pa.int64(), "f64": pa.float64(),
                "bool": pa.bool_(), "str": pa.string(),
            }[self.dtype]  # fmt: skip
        return pa.field(
            self.name, kind, nullable=self.nullable,
            metadata={"unit": self.unit, "meaning": self.meaning},
        )  # fmt: skip


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with the rows of a table.

    Args:
        check: Name of the check that failed: schema, key, nulls, range, enum, finite.
        column: The column, or the columns of the key joined by commas.
        count: How many rows are wrong.
        example: The first offending value or row, as text.
    """

    check: str
    column: str
    count: int
    example: str


@dataclass(frozen=True)
class Table:
    """One table: its columns, its key, and the folders its partitions lie in.

    Args:
        name: Name of the table, the asset and the folder.
        meaning: One sentence for the data dictionary.
        key: Columns that identify a row; rows lie in their order.
        partitioned_by: Names of the partition, found in the path and never in the file.
        columns: Every column, in the order of the file.
        schema_version: Raised when the meaning or shape of a column changes.
        references: For each reference: own columns, the other table, its columns.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    partitioned_by: tuple[PartitionedBy, ...]
    columns: tuple[Column, ...]
    schema_version: int = 1
    references: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            TableError: There is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(column.name for column in self.columns)
        raise TableError(
            "UNKNOWN_COLUMN", f'{self.name}: column "{name}" is not known; expected one of {known}'
        )

    def schema(self) -> pa.Schema:
        """Return the Arrow schema of the table's files."""
        import pyarrow as pa

        return pa.schema([column.arrow_field() for column in self.columns])

    def polars_schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Return the polars type of each column, in the order of the file."""
        return {column.name: column.polars_type() for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """Return the table without rows."""
        import polars as pl

        return pl.DataFrame(schema=self.polars_schema())

    def conform(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows in the table's column order and types, nothing lost.

        Args:
            rows: Every column of the table and no other, in any order; values of a wider type
                are accepted where each of them fits.

        Raises:
            TableError: A column is missing or foreign, or a value does not fit its type; all
                such columns are named.
        """
        wanted = [column.name for column in self.columns]
        faults = [f'column "{name}" is missing' for name in wanted if name not in rows.columns]
        faults += [f'column "{name}" is foreign' for name in rows.columns if name not in wanted]
        series = []
        for column in self.columns:
            if column.name in rows.columns:
                fitted = _fitted(column, rows[column.name])
                if isinstance(fitted, str):
                    faults.append(fitted)
                else:
                    series.append(fitted)
        if faults:
            raise TableError("SCHEMA", f"{self.name}: {'; '.join(faults)}")
        return rows.select(series) if series else rows

    def sort(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return conformed rows in the order of the key."""
        if rows.height < 2 or self._is_sorted(rows):
            return rows
        return rows.sort(self.key, maintain_order=True, nulls_last=False)

    def violations(self, rows: pl.DataFrame) -> list[Violation]:
        """Return everything that is wrong with the rows; an empty list means whole.

        Args:
            rows: Rows as read from the store or about to be written.
        """
        expected = self.polars_schema()
        wrong = [name for name, kind in expected.items() if rows.schema.get(name) != kind]
        wrong += [name for name in rows.columns if name not in expected]
        if wrong or rows.columns != list(expected):
            found = ", ".join(f"{name}: {kind}" for name, kind in rows.schema.items())
            return [Violation("schema", ",".join(wrong) or "order", len(wrong), found)]
        violations = self._key_violations(rows)
        for column in self.columns:
            violations += _column_violations(column, rows[column.name])
        return violations

    def _is_sorted(self, rows: pl.DataFrame) -> bool:
        return not bool((~self._in_order(rows)).any())

    def _in_order(self, rows: pl.DataFrame, *, strictly: bool = False) -> pl.Series:
        """Return whether each row but the first follows the one before it."""
        import polars as pl

        # From the last key column to the first: earlier here, or equal here and in order behind.
        steps = [(pl.col(name).shift(1), pl.col(name)) for name in reversed(self.key)]
        # Enums compare by their order in the type, which is the order of the table.
        in_order = reduce(
            lambda behind, step: (step[0] < step[1]) | ((step[0] == step[1]) & behind),
            steps,
            pl.lit(not strictly),
        )
        return rows.select(in_order.fill_null(False).alias("in_order"))["in_order"].slice(1)

    def _key_violations(self, rows: pl.DataFrame) -> list[Violation]:
        if rows.height < 2:
            return []
        wrong = ~self._in_order(rows, strictly=True)
        count = int(wrong.sum())
        if count == 0:
            return []
        at = (wrong.arg_true()[0]) + 1
        example = (
            f"row {at}: {rows.select(self.key).row(at)} after {rows.select(self.key).row(at - 1)}"
        )
        return [Violation("key", ",".join(self.key), count, example)]


def find(tables: Sequence[Table], name: str) -> Table:
    """Return the table of that name.

    Raises:
        TableError: There is none.
    """
    for table in tables:
        if table.name == name:
            return table
    known = ", ".join(table.name for table in tables)
    raise TableError("UNKNOWN_TABLE", f'table "{name}" is not known; expected one of {known}')


def _fitted(column: Column, values: pl.Series) -> pl.Series | str:
    """Return the values in the column's type, or a sentence that says why they do not fit."""
    import polars as pl

    target = column.polars_type()
    if values.dtype == target:
        fitted = values
    elif not _may_cast(column, values.dtype):
        return f'column "{column.name}": got {values.dtype}, expected {column.dtype}'
    else:
        source = values.cast(pl.String) if values.dtype.is_(pl.Categorical) else values
        fitted = source.cast(target, strict=False)
        lost = (fitted.is_null() & source.is_not_null()) | (
            (fitted.cast(source.dtype, strict=False) != source).fill_null(False)
        )
        if lost.any():
            at = int(lost.arg_true()[0])
            allowed = f" {', '.join(column.values)}" if column.values else ""
            return (
                f'column "{column.name}": got {source[at]!r} at row {at}, '
                f"expected {column.dtype}{allowed}"
            )
    width = BYTES_WIDTH.get(column.dtype)
    if width is not None and bool((fitted.bin.size() != width).any()):
        return f'column "{column.name}": got bytes of another length, expected {width}'
    return fitted.alias(column.name)


def _may_cast(column: Column, found: pl.DataType) -> bool:
    import polars as pl

    if found == pl.Null:
        return True
    if column.dtype in _NUMERIC:
        return found.is_numeric()
    if column.dtype == "enum":
        return found == pl.String or isinstance(found, (pl.Categorical, pl.Enum))
    if column.dtype == "str":
        return isinstance(found, (pl.Categorical, pl.Enum))
    return False


def _column_violations(column: Column, values: pl.Series) -> list[Violation]:
    import polars as pl

    wrong: list[tuple[str, pl.Series]] = []
    if not column.nullable:
        wrong.append(("nulls", values.is_null()))
    if column.dtype == "f64":
        wrong.append(("finite", ~values.is_finite()))
    if column.minimum is not None:
        wrong.append(("range", values < column.minimum))
    if column.maximum is not None:
        wrong.append(("range", values > column.maximum))
    if column.dtype in BYTES_WIDTH:
        wrong.append(("schema", values.bin.size() != BYTES_WIDTH[column.dtype]))
    if column.dtype == "enum":
        allowed = pl.Series(list(column.values or ()), dtype=pl.String)
        wrong.append(("enum", ~values.cast(pl.String).is_in(allowed.implode())))
    violations = []
    for check, mask in wrong:
        at = mask.fill_null(False).arg_true()
        if len(at):
            example = f"row {at[0]}: {values[int(at[0])]!r}"
            violations.append(Violation(check, column.name, len(at), example))
    return violations
