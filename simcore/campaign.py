"""A campaign: the document, and everything it names found, checked and ready to run.

Nothing is generated or run here; `simcore.steps` does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from simcore.backtests.request import ExecutionArgument, execution_fields, execution_name
from simcore.chaos.schedule import NO_CHAOS, level
from simcore.documents import KINDS, Loaded, found, nearest, parse, read, taken
from simcore.errors import SpecError
from simcore.problems import Hint, Problem
from simcore.scenario import document as scenario_document
from simcore.scenario.document import Scenario
from simcore.seeds import SEED_MAX, jcs, sha256_hex
from simcore.strategy.check import check_strategy
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tournaments.document import TournamentDocument, read_tournament

CODE: Final = "DOC_INVALID"
DAYS_MAX: Final = 36_525
NAMED_MAX: Final = 1_000

Document = str | Path | Mapping[str, Any]
Part = TypeVar("Part")


def _version(text: str) -> str:
    if re.fullmatch(r"0\.1\.[0-9]{1,9}", text) is None:
        raise PydanticCustomError(
            "VERSION_UNSUPPORTED", "got {got}, expected 0.1.x", {"got": repr(text)}
        )
    return text


def _id(text: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", text) is None:
        expected = "a lower-case letter, then at most 63 of a-z 0-9 _ -"
        raise PydanticCustomError(
            "BAD_ID", "got {got}, expected {expected}", {"got": repr(text), "expected": expected}
        )
    if text in ("true", "false", "inf", "nan", "null", "none"):
        raise PydanticCustomError(
            "BAD_ID", "got {got}, expected a name that no reader takes for a value", {"got": text}
        )
    return text


def _each_once(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PydanticCustomError(
            "DUPLICATE", "got {twice} twice, expected each id once", {"twice": ", ".join(twice)}
        )
    return names


Ids = Annotated[
    list[Annotated[str, AfterValidator(_id)]],
    AfterValidator(_each_once),
    Field(max_length=NAMED_MAX),
]


class CampaignDocument(BaseModel):
    """A campaign, version 0.1.

    Args:
        days: Length of each synthetic scenario, in days of its calendar.
        scenarios: Ids of scenarios.
        strategies: Ids of strategies, or all that there are.
        tournaments: Ids of tournaments, played over the campaign's runs.
        chaos: Level of the storm, or ``none``.
        execution: Profile of every run.
        initial_cash: Quote currency.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    version: Annotated[str, AfterValidator(_version)]
    id: Annotated[str, AfterValidator(_id)]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    seed: Annotated[int, Field(ge=0, le=SEED_MAX)]
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)]
    scenarios: Annotated[Ids, Field(min_length=1)]
    strategies: Literal["all"] | Ids = "all"
    tournaments: Ids = Field(default_factory=list)
    chaos: str = NO_CHAOS
    execution: str | dict[str, Any] = "honest_v1"
    initial_cash: Annotated[float, Field(gt=0.0, le=1e15)] = 10_000.0


@dataclass(frozen=True)
class Campaign:
    """A campaign whose every document was found and is right.

    Args:
        document: The document itself.
        doc_hash: SHA-256 of its canonical JSON.
        scenarios: Checked scenarios, as long as the campaign says, in the order of the document.
        strategies: Compiled strategies, sorted by id.
        tournaments: Tournaments, in the order of the document.
        refused: Problems of strategies that "all" would have named.
    """

    document: CampaignDocument
    doc_hash: str
    scenarios: tuple[Scenario, ...]
    strategies: tuple[Strategy, ...]
    tournaments: tuple[TournamentDocument, ...]
    refused: tuple[Problem, ...] = ()

    @property
    def id(self) -> str:
        """Id of the campaign, the key of its partition."""
        return self.document.id

    def enters(self, strategy_id: str) -> bool:
        """Return whether the campaign runs that strategy, were there one of that id."""
        named = self.document.strategies
        return named == "all" or strategy_id in named


def read_campaign(document: Document, *, home: str | Path | None = None) -> CampaignDocument:
    """Return a campaign's document without looking at what it names.

    Raises:
        SpecError: The document cannot be read, or something in it is wrong.
    """
    return parse(CampaignDocument, read(document, "campaigns", home=home), CODE)


def load(document: Document, *, home: str | Path | None = None, is_strict: bool = True) -> Campaign:
    """Return a campaign with everything it names, checked whole before any work.

    Args:
        document: A campaign's document, its id, path or text.
        home: Folder whose documents join the library's.
        is_strict: Whether a wrong strategy refuses the campaign even if only "all" names it;
            otherwise the strategy is left out and stands in `refused`.

    Raises:
        SpecError: With the problems of the campaign and of all that it names.
    """
    loaded = read(document, "campaigns", home=home)
    asked = parse(CampaignDocument, loaded, CODE)
    finder = _Finder(loaded.source)
    scenarios = finder.each(
        "scenarios",
        asked.scenarios,
        lambda name: scenario_document.for_campaign(
            scenario_document.load(name, home=home), asked.days
        ),
    )
    tournaments = finder.each(
        "tournaments", asked.tournaments, lambda name: read_tournament(name, home=home)
    )
    refused: list[Problem] = []
    if asked.strategies == "all":
        strategies, refused = _all_strategies(home)
        if is_strict:
            finder.problems += refused
            refused = []
    else:
        strategies = finder.each(
            "strategies", asked.strategies, lambda name: compile_strategy(name, home=home)
        )
    profile = finder.attempt("/execution", lambda: _profile(asked.execution))
    if asked.chaos != NO_CHAOS:
        finder.attempt("/chaos", lambda: level(asked.chaos, asked.days, finder.source))
    _check_fit(finder, asked, tournaments, strategies, profile)
    if finder.problems:
        raise SpecError(finder.problems)
    return Campaign(
        document=asked,
        doc_hash=sha256_hex(jcs(loaded.document)),
        scenarios=tuple(scenarios),
        strategies=tuple(sorted(strategies, key=lambda strategy: strategy.id)),
        tournaments=tuple(tournaments),
        refused=tuple(refused),
    )


def check_document(document: str, *, home: str | Path | None = None) -> list[Problem]:
    """Return everything that is wrong with a document of any kind.

    Args:
        document: An id, a path or a text. An id may be known for several kinds; all are checked.
        home: Folder whose documents join the library's.
    """
    try:
        kinds = _kinds_of(document, home)
    except SpecError as error:
        return list(error.problems)
    checks: dict[str, Callable[[], Any]] = {
        "campaigns": lambda: load(document, home=home),
        "scenarios": lambda: scenario_document.load(document, home=home),
        "tournaments": lambda: read_tournament(document, home=home),
    }
    wrong: list[Problem] = []
    for kind in kinds:
        if kind == "strategies":
            wrong += check_strategy(document, home=home)
            continue
        try:
            checks[kind]()
        except SpecError as error:
            wrong += error.problems
    return wrong


class _Finder:
    """Finds what a document names and keeps every problem until all is found."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def attempt(self, path: str, find: Callable[[], Part]) -> Part | None:
        """Return what `find` finds, or note why it finds nothing."""
        try:
            return find()
        except SpecError as error:
            self.problems += (
                # A problem without a place of its own is a problem of what names it.
                problem if problem.source else replace(problem, source=self.source, path=path)
                for problem in error.problems
            )
            return None

    def each(self, field: str, names: Iterable[str], find: Callable[[str], Part]) -> list[Part]:
        """Return what each name of a list stands for, those left out that were not found."""
        parts = [
            self.attempt(f"/{field}/{position}", lambda name=name: find(name))  # type: ignore[misc]
            for position, name in enumerate(names)
        ]
        return [part for part in parts if part is not None]


def _all_strategies(home: str | Path | None) -> tuple[list[Strategy], list[Problem]]:
    strategies = []
    problems = taken("strategies", home)
    clashing = {Path(problem.source).stem for problem in problems}
    for name in found("strategies", home):
        if name in clashing:
            continue
        try:
            strategies.append(compile_strategy(name, home=home))
        except SpecError as error:
            problems += error.problems
    return strategies, problems


def _check_fit(
    finder: _Finder,
    asked: CampaignDocument,
    tournaments: list[TournamentDocument],
    strategies: list[Strategy],
    profile: str | None,
) -> None:
    """Note what tournaments want that the campaign does not give them."""
    # A strategy that was refused has a problem of its own already.
    known = {strategy.id for strategy in strategies}
    if asked.strategies != "all":
        known |= set(asked.strategies)
    for tournament in tournaments:
        wrong = [
            f'scenario "{name}"'
            for name in tournament.scenarios or ()
            if name not in asked.scenarios
        ]
        wrong += [f'strategy "{name}"' for name in tournament.entries or () if name not in known]
        if tournament.initial_cash != asked.initial_cash:
            wrong.append(f"initial_cash {tournament.initial_cash}")
        path = f"/tournaments/{asked.tournaments.index(tournament.id)}"
        wanted = finder.attempt(path, lambda each=tournament: _profile(each.execution))  # type: ignore[misc]
        if None not in (profile, wanted) and wanted != profile:
            wrong.append(f"execution {wanted}")
        finder.problems += (
            Problem(
                CODE,
                "MISFIT",
                f"{tournament.id} wants {each}, expected the campaign's",
                path,
                finder.source,
            )
            for each in wrong
        )


def _profile(profile: ExecutionArgument) -> str:
    """Return the name of an execution whose every field is right."""
    execution_fields(profile)
    return execution_name(profile)


def _kinds_of(document: str, home: str | Path | None) -> list[str]:
    """Return the kinds a document may be of: by its folder, else by its id or its fields."""
    is_id = re.fullmatch(r"[^\s{./\\]+", document) is not None
    if is_id:
        kinds = [kind for kind in KINDS if document in found(kind, home)]
        if kinds:
            return kinds
        known = sorted({name for kind in KINDS for name in found(kind, home)})
        near = nearest(document, known)
        hints = (Hint(f'did you mean "{near}"?'),) if near else ()
        message = f"got {document!r}, expected the id of a document: {', '.join(known)}"
        raise SpecError([Problem(CODE, "UNKNOWN_ID", message, hints=hints)])
    loaded = read(document, "scenarios", home=home)
    if loaded.path is not None and loaded.path.parent.name in KINDS:
        return [loaded.path.parent.name]
    return [_kind_by_fields(loaded)]


def _kind_by_fields(loaded: Loaded) -> str:
    telling = {
        "strategies": "rules",
        "scenarios": "family",
        "tournaments": "format",
        "campaigns": "days",
    }
    for kind, field in telling.items():
        if field in loaded.document:
            return kind
    fields = ", ".join(f"{field} ({kind})" for kind, field in telling.items())
    message = f"cannot tell what this document is, expected one of the fields {fields}"
    raise SpecError([Problem(CODE, "MISSING_FIELD", message, source=loaded.source)])
