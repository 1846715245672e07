"""Standings: who leads, by how much, and how sure that is.

Reads the scores of runs and the points of games; never a price, never a document. Point estimates
are exactly rounded sums and replicates add market by market, so that neither the order of the
rows nor the processor can change a byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simcore.tables import TABLES
from simcore.tournaments.field import (
    Field,
    Floats,
    Games,
    Integers,
    known_means,
    rank_correlation,
    shares,
    strata,
    weighted_sums,
)
from simcore.tournaments.game import EXACT_TIE_POINTS
from simcore.tournaments.ratings.bradley_terry import Ratings, bradley_terry, elo, strengths
from simcore.tournaments.resample import market_weights

N_RESAMPLES: Final = 10_000
# Every replicate of a rating is a maximum likelihood of its own. With 1,000 of them the ends of a
# normal 95 % interval have a Monte-Carlo error of 0.085 sd, a fiftieth of the interval's width.
N_RATING_RESAMPLES: Final = 1_000
FEW_MARKETS: Final = 20
BLOCK_WEIGHTS: Final = 2**20  # replicates are made in blocks of about 8 MiB


@dataclass(frozen=True)
class _Replicates:
    """Statistics of every bootstrap replicate, shape ``(n_replicates, n_entrants)``.

    `rank` is the place among the entrants that can be placed, see `_Known`.
    """

    score: Floats
    sharpe: Floats
    rank: Integers
    elo: Floats


@dataclass(frozen=True)
class _Known:
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


def standings(
    field: Field, games: Games, *, tournament_id: str, manifest_hash: str, seed: int, alpha: float
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Rank the field by mean score and rate it by its games.

    The score of an entrant is the mean of its families' means. Intervals come from one bootstrap
    over markets, stratified by family, which resamples a market with all its games. An interval
    is a percentile interval, widened where needed to hold its own estimate. An entrant that was
    judged on a stratum of one market has no interval, and one without games no rating; either may
    have any rank, and the rank intervals of the others leave room for it.

    Args:
        field: Runs; every entrant has at least one.
        games: At least one.
        tournament_id: Goes into the rows.
        manifest_hash: Goes into the rows.
        seed: Of the bootstrap, 0 to 2**53 - 1.
        alpha: Intervals have coverage ``1 - alpha``.

    Returns:
        Rows of the table `standings`, and facts about the whole: rank correlation of the order
        with each part of the score, intervals that take games for independent, the chance that
        the first is stronger than the second.
    """
    share = shares(field)
    wins_by_market = _wins_by_market(field, games)
    known = _known(field, games)
    ratings = _ratings(wins_by_market, known)
    score = weighted_sums(share, field.score)
    replicates = _replicates(field, share, wins_by_market, known, seed)
    order = _order(field, score, ratings)
    rank = _ranks(score, order)
    frame = _frame(
        field, games, known, replicates, ratings, share, score, rank, alpha
    ).with_columns(tournament_id=pl.lit(tournament_id), manifest_hash=pl.lit(manifest_hash))
    facts = _facts(field, games, ratings, order, score, share, alpha)
    return TABLES["standings"].conform(frame.sort("ir_hash")), facts


def _wins_by_market(field: Field, games: Games) -> Floats:
    """Points of row against column on each market, shape ``(n_markets, n * n)``."""
    n = len(field.entrants)
    wins = np.zeros((len(field.markets), n * n))
    np.add.at(wins, (games.market, games.entry_a * n + games.entry_b), games.points_a)
    np.add.at(wins, (games.market, games.entry_b * n + games.entry_a), 1.0 - games.points_a)
    return wins


def _known(field: Field, games: Games) -> _Known:
    n = len(field.entrants)
    has_spread, has_sharpe_spread = np.ones(n, dtype=np.bool_), np.ones(n, dtype=np.bool_)
    for stratum in strata(field):
        has_spread &= field.has_run[stratum].sum(axis=0) != 1
        has_sharpe_spread &= (~np.isnan(field.sharpe[stratum])).sum(axis=0) != 1
    n_games = np.bincount(np.concatenate([games.entry_a, games.entry_b]), minlength=n)
    return _Known(has_spread, has_spread & has_sharpe_spread, n_games > 0)


def _ratings(wins_by_market: Floats, known: _Known) -> Ratings:
    """Ratings of those who played, NaN for the others, with whom all would need a prior."""
    n = len(known.has_games)
    wins = wins_by_market.sum(axis=0).reshape(n, n)  # halves, whose sums are exact in any order
    rated = np.ix_(known.has_games, known.has_games)
    ratings = bradley_terry(wins[rated])
    theta, covariance = np.full(n, np.nan), np.full((n, n), np.nan)
    theta[known.has_games], covariance[rated] = ratings.theta, ratings.covariance
    return Ratings(theta, covariance, ratings.has_prior)


def _replicates(
    field: Field, share: Floats, wins_by_market: Floats, known: _Known, seed: int
) -> _Replicates:
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
    rating = _rating_replicates(resampled_within, wins_by_market, known, seed)
    return _Replicates(score, sharpe, rank, rating)


def _rating_replicates(
    resampled_within: Sequence[NDArray[np.intp]],
    wins_by_market: Floats,
    known: _Known,
    seed: int,
) -> Floats:
    """Elo points of the first replicates, NaN without games; equal resamples are rated once."""
    n = len(known.has_games)
    weights = market_weights(resampled_within, seed, 0, N_RATING_RESAMPLES)
    distinct, place = np.unique(weights, axis=0, return_inverse=True)
    rated = np.full((len(distinct), n), np.nan)
    block = max(1, BLOCK_WEIGHTS // (n * n))
    for first in range(0, len(distinct), block):
        wins = (distinct[first : first + block] @ wins_by_market).reshape(-1, n, n)
        among_rated = wins[:, known.has_games][:, :, known.has_games]
        rated[first : first + block, known.has_games] = elo(strengths(among_rated)[0])
    return rated[place.ravel()]


def _order(field: Field, score: Floats, ratings: Ratings) -> list[int]:
    """Entrants by score, then rating (those without one last), then hash."""
    rating = np.where(np.isnan(ratings.elo), -np.inf, ratings.elo)
    keys = [(-score[i], -rating[i], entrant.ir_hash) for i, entrant in enumerate(field.entrants)]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _ranks(score: Floats, order: Sequence[int]) -> Integers:
    """Competition ranks (1, 2, 2, 4): scores that differ by rounding only share the rank."""
    rank = np.empty(len(order), dtype=np.int64)
    leader = order[0]
    for place, entrant in enumerate(order, start=1):
        if score[leader] - score[entrant] > EXACT_TIE_POINTS or place == 1:
            leader = entrant
            rank[entrant] = place
        else:
            rank[entrant] = rank[leader]
    return rank


def _interval(
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


def _rank_interval(
    values: Integers, rank: Integers, known: _Known, alpha: float
) -> tuple[Integers, Integers]:
    """As `_interval`, for ranks: ranks that were seen, and room for all that may stand anywhere."""
    low = np.quantile(values, alpha / 2.0, axis=0, method="lower")
    high = np.quantile(values, 1.0 - alpha / 2.0, axis=0, method="higher")
    high = high + np.count_nonzero(~known.is_placed)
    return (
        np.where(known.is_placed, np.minimum(low, rank), 1),
        np.where(known.is_placed, np.maximum(high, rank), len(rank)),
    )


def _frame(
    field: Field,
    games: Games,
    known: _Known,
    replicates: _Replicates,
    ratings: Ratings,
    share: Floats,
    score: Floats,
    rank: Integers,
    alpha: float,
) -> pl.DataFrame:
    n = len(field.entrants)
    points = np.concatenate([games.points_a, 1.0 - games.points_a])
    entry = np.concatenate([games.entry_a, games.entry_b])
    sharpe = known_means(share, field.sharpe)
    score_lo, score_hi = _interval(replicates.score, score, known.has_spread, alpha)
    sharpe_lo, sharpe_hi = _interval(replicates.sharpe, sharpe, known.has_sharpe_spread, alpha)
    elo_lo, elo_hi = _interval(replicates.elo, ratings.elo, known.has_spread, alpha)
    rank_lo, rank_hi = _rank_interval(replicates.rank, rank, known, alpha)
    columns: dict[str, Any] = {
        "rank": rank,
        "rank_lo": rank_lo,
        "rank_hi": rank_hi,
        "strategy_id": [entrant.strategy_id for entrant in field.entrants],
        "name": [entrant.name for entrant in field.entrants],
        "version": [entrant.version for entrant in field.entrants],
        "ir_hash": [entrant.ir_hash for entrant in field.entrants],
        "runs": field.has_run.sum(axis=0),
        "games": np.bincount(entry, minlength=n),
        "wins": np.bincount(entry[points == 1.0], minlength=n),
        "draws": np.bincount(entry[points == 0.5], minlength=n),
        "losses": np.bincount(entry[points == 0.0], minlength=n),
        "points": np.bincount(entry, weights=points, minlength=n),
        "score_mean": score,
        "score_ci_lo": score_lo,
        "score_ci_hi": score_hi,
        "roi_mean": known_means(share, field.roi),
        "sharpe_mean": sharpe,
        "sharpe_ci_lo": sharpe_lo,
        "sharpe_ci_hi": sharpe_hi,
        "max_drawdown_worst": np.fmin.reduce(field.max_drawdown, axis=0),
        "turnover": known_means(share, field.turnover),
        "n_trades": field.n_trades.sum(axis=0),
        "ruin_count": field.is_ruined.sum(axis=0),
        "elo_bt": ratings.elo,
        "elo_lo": elo_lo,
        "elo_hi": elo_hi,
        "flags": _flags(field, known, ratings, replicates, score, alpha),
    }  # fmt: skip
    frame = pl.DataFrame(columns)
    floats = [name for name, dtype in frame.schema.items() if dtype == pl.Float64]
    return frame.with_columns(pl.col(floats).fill_nan(None))


def _flags(
    field: Field,
    known: _Known,
    ratings: Ratings,
    replicates: _Replicates,
    score: Floats,
    alpha: float,
) -> list[str]:
    """What to know about each row: names, sorted, with a space between."""
    in_conflict = _margin_conflicts(known, ratings, replicates, score, alpha)
    flags = []
    for i, entrant in enumerate(field.entrants):
        is_raised = {
            "ALIAS": bool(entrant.aliases),
            "FEW_SCENARIOS": len(field.markets) < FEW_MARKETS,
            "MARGIN_CONFLICT": i in in_conflict,
            "NO_GAMES": not known.has_games[i],
            "NULL_SHARPE": bool((np.isnan(field.sharpe[:, i]) & field.has_run[:, i]).any()),
            "ONE_PER_FAMILY": not known.has_spread[i],
            "PARTIAL_SCENARIOS": not field.has_run[:, i].all(),
            "PRIOR": ratings.has_prior and bool(known.has_games[i]),
            "RUIN": bool(field.is_ruined[:, i].any()),
        }
        flags.append(" ".join(name for name, is_true in is_raised.items() if is_true))
    return flags


def _margin_conflicts(
    known: _Known, ratings: Ratings, replicates: _Replicates, score: Floats, alpha: float
) -> set[int]:
    """Entrants of pairs that ratings and mean scores order differently, the latter significantly.

    Ratings count wins and ignore margins: frequent small wins can hide rare large losses. Only
    entrants with a spread and games are judged; without, every difference would look significant.
    """
    found: set[int] = set()
    judged = np.flatnonzero(known.is_placed).tolist()
    for place, i in enumerate(judged):
        for j in judged[:place]:
            if (score[i] - score[j]) * (ratings.elo[i] - ratings.elo[j]) < 0.0:
                paired = replicates.score[:, i] - replicates.score[:, j]
                low, high = np.quantile(paired, [alpha / 2.0, 1.0 - alpha / 2.0])
                if low > EXACT_TIE_POINTS or high < -EXACT_TIE_POINTS:
                    found |= {i, j}
    return found


def _facts(
    field: Field,
    games: Games,
    ratings: Ratings,
    order: Sequence[int],
    score: Floats,
    share: Floats,
    alpha: float,
) -> dict[str, Any]:
    normal_quantile = NormalDist().inv_cdf(1.0 - alpha / 2.0)
    naive = normal_quantile * np.sqrt(np.maximum(np.diag(ratings.covariance), 0.0))
    return {
        "entrants": len(field.entrants),
        "markets": len(field.markets),
        "families": sorted({market.family for market in field.markets}),
        "games": len(games.market),
        "resamples": N_RESAMPLES,
        "rating_resamples": N_RATING_RESAMPLES,
        "has_prior": ratings.has_prior,
        "aliases": {e.strategy_id: list(e.aliases) for e in field.entrants if e.aliases},
        "rank_correlation": {
            "total_return": rank_correlation(score, known_means(share, field.roi)),
            "sharpe": rank_correlation(score, known_means(share, field.sharpe)),
        },
        "ci_naive": {
            entrant.ir_hash: elo(ratings.theta[i] + np.array([-naive[i], naive[i]])).tolist()
            for i, entrant in enumerate(field.entrants)
            if not np.isnan(ratings.theta[i])
        },
        "leader_superiority": None
        if np.isnan(ratings.theta[order[:2]]).any()
        else round(ratings.superiority(order[0], order[1]), 6),
    }
