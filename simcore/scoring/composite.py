"""Points for return and risk-adjusted return together: the default score, and its ancestor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from simcore.errors import InvariantError
from simcore.scoring.score import RUIN_POINTS, WEIGHT_SLACK, Floats, Runs, Score

SHARPE_FULL_MARKS: Final = 3.0  # an annual Sharpe ratio of 3 earns all points of its part
PHASE_FACTOR: Final = 33.33  # of the ancestor, for the Sharpe ratio of six phases


def composite_v1(runs: Runs, weights: Sequence[float]) -> Floats:
    """Weighted points for return and for risk-adjusted return, -100 to 100.

    Over a month returns rarely pass 10 % while annual Sharpe ratios easily pass 3, so the second
    part dominates; a tournament therefore reports how its ranking correlates with each part. A
    null Sharpe ratio counts as 0.

    Args:
        runs: With `total_return`, a fraction, and `sharpe`, annualised on bars.
        weights: Of the return and of the Sharpe ratio.

    Raises:
        InvariantError: When the weights are not two numbers that sum to 1; documents are checked
            for this before any run.
    """
    sharpe_points = np.clip(_known(runs, "sharpe") / SHARPE_FULL_MARKS, -1.0, 1.0)
    return _weighed(runs, 100.0 * sharpe_points, weights)


def composite_v0(runs: Runs, weights: Sequence[float]) -> Floats:
    """The ancestor: return, and the Sharpe ratio of the returns of six phases, not annualised.

    Kept for comparison. Six numbers say little, and nothing here knows how long a phase is.

    Args:
        runs: With `total_return`, and `phase_sharpe`, mean over deviation of six phases.
        weights: Of the return and of the phases.
    """
    phase_points = np.clip(PHASE_FACTOR * _known(runs, "phase_sharpe"), -100.0, 100.0)
    return _weighed(runs, phase_points, weights)


def _known(runs: Runs, name: str) -> Floats:
    values = runs.metrics[name]
    return np.where(np.isnan(values), 0.0, values)


def _weighed(runs: Runs, other_points: Floats, weights: Sequence[float]) -> Floats:
    if len(weights) != 2 or abs(sum(weights) - 1.0) > WEIGHT_SLACK:
        raise InvariantError(f"composite: weights {tuple(weights)}, expected two that sum to 1")
    roi_points = 100.0 * np.clip(runs.metrics["total_return"], -1.0, 1.0)
    return weights[0] * roi_points + weights[1] * other_points


COMPOSITE_V1: Final = Score(
    name="composite_v1",
    unit="points",
    meaning="Weighted points for return and for the annual Sharpe ratio, both clipped.",
    source="project: clipped return and clipped Sharpe ratio, weighted",
    metrics=("total_return", "sharpe"),
    compute=composite_v1,
    weights=(0.6, 0.4),
    ruin=RUIN_POINTS,
)
COMPOSITE_V0: Final = Score(
    name="composite_v0",
    unit="points",
    meaning="Weighted points for return and for the Sharpe ratio of six phases, for comparison.",
    source="project: first version of the composite score",
    metrics=("total_return", "phase_sharpe"),
    compute=composite_v0,
    weights=(0.6, 0.4),
    ruin=RUIN_POINTS,
)
