"""How strategies fared from version to version: over campaigns, tournaments and generations.

A campaign's rows follow from its standings alone; the course of a strategy is the rows of all
campaigns of a lake together. Nobody's clock is asked, so campaigns stand in the order of their ids.
"""

from __future__ import annotations

import json
from typing import Final

import polars as pl

from simcore.store import Store
from simcore.tables import TABLES

COURSE: Final = (
    "kind", "event", "tournament_id", "strategy_id", "name", "version", "ir_hash", "generation",
    "rank", "entries", "score_mean", "score_ci_lo", "score_ci_hi", "elo_bt", "elo_lo", "elo_hi",
)  # fmt: skip
"""Columns of a course: what it was, where, who, and how it ended."""


def history_rows(
    standings: pl.DataFrame, strategies: pl.DataFrame, lineage: pl.DataFrame
) -> pl.DataFrame:
    """Return the history of one campaign: its standings, each with where the strategy is from.

    Args:
        standings: Rows of the table `standings`.
        strategies: Rows of the table `strategies` of all that stand there.
        lineage: Their rows of the table `lineage`.

    Returns:
        Rows of the table `strategy_history`; without standings, none.
    """
    table = TABLES["strategy_history"]
    if standings.is_empty():
        return table.empty()
    origins = (
        lineage.sort("strategy_id", "parent_index")
        .group_by("strategy_id", maintain_order=True)
        .agg(
            pl.col("operator", "generation").first(),
            parents=pl.col("parent_ir_hash").drop_nulls().str.join(" "),
        )
    )
    families = strategies.select("strategy_id", "struct_hash")
    rows = standings.join(families, on="strategy_id", how="left").join(
        origins, on="strategy_id", how="left"
    )
    entries = pl.len().over("tournament_id").cast(pl.UInt32).alias("entries")
    known = [column.name for column in table.columns]
    return table.sort(table.conform(rows.with_columns(entries).select(known)))


def strategy_history(store: Store, name: str | None = None) -> pl.DataFrame:
    """Return how strategies fared in every campaign and every generation of a lake.

    Args:
        store: The lake.
        name: Of one strategy; None returns all.

    Returns:
        The columns of `COURSE`, one row a standing (`kind` is ``campaign``, `event` its id) and
        one a member of a population (`kind` is ``generation``, `event` the evolution and the
        generation; it is placed by its score of training, whose interval has a lower end alone).
        By name, then kind, event, tournament and version.
    """
    frames = [*_campaigns(store), *_generations(store)]
    if not frames:
        known = TABLES["strategy_history"].polars_schema()
        schema = {column: known.get(column, pl.String()) for column in COURSE}
        return pl.DataFrame(schema=schema)
    whole = pl.concat(frames).sort("name", "kind", "event", "tournament_id", "version", "ir_hash")
    return whole if name is None else whole.filter(pl.col("name") == name)


def _campaigns(store: Store) -> list[pl.DataFrame]:
    table = TABLES["strategy_history"]
    return [
        store.read(table, place)
        .with_columns(kind=pl.lit("campaign"), event=pl.lit(str(place.campaign)))
        .select(COURSE)
        for place in store.partitions(table)
    ]


def _generations(store: Store) -> list[pl.DataFrame]:
    """Every population, placed by the mean score of training."""
    table = TABLES["populations"]
    nothing = pl.lit(None, dtype=pl.Float64)
    frames = []
    for place in store.partitions(table):
        rows = store.read(table, place)
        documents = [json.loads(text) for text in rows["document"]]
        frames.append(
            rows.with_columns(
                pl.Series("name", [each["name"] for each in documents]),
                pl.Series("version", [each.get("revision", "0.1.0") for each in documents]),
                kind=pl.lit("generation"),
                event=pl.lit(f"{place.evolution} {place.generation}"),
                tournament_id=pl.lit(None, dtype=pl.String),
                generation=pl.col("born"),
                rank=pl.col("score_mean").rank("min", descending=True).cast(pl.UInt32),
                entries=pl.len().cast(pl.UInt32),
                score_ci_lo=pl.col("score_lower"),
                score_ci_hi=nothing,
                elo_bt=nothing,
                elo_lo=nothing,
                elo_hi=nothing,
            ).select(COURSE)
        )
    return frames
