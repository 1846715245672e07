"""Formats played out in tests: outcomes that are a function of the names and markets alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simcore.tournaments.formats import FORMATS
from simcore.tournaments.game import Finish, Match, Result, Results, Round, Start, points
from simcore.tournaments.part import Part

MOST_ROUNDS = 400
Score = Callable[[str, int], float]


def result(match: Match, markets: tuple[int, ...], score: Score) -> Result:
    score_a = np.array([score(match.entry_a, market) for market in markets])
    score_b = np.array([score(match.entry_b, market) for market in markets])
    shares = np.full(len(markets), 1.0 / max(len(markets), 1))
    won = points(score_a, score_b)
    return Result(np.array(markets, dtype=np.int64), score_a, score_b, won, shares)


def played_out(
    options: Part, start: Start, score: Score
) -> tuple[list[Round], list[Results], Finish]:
    """Every round, what came of it, and the finish."""
    course = FORMATS[options.type].course(options, start)  # type: ignore[attr-defined]
    rounds: list[Round] = []
    history: list[Results] = []
    try:
        asked = next(course)
        while True:
            rounds.append(asked)
            assert len(rounds) <= MOST_ROUNDS, "the format does not end"
            markets = start.deck if asked.markets is None else asked.markets
            history.append({match: result(match, markets, score) for match in asked.matches})
            asked = course.send(history[-1])
    except StopIteration as end:
        return rounds, history, end.value


def start(n: int, n_markets: int = 60, **more: object) -> Start:
    names = tuple(f"e{i:02}" for i in range(n))
    return Start(names, tuple(range(n_markets)), **more)  # type: ignore[arg-type]


def by_name(entrant: str, market: int) -> float:
    """The first of the names is the best, on every market a little differently."""
    return -float(entrant[1:]) - 0.01 * ((market * 7 + int(entrant[1:]) * 3) % 11)
