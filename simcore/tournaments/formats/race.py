"""Race: markets come in batches, and who is surely behind drops out."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcore.tournaments.game import (
    EXACT_TIE_POINTS,
    Course,
    Finish,
    Floats,
    Format,
    Match,
    Round,
    Start,
)
from simcore.tournaments.part import Part

FEWEST_TO_JUDGE = 5  # differences, below which a deviation is no deviation


class RaceOptions(Part):
    """Successive elimination.

    Args:
        batch_markets: Markets a batch.
    """

    type: Literal["race"]
    batch_markets: Annotated[int, Field(ge=1, le=100_000)] = 10


def course(options: RaceOptions, start: Start) -> Course:
    """Batches of markets on which everyone left is measured against whoever leads.

    After each batch an entrant drops out if the upper bound of its mean difference to the leader,
    paired by market, lies below zero. The error that the document allows is spent in equal parts
    over the batches and over those who could be dropped wrongly, so that the best entrant of the
    field survives the whole race with a chance of at least one less that error, as far as Student's
    t holds for the means of the differences. It does not where the best is ahead by rare large
    gains: it may drop out before the first of them, and long batches are the remedy.

    Source:
        Maron and Moore (1994), "Hoeffding races"; Birattari et al. (2002), "A racing algorithm".
    """
    if len(start.entrants) < 2:
        return Finish()
    size = min(options.batch_markets, len(start.deck))
    batches = [start.deck[at : at + size] for at in range(0, len(start.deck), size)]
    left, gone = list(start.entrants), list[tuple[str, ...]]()
    # Score less that of whoever led its batch; differences of two entrants are those of scores.
    gap = {entrant: np.full(len(start.deck), math.nan) for entrant in left}
    leader, n_seen = left[0], 0
    for number, batch in enumerate(batches, start=1):
        rivals = [entrant for entrant in left if entrant != leader]
        matches = tuple(sorted(Match(*sorted((leader, rival))) for rival in rivals))
        markets = tuple(sorted(batch))
        results = yield Round(matches, markets=markets, stage=f"batch {number}")
        place = {market: n_seen + at for at, market in enumerate(markets)}
        for match, result in results.items():
            rival = match.entry_b if match.entry_a == leader else match.entry_a
            sign = 1.0 if match.entry_a == rival else -1.0
            at = [place[market] for market in result.markets.tolist()]
            gap[rival][at] = sign * result.difference
            gap[leader][at] = 0.0
        n_seen += len(batch)
        leader = _leader(left, gap)
        error = start.alpha / len(batches) / max(len(left) - 1, 1)
        out = [each for each in left if each != leader and _is_behind(gap, each, leader, error)]
        if out:
            gone.insert(0, tuple(out))
            left = [entrant for entrant in left if entrant not in out]
        if len(left) == 1:
            break
    by_lead = sorted(left, key=lambda entrant: (-_lead(gap, entrant, leader), entrant))
    facts = {"survivors": " ".join(by_lead), "markets_used": n_seen}
    return Finish((tuple(sorted(left)), *gone), facts)


def _lead(gap: dict[str, Floats], entrant: str, other: str) -> float:
    """Mean difference of two entrants over the markets that both were measured on."""
    paired = gap[entrant] - gap[other]
    paired = paired[~np.isnan(paired)]
    return float(np.mean(paired)) if paired.size else 0.0


def _leader(left: list[str], gap: dict[str, Floats]) -> str:
    """The best mean difference to the first, which orders entrants as mean scores do."""
    return min(left, key=lambda entrant: (-_lead(gap, entrant, left[0]), entrant))


def _is_behind(gap: dict[str, Floats], entrant: str, leader: str, error: float) -> bool:
    from scipy.special import stdtrit

    paired = gap[entrant] - gap[leader]
    paired = paired[~np.isnan(paired)]
    n = paired.size
    if n < FEWEST_TO_JUDGE:
        return False
    slack = float(stdtrit(n - 1, 1.0 - error)) * float(np.std(paired, ddof=1)) / math.sqrt(n)
    return float(np.mean(paired)) + slack < -EXACT_TIE_POINTS


RACE = Format(
    name="race",
    meaning="Markets come in batches; who is surely behind the leader drops out.",
    source="Maron and Moore (1994), Hoeffding races; paired t bounds, error spent evenly",
    options=RaceOptions,
    course=course,
    fewest_markets=lambda _options, _n: FEWEST_TO_JUDGE,
)
