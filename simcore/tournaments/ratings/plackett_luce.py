"""Skill as a normal belief that the ranking of every market moves: Plackett-Luce, as OpenSkill.

The library of that name updates objects in loops over pairs; here a market is one pass over arrays,
and a test holds the two together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MU: Final = 25.0
SIGMA: Final = 25.0 / 3.0
BETA: Final = 25.0 / 6.0  # spread of one performance around the skill
TAU: Final = 25.0 / 300.0  # what is forgotten before every market
KAPPA: Final = 1e-4  # a belief keeps at least this share of its variance
ORDINAL_SIGMAS: Final = 3.0


def rate(ranks: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Beliefs after every market, from the same start for all.

    Args:
        ranks: Place of each entrant on each market, 1 the best, equal for ties; NaN where it did
            not run. Shape ``(n_markets, n_entrants)``. Markets are taken in their order.

    Returns:
        Mean and deviation of each entrant's skill, shape ``(n_entrants,)``.

    Source:
        Weng and Lin (2011), "A Bayesian approximation method for online ranking", JMLR 12,
        algorithm 4; openskill 6, `PlackettLuce`.
    """
    n_entrants = ranks.shape[1]
    mu, sigma = np.full(n_entrants, MU), np.full(n_entrants, SIGMA)
    for row in ranks:
        present = np.flatnonzero(~np.isnan(row))
        if present.size > 1:
            mu[present], sigma[present] = _update(mu[present], sigma[present], row[present])
    return mu, sigma


def ordinal(mu: Floats, sigma: Floats) -> Floats:
    """Skill that an entrant has almost surely: three deviations below the mean."""
    return mu - ORDINAL_SIGMAS * sigma


def _update(mu: Floats, sigma: Floats, rank: Floats) -> tuple[Floats, Floats]:
    variance = sigma * sigma + TAU * TAU
    scale = float(np.sqrt(np.sum(variance + BETA * BETA)))
    strength = np.exp(mu / scale)
    # Whoever is placed at q or behind competes for the place of q.
    order = np.argsort(rank, kind="stable")
    places, first, n_level = np.unique(rank[order], return_index=True, return_counts=True)
    behind = np.cumsum(strength[order][::-1])[::-1][first]
    place = np.searchsorted(places, rank)
    # For an entrant the places up to its own count, each once for everyone level on it.
    share = strength[:, None] / behind[None, :]
    counts = np.arange(places.size)[None, :] <= place[:, None]
    omega = 1.0 / n_level[place] - np.where(counts, share, 0.0).sum(axis=1)
    delta = np.where(counts, share * (1.0 - share), 0.0).sum(axis=1)
    gamma = np.sqrt(variance) / scale
    mean = mu + variance / scale * omega
    kept = np.maximum(1.0 - variance / (scale * scale) * gamma * delta, KAPPA)
    return mean, np.sqrt(variance * kept)
