"""An evolution as its author writes it: what is bred, where it trains, where it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from simcore.backtests.request import execution_fields
from simcore.backtests.trials import lineage
from simcore.documents import Loaded, parse, read
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.scenario import document as scenario_document
from simcore.scenario.document import BARS_MAX, BARS_MIN, Scenario
from simcore.seeds import SEED_MAX, jcs, sha256_hex
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tournaments.document import NAME_MAX, check_each_once, check_id, check_version
from simcore.tournaments.part import Part
from simcore.tournaments.sealed import SALT_CHARACTERS_MIN

CODE: Final = "DOC_INVALID"
GENERATIONS_MAX: Final = 200
MARKETS_MIN: Final = 10  # the tests over many strategies need as many rows

Id = Annotated[str, AfterValidator(check_id)]
Ids = Annotated[tuple[Id, ...], AfterValidator(check_each_once)]


class ScenarioSet(Part):
    """Markets that are made anew with other seeds whenever they are asked for.

    Args:
        scenarios: Ids of the documents whose law they have; the seeds there are not used.
        copies: Markets of each of them.
        bars: Length of each; None for the document's own.
    """

    scenarios: Ids
    copies: Annotated[int, Field(ge=1, le=1_000)]
    bars: Annotated[int, Field(ge=BARS_MIN, le=BARS_MAX)] | None = None


class Sizes(Part):
    """How many live, and how many are made.

    Args:
        parents: Most that survive a generation.
        offspring: Children of a generation.
        novelty: Share of the survivors that are kept for being unlike the others.
        mutation: Share of the children that are mutants.
        crossover: Share that have two parents; the rest are strangers.
        challengers: Most of the survivors that are judged on the sealed set.
    """

    parents: Annotated[int, Field(ge=2, le=64)] = 16
    offspring: Annotated[int, Field(ge=2, le=512)] = 48
    novelty: Annotated[float, Field(ge=0.0, le=0.5)] = 0.25
    mutation: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    crossover: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    challengers: Annotated[int, Field(ge=1, le=64)] = 4


class Stop(Part):
    """When nothing more is to be expected.

    Args:
        generations: The budget.
        patience: Generations without a promotion.
        blind: Generations in a row whose best gain is below what the sealed set can see.
    """

    generations: Annotated[int, Field(ge=1, le=GENERATIONS_MAX)] = 50
    patience: Annotated[int, Field(ge=1, le=GENERATIONS_MAX)] = 10
    blind: Annotated[int, Field(ge=1, le=GENERATIONS_MAX)] = 5


def _commitment(text: str) -> str:
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise PydanticCustomError(
            "BAD_FORMAT",
            "got {got}, expected the SHA-256 of the salt, 64 hexadecimal digits",
            {"got": repr(text)[:80]},
        )
    return text


class EvolutionDocument(Part):
    """An evolution, version 0.1.

    Args:
        champion: Who is to be beaten; a strategy's id, one of `strategies`.
        strategies: Who is there at the start, and whose forms strangers have.
        train: Where scores are earned; other seeds in every generation.
        sealed: Where promotion is decided; seeds that need the salt. Markets that are drawn from a
            history answer through the Ladder, see `simcore.evolution.holdout`.
        commitment: SHA-256 of the salt, published before anybody enters.
        salt: The secret, once it may be known; None as long as it lies elsewhere.
    """

    version: Annotated[str, AfterValidator(check_version)]
    id: Id
    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)]
    champion: Id
    strategies: Ids
    train: ScenarioSet
    sealed: ScenarioSet
    commitment: Annotated[str, AfterValidator(_commitment)]
    salt: Annotated[str, Field(min_length=SALT_CHARACTERS_MIN, max_length=256)] | None = None
    sizes: Sizes = Sizes()
    stop: Stop = Stop()
    execution: str | dict[str, Any] = "honest_v1"
    initial_cash: Annotated[float, Field(gt=0.0, le=1e15)] = 10_000.0


@dataclass(frozen=True, eq=False)
class Evolution:
    """An evolution with everything it names, checked whole.

    Args:
        document: What its author wrote, defaults filled in.
        strategies: Those of the start, in the order of the document.
        train: Laws of the markets of training.
        sealed: Laws of the sealed ones.
    """

    document: EvolutionDocument
    strategies: tuple[Strategy, ...]
    train: tuple[Scenario, ...]
    sealed: tuple[Scenario, ...]

    @property
    def id(self) -> str:
        """Id of the document."""
        return self.document.id

    @property
    def manifest_hash(self) -> str:
        """Hash of all that the generations depend on but when to stop.

        The salt is there by its commitment.
        """
        stated = self.document.model_dump(mode="json", exclude={"salt", "name", "version", "stop"})
        return sha256_hex(
            jcs(
                {
                    "schema": "evolution/0.1",
                    "document": stated,
                    "strategies": {each.id: each.ir_hash for each in self.strategies},
                    "documents": {each.id: each.doc_hash for each in self.strategies},
                    "scenarios": {
                        each.id: scenario_document.effective(each)
                        for each in (*self.train, *self.sealed)
                    },
                }
            )
        )

    @property
    def is_historical(self) -> bool:
        """Whether bars that really happened are seen, so that luck there can be learnt."""
        return any(each.source is not None for each in (*self.train, *self.sealed))

    @property
    def histories(self) -> tuple[str, ...]:
        """Lineages of the histories that the sealed set is drawn from, sorted; none: it is made."""
        return _histories(self.sealed)

    @property
    def known_histories(self) -> tuple[str, ...]:
        """Those, and those that training is drawn from, sorted."""
        return tuple(sorted({*self.histories, *_histories(self.train)}))


def _histories(laws: Iterable[Scenario]) -> tuple[str, ...]:
    drawn = {lineage(each.source.columns) for each in laws if each.source is not None}
    return tuple(sorted(drawn))


def read_evolution(
    document: str | Path | dict[str, Any] | Loaded | Evolution, *, home: str | Path | None = None
) -> Evolution:
    """Return an evolution with the strategies and laws that it names.

    Args:
        document: A mapping, an id, a path or a text; an `Evolution` is returned as it is.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: The document cannot be read, something in it or in what it names is wrong, or
            the parts do not fit; all problems at once.
    """
    if isinstance(document, Evolution):
        return document
    loaded = read(document, "evolutions", home=home)
    asked = parse(EvolutionDocument, loaded, CODE)
    finder = _Finder(loaded.source)
    finder.attempt("/execution", lambda: execution_fields(asked.execution))
    strategies = [
        finder.attempt(f"/strategies/{at}", partial(compile_strategy, name, home=home))
        for at, name in enumerate(asked.strategies)
    ]
    train, sealed = (
        [
            finder.attempt(f"/{field}/scenarios/{at}", partial(_law, name, given, home))
            for at, name in enumerate(given.scenarios)
        ]
        for field, given in (("train", asked.train), ("sealed", asked.sealed))
    )
    made = Evolution(
        asked,
        tuple(each for each in strategies if each is not None),
        tuple(each for each in train if each is not None),
        tuple(each for each in sealed if each is not None),
    )
    finder.problems += _misfits(made, loaded.source)
    if finder.problems:
        raise SpecError(loaded.placed(finder.problems))
    return made


class _Finder:
    """Finds what a document names and keeps every problem until all is found."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def attempt(self, path: str, find: Callable[[], Any]) -> Any:
        """Return what `find` finds; None where it finds nothing, the reason noted."""
        try:
            return find()
        except SpecError as error:
            self.problems += (
                each if each.source else replace(each, source=self.source, path=each.path or path)
                for each in error.problems
            )
            return None


def _law(name: str, given: ScenarioSet, home: str | Path | None) -> Scenario:
    """Return a scenario of a set, as long as the set says."""
    scenario = scenario_document.load(name, home=home)
    n_assets = len(scenario.document.assets)
    if n_assets > 1:
        message = f'scenario "{name}" has {n_assets} assets, expected one: backtests read one asset'
        raise SpecError([Problem(CODE, "MULTIPLE_ASSETS", message)])
    if given.bars is None or scenario_document.keeps_length(scenario):
        return scenario
    longer = scenario.document.model_copy(update={"duration_bars": given.bars})
    return replace(scenario, document=longer)


def _misfits(made: Evolution, source: str) -> list[Problem]:
    """Return what does not fit together."""
    asked = made.document
    wrong: list[tuple[str, str, str, str]] = []
    if asked.champion not in asked.strategies:
        message = f'got "{asked.champion}", expected one of {", ".join(asked.strategies)}'
        wrong.append(("UNKNOWN_NAME", message, "/champion", "add it to strategies"))
    if asked.sizes.mutation + asked.sizes.crossover > 1.0:
        shares = f"{asked.sizes.mutation} and {asked.sizes.crossover}"
        message = f"got shares of {shares}, expected at most 1 together"
        wrong.append(("WEIGHTS", message, "/sizes/crossover", "lower one of them"))
    for field, given in (("train", asked.train), ("sealed", asked.sealed)):
        n_markets = given.copies * len(given.scenarios)
        if n_markets < MARKETS_MIN:
            message = f"got {n_markets} markets, expected {MARKETS_MIN} or more"
            wrong.append(("TOO_FEW_SCENARIOS", message, f"/{field}/copies", "raise copies"))
    clock = next(iter(made.strategies)).timeframe if made.strategies else None
    for at, strategy in enumerate(made.strategies):
        if strategy.timeframe != clock:
            message = f"{strategy.id} decides on {strategy.timeframe}, expected {clock} as others"
            wrong.append(("OTHER_TIMEFRAME", message, f"/strategies/{at}", "leave it out"))
    trained_on = _histories(made.train)
    for field, laws in (("train", made.train), ("sealed", made.sealed)):
        for at, law in enumerate(laws):
            path = f"/{field}/scenarios/{at}"
            if clock is not None and law.document.timeframe != clock:
                message = f"{law.id} has bars of {law.document.timeframe}, expected {clock}"
                wrong.append(("OTHER_TIMEFRAME", message, path, "name another scenario"))
            if field == "sealed" and {*_histories([law])} & {*trained_on}:
                message = f"{law.id} has the history of training, expected one that nobody saw"
                wrong.append(("FINITE_HOLDOUT", message, path, "hold out other rows"))
            if scenario_document.keeps_length(law) and given.copies > 1:
                message = f"{law.id} is one market, expected a family that has {given.copies}"
                wrong.append(("FINITE_HOLDOUT", message, path, "draw from it in blocks"))
    return [
        Problem(CODE, reason, message, path, source, hints=(Hint(hint),))
        for reason, message, path, hint in wrong
    ]
