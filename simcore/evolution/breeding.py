"""Who enters a generation: the survivors of the one before, their children, and strangers.

Every draw has an address made of the evolution, the generation and the child's number, so that a
child is the same in whatever order or company it is made.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from simcore import engine
from simcore.evolution.document import Evolution
from simcore.seeds import derive
from simcore.strategy.crossover import crossed
from simcore.strategy.genes import PURPOSE, first_that_compiles, lane, settled, with_value
from simcore.strategy.mutation import mutated
from simcore.strategy.strategy import Strategy

Origin = Literal["base", "mutation", "crossover", "immigrant"]

# How often a child that is there already is made again from other draws.
TRIES: Final = 4
_N_DRAWS: Final = 2  # of parents


@dataclass(frozen=True, eq=False)
class Candidate:
    """One strategy of a population, and where it comes from.

    Args:
        strategy: What it is.
        origin: How it was made.
        born: In which generation.
        child_index: Number of the draw that made it; None for one of the start.
        parents: Hashes of the programs it was made from.
    """

    strategy: Strategy
    origin: Origin
    born: int
    child_index: int | None = None
    parents: tuple[str, ...] = ()


def founders(evolution: Evolution) -> list[Candidate]:
    """Return the strategies of the start, each program once."""
    known: dict[str, Candidate] = {}
    champion = evolution.document.champion
    # The champion first, so that the one who shares its program gives way to it.
    for strategy in sorted(evolution.strategies, key=lambda each: each.id != champion):
        known.setdefault(strategy.ir_hash, Candidate(strategy, "base", 0))
    return list(known.values())


def population(
    evolution: Evolution, generation: int, parents: Sequence[Candidate]
) -> list[Candidate]:
    """Return the parents and their children, each program once.

    Args:
        evolution: Its sizes and its seed.
        generation: Number of the generation, from zero.
        parents: Survivors of the one before, or the founders.

    Returns:
        The parents, then mutants, crossings and strangers. A child that none of several draws
        makes new is left out.
    """
    sizes = evolution.document.sizes
    n_mutants = round(sizes.mutation * sizes.offspring)
    n_crossings = min(round(sizes.crossover * sizes.offspring), sizes.offspring - n_mutants)
    known = {each.strategy.ir_hash for each in parents}
    everyone = list(parents)
    for index in range(sizes.offspring):
        is_mutant = index < n_mutants
        origin: Origin = "immigrant"
        if is_mutant:
            origin = "mutation"
        elif index < n_mutants + n_crossings and len(parents) > 1:
            origin = "crossover"
        for attempt in range(TRIES):
            child = _child(evolution, generation, parents, origin, index * TRIES + attempt)
            if child.strategy.ir_hash not in known:
                known.add(child.strategy.ir_hash)
                everyone.append(child)
                break
    return everyone


def _child(
    evolution: Evolution,
    generation: int,
    parents: Sequence[Candidate],
    origin: Origin,
    child_index: int,
) -> Candidate:
    asked = evolution.document
    seed = derive(asked.seed, "evolution", asked.id, "offspring", generation)
    series = lane("offspring-v1", origin, str(child_index))
    draws = engine.uniforms(seed, PURPOSE, series, _N_DRAWS).tolist()
    if origin == "immigrant":
        form = evolution.strategies[_place(draws[0], len(evolution.strategies))]
        return Candidate(
            _stranger(form, seed, child_index), origin, generation, child_index, (form.ir_hash,)
        )
    first = parents[_place(draws[0], len(parents))].strategy
    if origin == "mutation":
        mutant = mutated(first, seed=seed, child_index=child_index)
        return Candidate(mutant, origin, generation, child_index, (first.ir_hash,))
    others = [each.strategy for each in parents if each.strategy.ir_hash != first.ir_hash]
    second = others[_place(draws[1], len(others))]
    child = crossed(first, second, seed=derive(seed, child_index))
    both = tuple(sorted((first.ir_hash, second.ir_hash)))
    return Candidate(child, origin, generation, child_index, both)


def _place(u: float, n: int) -> int:
    return min(int(u * n), n - 1)


def _stranger(form: Strategy, seed: int, child_index: int) -> Strategy:
    """Return a strategy of a form, its numbers drawn evenly from their whole domains.

    One that has no number with both bounds is mutated instead.
    """
    names = [
        name
        for name, param in sorted(form.model.params.items())
        if param.min is not None and param.max is not None
    ]
    if not names:
        return mutated(form, seed=seed, child_index=child_index)
    series = lane("stranger-v1", form.ir_hash, str(child_index))

    def document(attempt: int) -> dict[str, Any]:
        start = attempt * len(names)
        draws = engine.uniforms(seed, PURPOSE, series, len(names), start=start).tolist()
        drawn = copy.deepcopy(form.document)
        for name, u in zip(names, draws, strict=True):
            param = form.model.params[name]
            low, high = float(param.min or 0.0), float(param.max or 0.0)
            value = settled(low + u * (high - low), param, is_integer=param.is_integer)
            drawn["params"][name] = with_value(drawn["params"][name], value)
        return drawn

    return first_that_compiles(document, form)
