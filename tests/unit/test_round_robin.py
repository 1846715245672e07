"""Round robin, and what a game is worth."""

from __future__ import annotations

import numpy as np
import pytest
from courses import by_name, played_out, start

from simcore.tournaments.formats.round_robin import RoundRobinOptions
from simcore.tournaments.game import Match, points, result_names


def rounds_of(n: int) -> list[tuple[Match, ...]]:
    options = RoundRobinOptions(type="round_robin")
    return [each.matches for each in played_out(options, start(n), by_name)[0]]


@pytest.mark.parametrize(("n", "expected"), [(2, 1), (3, 3), (4, 3), (5, 5), (8, 7), (9, 9)])
def test_a_round_robin_takes_the_least_number_of_rounds(n: int, expected: int) -> None:
    assert len(rounds_of(n)) == expected


@pytest.mark.parametrize("n", range(2, 12))
def test_every_pair_meets_once_and_nobody_twice_a_round(n: int) -> None:
    entrants = start(n).entrants
    rounds = rounds_of(n)
    met = [match for matches in rounds for match in matches]
    assert sorted(met) == sorted(Match(a, b) for a in entrants for b in entrants if a < b)
    for matches in rounds:
        seated = [entrant for match in matches for entrant in match]
        assert len(seated) == len(set(seated))
        assert len(seated) == n - n % 2


def test_of_an_odd_number_everybody_rests_once() -> None:
    entrants = start(5).entrants
    resting = [
        set(entrants) - {entrant for match in matches for entrant in match}
        for matches in rounds_of(5)
    ]
    assert sorted(next(iter(rest)) for rest in resting) == list(entrants)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_entrants_never_meet(n: int) -> None:
    assert rounds_of(n) == []


def test_scores_within_rounding_are_a_draw_and_beyond_it_are_not() -> None:
    score_a = np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    score_b = np.array([1.0, 1.0 + 9e-8, 1.0 - 9e-8, 1.0 + 2e-7, 1.0 - 2e-7])
    assert points(score_a, score_b).tolist() == [0.5, 0.5, 0.5, 0.0, 1.0]
    assert result_names(points(score_a, score_b)) == ["draw", "draw", "draw", "b", "a"]
    assert (points(score_a, score_b) + points(score_b, score_a) == 1.0).all()


def test_a_practical_tie_may_be_wider() -> None:
    assert points(np.array([1.4, 1.6]), np.array([1.0, 1.0]), 0.5).tolist() == [0.5, 1.0]


def test_scores_that_are_just_as_close_as_a_tie_may_be_are_a_draw_for_both() -> None:
    score_a, score_b = np.array([1.5, 1.0]), np.array([1.0, 1.5])
    assert points(score_a, score_b, 0.5).tolist() == [0.5, 0.5]
