"""The place in the field on each market, as a normal deviate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from simcore.scoring.composite import COMPOSITE_V1
from simcore.scoring.score import Floats, Runs, Score


def gauss_rank(runs: Runs, _: Sequence[float]) -> Floats:
    """Normal quantile of each run's place among those on its market, by the default score.

    Relative to the field: it compares entries whatever a market is like, and says nothing of
    whether any of them is worth having. It can therefore not promote.

    Args:
        runs: What `composite_v1` reads.

    Source:
        Numerai, rank and gaussianise by era; Blom (1958), "Statistical estimates", (r - 1/2) / n.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    score = COMPOSITE_V1.points(runs, COMPOSITE_V1.weights)
    deviates = np.full(score.shape, np.nan)
    for row, out in zip(np.atleast_2d(score), np.atleast_2d(deviates), strict=True):
        present = ~np.isnan(row)
        ranks = rankdata(row[present], method="average")
        out[present] = ndtri((ranks - 0.5) / max(int(present.sum()), 1))
    return deviates


GAUSS_RANK: Final = Score(
    name="gauss_rank",
    unit="deviations",
    meaning="Normal quantile of the place in the field, market by market.",
    source="Blom (1958), Statistical estimates and transformed beta variables",
    metrics=COMPOSITE_V1.metrics,
    compute=gauss_rank,
    is_relative=True,
)
