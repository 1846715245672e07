"""A campaign: the document, and everything it names found, checked and ready to run.

Nothing is generated or run here; `simcore.steps` does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from simcore.backtests.request import ExecutionArgument, execution_fields, execution_name
from simcore.campaign_document import (
    ALL,
    CODE,
    CampaignDocument,
    Document,
    Readable,
    read_campaign,
    read_whole,
    readable,
)
from simcore.chaos.schedule import level_for
from simcore.disk import odd
from simcore.documents import KINDS, Loaded, found, nearest, parse, read, taken
from simcore.errors import SpecError
from simcore.evolution.document import read_evolution
from simcore.problems import Hint, Problem
from simcore.scenario import document as scenario_document
from simcore.scenario.document import Scenario
from simcore.scenario.suite import read_suite
from simcore.seeds import jcs, sha256_hex
from simcore.strategy.check import check_strategy
from simcore.strategy.strategy import Strategy, compile_strategy
from simcore.tournaments.arrange import check_weights
from simcore.tournaments.document import TournamentDocument, read_tournament, title_of
from simcore.tournaments.pairings import check_size, played_on
from simcore.tournaments.seeding import in_order

__all__ = [
    "Campaign",
    "CampaignDocument",
    "check_document",
    "check_loaded",
    "kinds_of",
    "load",
    "read_campaign",
]

Part = TypeVar("Part")

# What tells that a text that cannot be read was to be a strategy.
_RULES: Final = re.compile(r"""^\s*\[\[\s*rules\s*\]\]|(?:^|[{,])\s*["']?rules["']?\s*[=:]""", re.M)
_RAW_MAX_BYTES: Final = 1 << 20


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
        return named == ALL or strategy_id in named


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
    loaded = read_whole(document, home=home)
    finder = _Finder(loaded.source)
    asked = finder.attempt("", lambda: parse(CampaignDocument, loaded, CODE))
    named = readable(loaded.document)
    scenarios = finder.each(
        "scenarios", named, lambda name: _scenario(name, named.days, loaded.source, home)
    )
    tournaments = finder.each("tournaments", named, lambda name: read_tournament(name, home=home))
    strategies = finder.each("strategies", named, lambda name: compile_strategy(name, home=home))
    refused: list[Problem] = []
    if loaded.document.get("strategies", ALL) == ALL:
        strategies, refused = _all_strategies(home)
        if is_strict:
            finder.problems += refused
            refused = []
    profile = finder.attempt("/execution", lambda: _profile(named.execution))
    finder.attempt("/chaos", lambda: level_for(named.chaos, named.days, loaded.source))
    if asked is not None:
        _check_fit(finder, asked, tournaments, strategies, profile)
        if len(tournaments) == len(asked.tournaments) and len(scenarios) == len(asked.scenarios):
            _check_course(finder, tournaments, scenarios, strategies)
    if asked is None or finder.problems:
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
        kinds = kinds_of(document, home=home)
    except SpecError as error:
        return list(error.problems)
    wrong: list[Problem] = []
    for kind in kinds:
        try:
            wrong += check_loaded(read(document, kind, home=home), kind, home=home)
        except SpecError as error:
            wrong += error.problems
    return wrong


def check_loaded(loaded: Loaded, kind: str, *, home: str | Path | None = None) -> list[Problem]:
    """Return everything that is wrong with a document of a kind that was read.

    Args:
        loaded: The document.
        kind: One of `simcore.documents.KINDS`.
        home: Folder whose documents join the library's.
    """
    if kind == "strategies":
        return check_strategy(loaded, home=home)
    checks: dict[str, Callable[[], Any]] = {
        "campaigns": lambda: load(loaded, home=home),
        "scenarios": lambda: scenario_document.warnings(scenario_document.load(loaded, home=home)),
        "suites": lambda: read_suite(loaded, home=home),
        "tournaments": lambda: read_tournament(loaded, home=home),
        "evolutions": lambda: read_evolution(loaded, home=home),
    }
    try:
        found = checks[kind]()
    except SpecError as error:
        return loaded.placed(error.problems)
    return loaded.placed(found) if kind == "scenarios" else []


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
                replace(problem, source=self.source, path=problem.path or path)
                if not problem.source
                else problem
                for problem in error.problems
            )
            return None

    def each(self, kind: str, named: Readable, find: Callable[[str], Part]) -> list[Part]:
        """Return what each name of a list stands for, those left out that were not found."""
        parts = [
            self.attempt(f"/{kind}/{position}", lambda name=name: find(name))  # type: ignore[misc]
            for position, name in named.names[kind].items()
        ]
        return [part for part in parts if part is not None]


def _scenario(name: str, days: int | None, source: str, home: str | Path | None) -> Scenario:
    """Return a scenario of a campaign, as long as the campaign's days make it, where they can."""
    scenario = scenario_document.load(name, home=home)
    n_assets = len(scenario.document.assets)
    if n_assets > 1:
        message = f'scenario "{name}" has {n_assets} assets, expected one: backtests read one asset'
        hints = (Hint("leave it out of the campaign"),)
        raise SpecError([Problem(CODE, "MULTIPLE_ASSETS", message, hints=hints)])
    return scenario if days is None else scenario_document.for_campaign(scenario, days, source)


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
    if asked.strategies != ALL:
        known |= set(asked.strategies)
    for tournament in tournaments:
        wrong = [
            f'scenario "{name}"'
            for name in tournament.scenarios or ()
            if name not in asked.scenarios
        ]
        wrong += [f'strategy "{name}"' for name in _named(tournament) if name not in known]
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


def _named(tournament: TournamentDocument) -> list[str]:
    """Ids of the strategies that a tournament names, each once."""
    challengers = getattr(tournament.format, "challengers", ())
    named = (*(tournament.entries or ()), title_of(tournament), *challengers)
    return list(dict.fromkeys(name for name in named if name is not None))


def _check_course(
    finder: _Finder,
    tournaments: list[TournamentDocument],
    scenarios: list[Scenario],
    strategies: list[Strategy],
) -> None:
    """Note what would else be refused when all is made and the tournaments are played."""
    finder.attempt("/tournaments", lambda: in_order(tournaments))
    for position, tournament in enumerate(tournaments):
        finder.attempt(
            f"/tournaments/{position}",
            lambda of=tournament: _check_field(of, scenarios, strategies),  # type: ignore[misc]
        )


def _check_field(
    tournament: TournamentDocument, scenarios: list[Scenario], strategies: list[Strategy]
) -> None:
    """Refuse weights that fit no market of the entries, and more arenas than can be played."""
    entered = [
        each for each in strategies if tournament.entries is None or each.id in tournament.entries
    ]
    asked = [
        each.document
        for each in scenarios
        if tournament.scenarios is None or each.id in tournament.scenarios
    ]
    markets = played_on(tournament, entered, asked)
    check_weights(tournament, [each.family for each in markets])
    n_programs = len({each.ir_hash for each in entered})
    check_size(tournament, n_programs, sum(each.paths for each in markets))


def _profile(profile: ExecutionArgument | None) -> str | None:
    """Return the name of an execution whose every field is right; of none, none."""
    if profile is None:
        return None
    execution_fields(profile)
    return execution_name(profile)


def kinds_of(document: str, *, home: str | Path | None = None) -> list[str]:
    """Return the kinds a document may be of: by its folder, else by its id or its fields.

    Args:
        document: An id, a path or a text.
        home: Folder whose documents join the library's.

    Raises:
        SpecError: It cannot be read, no document has that id, or no kind has its fields.
    """
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
    is_path = document.endswith((".toml", ".json")) and not re.search(r"[\n{]", document)
    if is_path and Path(document).parent.name in KINDS:
        return [Path(document).parent.name]
    try:
        return [_kind_by_fields(read(document, "scenarios", home=home))]
    except SpecError:
        if _RULES.search(_raw(document) if is_path else document):
            return ["strategies"]
        raise


def _raw(path: str) -> str:
    """Return what can be read of a file, whatever it holds."""
    try:
        if odd(Path(path)) is not None:
            return ""
        with Path(path).open("rb") as file:
            return file.read(_RAW_MAX_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _kind_by_fields(loaded: Loaded) -> str:
    telling = {
        "strategies": "rules",
        "scenarios": "family",
        "tournaments": "format",
        "campaigns": "days",
        "evolutions": "commitment",
    }
    if not {"seed", "chaos", "strategies", "tournaments"} & set(loaded.document):
        telling["suites"] = telling.pop("campaigns")
    for kind, field in telling.items():
        if field in loaded.document:
            return kind
    fields = ", ".join(f"{field} ({kind})" for kind, field in telling.items())
    message = f"cannot tell what this document is, expected one of the fields {fields}"
    raise SpecError([Problem(CODE, "MISSING_FIELD", message, source=loaded.source)])
