"""The data dictionary: a table's columns, units and key, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from simcore.tables.table import BYTES_WIDTH, Column, Table
from simcore.tables.versions import changes, since

_PARQUET_TYPES: Final = {
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "i8": "int8",
    "i32": "int32", "i64": "int64", "f64": "double", "bool": "boolean", "str": "string",
    "enum": "dictionary of string",
}  # fmt: skip

_PREFACE: Final = """\
# Data dictionary

Every table of the lake, generated from `simcore/tables/`; `proving tables NAME` prints one of
them, `proving tables --markdown` this page. [Analysts](analysts.md) shows how to open them.

- A table is a folder of the lake; a partition is one file,
  `lake/<table>/<name>=<value>/…/data.parquet`. The columns that a table is partitioned by stand in
  the path, never in the file, and every reader of hive paths adds them as text.
- Rows lie in the order of the key. A key occurs once in a partition.
- *since* is the version of the table in which a column came. Older partitions are read in the
  columns of today; what they do not tell is null. A file says its version in its footer, under
  `proving.schema_version`.
- *null* says whether a value may be missing; its meaning says why. Numbers are never NaN or
  infinite. Columns marked *not hashed* stand outside the content hash.
"""


def entry(table: Table) -> dict[str, Any]:
    """Return one table as plain values."""
    return {
        "name": table.name,
        "meaning": table.meaning,
        "key": list(table.key),
        "partitioned_by": list(table.partitioned_by),
        "schema_version": table.schema_version,
        "changes": [change.said for change in changes(table)],
        "columns": [
            {**asdict(column), "since": since(table, column.name)} for column in table.columns
        ],
    }


def page(table: Table) -> str:
    """Return one table as lines of text: what a row is, its key, and a line a column."""
    head = [
        f"{table.name}: {table.meaning}",
        f"  key {', '.join(table.key)}; folders {', '.join(table.partitioned_by)}; "
        f"schema {table.schema_version}",
    ]
    width = max(len(column.name) for column in table.columns)
    return "\n".join(head + [f"  {_line(column, width)}" for column in table.columns])


def whole_page(tables: Sequence[Table]) -> str:
    """Return all tables as one page of Markdown, with a list of them at its head."""
    index = [
        "| table | a row is | partitioned by | schema |",
        "|---|---|---|--:|",
        *(
            f"| [`{table.name}`](#{table.name}) | {_cell(table.meaning)} | "
            f"{', '.join(table.partitioned_by)} | {table.schema_version} |"
            for table in tables
        ),
    ]
    return "\n".join([_PREFACE, *index, "", *(_chapter(table) for table in tables)])


def _chapter(table: Table) -> str:
    """Return one table as Markdown: what a row is, where it lies, and a line a column."""
    lines = [
        f"## {table.name}",
        "",
        table.meaning,
        "",
        f"- key: {_names(table.key)}",
        f"- partitioned by: {_names(table.partitioned_by)}",
        f"- schema version: {table.schema_version}",
        *(f"  - {number}: {change.said}" for number, change in enumerate(changes(table), 2)),
        *(
            f"- {_names(own)} {'is' if len(own) == 1 else 'are'} of `{other}`"
            + ("" if own == theirs else f": {_names(theirs)}")
            for own, other, theirs in table.references
        ),
        "",
        "| column | type | unit | null | since | meaning |",
        "|---|---|---|---|--:|---|",
        *(_row(table, column) for column in table.columns),
        "",
    ]
    return "\n".join(lines)


def _row(table: Table, column: Column) -> str:
    limits = _limits(column)
    if column.values is not None:
        limits = f"One of {', '.join(f'`{value}`' for value in column.values)}"
    notes = [f"{limits[:1].upper()}{limits[1:]}." if limits else ""]
    notes.append("Not hashed." if column.volatile else "")
    meaning = " ".join(filter(None, [column.meaning, *notes]))
    kind = _PARQUET_TYPES.get(column.dtype) or f"{BYTES_WIDTH[column.dtype]} bytes"
    unit = "" if column.unit == "-" else column.unit
    null = "yes" if column.nullable else ""
    name = f"**`{column.name}`**" if column.name in table.key else f"`{column.name}`"
    cells = [name, kind, unit, null, str(since(table, column.name)), _cell(meaning)]
    return f"| {' | '.join(cells)} |"


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _line(column: Column, width: int) -> str:
    notes = [_limits(column), "may be null" if column.nullable else ""]
    notes.append("not hashed" if column.volatile else "")
    remark = "; ".join(note for note in notes if note)
    unit = "" if column.unit == "-" else f" [{column.unit}]"
    return f"{column.name:{width}}  {column.dtype:7} {column.meaning}{unit}" + (
        f" ({remark})" if remark else ""
    )


def _limits(column: Column) -> str:
    if column.values is not None:
        return " | ".join(column.values)
    if column.minimum is None and column.maximum is None:
        return ""
    low = "" if column.minimum is None else f"{column.minimum:g}"
    high = "" if column.maximum is None else f"{column.maximum:g}"
    return f"{low} to {high}" if low and high else (f"from {low}" if low else f"up to {high}")
