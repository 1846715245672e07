"""Ratings of the standings: from games, by four methods.

Only the first is free of the order of the games, and it alone has intervals; the others are shown
beside it. All are rounded to a millionth, since the digits behind belong to the processor.
"""

from __future__ import annotations

import numpy as np

from simcore.tournaments.field import Field, Floats, Games
from simcore.tournaments.game import EXACT_TIE_POINTS
from simcore.tournaments.intervals import Known
from simcore.tournaments.ratings import glicko, plackett_luce
from simcore.tournaments.ratings.bradley_terry import ELO_DECIMALS, Ratings, bradley_terry
from simcore.tournaments.ratings.sequential import elo_permuted, elo_sequence


def wins_by_market(field: Field, games: Games) -> Floats:
    """Return points of row against column on each market, shape ``(n_markets, n * n)``."""
    n = len(field.entrants)
    wins = np.zeros((len(field.markets), n * n))
    np.add.at(wins, (games.market, games.entry_a * n + games.entry_b), games.points_a)
    np.add.at(wins, (games.market, games.entry_b * n + games.entry_a), 1.0 - games.points_a)
    return wins


def ratings(wins_by_market: Floats, known: Known) -> Ratings:
    """Return Bradley-Terry ratings of those who played.

    The others have NaN: with them, who reach nobody, all would need a prior.
    """
    n = len(known.has_games)
    wins = wins_by_market.sum(axis=0).reshape(n, n)  # halves, whose sums are exact in any order
    rated = np.ix_(known.has_games, known.has_games)
    ratings = bradley_terry(wins[rated])
    theta, covariance = np.full(n, np.nan), np.full((n, n), np.nan)
    theta[known.has_games], covariance[rated] = ratings.theta, ratings.covariance
    return Ratings(theta, covariance, ratings.has_prior)


def rating_columns(
    field: Field, games: Games, wins_by_market: Floats, known: Known, seed: int
) -> dict[str, Floats]:
    """Columns of the ratings that come one after the other; NaN for those who met nobody.

    Args:
        field: The runs.
        games: At least one.
        wins_by_market: As `wins_by_market` gives.
        known: Who met anybody.
        seed: Of the orders that `elo_seq_mean` is a mean over.
    """
    n = len(field.entrants)
    order = _canonical(games)
    a, b, won = games.entry_a[order], games.entry_b[order], games.points_a[order]
    mean, deviation = elo_permuted(a, b, won, n, seed)
    mu, sigma = plackett_luce.rate(_places(field))
    wins = wins_by_market.sum(axis=0).reshape(n, n)
    rated = glicko.period(glicko.Glicko.unrated(n), wins, wins + wins.T)
    columns = {
        "elo_seq": elo_sequence(a, b, won, n),
        "elo_seq_mean": mean,
        "elo_seq_sd": deviation,
        "openskill_mu": mu,
        "openskill_sigma": sigma,
        "glicko_r": rated.rating,
        "glicko_rd": rated.deviation,
    }
    return {
        name: np.where(known.has_games, np.round(values, ELO_DECIMALS), np.nan)
        for name, values in columns.items()
    }


def _canonical(games: Games) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Games by round, then by the hashes of the two, then by market."""
    low = np.minimum(games.entry_a, games.entry_b)
    high = np.maximum(games.entry_a, games.entry_b)
    return np.lexsort((games.market, high, low, games.round_index))


def _places(field: Field) -> Floats:
    """Place of each entrant on each market; scores that differ by rounding only share it."""
    places = np.full(field.score.shape, np.nan)
    for score, place in zip(field.score, places, strict=True):
        order = np.argsort(-score, kind="stable")[: int((~np.isnan(score)).sum())]
        falls = np.diff(score[order]) < -EXACT_TIE_POINTS
        place[order] = 1.0 + np.concatenate([[0], np.cumsum(falls)])[: len(order)]
    return places
