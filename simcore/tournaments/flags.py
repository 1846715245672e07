"""What a reader must know about a row of the standings before believing it."""

from __future__ import annotations

from typing import Final

import numpy as np

from simcore.tournaments.field import Field, Floats
from simcore.tournaments.game import EXACT_TIE_POINTS
from simcore.tournaments.intervals import Known, Replicates
from simcore.tournaments.ratings.bradley_terry import Ratings

FEW_MARKETS: Final = 20


def flags(
    field: Field,
    known: Known,
    ratings: Ratings,
    replicates: Replicates,
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
            "NULL_METRIC": bool(field.has_null[:, i].any()),
            "NULL_SHARPE": bool((np.isnan(field.sharpe[:, i]) & field.has_run[:, i]).any()),
            "ONE_PER_FAMILY": not known.has_spread[i],
            "PARTIAL_SCENARIOS": not field.has_run[:, i].all(),
            "PRIOR": ratings.has_prior and bool(known.has_games[i]),
            "RUIN": bool(field.is_ruined[:, i].any()),
        }
        flags.append(" ".join(name for name, is_true in is_raised.items() if is_true))
    return flags


def _margin_conflicts(
    known: Known, ratings: Ratings, replicates: Replicates, score: Floats, alpha: float
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
