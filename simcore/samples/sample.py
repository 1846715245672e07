"""Which rows are computed once more, and what differs from those that lie there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

import polars as pl

from simcore import steps
from simcore.errors import StoreError
from simcore.seeds import derive
from simcore.steps.lakes import Trusted
from simcore.store import Partition, Store
from simcore.tables.table import Table

FRACTION: Final = 0.02
"""Share of a partition that is computed once more; at least one market, run, game or seed."""


@dataclass(frozen=True)
class Again:
    """Rows that were computed once more.

    Args:
        what: What was sampled, for people.
        rows: By the name of their table.
        which: Which of the rows that lie there they must be, by table; all where none is named.
        slack: By how much numbers may differ, of one or of their own size; 0 is not by a bit.
    """

    what: str
    rows: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    which: Mapping[str, pl.Expr] = field(default_factory=dict)
    slack: float = 0.0


NOT_JUDGED: Final = Again("")
"""Of a partition that today's documents and code would make otherwise: it is to be made again."""


def sample(names: Sequence[str], content_hash: str) -> list[str]:
    """Return the few of many names that a content asks to see again; none of none."""
    drawn = sorted(names, key=lambda name: (derive(0, "sample", content_hash, name), name))
    return sorted(drawn[: ceil(FRACTION * len(names))])


def is_of_today(store: Store, step: Callable[[Store], object]) -> bool:
    """Return whether a step would leave its partitions as they are.

    Args:
        store: The lake; footers are believed.
        step: The step, of a store.

    Raises:
        StoreError: What the step reads is not there.
    """
    try:
        step(Trusted(store.root))
    except StoreError as error:
        if error.code != "STALE":
            raise
        return False
    return True


def differing(store: Store, table: Table, place: Partition, again: Again) -> list[str]:
    """Compare the rows as they lie there with the same made anew; return a line if they differ.

    Args:
        store: The lake.
        table: Whose rows.
        place: Where they lie.
        again: What was computed once more; a table that it has no rows of is not judged.

    Raises:
        StoreError: The partition is not there.
    """
    steps.needed(store, table, place)
    if table.name not in again.rows:
        return []
    held = table.conform(store.read(table, place))
    held = table.sort(held.filter(again.which.get(table.name, pl.lit(True))))
    anew = table.sort(table.conform(again.rows[table.name]))
    if held.height != anew.height:
        return [f"{again.what}: got {held.height} rows, expected {anew.height}"]
    for name in (column.name for column in table.columns if not column.volatile):
        differs = _differs(held[name], anew[name], again.slack)
        if differs.any():
            row = int(differs.arg_true()[0])
            return [
                f"{again.what}, row {row}: {name}: got {held[name][row]!r}, expected "
                f"{anew[name][row]!r} as computed now"
            ]
    return []


def _differs(held: pl.Series, anew: pl.Series, slack: float) -> pl.Series:
    differs = ~held.eq_missing(anew)
    if slack == 0.0 or not held.dtype.is_float():
        return differs
    size = pl.max_horizontal(pl.lit(1.0), pl.col("anew").abs())
    is_near = pl.DataFrame({"held": held, "anew": anew}).select(
        ((pl.col("held") - pl.col("anew")).abs() <= slack * size).fill_null(False)
    )
    return differs & ~is_near.to_series()
