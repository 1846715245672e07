"""Race: markets come in batches, and who is surely behind drops out."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    Results,
    Round,
    Start,
    weighted_mean,
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
    gaps = _Gaps(start)
    leader = left[0]
    for number, batch in enumerate(batches, start=1):
        rivals = [entrant for entrant in left if entrant != leader]
        matches = tuple(sorted(Match(*sorted((leader, rival))) for rival in rivals))
        markets = tuple(sorted(batch))
        results = yield Round(matches, markets=markets, stage=f"batch {number}")
        gaps.enter(markets, leader, results)
        leader = gaps.leader(left)
        error = start.alpha / len(batches) / max(len(left) - 1, 1)
        out = [each for each in left if each != leader and gaps.is_behind(each, leader, error)]
        if out:
            gone.insert(0, tuple(out))
            left = [entrant for entrant in left if entrant not in out]
        if len(left) == 1:
            break
    by_lead = sorted(left, key=lambda entrant: (-gaps.lead(entrant, leader), entrant))
    facts = {"survivors": " ".join(by_lead), "markets_used": len(gaps.markets)}
    return Finish((tuple(sorted(left)), *gone), facts)


class _Gaps:
    """Score of everybody less that of whoever led the batch, market by market.

    Differences of two entrants are those of their scores.

    Args:
        start: Entrants, and how markets weigh.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._gap = {entrant: np.full(len(start.deck), math.nan) for entrant in start.entrants}
        self.markets: list[int] = []

    def enter(self, markets: Sequence[int], leader: str, results: Results) -> None:
        """Write down a batch in which all were measured against one."""
        place = {market: len(self.markets) + at for at, market in enumerate(markets)}
        for match, result in results.items():
            rival = match.entry_b if match.entry_a == leader else match.entry_a
            sign = 1.0 if match.entry_a == rival else -1.0
            at = [place[market] for market in result.markets.tolist()]
            self._gap[rival][at] = sign * result.difference
            self._gap[leader][at] = 0.0
        self.markets += markets

    def paired(self, entrant: str, other: str) -> tuple[Floats, Floats]:
        """Differences of two over the markets that both were measured on, and what each weighs."""
        gap = self._gap[entrant] - self._gap[other]
        known = np.flatnonzero(~np.isnan(gap))
        return gap[known], self._start.shares([self.markets[at] for at in known.tolist()])

    def lead(self, entrant: str, other: str) -> float:
        """Mean difference of two; 0 where they never met the same markets."""
        return weighted_mean(*self.paired(entrant, other)).value

    def leader(self, left: Sequence[str]) -> str:
        """The best mean difference to the first, which orders entrants as mean scores do."""
        return min(left, key=lambda entrant: (-self.lead(entrant, left[0]), entrant))

    def is_behind(self, entrant: str, leader: str, error: float) -> bool:
        """Whether the upper bound of the mean difference to the leader lies below zero."""
        from scipy.special import stdtrit

        paired, shares = self.paired(entrant, leader)
        if paired.size < FEWEST_TO_JUDGE:
            return False
        mean = weighted_mean(paired, shares)
        slack = float(stdtrit(mean.n_effective - 1.0, 1.0 - error)) * mean.error
        return mean.value + slack < -EXACT_TIE_POINTS


RACE = Format(
    name="race",
    meaning="Markets come in batches; who is surely behind the leader drops out.",
    source="Maron and Moore (1994), Hoeffding races; paired t bounds, error spent evenly",
    options=RaceOptions,
    course=course,
    fewest_markets=lambda _options, _n: FEWEST_TO_JUDGE,
)
