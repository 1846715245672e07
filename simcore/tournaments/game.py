"""What is played: rounds of matches between entrants, games on one market each, and their outcome.

A format says who meets whom on which markets; nothing here chooses. Nothing here rates or ranks
either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
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
        score_a: Score of the first on each, shape ``(n_games,)``.
        score_b: Score of the second, likewise.
        points: Points of the first in each, see `points`, shape ``(n_games,)``.
        shares: Weight of each game in a mean, with sum 1, see `Start.shares`, shape ``(n_games,)``.
    """

    markets: Integers
    score_a: Floats
    score_b: Floats
    points: Floats
    shares: Floats

    @property
    def difference(self) -> Floats:
        """Score of the first less that of the second on each market."""
        return self.score_a - self.score_b

    @property
    def mean_a(self) -> float:
        """Mean score of the first over the games; 0 without any."""
        return math.fsum(self.shares * self.score_a)

    @property
    def mean_b(self) -> float:
        """Likewise of the second."""
        return math.fsum(self.shares * self.score_b)

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
        return math.fsum(self.shares * self.difference)


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
        challengers: The entrants that meet everybody, where only they do.
        alpha: Error that the document allows.
        families: Family of each market, by its number; empty: all are of one.
        family_weights: Weight of each family in a mean; empty: all weigh the same.
    """

    entrants: tuple[str, ...]
    deck: tuple[int, ...]
    prior: Mapping[str, float] = field(default_factory=dict)
    champion: str | None = None
    challengers: tuple[str, ...] = ()
    alpha: float = 0.05
    families: tuple[str, ...] = ()
    family_weights: Mapping[str, float] = field(default_factory=dict)

    def shares(self, markets: Sequence[int] | Integers) -> Floats:
        """Weight of each of some markets in a mean over them, with sum 1, as standings weigh.

        Args:
            markets: Their numbers, each once. Families that are not among them weigh nothing, and
                the markets of a family share its weight.
        """
        if not self.families:
            return np.full(len(markets), 1.0 / max(len(markets), 1))
        family = self._family[np.asarray(markets, dtype=np.int64)]
        sizes = np.bincount(family, minlength=len(self._weights))
        # Of a few families, in the order of their names: the same sum wherever it is made.
        total = math.fsum(self._weights[sizes > 0])
        shares: Floats = self._weights[family] / sizes[family] / total
        return shares

    @cached_property
    def _family(self) -> Integers:
        """Place of each market's family among the names of all, sorted."""
        names = sorted(set(self.families))
        return np.array([names.index(name) for name in self.families], dtype=np.int64)

    @cached_property
    def _weights(self) -> Floats:
        """Weight of each family, by the order of their names."""
        return np.array([self.family_weights.get(name, 1.0) for name in sorted(set(self.families))])


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


class Mean(NamedTuple):
    """A weighted mean, its standard error, and how many equal weights tell as much."""

    value: float
    error: float
    n_effective: float


def weighted_mean(values: Floats, shares: Floats) -> Mean:
    """Return the mean of values that do not all weigh the same.

    Args:
        values: Independent of each other, shape ``(n,)``.
        shares: Weights with sum 1, of that shape.

    Returns:
        Of equal weights the mean, the deviation over the root of their number, and their number.
        The error is 0 for fewer than two.

    Source:
        Linearised variance of a ratio: Cochran (1977), "Sampling techniques", 6.3; effective
        number: Kish (1965), "Survey sampling", 11.7.
    """
    n = len(values)
    value = math.fsum(shares * values)
    spread = math.fsum((shares * (values - value)) ** 2) * n / max(n - 1, 1)
    squares = math.fsum(shares**2)
    return Mean(value, math.sqrt(spread), 1.0 / squares if squares > 0.0 else 0.0)


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
