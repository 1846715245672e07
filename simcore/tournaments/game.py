"""What is played: matches between entrants, games on one market each, and their outcome.

A format says who meets whom; nothing here chooses. Nothing here rates or ranks either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXACT_TIE_POINTS: Final = 1e-7  # below this two scores differ by rounding only
WIN, DRAW, LOSS = 1.0, 0.5, 0.0


class Match(NamedTuple):
    """Two entrants who meet on every market both have run on."""

    entry_a: str
    entry_b: str


Round = tuple[Match, ...]


class Result(NamedTuple):
    """A match that was played: points are games won plus half the games drawn."""

    round_index: int
    entry_a: str
    entry_b: str
    points_a: float
    points_b: float


@dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    Args:
        name: The name a tournament document uses.
        meaning: One sentence.
        source: Where the method comes from.
        pair: The next round, from the entrants and every result so far; empty when it is over.
    """

    name: str
    meaning: str
    source: str
    pair: Callable[[Sequence[str], Sequence[Result]], Round]


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
