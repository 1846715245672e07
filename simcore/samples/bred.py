"""One member of a generation trained once more, and the sums of a generation held against it.

Nothing that was asked of a sealed set is asked again: it may be opened once. What follows of it is
told by the table's other checks alone.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore import steps
from simcore.evolution.document import Evolution
from simcore.evolution.markets import made, train_seeds
from simcore.evolution.selection import lower_bounds
from simcore.evolution.trials import run
from simcore.samples.sample import NOT_JUDGED, Again, is_of_today, sample
from simcore.store import Partition, Store
from simcore.strategy.strategy import compile_strategy
from simcore.tables import TABLES

# A mean over markets is another sum where fewer strategies stand beside each other.
_SLACK: Final = 1e-9


def bred_again(store: Store, evolution: Evolution, number: int) -> Again:
    """Compile and train a sample of a population again: rows of `populations`.

    Args:
        store: The lake.
        evolution: What was bred and where.
        number: Of the generation, from zero.

    Raises:
        StoreError: The generation, or one before it, is not there.
    """
    place = _place(evolution, number)
    table = TABLES["populations"]
    footer = steps.needed(store, table, place)
    if not is_of_today(store, lambda lake: steps.evolved(lake, evolution, number, None)):
        return NOT_JUDGED
    rows = store.read(table, place)
    chosen = sample(rows["ir_hash"].to_list(), footer.content_hash)
    which = pl.col("ir_hash").is_in(chosen)
    held = rows.filter(which)
    strategies = [compile_strategy(document) for document in held["document"]]
    asked = evolution.document
    markets = made(evolution.train, asked.train.copies, train_seeds(evolution, number))
    trials = run(strategies, markets, asked.execution, asked.initial_cash)
    anew = held.with_columns(
        pl.Series("ir_hash", [each.ir_hash for each in strategies]),
        pl.Series("struct_hash", [each.struct_hash for each in strategies]),
        pl.Series("strategy_id", [each.id for each in strategies]),
        pl.Series("score_mean", trials.scores.mean(axis=0)),
        pl.Series("score_lower", lower_bounds(trials.scores)),
        pl.Series("n_trades", trials.n_trades.sum(axis=0)).cast(pl.UInt64),
        pl.Series("ruin_count", trials.is_ruined.sum(axis=0)).cast(pl.UInt32),
    )
    what = ", ".join(each[:12] for each in chosen)
    return Again(what, {table.name: anew}, {table.name: which}, _SLACK)


def broken_generation(store: Store, place: Partition) -> list[str]:
    """Return what the row of a generation says of its population and does not lie there.

    Args:
        store: The lake.
        place: An evolution and a generation.

    Raises:
        StoreError: The generation is not there.
    """
    told = store.read(TABLES["generations"], place).row(0, named=True)
    rows = store.read(TABLES["populations"], place)
    expected = {
        "population": rows.height,
        "survivors": rows.filter(pl.col("fate") != "dropped").height,
        "train_best": rows["score_mean"].max(),
        "train_median": rows["score_mean"].median(),
        "champion_before": rows.filter(pl.col("fate") == "champion")["ir_hash"].to_list()[0],
    }
    return [
        f"{name}: got {told[name]}, expected {value} as in the population"
        for name, value in expected.items()
        if told[name] != value
    ]


def _place(evolution: Evolution, number: int) -> Partition:
    return Partition(evolution=evolution.id, generation=steps.GENERATION_KEYS[number])
