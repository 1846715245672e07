"""Elo as it is known: one game after the other, and how much of it the order decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simcore.tournaments.resample import uniforms

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

K: Final = 32.0
CENTRE: Final = 1500.0
POINTS_PER_DECADE: Final = 400.0
N_PERMUTATIONS: Final = 200
PERMUTATION_LANE: Final = 2
# Beyond this many games every permutation is of so many of them, evenly spread over the course.
MOST_GAMES: Final = 20_000


def elo_sequence(entry_a: Integers, entry_b: Integers, points_a: Floats, n_entrants: int) -> Floats:
    """Elo points after every game in its order, all from 1500, with K = 32.

    Args:
        entry_a: First entrant of each game, shape ``(n_games,)``.
        entry_b: Second, likewise.
        points_a: Points of the first: 1, 1/2 or 0.
        n_entrants: Size of the field.

    Returns:
        Shape ``(n_entrants,)``; the sum never changes.

    Source:
        Elo (1978), "The rating of chessplayers, past and present".
    """
    rated: Floats = elo_course(entry_a, entry_b, points_a, n_entrants, [len(entry_a)])[0]
    return rated


def elo_course(
    entry_a: Integers, entry_b: Integers, points_a: Floats, n_entrants: int, stops: Sequence[int]
) -> Floats:
    """Elo points as `elo_sequence` has them, after so many games each.

    Args:
        entry_a: As in `elo_sequence`.
        entry_b: As in `elo_sequence`.
        points_a: As in `elo_sequence`.
        n_entrants: Size of the field.
        stops: Numbers of games, rising.

    Returns:
        Shape ``(n_stops, n_entrants)``.
    """
    rating = [CENTRE] * n_entrants
    course, done = [], 0
    a_of, b_of, won_of = entry_a.tolist(), entry_b.tolist(), points_a.tolist()
    for stop in stops:
        for at in range(done, stop):
            a, b = a_of[at], b_of[at]
            expected = 1.0 / (1.0 + 10.0 ** ((rating[b] - rating[a]) / POINTS_PER_DECADE))
            gain = K * (won_of[at] - expected)
            rating[a] += gain
            rating[b] -= gain
        done = stop
        course.append(list(rating))
    return np.array(course)


def elo_permuted(
    entry_a: Integers, entry_b: Integers, points_a: Floats, n_entrants: int, seed: int
) -> tuple[Floats, Floats]:
    """Mean and deviation of `elo_sequence` over seeded orders of the games.

    The deviation is what the order alone decides; a rating that moves by it says nothing else.

    Args:
        entry_a: As in `elo_sequence`.
        entry_b: As in `elo_sequence`.
        points_a: As in `elo_sequence`.
        n_entrants: Size of the field.
        seed: The tournament's seed.

    Returns:
        Mean and deviation (ddof 1), each of shape ``(n_entrants,)``.
    """
    n_games = len(entry_a)
    chosen = np.arange(n_games)
    if n_games > MOST_GAMES:
        chosen = chosen[np.linspace(0, n_games - 1, MOST_GAMES).astype(np.intp)]
    orders = np.argsort(
        uniforms(seed, 0, N_PERMUTATIONS, len(chosen), lane=PERMUTATION_LANE), axis=1, kind="stable"
    )
    rating = np.full((N_PERMUTATIONS, n_entrants), CENTRE)
    rows = np.arange(N_PERMUTATIONS)
    # One game of every order at a time.
    for game in chosen[orders].T:
        a, b = entry_a[game], entry_b[game]
        lead = rating[rows, b] - rating[rows, a]
        gain = K * (points_a[game] - 1.0 / (1.0 + 10.0 ** (lead / POINTS_PER_DECADE)))
        rating[rows, a] += gain
        rating[rows, b] -= gain
    return rating.mean(axis=0), rating.std(axis=0, ddof=1)
