"""The data dictionary: a table's columns, units and key, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simcore.tables.table import Column, Table


def entry(table: Table) -> dict[str, Any]:
    """Return one table as plain values."""
    return {
        "name": table.name,
        "meaning": table.meaning,
        "key": list(table.key),
        "partitioned_by": list(table.partitioned_by),
        "schema_version": table.schema_version,
        "columns": [asdict(column) for column in table.columns],
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
