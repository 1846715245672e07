"""What is played: rounds of matches between entrants, games on one market each, and their outcome.

A format says who meets whom on which markets; nothing here chooses. Nothing here rates or ranks
either.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcore.tournaments.part import Part

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EXACT_TIE_POINTS: Final = 1e-7  # below this two scores differ by rounding only
WIN, DRAW, LOSS = 1.0, 0.5, 0.0


class Match(NamedTuple):
    """Two entrants who meet on every market of their round that both have run on."""

    entry_a: str
    entry_b: str


@dataclass(frozen=True)
class Round:
    """Matches that are played at the same time.

    Args:
        matches: Who meets whom; nobody twice, unless the format measures all against one.
        byes: Who rests, and has the points of a match won.
        markets: Numbers of the markets it is played on; None: on every market.
        stage: What the round is to its format, in a word or two.
    """

    matches: tuple[Match, ...]
    byes: tuple[str, ...] = ()
    markets: tuple[int, ...] | None = None
    stage: str = ""


@dataclass(frozen=True)
class Result:
    """A match that was played.

    Args:
        markets: Numbers of the markets of its games, rising, shape ``(n_games,)``.
        difference: Score of the first less that of the second on each, shape ``(n_games,)``.
        points: Points of the first in each, see `points`, shape ``(n_games,)``.
    """

    markets: Integers
    difference: Floats
    points: Floats

    @property
    def points_a(self) -> float:
        """Games won plus half the games drawn, of the first."""
        return float(self.points.sum())  # halves: exact

    @property
    def points_b(self) -> float:
        """Likewise of the second; together they are the games."""
        return len(self.points) - self.points_a

    @property
    def margin(self) -> float:
        """Mean difference over the games; 0 without any."""
        return float(np.mean(self.difference)) if len(self.difference) else 0.0


Results = Mapping[Match, Result]
"""What became of every match of a round."""


@dataclass(frozen=True)
class Start:
    """What a format knows before the first round.

    Args:
        entrants: Names, each once, sorted.
        deck: Numbers of all markets in the order in which fresh ones are dealt: shuffled by the
            tournament's seed, families taking turns, so that any hand holds them evenly.
        prior: Rating of entrants from before, where there is one; higher is stronger.
        champion: The entrant that another challenges, if the document names one.
        alpha: Error that the document allows.
    """

    entrants: tuple[str, ...]
    deck: tuple[int, ...]
    prior: Mapping[str, float] = field(default_factory=dict)
    champion: str | None = None
    alpha: float = 0.05


@dataclass(frozen=True)
class Finish:
    """How a format ended.

    Args:
        places: Groups of entrants, the best first; those of one group stand level. Empty where
            the format itself places nobody and the scores alone do.
        facts: What is worth knowing of its course: text and numbers by name.
    """

    places: tuple[tuple[str, ...], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


Course = Generator[Round, Results, Finish]
"""A format under way: it asks for a round, is told its results, and finishes."""


@dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    Args:
        name: The name a tournament document uses.
        meaning: One sentence.
        source: Where the method comes from.
        options: What a document may say of it beside its name.
        course: Rounds as a function of the options, the start and the results so far, and of
            nothing else.
        fewest_markets: Markets it takes, by options and number of entrants.
    """

    name: str
    meaning: str
    source: str
    options: type[Part]
    course: Callable[[Any, Start], Course]
    fewest_markets: Callable[[Any, int], int]


def next_round(
    row: Format, options: Part, start: Start, history: Sequence[Results]
) -> Round | Finish:
    """Return the round that follows these results, or how it ended.

    Args:
        row: The format.
        options: What the document says of it.
        start: What is known before.
        history: Results of every round so far, in order.
    """
    course = row.course(options, start)
    try:
        asked = next(course)
        for results in history:
            asked = course.send(results)
    except StopIteration as end:
        finish: Finish = end.value
        return finish
    return asked


def points(score_a: Floats, score_b: Floats, epsilon_points: float = EXACT_TIE_POINTS) -> Floats:
    """Points of the first entrant, game by game: 1 a win, 1/2 a draw, 0 a loss.

    Args:
        score_a: Scores of the first entrant, shape ``(n_games,)``.
        score_b: Scores of the second on the same markets, shape ``(n_games,)``.
        epsilon_points: Scores this close are a draw.

    Returns:
        Shape ``(n_games,)``. Swapping the entrants gives one minus this, whoever is listed first.
    """
    difference = score_a - score_b
    return np.where(
        difference > epsilon_points, WIN, np.where(difference < -epsilon_points, LOSS, DRAW)
    )


def result_names(points_a: Floats) -> list[str]:
    """`a`, `b` or `draw` for each game, from the points of the first entrant."""
    return ["a" if value == WIN else "b" if value == LOSS else "draw" for value in points_a]
