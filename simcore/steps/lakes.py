"""Lakes over which a step is asked whether its tables are current, or what it would make anew.

Nothing is written to any of them.
"""

from __future__ import annotations

import polars as pl

from simcore.parquet import Address, Footer
from simcore.steps.step import needed
from simcore.store import Partition, Provenance, Store
from simcore.tables.table import Table


class Frozen(Store):
    """A lake in which nothing is made; what is found is read and hashed."""

    is_frozen = True


class Trusted(Frozen):
    """A lake whose footers are believed."""

    def verify(self, table: Table, partition: Partition) -> Footer:
        """Return the footer as it stands, without a look at the rows."""
        return needed(self, table, partition)


class Anew(Store):
    """A lake in which no partition is current, so that every step computes; the rows are kept here.

    Args:
        root: The lake whose partitions are read.
    """

    def __init__(self, root: Address | str) -> None:
        super().__init__(root)
        self.made: dict[str, pl.DataFrame] = {}

    def is_current(self, table: Table, partition: Partition, provenance: Provenance) -> bool:
        """Return False: whatever is there is computed once more."""
        return False

    def write(
        self, table: Table, partition: Partition, rows: pl.DataFrame, provenance: Provenance
    ) -> Footer:
        """Keep the rows by the name of their table; the file stays as it is."""
        self.made[table.name] = table.sort(table.conform(rows))
        return needed(self, table, partition)
