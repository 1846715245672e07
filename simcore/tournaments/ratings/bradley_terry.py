"""Bradley-Terry ratings from games: strengths, their covariance, Elo points.

Ratings read who beat whom and nothing else. They do not depend on the order of the games.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simcore.errors import InvariantError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ELO_CENTRE: Final = 1500.0
ELO_PER_UNIT: Final = 400.0 / math.log(10.0)  # a factor of ten in the odds is 400 points
ELO_DECIMALS: Final = 6
STEP_TOLERANCE: Final = 1e-12
# Where games are nearly one-sided rounding keeps steps from reaching the tolerance.
STALL_TOLERANCE: Final = 1e-8
MAX_STEPS: Final = 500
# Fields near one whose curvature is known take some ten cheap steps; those that do not are far off.
NEAR_STEPS: Final = 60
# Strengths this far apart overflow their ratio's exponential; Newton's method takes differences.
FARTHEST: Final = 300.0


@dataclass(frozen=True)
class Ratings:
    """Ratings of one field of entrants.

    Args:
        theta: Strengths in units of log odds, mean 0, shape ``(n,)``.
        covariance: Of the strengths, as if all games were independent, shape ``(n, n)``.
        has_prior: Whether a standard normal prior was needed.
    """

    theta: Floats
    covariance: Floats
    has_prior: bool

    @property
    def elo(self) -> Floats:
        """Elo points, shape ``(n,)``; see `elo`."""
        return elo(self.theta)

    def superiority(self, stronger: int, weaker: int) -> float:
        """Probability that one entrant is stronger than another; 1/2 if nothing is known."""
        c = self.covariance
        variance = c[stronger, stronger] + c[weaker, weaker] - 2.0 * c[stronger, weaker]
        if variance <= 0.0:
            return 0.5
        z = float(self.theta[stronger] - self.theta[weaker]) / math.sqrt(variance)
        return 0.5 * math.erfc(-z / math.sqrt(2.0))


def elo(theta: Floats) -> Floats:
    """Elo points of strengths: 1500 is the mean of the field, 400 points are odds of ten to one.

    Rounded to a millionth of a point. The digits behind it belong to the processor's exponential
    and to the order in which its linear algebra adds, not to the games; without them equal
    records give equal ratings, and every machine gives the same ones.
    """
    return np.round(ELO_CENTRE + ELO_PER_UNIT * theta, ELO_DECIMALS)


def bradley_terry(wins: Floats) -> Ratings:
    """Maximum-likelihood strengths of one field.

    Args:
        wins: Games row won against column, a draw as half a game for each, shape ``(n, n)``,
            diagonal 0.

    Returns:
        Strengths with the pseudo-inverse of the Fisher information as covariance. Where some
        entrants never lost (nor drew) against the others the likelihood has no maximum; then, and
        only then, strengths have a standard normal prior.

    Source:
        Bradley and Terry (1952), Biometrika 39; existence: Ford (1957), Amer. Math. Monthly 64(8).
    """
    theta, has_prior = strengths(wins[None, :, :])
    information = _information(wins[None, :, :], theta)[0]
    if has_prior[0]:
        covariance = np.linalg.inv(information + np.eye(len(wins)))
    else:
        covariance = np.linalg.pinv(information, hermitian=True)
    return Ratings(theta[0], covariance, bool(has_prior[0]))


def strengths(wins: Floats) -> tuple[Floats, Flags]:
    """Strengths of many fields at once, each by the rule of `bradley_terry`.

    Newton's method. The likelihood is generalised self-concordant, so a step whose entries differ
    by no more than 1 always gains; longer steps are cut to that, and the last ones are whole.

    Args:
        wins: Shape ``(n_fields, n, n)``.

    Returns:
        Strengths, shape ``(n_fields, n)``, each row with mean 0, and whether the prior was used,
        shape ``(n_fields,)``.

    Raises:
        InvariantError: When Newton's method does not converge, which it must.

    Source:
        Bach (2010), "Self-concordant analysis for logistic regression", EJS 4.
    """
    n = wins.shape[1]
    games = wins + wins.transpose(0, 2, 1)
    has_prior = ~_is_strongly_connected(wins > 0.0)
    # The likelihood is flat along (1, …, 1); without a prior the matrix of ones fixes that gauge.
    ridge = np.where(has_prior[:, None, None], np.eye(n), np.full((n, n), 1.0 / n))
    theta = np.zeros(wins.shape[:2])
    active = np.arange(len(wins))
    largest = 0.0
    for _ in range(MAX_STEPS):
        field = theta[active]
        chance = _win_chance(field)
        gradient = (wins[active] - games[active] * chance).sum(axis=2)
        gradient -= np.where(has_prior[active, None], field, 0.0)
        curvature = _information(wins[active], field, chance) + ridge[active]
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        step /= np.maximum(np.ptp(step, axis=1), 1.0)[:, None]
        theta[active] += step
        size = np.abs(step).max(axis=1, initial=0.0)
        largest = size.max(initial=0.0)
        active = active[size >= STEP_TOLERANCE]
        if active.size == 0:
            break
    if largest >= STALL_TOLERANCE:
        raise InvariantError(f"Bradley-Terry: Newton step is {largest} after {MAX_STEPS} steps")
    return theta - theta.mean(axis=1, keepdims=True), has_prior


def strengths_near(wins: Floats, centre: Ratings) -> Floats:
    """Strengths as `strengths` has them, of fields that resemble one whose ratings are known.

    Every step takes the curvature at the known ratings for that of its field, which saves solving
    equations for each: a resample's curvature is close. The steps end where Newton's do, since
    both end where the gradient vanishes; a field whose steps do not shrink goes to `strengths`.

    Args:
        wins: Shape ``(n_fields, n, n)``.
        centre: Ratings of the field that these were drawn from.

    Returns:
        Shape ``(n_fields, n)``, each row with mean 0.

    Raises:
        InvariantError: As `strengths`.
    """
    won, games = wins.sum(axis=2), wins + wins.transpose(0, 2, 1)
    has_prior = ~_is_strongly_connected(wins > 0.0)
    alike = np.flatnonzero(has_prior == centre.has_prior)
    theta = np.tile(centre.theta, (len(wins), 1))
    inverse, pull = centre.covariance, 1.0 if centre.has_prior else 0.0
    is_near = np.zeros(len(wins), dtype=np.bool_)
    left = alike if np.ptp(centre.theta) < FARTHEST else alike[:0]
    before = np.full(len(wins), np.inf)
    for _ in range(NEAR_STEPS):
        if left.size == 0:
            break
        field = theta[left]
        # Odds rather than differences: an exponential an entrant, not one a pair.
        odds = np.exp(field)
        shares = odds[:, :, None] / (odds[:, :, None] + odds[:, None, :])
        gradient = won[left] - np.einsum("fij,fij->fi", games[left], shares) - pull * field
        step = gradient @ inverse
        size = np.abs(step).max(axis=1, initial=0.0)
        theta[left] += step
        is_near[left] = size < STEP_TOLERANCE
        shrinks = (size < before[left]) & (np.ptp(theta[left], axis=1) < FARTHEST)
        before[left] = size
        left = left[shrinks & ~is_near[left]]
    far = np.flatnonzero(~is_near)
    if far.size:
        theta[far] = strengths(wins[far])[0]
    centred: Floats = theta - theta.mean(axis=1, keepdims=True)
    return centred


def _win_chance(theta: Floats) -> Floats:
    """Chance of row beating column, shape ``(n_fields, n, n)``."""
    difference = theta[:, :, None] - theta[:, None, :]
    # The exponential of a negative number cannot overflow.
    decay = np.exp(-np.abs(difference))
    return np.where(difference >= 0.0, 1.0, decay) / (1.0 + decay)


def _information(wins: Floats, theta: Floats, chance: Floats | None = None) -> Floats:
    """Fisher information of the games at `theta`, shape ``(n_fields, n, n)``."""
    known = _win_chance(theta) if chance is None else chance
    weight = (wins + wins.transpose(0, 2, 1)) * known * known.transpose(0, 2, 1)
    information: Floats = np.eye(wins.shape[1]) * weight.sum(axis=2)[:, None, :] - weight
    return information


def _is_strongly_connected(beats: Flags) -> Flags:
    """Whether everybody reaches everybody along wins, shape ``(n_fields,)``."""
    forwards = _all_reached(beats)
    return forwards & _all_reached(beats.transpose(0, 2, 1))


def _all_reached(beats: Flags) -> Flags:
    """Whether the first entrant reaches everybody."""
    reached = np.zeros(beats.shape[:2], dtype=np.bool_)
    reached[:, 0] = True
    for _ in range(beats.shape[1]):
        wider = reached | (reached[:, :, None] & beats).any(axis=1)
        if np.array_equal(wider, reached):
            break
        reached = wider
    return np.asarray(reached.all(axis=1))
