"""The markets of a generation: other seeds for each training, sealed seeds for judging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.errors import SpecError
from simcore.evolution.document import Evolution
from simcore.problems import Problem
from simcore.scenario.document import Scenario
from simcore.scenario.generate import columns_with_facts
from simcore.seeds import derive
from simcore.tournaments import sealed

_COLUMNS: Final = ("ts", "open", "high", "low", "close", "volume", "hl_order", "flags")
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, eq=False)
class Markets:
    """Bars of one path each, with what tells them apart.

    Args:
        families: Id of the law of each.
        seeds: Seed of each.
        bars: Columns as the engine reads them.
        bars_per_year: Of each.
    """

    families: tuple[str, ...]
    seeds: tuple[int, ...]
    bars: tuple[engine.Columns, ...]
    bars_per_year: tuple[float, ...]

    def day_ends(self, index: int) -> NDArray[np.intp]:
        """Last bar of each day (UTC) of a market."""
        days = self.bars[index]["ts"] // _DAY_NS
        ends = np.flatnonzero(days[1:] != days[:-1])
        return np.append(ends, len(days) - 1)


def train_seeds(evolution: Evolution, generation: int) -> tuple[int, ...]:
    """Seeds of the training markets of one generation, law by law."""
    asked = evolution.document
    return tuple(
        derive(asked.seed, "evolution", asked.id, "train", generation, law.id, copy)
        for law in evolution.train
        for copy in range(asked.train.copies)
    )


def sealed_seeds(
    evolution: Evolution,
    generation: int,
    entrants_hash: str,
    salt: str,
    used: Iterable[int] = (),
) -> tuple[int, ...]:
    """Seeds of the sealed markets of one generation, law by law.

    Args:
        evolution: Whose markets they are.
        generation: Its number.
        entrants_hash: Hash of everybody who is judged.
        salt: The secret that the document commits to.
        used: Seeds of other sealed sets.

    Raises:
        SpecError: SEAL_BROKEN, another salt; SEAL_WEAK, one that could be guessed; SEAL_REUSED, a
            seed was used before.
    """
    asked = evolution.document
    sealed.check_opened(asked.commitment, salt)
    n = asked.sealed.copies * len(evolution.sealed)
    seeds = sealed.seeds(asked.id, generation, entrants_hash, salt, n)
    trained = (seed for each in range(generation + 1) for seed in train_seeds(evolution, each))
    sealed.check_fresh(seeds, (*trained, *used))
    return seeds


def salt_of(evolution: Evolution, salt: str | None) -> str:
    """Return the salt that is given, or else the document's.

    Raises:
        SpecError: SEAL_CLOSED, there is none.
    """
    known = evolution.document.salt if salt is None else salt
    if known is None:
        message = "got no salt, expected the secret behind the commitment [give it, or its file]"
        raise SpecError([Problem("DOC_INVALID", "SEAL_CLOSED", message, "/salt", evolution.id)])
    return known


def made(laws: Sequence[Scenario], copies: int, seeds: Sequence[int]) -> Markets:
    """Generate one market a seed, `copies` of each law in turn.

    Args:
        laws: What the markets are made by.
        copies: Markets of each.
        seeds: One a market, law by law.
    """
    families: list[str] = []
    bars: list[engine.Columns] = []
    years: list[float] = []
    for index, seed in enumerate(seeds):
        law = laws[index // copies]
        document = law.document.model_copy(update={"seed": seed, "paths": 1})
        columns, facts = columns_with_facts(replace(law, document=document))
        families.append(law.id)
        bars.append({name: columns[name] for name in _COLUMNS})
        years.append(float(facts["bars_per_year"]))
    return Markets(tuple(families), tuple(seeds), tuple(bars), tuple(years))


def spliced(past: engine.Columns, future: engine.Columns, cut: int) -> engine.Columns:
    """Return a market that has another's bars from `cut` on, scaled to go on at its price."""
    ratio = past["close"][cut - 1] / future["close"][cut - 1]
    joined = {}
    for name, column in past.items():
        behind = future[name][cut:]
        is_price = name in ("open", "high", "low", "close")
        joined[name] = np.concatenate([column[:cut], behind * ratio if is_price else behind])
    return joined
