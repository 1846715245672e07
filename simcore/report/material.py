"""What the sections are made from: a campaign's document, its tables, and its files' footers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from simcore.tables import TABLES

# Closes of a run that a picture shows; a line of more is no finer on any screen or sheet.
POINTS_MAX: Final = 120

OF_CAMPAIGN: Final = (
    "scenarios", "standings", "portfolio_weights", "calibration", "verdicts", "chaos_equity",
    "chaos_injections", "chaos_incidents", "chaos_kills", "chaos_oracle_results", "chaos_report",
)  # fmt: skip
OF_RUNS: Final = (
    "backtests", "equity", "monte_carlo", "walk_forward", "trials", "regimes", "evidence",
)  # fmt: skip
"""Tables that are partitioned by strategy too, read for every strategy of the campaign."""

# What is left out where a table is wide and only a few of its columns are told.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "chaos_equity": (
        "run_id", "seed", "arm", "level", "ts", "equity_uusd", "equity_twin_uusd", "permit",
    ),
    "equity": ("scenario_id", "path", "strategy_id", "t", "ts", "equity_quote"),
    "trials": ("lineage", "ir_hash", "strategy_id", "asked_by"),
}  # fmt: skip


@dataclass(frozen=True)
class File:
    """What the footer of one partition says.

    Args:
        table: Name of its table.
        key: Key of the partition.
        rows: Number of its rows.
        content_hash: Hash of its rows.
        schema_version: Version of its columns.
    """

    table: str
    key: str
    rows: int
    content_hash: str
    schema_version: int


@dataclass(frozen=True)
class Material:
    """Everything that a report is made from.

    Args:
        campaign: The campaign's document with every default, and ``strategies`` as the list of
            ids that took part.
        tables: Rows of the tables `OF_CAMPAIGN` and `OF_RUNS`, of all partitions of the campaign;
            a table that is not there counts as empty. Those `OF_RUNS` have a column
            ``strategy_id``.
        files: The partitions that were read, in the order of table and key.
        documents: Hash of each document, by kind and id.
        engine_version: Crate version and digest of the engine's sources.
    """

    campaign: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]
    files: tuple[File, ...] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    engine_version: str = ""

    def rows(self, name: str) -> pl.DataFrame:
        """Return the rows of a table, none where it was not given."""
        found = self.tables.get(name)
        return named(name, TABLES[name].empty(), "") if found is None else found

    def ranked(self) -> list[str]:
        """Return the strategies, the best of the first tournament first, then the others."""
        standings = self.rows("standings")
        first = standings.filter(pl.col("tournament_id") == pl.col("tournament_id").first())
        placed = first.sort("rank", "strategy_id")["strategy_id"].to_list()
        others = [name for name in self.campaign["strategies"] if name not in placed]
        return [*placed, *others]


def named(name: str, rows: pl.DataFrame, strategy: str) -> pl.DataFrame:
    """Return the rows of a partition with its strategy, which else stands in the path alone."""
    if name not in OF_RUNS or "strategy_id" in rows.columns:
        return rows
    return rows.with_columns(strategy_id=pl.lit(strategy))


def thinned(equity: pl.DataFrame, points: int = POINTS_MAX) -> pl.DataFrame:
    """Return every so many closes of each run, its first and its last among them.

    Args:
        equity: Rows of the table, of any number of runs, each sorted by time.
        points: At most so many of a run, and one more.
    """
    run = ["scenario_id", "path", "strategy_id"]
    place = pl.int_range(pl.len()).over(run)
    last = pl.len().over(run) - 1
    step = (last // (points - 1) + (last % (points - 1) > 0).cast(pl.UInt32)).clip(1)
    return equity.filter((place % step == 0) | (place == last))
