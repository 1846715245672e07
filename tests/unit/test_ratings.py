"""Bradley-Terry ratings."""

from __future__ import annotations

import math

import choix
import numpy as np
import pytest
from numpy.typing import NDArray

from simcore.tournaments.ratings.bradley_terry import bradley_terry, elo, strengths, strengths_near

Floats = NDArray[np.float64]


def wins_matrix(n: int, games: list[tuple[int, int, float]]) -> Floats:
    wins = np.zeros((n, n))
    for a, b, points_a in games:
        wins[a, b] += points_a
        wins[b, a] += 1.0 - points_a
    return wins


def random_wins(n: int, seed: int, games_each: int = 12) -> Floats:
    generator = np.random.default_rng(seed)
    outcomes = [0.0, 0.5, 1.0]
    return wins_matrix(
        n,
        [
            (a, b, outcomes[generator.integers(0, 3)])
            for a in range(n)
            for b in range(a)
            for _ in range(games_each)
        ],
    )


@pytest.mark.parametrize("n", [2, 3, 7, 12])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_strengths_agree_with_choix(n: int, seed: int) -> None:
    wins = random_wins(n, seed)
    # choix knows no draws: with every game doubled, half a win is one win.
    data = [(i, j) for i in range(n) for j in range(n) for _ in range(round(2 * wins[i, j]))]
    expected = choix.ilsr_pairwise(n, data, alpha=0.0, max_iter=10_000, tol=1e-13)
    ratings = bradley_terry(wins)
    assert not ratings.has_prior
    np.testing.assert_allclose(ratings.theta, expected - expected.mean(), rtol=0, atol=1e-8)


def test_two_entrants_have_the_log_odds_of_their_record() -> None:
    ratings = bradley_terry(wins_matrix(2, [(0, 1, 1.0)] * 3 + [(0, 1, 0.0)]))
    assert ratings.theta[0] - ratings.theta[1] == pytest.approx(math.log(3.0), abs=1e-12)
    assert ratings.elo[0] - ratings.elo[1] == pytest.approx(400.0 * math.log10(3.0), abs=2e-6)


def test_the_score_equations_hold_at_the_maximum() -> None:
    wins = random_wins(9, seed=4)
    theta = bradley_terry(wins).theta
    games = wins + wins.T
    chance = 1.0 / (1.0 + np.exp(theta[None, :] - theta[:, None]))
    np.testing.assert_allclose((games * chance).sum(axis=1), wins.sum(axis=1), atol=1e-9)
    assert abs(theta.sum()) < 1e-12


def test_all_draws_rate_everybody_equally() -> None:
    ratings = bradley_terry(np.where(np.eye(5) == 1.0, 0.0, 0.5))
    assert ratings.elo.tolist() == [1500.0] * 5
    assert not ratings.has_prior


def test_an_unbeaten_entrant_needs_the_prior_and_stays_finite() -> None:
    ratings = bradley_terry(wins_matrix(3, [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0), (1, 2, 0.0)]))
    assert ratings.has_prior
    assert np.isfinite(ratings.elo).all()
    assert ratings.elo[0] > 1500.0
    assert ratings.elo[1] == ratings.elo[2]


def test_the_prior_solution_is_where_its_gradient_vanishes() -> None:
    wins = wins_matrix(3, [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)])
    theta = strengths(wins[None])[0][0]
    chance = 1.0 / (1.0 + np.exp(theta[None, :] - theta[:, None]))
    gradient = (wins - (wins + wins.T) * chance).sum(axis=1) - theta
    np.testing.assert_allclose(gradient, 0.0, atol=1e-10)


def test_one_draw_is_enough_to_do_without_the_prior() -> None:
    wins = wins_matrix(2, [(0, 1, 1.0)] * 5 + [(0, 1, 0.5)])
    assert not bradley_terry(wins).has_prior


def test_long_one_sided_records_converge() -> None:
    wins = wins_matrix(3, [(0, 1, 1.0), (1, 2, 1.0)] * 100_000 + [(2, 0, 1.0)])
    theta = bradley_terry(wins).theta
    assert theta[0] > theta[1] > theta[2]
    assert np.isfinite(theta).all()


def test_many_fields_at_once_equal_each_alone() -> None:
    fields = np.stack([random_wins(3, seed, games_each=1) for seed in range(40)])
    together, has_prior = strengths(fields)
    for wins, theta, prior in zip(fields, together, has_prior, strict=True):
        alone = bradley_terry(wins)
        np.testing.assert_allclose(alone.theta, theta, rtol=0, atol=1e-12)
        assert alone.has_prior == prior
    assert has_prior.any() and not has_prior.all()  # both kinds were among them


def resamples(n: int, n_markets: int, seed: int, spread: float, n_fields: int = 40) -> Floats:
    """Win matrices of a field and, after it, of its resamples by market."""
    generator = np.random.default_rng(seed)
    skill = spread * generator.normal(size=n)
    form = skill + generator.gumbel(size=(n_markets, n))
    won = (form[:, :, None] > form[:, None, :]).astype(np.float64)
    weights = generator.multinomial(n_markets, np.full(n_markets, 1.0 / n_markets), n_fields)
    weights[0] = 1
    wins: Floats = np.einsum("fm,mij->fij", weights.astype(np.float64), won)
    return wins


@pytest.mark.parametrize(
    ("n", "n_markets", "spread"),
    [(2, 30, 0.5), (6, 8, 1.0), (12, 60, 0.3), (12, 12, 2.0), (30, 50, 0.6)],
    ids=["two", "few markets", "level", "one-sided", "many"],
)
def test_resamples_rated_from_the_whole_are_those_rated_alone(
    n: int, n_markets: int, spread: float
) -> None:
    wins = resamples(n, n_markets, 7, spread)
    found = strengths_near(wins, bradley_terry(wins[0]))
    np.testing.assert_allclose(found, strengths(wins)[0], rtol=0, atol=1e-9)


def test_a_resample_agrees_with_choix() -> None:
    wins = np.round(resamples(8, 40, 3, 0.5))
    data = [(i, j) for i in range(8) for j in range(8) for _ in range(round(wins[5, i, j]))]
    expected = choix.ilsr_pairwise(8, data, alpha=0.0, max_iter=10_000, tol=1e-14)
    found = strengths_near(wins, bradley_terry(wins[0]))[5]
    np.testing.assert_allclose(found, expected - expected.mean(), rtol=0, atol=1e-9)


def test_a_resample_with_an_unbeaten_entrant_has_the_prior_though_the_whole_has_none() -> None:
    wins = np.array([[[0.0, 9.0], [1.0, 0.0]], [[0.0, 10.0], [0.0, 0.0]]])
    whole = bradley_terry(wins[0])
    assert not whole.has_prior
    found = strengths_near(wins, whole)
    np.testing.assert_allclose(found[1], bradley_terry(wins[1]).theta, rtol=0, atol=1e-9)


def test_a_resample_far_from_the_whole_is_rated_all_the_same() -> None:
    wins = np.array([[[0.0, 999.0], [1.0, 0.0]], [[0.0, 1.0], [999.0, 0.0]]])
    found = strengths_near(wins, bradley_terry(wins[0]))
    np.testing.assert_allclose(found[1], -found[0], rtol=0, atol=1e-8)


def test_covariance_is_the_pseudo_inverse_of_the_information() -> None:
    wins = random_wins(4, seed=8)
    ratings = bradley_terry(wins)
    games = wins + wins.T
    chance = 1.0 / (1.0 + np.exp(ratings.theta[None, :] - ratings.theta[:, None]))
    weight = games * chance * chance.T
    information = np.diag(weight.sum(axis=1)) - weight
    np.testing.assert_allclose(
        information @ ratings.covariance @ information, information, atol=1e-9
    )
    np.testing.assert_allclose(ratings.covariance.sum(axis=0), 0.0, atol=1e-9)


def test_superiority_grows_with_the_record_and_is_one_half_between_equals() -> None:
    few = bradley_terry(wins_matrix(2, [(0, 1, 1.0)] * 3 + [(0, 1, 0.0)] * 2))
    many = bradley_terry(wins_matrix(2, [(0, 1, 1.0)] * 30 + [(0, 1, 0.0)] * 20))
    even = bradley_terry(wins_matrix(2, [(0, 1, 1.0), (0, 1, 0.0)]))
    assert 0.5 < few.superiority(0, 1) < many.superiority(0, 1) < 1.0
    assert few.superiority(0, 1) + few.superiority(1, 0) == pytest.approx(1.0, abs=1e-12)
    assert even.superiority(0, 1) == 0.5


def test_four_hundred_points_are_odds_of_ten_to_one() -> None:
    assert elo(np.array([math.log(10.0), 0.0])).tolist() == [1900.0, 1500.0]
