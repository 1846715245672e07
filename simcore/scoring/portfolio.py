"""Portfolios of strategies: how money is shared out between entries, by their returns alone.

No method here looks at means: what a strategy earned says far less of tomorrow than how it moved.
Whether a method is worth its trouble is asked in `simcore.scoring.portfolio_trial`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcore.errors import InvariantError, SpecError
from simcore.problems import Problem

Floats = NDArray[np.float64]

WEIGHT_MAX: Final = 0.3
# Equal risk contributions are equal to this, relative to the variance of the portfolio.
RISK_SLACK: Final = 1e-8
NEWTON_STEPS: Final = 200


@dataclass(frozen=True, eq=False)
class Covariance:
    """A covariance drawn towards one without correlation.

    Args:
        matrix: Of the returns of the entries, ``(n_entries, n_entries)``.
        shrinkage: How far it was drawn: 0 is the sample's, 1 the target's.
    """

    matrix: Floats
    shrinkage: float

    @property
    def effective_rank(self) -> float:
        """How many entries there would be if none were like another: 1 to ``n_entries``.

        Source:
            Roy and Vetterli (2007), "The effective rank", EUSIPCO; of the correlation matrix.
        """
        shares = np.clip(np.linalg.eigvalsh(_correlation(self.matrix)), 0.0, None)
        shares = shares[shares > 0.0] / shares.sum()
        return float(np.exp(-np.sum(shares * np.log(shares))))


def shrunk_covariance(returns: ArrayLike) -> Covariance:
    """Return the covariance of returns, drawn towards equal variances without correlation.

    Args:
        returns: One row a day, one column an entry, ``(n_days, n_entries)``; two days or more.

    Raises:
        SpecError: They are no finite matrix, or an entry never moves.

    Source:
        Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance
        matrices", J. Multivariate Analysis 88(2).
    """
    matrix = checked_returns(returns)
    n_days, n_entries = matrix.shape
    centred = matrix - matrix.mean(axis=0)
    sample = centred.T @ centred / n_days
    level = float(np.trace(sample)) / n_entries
    target = level * np.eye(n_entries)
    distance = float(((sample - target) ** 2).sum())
    squares = float(((centred**2).sum(axis=1) ** 2).sum()) / n_days
    noise = (squares - float((sample**2).sum())) / n_days
    shrinkage = 1.0 if distance <= 0.0 else min(max(noise / distance, 0.0), 1.0)
    if n_entries == 1:
        shrinkage = 0.0
    return Covariance((1.0 - shrinkage) * sample + shrinkage * target, shrinkage)


def checked_returns(returns: ArrayLike) -> Floats:
    """Return a finite matrix of returns in which every entry moves.

    Raises:
        SpecError: It is none; the first entry that does not move is named by its number.
    """
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 2 or matrix.shape[1] < 1:
        message = f"got shape {matrix.shape}, expected (n_days, n_entries) with two days or more"
        raise SpecError([Problem("ARGUMENT", "WRONG_SHAPE", message, "/returns")])
    if not np.isfinite(matrix).all():
        row, column = (int(index) for index in np.argwhere(~np.isfinite(matrix))[0])
        message = f"got {matrix[row, column]} on day {row}, entry {column}, expected a number"
        raise SpecError([Problem("ARGUMENT", "NOT_FINITE", message, "/returns")])
    spread, size = matrix.std(axis=0), np.abs(matrix).max(axis=0)
    still = np.flatnonzero(spread <= 1e-12 * size)
    if still.size:
        message = f"entry {still[0]} never moves, expected returns that vary"
        raise SpecError([Problem("ARGUMENT", "NO_SPREAD", message, f"/returns/{still[0]}")])
    return matrix


def equal(covariance: Floats) -> Floats:
    """The same share for every entry: the weights to beat."""
    return np.full(len(covariance), 1.0 / len(covariance))


def inverse_volatility(covariance: Floats) -> Floats:
    """Shares in inverse proportion to each entry's own deviation."""
    inverse = 1.0 / np.sqrt(np.diag(covariance))
    weights: Floats = inverse / inverse.sum()
    return weights


def min_variance(covariance: Floats, weight_max: float = WEIGHT_MAX) -> Floats:
    """The least variance of shares that are not negative and not above a limit.

    Args:
        covariance: Positive definite, ``(n_entries, n_entries)``.
        weight_max: Largest share; where so few entries could not take all the money, it is that
            of equal weights.
    """
    from scipy.optimize import Bounds, LinearConstraint, minimize

    n = len(covariance)
    limit = max(weight_max, 1.0 / n)
    start = equal(covariance)
    if limit * n <= 1.0 + 1e-12:
        return start
    unit = covariance / (float(np.trace(covariance)) / n)

    def half_variance(weights: Floats) -> float:
        return 0.5 * float(weights @ unit @ weights)

    def slope(weights: Floats) -> Floats:
        pulled: Floats = unit @ weights
        return pulled

    found = minimize(
        half_variance,
        start,
        jac=slope,
        bounds=Bounds(0.0, limit),
        constraints=LinearConstraint(np.ones((1, n)), 1.0, 1.0),
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 1_000},
    )
    weights: Floats = np.clip(np.asarray(found.x, dtype=np.float64), 0.0, limit)
    return _filled(weights, limit)


def _filled(weights: Floats, limit: float) -> Floats:
    """The same weights summing to one; what rounding leaves goes where there is room for it."""
    room = limit - weights if weights.sum() < 1.0 else weights
    total = float(room.sum())
    return weights if total <= 0.0 else weights + (1.0 - weights.sum()) * room / total


def risk_shares(covariance: Floats, weights: Floats) -> Floats:
    """Share of each entry in the variance of the portfolio; they sum to 1."""
    pulled = covariance @ weights
    shares: Floats = weights * pulled / float(weights @ pulled)
    return shares


def equal_risk(covariance: Floats, budget: ArrayLike | None = None) -> Floats:
    """Shares such that each entry brings its part of the variance.

    Args:
        covariance: Positive definite, ``(n_entries, n_entries)``.
        budget: Parts of the variance, above 0 and summing to 1; None has equal parts.

    Raises:
        SpecError: The budget is none.

    Source:
        Spinu (2013), "An algorithm for computing risk parity weights": damped Newton steps on
        half the variance less the budget times the logarithms of the shares.
    """
    n = len(covariance)
    parts = equal(covariance) if budget is None else np.asarray(budget, dtype=np.float64)
    if parts.shape != (n,) or not (parts > 0.0).all() or abs(parts.sum() - 1.0) > 1e-9:
        message = f"got {parts.tolist()}, expected {n} parts above 0 that sum to 1"
        raise SpecError([Problem("ARGUMENT", "OUT_OF_RANGE", message, "/budget")])
    deviation = np.sqrt(np.diag(covariance))
    # In units of each entry's own deviation: the steps then meet a correlation matrix.
    unit = _correlation(covariance)
    x = np.sqrt(parts) / math.sqrt(float(unit.sum()) / n)
    for _ in range(NEWTON_STEPS):
        slope = unit @ x - parts / x
        step = np.linalg.solve(unit + np.diag(parts / x**2), slope)
        size = float(np.abs(step / x).max())
        x = x - step if size < 0.5 else x - step / (1.0 + size)
        if size < 1e-14:
            break
    weights: Floats = x / deviation
    weights = weights / weights.sum()
    if float(np.abs(risk_shares(covariance, weights) - parts).max()) > RISK_SLACK:
        raise InvariantError("equal_risk: the contributions are not those of the budget")
    return weights


def hierarchical(covariance: Floats) -> Floats:
    """Shares by halving a tree of alike entries, each half in inverse proportion to its variance.

    Source:
        Lopez de Prado (2016), "Building diversified portfolios that outperform out of sample", J.
        Portfolio Management 42(4): single linkage on the root of (1 - correlation) / 2.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    n = len(covariance)
    if n == 1:
        return np.ones(1)
    distance = np.sqrt(np.clip((1.0 - _correlation(covariance)) / 2.0, 0.0, None))
    np.fill_diagonal(distance, 0.0)
    order = leaves_list(
        linkage(squareform(distance, checks=False), "single", optimal_ordering=True)
    ).tolist()
    weights = np.ones(n)
    groups = [order]
    while groups:
        halves = [
            (group[: len(group) // 2], group[len(group) // 2 :])
            for group in groups
            if len(group) > 1
        ]
        for first, second in halves:
            own, other = (_cluster_variance(covariance, half) for half in (first, second))
            weights[first] *= other / (own + other)
            weights[second] *= own / (own + other)
        groups = [half for pair in halves for half in pair]
    return weights


def _cluster_variance(covariance: Floats, members: list[int]) -> float:
    """Variance of some entries weighted in inverse proportion to their own variances."""
    part = covariance[np.ix_(members, members)]
    inverse = 1.0 / np.diag(part)
    weights = inverse / inverse.sum()
    return float(weights @ part @ weights)


def _correlation(covariance: Floats) -> Floats:
    deviation = np.sqrt(np.diag(covariance))
    correlation: Floats = covariance / np.outer(deviation, deviation)
    return correlation


METHODS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "equal": equal,
    "inverse_volatility": inverse_volatility,
    "min_variance": min_variance,
    "equal_risk": equal_risk,
    "hierarchical": hierarchical,
}
