"""A tournament as its author writes it: fields, types, and what must hold of them."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from simcore.backtests.request import execution_fields, execution_name
from simcore.documents import Loaded, nearest, parse, read
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scoring import SCORES
from simcore.scoring.composite import COMPOSITE_V1
from simcore.scoring.score import WEIGHT_SLACK
from simcore.seeds import SEED_MAX
from simcore.tournaments.book import Book, arena_name, misfits
from simcore.tournaments.formats.elimination import EliminationOptions
from simcore.tournaments.formats.gauntlet import GauntletOptions
from simcore.tournaments.formats.race import RaceOptions
from simcore.tournaments.formats.round_robin import RoundRobinOptions
from simcore.tournaments.formats.sprt import SprtOptions
from simcore.tournaments.formats.swiss import SwissOptions
from simcore.tournaments.game import EXACT_TIE_POINTS
from simcore.tournaments.part import Part

NAME_MAX: Final = 120
ENTRIES_MAX: Final = 1_000


def check_version(text: str) -> str:
    """Refuse a document of another version."""
    if re.fullmatch(r"0\.1\.[0-9]{1,9}", text) is None:
        raise PydanticCustomError(
            "VERSION_UNSUPPORTED", "got {got}, expected 0.1.x", {"got": repr(text)}
        )
    return text


def check_id(text: str) -> str:
    """Refuse what no document can be called."""
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", text) is None:
        raise PydanticCustomError(
            "BAD_ID",
            "got {got}, expected a lower-case letter, then at most 63 of a-z 0-9 _ -",
            {"got": repr(text)},
        )
    return text


def _member(known: dict[str, Any]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in known:
            close = nearest(name, sorted(known))
            raise PydanticCustomError(
                "BAD_ENUM",
                "got {got}, expected one of {known}{hint}",
                {
                    "got": repr(name),
                    "known": ", ".join(sorted(known)),
                    "hint": f' [did you mean "{close}"?]' if close else "",
                },
            )
        return name

    return AfterValidator(check)


def _ids(given: Any) -> Any:
    """`"campaign"` means the ids of the campaign, which is spelled None from here on."""
    if given == "campaign":
        return None
    if not isinstance(given, list | tuple):
        raise PydanticCustomError(
            "WRONG_TYPE",
            'got {got}, expected "campaign" or a list of ids',
            {"got": repr(given)[:80]},
        )
    return tuple(given)


def check_each_once(ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Refuse a list of ids that is empty, too long or has one twice; None stands for no list."""
    if ids is None:
        return None
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise PydanticCustomError(
            "DUPLICATE", "got {twice} twice, expected each id once", {"twice": ", ".join(twice)}
        )
    if not 1 <= len(ids) <= ENTRIES_MAX:
        raise PydanticCustomError(
            "OUT_OF_RANGE",
            "got {n} ids, expected 1 to {maximum}",
            {"n": len(ids), "maximum": ENTRIES_MAX},
        )
    return ids


Ids = Annotated[
    tuple[Annotated[str, AfterValidator(check_id)], ...] | None,
    BeforeValidator(_ids),
    AfterValidator(check_each_once),
]


FormatOptions = (
    RoundRobinOptions
    | GauntletOptions
    | EliminationOptions
    | SwissOptions
    | RaceOptions
    | SprtOptions
)


class ScoreChoice(Part):
    """What a run is worth: a row of `SCORES`, and how close is a draw.

    Args:
        type: Name of the score.
        weights: Of its parts, with sum 1; None takes the score's own.
        epsilon_practical: Points below which a difference means nothing to the author; 0 leaves
            rounding alone.
    """

    type: Annotated[str, _member(dict(SCORES))] = COMPOSITE_V1.name
    weights: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...] | None = None
    epsilon_practical: Annotated[float, Field(ge=0.0, le=200.0)] = 0.0

    @model_validator(mode="after")
    def _weights_fit(self) -> ScoreChoice:
        if self.weights is None:
            return self
        n_weights = len(SCORES[self.type].weights)
        total = math.fsum(self.weights)
        expected = f"{n_weights} with sum 1" if n_weights else "none, for the score has no parts"
        has_sum = abs(total - (1.0 if n_weights else 0.0)) <= WEIGHT_SLACK
        if len(self.weights) != n_weights or not has_sum:
            raise PydanticCustomError(
                "WEIGHTS",
                "weights: got {n} with sum {total}, expected {expected}",
                {"n": len(self.weights), "total": total, "expected": expected},
            )
        return self

    @property
    def used_weights(self) -> tuple[float, ...]:
        """The weights that are used: those given, or else the score's own."""
        return SCORES[self.type].weights if self.weights is None else self.weights

    @property
    def epsilon_points(self) -> float:
        """Scores this close are a draw."""
        return max(EXACT_TIE_POINTS, self.epsilon_practical)


def _with_sum_one(weights: dict[str, float] | None) -> dict[str, float] | None:
    if weights is not None and abs(math.fsum(weights.values()) - 1.0) > WEIGHT_SLACK:
        raise PydanticCustomError(
            "WEIGHTS", "got sum {total}, expected 1", {"total": math.fsum(weights.values())}
        )
    return weights


class TournamentDocument(Part):
    """A tournament, version 0.1.

    Args:
        entries: Strategy ids; None for those of the campaign (`"campaign"` in the document).
        scenarios: Scenario ids; None likewise.
        arena: The order book in which every two entries trade against each other; None lets
            each trade alone.
        alpha: Intervals have coverage ``1 - alpha``.
        champion: Strategy that holds the title, by which the others are measured; None: nobody, or
            the one that a sequential test defends.
        family_weights: Weight of each family in a mean score, with sum 1; None: all the same.
    """

    version: Annotated[str, AfterValidator(check_version)]
    id: Annotated[str, AfterValidator(check_id)]
    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX)]
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)]
    entries: Ids
    scenarios: Ids
    format: Annotated[FormatOptions, Field(discriminator="type")]
    score: ScoreChoice = ScoreChoice()
    # Absent it is left out, so that the hash of a document that does not say it stays as it was.
    arena: Annotated[Book | None, Field(exclude_if=lambda book: book is None)] = None
    execution: str | dict[str, Any] = "honest_v1"
    initial_cash: Annotated[float, Field(gt=0.0, le=1e15)] = 10_000.0
    alpha: Annotated[float, Field(ge=1e-4, le=0.5)] = 0.05
    # Absent they are left out, so that the hash of a document without them stays as it was.
    champion: Annotated[
        str | None,
        AfterValidator(lambda name: name if name is None else check_id(name)),
        Field(exclude_if=lambda name: name is None),
    ] = None
    family_weights: Annotated[
        dict[str, Annotated[float, Field(gt=0.0, le=1.0)]] | None,
        AfterValidator(_with_sum_one),
        Field(exclude_if=lambda weights: weights is None),
    ] = None

    @property
    def made_under(self) -> str:
        """What the runs that are compared were made under, as tables name it."""
        if self.arena is None:
            return execution_name(self.execution)
        return arena_name(self.execution, self.arena)

    @model_validator(mode="after")
    def _fits_its_arena(self) -> TournamentDocument:
        if self.arena is None:
            return self
        wrong = [f"{name}: got {got}, expected {want}" for name, got, want in self._unfit()]
        if wrong:
            raise PydanticCustomError("MISFIT", "arena: {wrong}", {"wrong": "; ".join(wrong)})
        return self

    def _unfit(self) -> list[tuple[str, str, str]]:
        """What does not go with an arena: name, what is there, what should be."""
        unfit = []
        if self.format.type == "race":
            unfit.append(
                ("format", "race", "another: it takes who beats the leader by more for better")
            )
        try:
            fields = execution_fields(self.execution)
        except SpecError:
            return unfit  # What is wrong with an execution by itself is told elsewhere.
        return unfit + [(f"execution.{name}", got, want) for name, got, want in misfits(fields)]


def read_tournament(
    document: str | Path | dict[str, Any] | Loaded, *, home: str | Path | None = None
) -> TournamentDocument:
    """Return the tournament that a document, id, path or text describes.

    Raises:
        SpecError: The document cannot be read, or something in it is wrong; all problems at once.
    """
    loaded = read(document, "tournaments", home=home)
    asked = parse(TournamentDocument, loaded, "DOC_INVALID")
    problems = [*_not_entered(asked), *_two_titles(asked)]
    try:
        execution_fields(asked.execution)
    except SpecError as error:
        problems += error.problems
    if problems:
        raise SpecError([replace(problem, source=loaded.source) for problem in problems])
    return asked


def refusal(document: TournamentDocument, reason: str, path: str, message: str) -> SpecError:
    """Return the error that a tournament cannot be played as its document says.

    Args:
        document: Whose author can mend it.
        reason: What kind of thing is wrong, such as ``NO_GAMES``.
        path: Where in the document, ``/entries``.
        message: What was found, and what was expected.
    """
    return SpecError([Problem("DOC_INVALID", reason, message, path=path, source=document.id)])


def title_of(document: TournamentDocument) -> str | None:
    """Return the id of the strategy that holds the title; None: nobody does."""
    named: str | None = getattr(document.format, "champion", document.champion)
    return named


def _two_titles(asked: TournamentDocument) -> list[Problem]:
    """A document and its sequential test that name different champions."""
    defended = getattr(asked.format, "champion", asked.champion)
    if asked.champion in (None, defended):
        return []
    message = f'got "{asked.champion}", expected "{defended}", whom the format names'
    return [Problem("DOC_INVALID", "CONTRADICTION", message, path="/champion")]


def _not_entered(asked: TournamentDocument) -> list[Problem]:
    """Who is named by the format and stands in no list of entries."""
    if asked.entries is None:
        return []
    named = [("/champion", asked.champion)] if asked.champion is not None else []
    champion = getattr(asked.format, "champion", None)
    if champion is not None:
        named.append(("/format/champion", champion))
    challengers = getattr(asked.format, "challengers", ())
    named += [(f"/format/challengers/{at}", each) for at, each in enumerate(challengers)]
    expected = f"expected one of {', '.join(asked.entries)}"
    return [
        Problem("DOC_INVALID", "UNKNOWN_NAME", f'got "{each}", {expected}', path=path)
        for path, each in named
        if each not in asked.entries
    ]
