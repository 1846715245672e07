"""Who survives a generation: those that may be the best, and those that are unlike the others.

What counts is how good a strategy is at least, never how good it looked: the highest score of many
is mostly luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from simcore.scoring.inference.confidence_set import confidence_set
from simcore.scoring.score import Floats

Reason = Literal["champion", "confidence_set", "novelty", "dropped"]

CONFIDENCE: Final = 0.95
N_RESAMPLES: Final = 500


def lower_bounds(differences: Floats, confidence: float = CONFIDENCE) -> Floats:
    """Return the one-sided lower bound of the mean of each column.

    Args:
        differences: One row a market, ``(n_markets, n_columns)``; two rows or more.
        confidence: Of the bound, above 1/2.

    Source:
        Student's t with one degree of freedom less than rows.
    """
    from scipy.special import stdtrit

    n = len(differences)
    t = float(stdtrit(n - 1, confidence))
    errors = differences.std(axis=0, ddof=1) / math.sqrt(n)
    bounds: Floats = differences.mean(axis=0) - t * errors
    return bounds


def selected(
    scores: Floats,
    daily_returns: Floats,
    *,
    champion: int,
    n_parents: int,
    novelty: float,
    seed: int,
) -> list[Reason]:
    """Return what becomes of each strategy.

    The champion lives on. Next come the members of the model confidence set, best lower bound
    first, and after them the rest of the strategies in the same order, up to the quota that is
    left for novelty, which goes to whose daily returns are the least like those of the kept.

    Args:
        scores: Of training, ``(n_markets, n_strategies)``.
        daily_returns: ``(n_days, n_strategies)``.
        champion: Column of the champion.
        n_parents: Most that survive.
        novelty: Share of them that are kept for being unlike the others.
        seed: Of the resamples.

    Source:
        Hansen, Lunde and Nason (2011), "The model confidence set", Econometrica 79(2).
    """
    n = scores.shape[1]
    bounds = lower_bounds(scores)
    order = sorted(range(n), key=lambda at: (-bounds[at], at))
    n_novel = min(round(novelty * n_parents), max(n - 1, 0))
    kept = [champion]
    for at in _in_confidence_set(scores, order, n_parents, seed):
        if at != champion and len(kept) < n_parents - n_novel:
            kept.append(at)
    reasons: list[Reason] = ["dropped"] * n
    for at in kept:
        reasons[at] = "confidence_set"
    reasons[champion] = "champion"
    for at in _unlike(daily_returns, kept, order, n_novel):
        reasons[at] = "novelty"
    return reasons


def _in_confidence_set(
    scores: Floats, order: Sequence[int], n_parents: int, seed: int
) -> list[int]:
    """Members of the confidence set of the best by lower bound, the best first.

    Twice as many as can survive are asked: the test holds a number for each pair.
    """
    asked = list(order[: 2 * n_parents])
    if len(asked) < 2:
        return asked
    columns = {str(at): scores[:, at] for at in asked}
    found = confidence_set(columns, rows="scenarios", seed=seed, n_resamples=N_RESAMPLES)
    included = set(found.included)
    return [at for at in asked if str(at) in included]


def _unlike(
    daily_returns: Floats, kept: Sequence[int], order: Sequence[int], n_novel: int
) -> list[int]:
    """Those whose greatest correlation with the kept is the lowest, one after the other.

    One that never moved is like nobody and teaches nothing; it is left out.
    """
    centred = daily_returns - daily_returns.mean(axis=0)
    lengths = np.sqrt((centred * centred).sum(axis=0))
    moved = lengths > 0.0
    unit = centred / np.where(moved, lengths, 1.0)
    chosen: list[int] = []
    family = list(kept)
    for _ in range(n_novel):
        waiting = [at for at in order if at not in family and moved[at]]
        if not waiting:
            break
        # Rounded, so that the order of the sums cannot decide between equals.
        likeness = np.round(np.abs(unit[:, waiting].T @ unit[:, family]).max(axis=1), 9)
        nearest = waiting[int(likeness.argmin())]
        chosen.append(nearest)
        family.append(nearest)
    return chosen
