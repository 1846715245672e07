"""The games of every round that a format asks for, and how the course of the rounds ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore.errors import InvariantError
from simcore.tournaments.document import TournamentDocument, refusal
from simcore.tournaments.field import Field, Games
from simcore.tournaments.formats import FORMATS
from simcore.tournaments.game import Finish, Match, Result, Start, points
from simcore.tournaments.paired_field import game_scores
from simcore.tournaments.resample import deck

ROUNDS_MAX: Final = 1_000_000
"""No format asks for so many; one that does would never end."""


def played_games(
    document: TournamentDocument,
    field: Field,
    seed: int,
    names: Mapping[str, str],
    prior: Mapping[str, float],
) -> tuple[Games, list[str], Finish]:
    """Return every game of every round that the format asks for, and how it ended.

    Args:
        document: What is played.
        field: Who takes part, on which markets, with which scores.
        seed: Of the order in which markets are dealt.
        names: Hash of the program by the id of its strategy, aliases too.
        prior: Ratings before the first round, by hash.

    Returns:
        The games, no game where nobody meets; the stage of each round; the format's finish.

    Raises:
        SpecError: Who is named has no runs (UNKNOWN_NAME), a test has other entries than two
            (OUT_OF_RANGE), or fresh markets would run out (TOO_FEW_SCENARIOS).
    """
    place = {entrant.ir_hash: i for i, entrant in enumerate(field.entrants)}
    start = Start(
        entrants=tuple(sorted(place)),
        deck=deck([market.family for market in field.markets], seed),
        prior=prior,
        champion=_champion(document, field, names),
        challengers=_challengers(document, field, names),
        alpha=document.alpha,
        families=tuple(market.family for market in field.markets),
        family_weights=document.family_weights or {},
    )
    _check_markets(document, field)
    course = FORMATS[document.format.type].course(document.format, start)
    parts: list[tuple[Any, ...]] = []
    stages: list[str] = []
    results: dict[Match, Result] | None = None
    for round_index in range(ROUNDS_MAX):
        try:
            asked = next(course) if results is None else course.send(results)
        except StopIteration as end:
            return _joined(parts), stages, end.value
        stages.append(asked.stage)
        dealt = range(len(field.markets)) if asked.markets is None else asked.markets
        markets = np.zeros(len(field.markets), dtype=np.bool_)
        markets[list(dealt)] = True
        results = {}
        for match in asked.matches:
            a, b = place[match.entry_a], place[match.entry_b]
            result = _match(document, field, start, markets, a, b)
            parts.append((round_index, result.markets, a, b, result.points))
            results[match] = result
    raise InvariantError(f"{document.format.type}: does not end")


def _champion(document: TournamentDocument, field: Field, names: Mapping[str, str]) -> str | None:
    """Hash of the entrant whom a test defends; it takes that one and one other."""
    named = getattr(document.format, "champion", None)
    if named is None:
        return None
    present = {entrant.ir_hash for entrant in field.entrants}
    if names.get(named) not in present:
        message = f'got "{named}", expected one of the entries that have runs'
        raise refusal(document, "UNKNOWN_NAME", "/format/champion", message)
    if len(present) != 2:
        message = f"got {len(present)} different strategies, expected the champion and one other"
        raise refusal(document, "OUT_OF_RANGE", "/entries", message)
    return names[named]


def _challengers(
    document: TournamentDocument, field: Field, names: Mapping[str, str]
) -> tuple[str, ...]:
    """Hashes of the entrants whom a document has meet everybody; none where it names none."""
    present = {entrant.ir_hash for entrant in field.entrants}
    named = getattr(document.format, "challengers", ())
    for at, each in enumerate(named):
        if names.get(each) not in present:
            message = f'got "{each}", expected one of the entries that have runs'
            raise refusal(document, "UNKNOWN_NAME", f"/format/challengers/{at}", message)
    return tuple(names[each] for each in named)


def _check_markets(document: TournamentDocument, field: Field) -> None:
    """Refuse a format that would run out of fresh markets."""
    needed = FORMATS[document.format.type].fewest_markets(document.format, len(field.entrants))
    can_meet = len(field.entrants) > 1 and len(field.markets) > 0
    if can_meet and len(field.markets) < needed:
        message = (
            f"got {len(field.markets)} markets, expected at least {needed} for "
            f"{document.format.type} with {len(field.entrants)} entries"
        )
        raise refusal(document, "TOO_FEW_SCENARIOS", "/scenarios", message)


def _match(
    document: TournamentDocument,
    field: Field,
    start: Start,
    markets: NDArray[np.bool_],
    a: int,
    b: int,
) -> Result:
    """Games of two entrants on the markets of a round that both have run on."""
    market = np.flatnonzero(markets & field.has_run[:, a] & field.has_run[:, b])
    score_a, score_b = game_scores(field, market, a, b)
    won = points(score_a, score_b, document.score.epsilon_points)
    return Result(market, score_a, score_b, won, start.shares(market))


def _joined(parts: Sequence[tuple[Any, ...]]) -> Games:
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Games(nothing, nothing, nothing, nothing, np.zeros(0))
    sizes = [len(part[1]) for part in parts]
    return Games(
        round_index=np.repeat(np.array([part[0] for part in parts]), sizes),
        market=np.concatenate([part[1] for part in parts]),
        entry_a=np.repeat(np.array([part[2] for part in parts]), sizes),
        entry_b=np.repeat(np.array([part[3] for part in parts]), sizes),
        points_a=np.concatenate([part[4] for part in parts]),
    )
