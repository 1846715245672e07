"""Scores of a run: one number from its metrics, and the table of them.

A score reads metrics and never prices. How a score becomes a rank is `simcore.tournaments`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simcore.errors import InvariantError

Floats = NDArray[np.float64]

RUIN_POINTS: Final = -100.0
SHARPE_FULL_MARKS: Final = 3.0  # an annual Sharpe ratio of 3 earns all points of its part
WEIGHT_SLACK: Final = 1e-9


@dataclass(frozen=True)
class Score:
    """One row of the table of scores.

    Args:
        name: The name a tournament document uses.
        unit: Unit of the score.
        source: Where the formula comes from.
        n_weights: How many weights it takes.
        compute: Points from total returns, Sharpe ratios, ruin flags and weights.
    """

    name: str
    unit: str
    source: str
    n_weights: int
    compute: Callable[[Floats, Floats, NDArray[np.bool_], Sequence[float]], Floats]


def composite_v1(
    total_return: Floats,
    sharpe: Floats,
    is_ruined: NDArray[np.bool_],
    weights: Sequence[float] = (0.6, 0.4),
) -> Floats:
    """Weighted points for return and for risk-adjusted return, -100 to 100.

    Over a month returns rarely pass 10 % while annual Sharpe ratios easily pass 3, so the second
    part dominates; a tournament therefore reports how its ranking correlates with each part.

    Args:
        total_return: Fraction of the initial cash, shape ``(n_runs,)``.
        sharpe: Annualised on bars, NaN where it is null, shape ``(n_runs,)``.
        is_ruined: Whether equity reached zero, shape ``(n_runs,)``.
        weights: Of the return and of the Sharpe ratio; they sum to 1.

    Returns:
        Points, shape ``(n_runs,)``; a null Sharpe ratio counts as 0, a ruined run gets -100.

    Raises:
        InvariantError: When the weights are not two numbers that sum to 1; documents are checked
            for this before any run.

    Source:
        This project's own: clipped return and clipped Sharpe ratio, weighted.
    """
    if len(weights) != 2 or abs(sum(weights) - 1.0) > WEIGHT_SLACK:
        raise InvariantError(f"composite_v1: weights {tuple(weights)}, expected two that sum to 1")
    roi_points = 100.0 * np.clip(total_return, -1.0, 1.0)
    known_sharpe = np.where(np.isnan(sharpe), 0.0, sharpe)
    sharpe_points = 100.0 * np.clip(known_sharpe / SHARPE_FULL_MARKS, -1.0, 1.0)
    points = weights[0] * roi_points + weights[1] * sharpe_points
    return np.where(is_ruined, RUIN_POINTS, points)


SCORES: Final[dict[str, Score]] = {
    score.name: score
    for score in (
        Score(
            name="composite_v1",
            unit="points",
            source="project: clipped return and clipped Sharpe ratio, weighted",
            n_weights=2,
            compute=composite_v1,
        ),
    )
}
