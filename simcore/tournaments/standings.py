"""Standings: who leads, by how much, and how sure that is.

Reads the scores of runs and the points of games; never a price, never a document. Point estimates
are exactly rounded sums and replicates add market by market, so that neither the order of the
rows nor the processor can change a byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import polars as pl

from simcore.tables import TABLES
from simcore.tournaments.evidence import Evidence
from simcore.tournaments.field import (
    Field,
    Floats,
    Games,
    Integers,
    family_means,
    known_means,
    rank_correlation,
    shares,
    weighted_sums,
)
from simcore.tournaments.flags import flags
from simcore.tournaments.game import EXACT_TIE_POINTS, Finish
from simcore.tournaments.intervals import (
    N_RATING_RESAMPLES,
    N_RESAMPLES,
    Known,
    Replicates,
    interval,
    known,
    rank_interval,
    replicates,
)
from simcore.tournaments.luck import (
    chance_of_beating,
    overfit_choice,
    possible_leaders,
    sharpe_confidence,
)
from simcore.tournaments.rating_columns import rating_columns, ratings, wins_by_market
from simcore.tournaments.ratings.bradley_terry import Ratings, elo
from simcore.tournaments.resample import deck

BENCHMARK: Final = "buy_and_hold"
"""Id of the strategy that everybody should beat; a field without it has no such column."""


@dataclass(frozen=True)
class Asked:
    """What the rows are of, and what else is known.

    Args:
        tournament_id: Goes into the rows.
        manifest_hash: Goes into the rows.
        score: Name of the score; goes into the rows.
        seed: Of the bootstrap, 0 to 2**53 - 1.
        alpha: Intervals have coverage ``1 - alpha``.
        finish: How the format ended.
        evidence: What is known beside the runs.
        stress: Score of each run under stress, NaN where there is none, shape ``(n_markets,
            n_entrants)``; None where nobody was put under it.
    """

    tournament_id: str
    manifest_hash: str
    score: str
    seed: int
    alpha: float
    finish: Finish
    evidence: Evidence
    stress: Floats | None = None


def standings(field: Field, games: Games, asked: Asked) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Rank the field by mean score and rate it by its games.

    The score of an entrant is the mean of its families' means. Intervals come from one bootstrap
    over markets, stratified by family, which resamples a market with all its games. An interval
    is a percentile interval, widened where needed to hold its own estimate, and that of a rating
    with a prior to hold the interval that takes games for independent. An entrant that was
    judged on a stratum of one market has no interval, and one without games no rating; either may
    have any rank, and the rank intervals of the others leave room for it.

    Args:
        field: Runs; every entrant has at least one.
        games: At least one.
        asked: What the rows are of, and what else is known.

    Returns:
        Rows of the table `standings`, and facts about the whole: rank correlation of the order
        with each part of the score, intervals that take games for independent, the chance that
        the first is stronger than the second.
    """
    share = shares(field)
    wins = wins_by_market(field, games)
    seen = known(field, games)
    rated = ratings(wins, seen)
    score = weighted_sums(share, field.score)
    drawn = replicates(field, share, wins, seen, rated, asked.seed)
    order = _order(field, score, rated)
    columns: dict[str, Any] = {
        **_who(field, asked),
        **_places(field, seen, drawn, _ranks(score, order), asked),
        **_record(field, games),
        **_means(field, share, score, asked),
        **_sure(field, seen, drawn, share, score, rated, asked.alpha),
        **rating_columns(field, games, wins, seen, asked.seed),
        **_luck(field, seen, drawn, share, asked),
        "flags": flags(field, seen, rated, drawn, score, asked.alpha),
    }
    frame = pl.DataFrame(columns, strict=False)
    floats = [name for name, dtype in frame.schema.items() if dtype == pl.Float64]
    frame = frame.with_columns(pl.col(floats).fill_nan(None))
    facts = _facts(field, games, rated, order, score, share, asked.alpha)
    return TABLES["standings"].conform(frame.sort("ir_hash")), facts


def _who(field: Field, asked: Asked) -> dict[str, Any]:
    n = len(field.entrants)
    title = asked.evidence.champion
    return {
        "tournament_id": [asked.tournament_id] * n,
        "manifest_hash": [asked.manifest_hash] * n,
        "score": [asked.score] * n,
        "strategy_id": [entrant.strategy_id for entrant in field.entrants],
        "name": [entrant.name for entrant in field.entrants],
        "version": [entrant.version for entrant in field.entrants],
        "ir_hash": [entrant.ir_hash for entrant in field.entrants],
        "champion": [title in entrant.ids for entrant in field.entrants],
    }


def _places(
    field: Field, seen: Known, drawn: Replicates, rank: Integers, asked: Asked
) -> dict[str, Any]:
    """Ranks by score with their intervals, and the place that the format gave."""
    low, high = rank_interval(drawn.rank, rank, seen, asked.alpha)
    place_of: dict[str, int] = {}
    for group in asked.finish.places:
        place_of |= dict.fromkeys(group, len(place_of) + 1)
    return {
        "rank": rank,
        "rank_lo": low,
        "rank_hi": high,
        "place": pl.Series(
            [place_of.get(entrant.ir_hash) for entrant in field.entrants], dtype=pl.UInt32
        ),
    }


def _record(field: Field, games: Games) -> dict[str, Any]:
    n = len(field.entrants)
    points = np.concatenate([games.points_a, 1.0 - games.points_a])
    entry = np.concatenate([games.entry_a, games.entry_b])
    return {
        "runs": field.has_run.sum(axis=0),
        "games": np.bincount(entry, minlength=n),
        "wins": np.bincount(entry[points == 1.0], minlength=n),
        "draws": np.bincount(entry[points == 0.5], minlength=n),
        "losses": np.bincount(entry[points == 0.0], minlength=n),
        "points": np.bincount(entry, weights=points, minlength=n),
        "n_trades": np.nan_to_num(field.metrics["n_trades"]).astype(np.int64).sum(axis=0),
        "ruin_count": field.is_ruined.sum(axis=0),
    }


def _means(field: Field, share: Floats, score: Floats, asked: Asked) -> dict[str, Any]:
    """Means over markets, and the worst that was seen."""
    metrics = field.metrics
    families = family_means(field)
    names = list(families)
    by_family = np.stack(list(families.values()))
    worst = np.nanargmin(by_family, axis=0)  # of equals the first by name
    stress = asked.stress
    return {
        "score_mean": score,
        "roi_mean": known_means(share, metrics["total_return"]),
        "roi_ann": known_means(share, metrics["cagr"]),
        "sharpe_mean": known_means(share, field.sharpe),
        "max_drawdown_worst": np.fmin.reduce(metrics["max_drawdown"], axis=0),
        "es_1_mean": known_means(share, metrics["es_1"]),
        "turnover": known_means(share, metrics["turnover"]),
        "cost_drag": known_means(share, metrics["cost_drag"]),
        "ambiguity_gap": known_means(share, metrics["ambiguity_gap"]),
        "worst_family": [names[i] for i in worst],
        "worst_family_score": by_family[worst, np.arange(len(score))],
        "stress_score": np.full(score.shape, np.nan)
        if stress is None
        else known_means(share, stress),
        "oracle_efficiency": _efficiency(field, share, asked.evidence.sharpe_max),
        "composite_v0": known_means(share, field.composite_v0),
        "total_roi_v0": weighted_sums(np.ones(share.shape), metrics["total_return"]),
    }


def _efficiency(field: Field, share: Floats, sharpe_max: Mapping[str, float]) -> Floats:
    """Mean Sharpe ratio over the mean of the highest that anyone can expect, where that is known.

    Source:
        Ferson and Siegel (2001), J. Finance 56(3), for the highest.
    """
    highest = np.array([sharpe_max.get(market.scenario_id, math.nan) for market in field.markets])
    weight = np.where(np.isnan(highest)[:, None] | np.isnan(field.sharpe), 0.0, share)
    best = weighted_sums(weight, np.broadcast_to(highest[:, None], weight.shape))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(best > 0.0, weighted_sums(weight, field.sharpe) / best, np.nan)


def _sure(
    field: Field,
    seen: Known,
    drawn: Replicates,
    share: Floats,
    score: Floats,
    rated: Ratings,
    alpha: float,
) -> dict[str, Any]:
    """Intervals of the score, the Sharpe ratio and the rating."""
    sharpe = known_means(share, field.sharpe)
    score_lo, score_hi = interval(drawn.score, score, seen.has_spread, alpha)
    sharpe_lo, sharpe_hi = interval(drawn.sharpe, sharpe, seen.has_sharpe_spread, alpha)
    elo_lo, elo_hi = interval(drawn.elo, rated.elo, seen.has_spread, alpha)
    if rated.has_prior:
        # Who never lost loses in no resample either: they differ less than what is not known.
        naive = _naive_errors(rated, alpha)
        elo_lo = np.minimum(elo_lo, elo(rated.theta - naive))
        elo_hi = np.maximum(elo_hi, elo(rated.theta + naive))
    return {
        "score_ci_lo": score_lo,
        "score_ci_hi": score_hi,
        "sharpe_ci_lo": sharpe_lo,
        "sharpe_ci_hi": sharpe_hi,
        "elo_bt": rated.elo,
        "elo_lo": elo_lo,
        "elo_hi": elo_hi,
    }


def _naive_errors(rated: Ratings, alpha: float) -> Floats:
    """Half the width of each strength's interval, if all games were independent."""
    normal_quantile = NormalDist().inv_cdf(1.0 - alpha / 2.0)
    errors: Floats = normal_quantile * np.sqrt(np.maximum(np.diag(rated.covariance), 0.0))
    return errors


def _luck(
    field: Field, seen: Known, drawn: Replicates, share: Floats, asked: Asked
) -> dict[str, Any]:
    n = len(field.entrants)
    trials = asked.evidence.trials
    psr, dsr = sharpe_confidence(field, share, trials)
    order = deck([market.family for market in field.markets], asked.seed)
    pbo = overfit_choice(field, share, order)
    champion = _position(field, asked.evidence.champion)
    columns = {
        "p_beats_champion": chance_of_beating(drawn, seen, champion),
        "p_beats_buy_hold": chance_of_beating(drawn, seen, _position(field, BENCHMARK)),
        "psr": psr,
        "dsr": dsr,
        "pbo": [pbo] * n,
    }
    return {
        **{name: pl.Series(values, dtype=pl.Float64) for name, values in columns.items()},
        "in_mcs": pl.Series(possible_leaders(field, share, asked.seed), dtype=pl.Boolean),
        "k_trials": pl.Series([None if trials is None else trials.k] * n, dtype=pl.UInt64),
    }


def _position(field: Field, strategy_id: str | None) -> int | None:
    """Where the entrant of that id stands in the field, if it is there."""
    found = [i for i, entrant in enumerate(field.entrants) if strategy_id in entrant.ids]
    return found[0] if found else None


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


def _facts(
    field: Field,
    games: Games,
    ratings: Ratings,
    order: Sequence[int],
    score: Floats,
    share: Floats,
    alpha: float,
) -> dict[str, Any]:
    naive = _naive_errors(ratings, alpha)
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
            "total_return": rank_correlation(
                score, known_means(share, field.metrics["total_return"])
            ),
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
