"""Glicko-2: a rating, its deviation and its volatility, from one period of games to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATING: Final = 1500.0
DEVIATION: Final = 350.0
VOLATILITY: Final = 0.06
TAU: Final = 0.5  # how fast volatility may change
POINTS_PER_UNIT: Final = 173.7178
TOLERANCE: Final = 1e-6


@dataclass(frozen=True)
class Glicko:
    """Ratings of a field, each of shape ``(n_entrants,)``.

    Args:
        rating: Points; 1500 is where everybody starts.
        deviation: Points; 350 knows nothing.
        volatility: How erratic results are.
    """

    rating: Floats
    deviation: Floats
    volatility: Floats

    @staticmethod
    def unrated(n_entrants: int) -> Glicko:
        """Return what is believed of entrants that have never played."""
        return Glicko(
            np.full(n_entrants, RATING),
            np.full(n_entrants, DEVIATION),
            np.full(n_entrants, VOLATILITY),
        )


def period(before: Glicko, wins: Floats, games: Floats) -> Glicko:
    """Ratings after one period, from the games of everybody in it.

    Args:
        before: Ratings at its start.
        wins: Points of row against column, draws as halves, shape ``(n, n)``.
        games: Games of row against column, shape ``(n, n)``.

    Returns:
        Ratings; who did not play keeps the rating and grows less certain.

    Source:
        Glickman (2012), "Example of the Glicko-2 system".
    """
    mu = (before.rating - RATING) / POINTS_PER_UNIT
    phi = before.deviation / POINTS_PER_UNIT
    damping = 1.0 / np.sqrt(1.0 + 3.0 * phi**2 / math.pi**2)
    expected = 1.0 / (1.0 + np.exp(-damping[None, :] * (mu[:, None] - mu[None, :])))
    information = (games * damping[None, :] ** 2 * expected * (1.0 - expected)).sum(axis=1)
    surprise = (damping[None, :] * (wins - games * expected)).sum(axis=1)
    volatility = before.volatility.copy()
    wider = np.sqrt(phi**2 + volatility**2)
    new_mu, new_phi = mu.copy(), wider
    for i in np.flatnonzero(information > 0.0).tolist():
        variance = 1.0 / float(information[i])
        delta = variance * float(surprise[i])
        volatility[i] = _volatility(float(volatility[i]), float(phi[i]), variance, delta)
        start = float(phi[i]) ** 2 + float(volatility[i]) ** 2
        new_phi[i] = 1.0 / math.sqrt(1.0 / start + 1.0 / variance)
        new_mu[i] += new_phi[i] ** 2 * float(surprise[i])
    return Glicko(RATING + POINTS_PER_UNIT * new_mu, POINTS_PER_UNIT * new_phi, volatility)


def _volatility(volatility: float, phi: float, variance: float, delta: float) -> float:
    """Volatility after a period: the root of step 5, by the Illinois method."""
    start = math.log(volatility**2)

    def slope(x: float) -> float:
        spread = phi**2 + variance + math.exp(x)
        gain = math.exp(x) * (delta**2 - spread) / (2.0 * spread**2)
        return gain - (x - start) / TAU**2

    low = start
    if delta**2 > phi**2 + variance:
        high = math.log(delta**2 - phi**2 - variance)
    else:
        steps = 1
        while slope(start - steps * TAU) < 0.0:
            steps += 1
        high = start - steps * TAU
    at_low, at_high = slope(low), slope(high)
    while abs(high - low) > TOLERANCE:
        middle = low + (low - high) * at_low / (at_high - at_low)
        at_middle = slope(middle)
        if at_middle * at_high <= 0.0:
            low, at_low = high, at_high
        else:
            at_low /= 2.0
        high, at_high = middle, at_middle
    return math.exp(low / 2.0)
