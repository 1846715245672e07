"""What every step shares: partitions found current, or made and written; and what became of them.

A partition is current if its footer names exactly the inputs of today and its rows still hash to
what the footer says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from simcore.campaign import Campaign
from simcore.errors import StoreError
from simcore.parquet import Footer
from simcore.sources import digest
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES
from simcore.tables.table import Table

Rows = Mapping[str, pl.DataFrame]
"""Rows by the name of their table."""


@dataclass(frozen=True)
class Step:
    """The tables that are made together, and what makes them.

    Args:
        tables: Made and written together.
        sources: Folders and files of the Python that computes the rows; the engine's sources
            stand in its own version.
    """

    tables: tuple[Table, ...]
    sources: tuple[str, ...]

    @staticmethod
    def of(tables: Sequence[str], sources: Sequence[str]) -> Step:
        """Return the step of the tables with these names."""
        return Step(tuple(TABLES[name] for name in tables), tuple(sources))

    @property
    def code(self) -> str:
        """Digest of the Python that computes the rows."""
        return digest(*self.sources)


@dataclass(frozen=True)
class Outcome:
    """What became of one partition.

    Args:
        table: What the rows are.
        partition: Where they lie.
        footer: What the file says of itself.
        is_reused: Whether it was current and nothing was done.
        mended: What was wrong with the file that was replaced; empty if nothing was.
        facts: A few values worth showing beside the file's own; text, numbers.
    """

    table: Table
    partition: Partition
    footer: Footer
    is_reused: bool
    mended: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def settled(
    store: Store,
    tables: Sequence[Table],
    partition: Partition,
    provenance: Provenance,
    make: Callable[[], Rows],
) -> list[Outcome]:
    """Return the partition of every table, made anew where it was not current.

    All tables are made together or not at all; only those that were not current are written.

    Raises:
        StoreError: ``STALE``: the store is frozen and a partition is not current.
    """
    faults = {table.name: _fault(store, table, partition, provenance) for table in tables}
    stale = [name for name, fault in faults.items() if fault is not None]
    if stale and store.is_frozen:
        raise StoreError(
            "STALE",
            f"{', '.join(stale)} {partition.key}: not what today's documents and code make "
            "[materialise it again]",
            is_passing=True,
        )
    rows = make() if stale else {}
    outcomes = []
    for table in tables:
        fault = faults[table.name]
        if fault is None:
            footer = needed(store, table, partition)
        else:
            footer = store.write(table, partition, rows[table.name], provenance)
        outcomes.append(Outcome(table, partition, footer, fault is None, fault or ""))
    return outcomes


def _fault(store: Store, table: Table, partition: Partition, provenance: Provenance) -> str | None:
    """Return None for a current partition, text for a broken file, empty text otherwise.

    Raises:
        StoreError: The lake gave no answer: nothing is made in the place of what may be there.
    """
    try:
        if store.footer(table, partition) is None:
            return ""
        if not store.is_current(table, partition, provenance):
            return ""
        store.verify(table, partition)
    except StoreError as error:
        if error.is_unanswered:
            raise
        return error.message
    return None


def with_facts(outcomes: Sequence[Outcome], facts: Mapping[str, Any]) -> list[Outcome]:
    """Return the same outcomes with a few values worth showing."""
    return [
        Outcome(each.table, each.partition, each.footer, each.is_reused, each.mended, facts)
        for each in outcomes
    ]


def needed(store: Store, table: Table, partition: Partition) -> Footer:
    """Return what the file of a partition says of itself.

    Raises:
        StoreError: ABSENT, there is no such file.
    """
    footer = store.footer(table, partition)
    if footer is None:
        raise StoreError(
            "ABSENT",
            f"{store.path(table, partition)}: there is no such file, expected the partition "
            f"{partition.key} of {table.name} [materialise it first]",
        )
    return footer


def contents(store: Store, campaign_id: str, names: Sequence[str]) -> dict[str, str]:
    """Return the content hash of a campaign's partition of each table."""
    partition = Partition(campaign=campaign_id)
    return {
        f"{name}/{partition.key}": needed(store, TABLES[name], partition).content_hash
        for name in names
    }


def manifests(store: Store, campaign: Campaign) -> list[dict[str, Any]]:
    """Return the rows of the table `scenarios` of a campaign."""
    rows = store.read(TABLES["scenarios"], Partition(campaign=campaign.id))
    return rows.to_dicts()


def campaign_markets(
    store: Store, campaign: Campaign, scenarios: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], pl.DataFrame]]:
    """Return some rows of the table `scenarios`, each with its own rows of the table `bars`."""
    bars = store.read(TABLES["bars"], Partition(campaign=campaign.id))
    return [(row, bars.filter(pl.col("scenario_id") == row["scenario_id"])) for row in scenarios]


def campaign_runs(store: Store, campaign: Campaign) -> pl.DataFrame:
    """Return the runs of the campaign's strategies, of no other that lies in the lake."""
    table = TABLES["backtests"]
    return pl.concat(
        [
            table.empty(),
            *(
                store.read(table, Partition(campaign=campaign.id, strategy=each.id))
                for each in campaign.strategies
            ),
        ]
    )
