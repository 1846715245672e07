"""What was tried on the histories of an evolution before it began, and what it tries itself.

Made markets are new for every generation, and nobody can have tried anything on them. A history
that they are drawn from is known to all who ever ran on it, under whatever name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from simcore.backtests.trials import (
    Census,
    Score,
    TrialLedger,
    census,
    lineage,
    trial_rows,
    united,
)
from simcore.evolution.document import Evolution
from simcore.evolution.markets import Markets
from simcore.evolution.trials import Trials, tried_rows
from simcore.scenario.document import Scenario
from simcore.store import Store
from simcore.strategy.strategy import Strategy

_LABEL_DIGITS: Final = 16


def asked_by(evolution: Evolution) -> str:
    """Return who an evolution is in the ledger: its id and the document that it is by.

    The same document asks again when a generation is made again; one that was changed is another,
    and what the first one tried was tried before it.
    """
    return f"evolution {evolution.id} {evolution.manifest_hash[:_LABEL_DIGITS]}"


def trials_of(
    evolution: Evolution,
    laws: Iterable[Scenario],
    strategies: Sequence[Strategy],
    markets: Markets,
    trials: Trials,
) -> pl.DataFrame:
    """Return the rows of the table `trials` of some runs of an evolution.

    Each market that is drawn from a history has a lineage of its own, which nobody meets again.
    What was learnt, was learnt of the history, so that there each program is counted too; without
    a ratio, for it has not run on the history as it was.

    Args:
        evolution: Who asked, and how orders became fills.
        laws: Of the markets.
        strategies: Who ran, no program twice.
        markets: Where.
        trials: What came of it.
    """
    execution, label = evolution.document.execution, asked_by(evolution)
    frames = [tried_rows(strategies, markets, trials, execution, label)]
    for law in laws:
        if law.source is not None:
            history, bars = lineage(law.source.columns), len(law.source.columns["ts"])
            frames += [
                trial_rows([Score(each.ir_hash, None, bars)], each, history, execution, label)
                for each in strategies
            ]
    return united(frames)


def tried_before(evolution: Evolution, store: Store) -> Census:
    """Return how many programs were tried on an evolution's histories, besides by itself.

    Of markets that are made, without a history, nobody can have tried any. A program counts once,
    whoever tried it and on however many of the histories.

    Args:
        evolution: Whose histories, those of training and those held out.
        store: The lake whose ledger is read.
    """
    own = asked_by(evolution)
    # Each place by itself: where two have tried the same, the other one's trial must be seen.
    parts = [
        rows.filter(
            (pl.col("asked_by") != own) & pl.col("lineage").is_in(evolution.known_histories)
        )
        for rows in TrialLedger(store).parts()
    ]
    trials = united(parts)
    found = census(trials)
    n_programs = trials.select("ir_hash", "execution_hash").unique().height
    return Census(n_programs, found.variance, found.digest)
