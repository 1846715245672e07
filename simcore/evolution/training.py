"""The training of one generation: a population is bred and run, and it is said who survives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from simcore.backtests.trials import effective_count
from simcore.evolution.breeding import Candidate, founders, population
from simcore.evolution.document import Evolution
from simcore.evolution.ledger import trials_of
from simcore.evolution.markets import made, train_seeds
from simcore.evolution.selection import Reason, lower_bounds, selected
from simcore.evolution.trials import Trials, run
from simcore.scoring.score import Floats
from simcore.seeds import derive
from simcore.strategy.strategy import compile_strategy

# Sums of the linear algebra library may differ in their last bits with its threads.
_DIGITS: Final = 9


@dataclass(frozen=True, eq=False)
class Training:
    """A population that has trained.

    Args:
        everyone: The population, champion and children too.
        fates: What becomes of each.
        champion: Number of who defends.
        trials: What came of everyone on every market of training.
        returns: Per bar, as `Trials.returns` gives them, a column for each.
        diversity: How many different strategies the population is worth.
        tried: Rows of the table `trials`.
    """

    everyone: list[Candidate]
    fates: list[Reason]
    champion: int
    trials: Trials
    returns: Floats
    diversity: float
    tried: pl.DataFrame

    @property
    def lower(self) -> Floats:
        """Lower bound of each one's mean score."""
        return lower_bounds(self.trials.scores)

    def challengers(self, most: int) -> list[int]:
        """Survivors who are judged, the best lower bound first."""
        lower = self.lower
        living = [at for at, fate in enumerate(self.fates) if fate in ("confidence_set", "novelty")]
        return sorted(living, key=lambda at: (-lower[at], at))[:most]


def training_of(
    evolution: Evolution, number: int, before: Sequence[dict[str, pl.DataFrame]]
) -> Training:
    """Breed the population of a generation, run it on its markets, and say who survives.

    Args:
        evolution: What is bred and where.
        number: Of the generation, from zero.
        before: Rows of every generation before it, in order.
    """
    asked = evolution.document
    parents = _survivors(before[-1]["populations"]) if before else founders(evolution)
    start = compile_strategy(
        next(each for each in evolution.strategies if each.id == asked.champion)
    )
    reigning = before[-1]["generations"]["champion_after"][0] if before else start.ir_hash
    everyone = population(evolution, number, parents)
    champion = next(at for at, each in enumerate(everyone) if each.strategy.ir_hash == reigning)
    markets = made(evolution.train, asked.train.copies, train_seeds(evolution, number))
    trials = run(
        [each.strategy for each in everyone],
        markets,
        asked.execution,
        asked.initial_cash,
        wants_equity=True,
    )
    daily = trials.daily_returns(markets)
    fates = selected(
        trials.scores,
        daily,
        champion=champion,
        n_parents=asked.sizes.parents,
        novelty=asked.sizes.novelty,
        seed=derive(asked.seed, "evolution", asked.id, "select", number),
    )
    diversity = round(effective_count(daily), _DIGITS)
    strategies = [each.strategy for each in everyone]
    tried = trials_of(evolution, evolution.train, strategies, markets, trials)
    return Training(everyone, fates, champion, trials, trials.returns(), diversity, tried)


def _survivors(rows: pl.DataFrame) -> list[Candidate]:
    """Return who lives on, in the order of their hashes."""
    living = rows.filter(pl.col("fate") != "dropped").sort("ir_hash")
    return [
        Candidate(
            compile_strategy(json.loads(row["document"])),
            row["origin"],
            row["born"],
            row["child_index"],
            tuple(row["parents"].split()),
        )
        for row in living.iter_rows(named=True)
    ]
