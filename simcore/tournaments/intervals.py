"""What resampling the markets says: intervals of scores, ratings and ranks.

One bootstrap over markets, stratified by family, which resamples a market with all its games.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simcore.tournaments.field import Field, Floats, Games, Integers, strata
from simcore.tournaments.game import EXACT_TIE_POINTS
from simcore.tournaments.ratings.bradley_terry import Ratings, elo, strengths_near
from simcore.tournaments.resample import market_weights

N_RESAMPLES: Final = 10_000
# Every replicate of a rating is a maximum likelihood of its own. With 1,000 of them the ends of a
# normal 95 % interval have a Monte-Carlo error of 0.085 sd, a fiftieth of the interval's width.
N_RATING_RESAMPLES: Final = 1_000
BLOCK_WEIGHTS: Final = 2**20  # replicates are made in blocks of about 8 MiB


@dataclass(frozen=True)
class Replicates:
    """Statistics of every bootstrap replicate, shape ``(n_replicates, n_entrants)``.

    `rank` is the place among the entrants that can be placed, see `Known`.
    """

    score: Floats
    sharpe: Floats
    rank: Integers
    elo: Floats


@dataclass(frozen=True)
class Known:
    """What the markets can say of each entrant, shape ``(n_entrants,)``.

    Args:
        has_spread: Whether resampling moves everything it was judged on. A stratum of one market
            stays as it is in every replicate: the interval would show certainty where there is
            ignorance, so there is none.
        has_sharpe_spread: Likewise for the markets on which it has a Sharpe ratio.
        has_games: Whether it met anybody. Without games there is no rating, and its score is of
            markets that nobody else was on.
    """

    has_spread: NDArray[np.bool_]
    has_sharpe_spread: NDArray[np.bool_]
    has_games: NDArray[np.bool_]

    @property
    def is_placed(self) -> NDArray[np.bool_]:
        """Whether its rank has an interval; the others may stand anywhere."""
        return self.has_spread & self.has_games


def known(field: Field, games: Games) -> Known:
    """Return what the markets can say of each entrant."""
    n = len(field.entrants)
    has_spread, has_sharpe_spread = np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    for stratum in strata(field):
        has_spread &= field.has_run[stratum].sum(axis=0) != 1
        has_sharpe_spread &= (~np.isnan(field.sharpe[stratum])).sum(axis=0) != 1
    n_games = np.bincount(np.concatenate([games.entry_a, games.entry_b]), minlength=n)
    return Known(has_spread, has_spread & has_sharpe_spread, n_games > 0)


def replicates(
    field: Field, share: Floats, wins_by_market: Floats, known: Known, rated: Ratings, seed: int
) -> Replicates:
    """Return the statistics of every bootstrap replicate.

    Args:
        field: The runs.
        share: Weight of each market in each entrant's mean.
        wins_by_market: Points of row against column, shape ``(n_markets, n * n)``.
        known: What the markets can say of each entrant.
        rated: Ratings of all the games, NaN for those without; where replicates start from.
        seed: Of the draws.
    """
    resampled_within = strata(field)
    n = len(field.entrants)
    is_known = ~np.isnan(field.sharpe)
    terms = np.concatenate(
        [
            share * np.where(field.has_run, field.score, 0.0),
            share * np.where(is_known, field.sharpe, 0.0),
            share * is_known,
        ],
        axis=1,
    )
    block = max(1, BLOCK_WEIGHTS // len(field.markets))
    sums = np.zeros((N_RESAMPLES, 3 * n))
    for first in range(0, N_RESAMPLES, block):
        last = min(first + block, N_RESAMPLES)
        weights = market_weights(resampled_within, seed, first, last)
        # Market by market: a matrix product would add in an order of the processor's own.
        for market_weight, term in zip(weights.T, terms, strict=True):
            sums[first:last] += market_weight[:, None] * term
    score, sharpe, weight = np.split(sums, 3, axis=1)
    with np.errstate(invalid="ignore"):
        sharpe = np.where(weight > 0.0, sharpe / weight, np.nan)
    rank = np.empty(score.shape, dtype=np.int64)
    placed = score[:, known.is_placed]
    for entrant in range(n):
        rank[:, entrant] = 1 + (placed - score[:, entrant, None] > EXACT_TIE_POINTS).sum(axis=1)
    rating = _rating_replicates(resampled_within, wins_by_market, known, rated, seed)
    return Replicates(score, sharpe, rank, rating)


def _rating_replicates(
    resampled_within: Sequence[NDArray[np.intp]],
    wins_by_market: Floats,
    known: Known,
    rated: Ratings,
    seed: int,
) -> Floats:
    """Elo points of the first replicates, NaN without games; equal resamples are rated once."""
    n = len(known.has_games)
    weights = market_weights(resampled_within, seed, 0, N_RATING_RESAMPLES)
    distinct, place = np.unique(weights, axis=0, return_inverse=True)
    has_games = known.has_games
    among = np.ix_(has_games, has_games)
    centre = Ratings(rated.theta[has_games], rated.covariance[among], rated.has_prior)
    found = np.full((len(distinct), n), np.nan)
    block = max(1, BLOCK_WEIGHTS // (n * n))
    for first in range(0, len(distinct), block):
        wins = (distinct[first : first + block] @ wins_by_market).reshape(-1, n, n)
        among_rated = wins[:, has_games][:, :, has_games]
        found[first : first + block, has_games] = elo(strengths_near(among_rated, centre))
    return found[place.ravel()]


def interval(
    values: Floats, estimate: Floats, has_spread: NDArray[np.bool_], alpha: float
) -> tuple[Floats, Floats]:
    """Percentile interval of each entrant, widened to hold its estimate; NaN where none is."""
    low, high = np.full(estimate.shape, np.nan), np.full(estimate.shape, np.nan)
    for entrant in np.flatnonzero(has_spread & ~np.isnan(estimate)):
        column = values[:, entrant]
        numbers = column[~np.isnan(column)]
        if numbers.size:
            ends = np.quantile(numbers, [alpha / 2.0, 1.0 - alpha / 2.0])
            low[entrant] = min(ends[0], estimate[entrant])
            high[entrant] = max(ends[1], estimate[entrant])
    return low, high


def rank_interval(
    values: Integers, rank: Integers, known: Known, alpha: float
) -> tuple[Integers, Integers]:
    """As `_interval`, for ranks: ranks that were seen, and room for all that may stand anywhere."""
    low = np.quantile(values, alpha / 2.0, axis=0, method="lower")
    high = np.quantile(values, 1.0 - alpha / 2.0, axis=0, method="higher")
    high = high + np.count_nonzero(~known.is_placed)
    return (
        np.where(known.is_placed, np.minimum(low, rank), 1),
        np.where(known.is_placed, np.maximum(high, rank), len(rank)),
    )
