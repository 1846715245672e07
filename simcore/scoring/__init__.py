"""The table of scores: one number for a run from its metrics, never from prices.

How a score becomes a rank is `simcore.tournaments`.
"""

from __future__ import annotations

from typing import Final

from simcore.scoring.composite import COMPOSITE_V0, COMPOSITE_V1
from simcore.scoring.gauss_rank import GAUSS_RANK
from simcore.scoring.score import Score
from simcore.scoring.single import SINGLE

SCORES: Final[dict[str, Score]] = {
    score.name: score for score in (COMPOSITE_V1, COMPOSITE_V0, *SINGLE, GAUSS_RANK)
}
