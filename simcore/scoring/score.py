"""What a score reads and gives; the table of scores is `simcore.scoring`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RUIN_POINTS: Final = -100.0
WEIGHT_SLACK: Final = 1e-9


@dataclass(frozen=True)
class Runs:
    """What is known of the runs of a field, as arrays of shape ``(n_markets, n_entrants)``.

    Args:
        metrics: By name of column in `backtests`; NaN where a metric is null or there is no run.
        is_ruined: Whether equity reached zero.
        has_run: Whether the entrant has run on the market.
    """

    metrics: Mapping[str, Floats]
    is_ruined: NDArray[np.bool_]
    has_run: NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """One row of the table of scores.

    Args:
        name: The name a tournament document uses.
        unit: Unit of the score.
        meaning: One sentence.
        source: Where the formula comes from.
        metrics: Columns of `backtests` that it reads.
        compute: Score of each run, NaN where there is none, from runs and weights.
        weights: Those of its parts where a document gives none; they sum to 1.
        ruin: Score of a ruined run; None leaves it to the metrics.
        is_relative: Whether it depends on who else takes part, and so can never promote.
    """

    name: str
    unit: str
    meaning: str
    source: str
    metrics: tuple[str, ...]
    compute: Callable[[Runs, Sequence[float]], Floats]
    weights: tuple[float, ...] = ()
    ruin: float | None = None
    is_relative: bool = False

    def points(self, runs: Runs, weights: Sequence[float]) -> Floats:
        """Score of each run, NaN where there is no run; a null metric counts as no more than 0."""
        known = self.compute(runs, weights)
        if self.ruin is not None:
            known = np.where(runs.is_ruined, self.ruin, known)
        return np.where(runs.has_run, known, np.nan)
