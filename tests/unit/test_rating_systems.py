"""OpenSkill's, Glickman's and Elo's ratings against what was published and what is installed."""

from __future__ import annotations

import numpy as np
import pytest
from openskill.models import PlackettLuce

from simcore.tournaments.ratings.glicko import Glicko, period
from simcore.tournaments.ratings.plackett_luce import MU, SIGMA, ordinal, rate
from simcore.tournaments.ratings.sequential import elo_permuted, elo_sequence


class TestPlackettLuce:
    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_the_library_market_by_market(self, seed: int) -> None:
        draws = np.random.default_rng(seed)
        # Few different places, so that there are ties, and some who did not run.
        ranks = draws.integers(1, 5, size=(12, 6)).astype(float)
        ranks[draws.random(ranks.shape) < 0.15] = np.nan
        model = PlackettLuce()
        known = [model.rating() for _ in range(6)]
        for row in ranks:
            present = np.flatnonzero(~np.isnan(row))
            if present.size > 1:
                rated = model.rate([[known[i]] for i in present], ranks=row[present].tolist())
                for i, (rating,) in zip(present, rated, strict=True):
                    known[i] = rating
        mu, sigma = rate(ranks)
        assert mu == pytest.approx([each.mu for each in known], rel=1e-9)
        assert sigma == pytest.approx([each.sigma for each in known], rel=1e-9)
        assert ordinal(mu, sigma) == pytest.approx([each.ordinal() for each in known], rel=1e-9)

    def test_who_is_alone_on_a_market_learns_nothing(self) -> None:
        mu, sigma = rate(np.array([[1.0, np.nan], [np.nan, 1.0]]))
        assert mu.tolist() == [MU, MU] and sigma.tolist() == [SIGMA, SIGMA]


class TestGlicko:
    def test_the_published_example_is_reproduced(self) -> None:
        before = Glicko(
            np.array([1500.0, 1400.0, 1550.0, 1700.0]),
            np.array([200.0, 30.0, 100.0, 300.0]),
            np.full(4, 0.06),
        )
        wins, games = np.zeros((4, 4)), np.zeros((4, 4))
        wins[0, 1] = wins[2, 0] = wins[3, 0] = 1.0
        games[0, 1:] = games[1:, 0] = 1.0
        after = period(before, wins, games)
        assert after.rating[0] == pytest.approx(1464.06, abs=0.01)
        assert after.deviation[0] == pytest.approx(151.52, abs=0.01)
        assert after.volatility[0] == pytest.approx(0.05999, abs=1e-5)

    def test_who_does_not_play_keeps_the_rating_and_grows_less_certain(self) -> None:
        before = Glicko(np.array([1600.0, 1500.0]), np.array([50.0, 50.0]), np.full(2, 0.06))
        after = period(before, np.zeros((2, 2)), np.zeros((2, 2)))
        assert after.rating.tolist() == [1600.0, 1500.0]
        assert (after.deviation > 50.0).all() and (after.deviation < 52.0).all()

    def test_an_upset_raises_volatility(self) -> None:
        before = Glicko(np.array([1200.0, 2200.0]), np.array([60.0, 60.0]), np.full(2, 0.06))
        wins = np.array([[0.0, 8.0], [0.0, 0.0]])
        after = period(before, wins, wins + wins.T)
        assert (after.volatility > 0.06).all()
        assert after.rating[0] > 1200.0 and after.rating[1] < 2200.0


class TestSequentialElo:
    def test_a_game_of_equals_moves_sixteen_points(self) -> None:
        rating = elo_sequence(np.array([0]), np.array([1]), np.array([1.0]), 2)
        assert rating.tolist() == [1516.0, 1484.0]

    def test_points_are_won_from_the_other(self) -> None:
        draws = np.random.default_rng(3)
        a, b = draws.integers(0, 3, 60), 3 + draws.integers(0, 3, 60)
        rating = elo_sequence(a, b, draws.integers(0, 3, 60) / 2.0, 6)
        assert rating.sum() == pytest.approx(9000.0, abs=1e-8)

    def test_the_order_decides_much_of_it_and_the_spread_says_how_much(self) -> None:
        draws = np.random.default_rng(4)
        a, b = np.arange(120) % 4, 4 + draws.integers(0, 4, 120)
        points = draws.integers(0, 2, 120).astype(float)
        mean, spread = elo_permuted(a, b, points, 8, 1)
        ratings = np.array(
            [
                elo_sequence(a[order], b[order], points[order], 8)
                for order in (draws.permutation(120) for _ in range(400))
            ]
        )
        assert (spread > 10.0).all()
        assert mean == pytest.approx(ratings.mean(axis=0), abs=5 * spread.max() / np.sqrt(200))
        assert spread == pytest.approx(ratings.std(axis=0, ddof=1), rel=0.25)
        assert [each.tolist() for each in elo_permuted(a, b, points, 8, 1)] == [
            mean.tolist(), spread.tolist(),
        ]  # fmt: skip
