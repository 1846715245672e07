"""How much of a place may be luck: comparisons, the set of possible leaders, deflated ratios.

Every number is a chance from 0 to 1, rounded to a millionth, or absent where nobody can know it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from simcore.backtests.trials import Census
from simcore.scoring.inference.confidence_set import confidence_set
from simcore.scoring.inference.sample import ROWS_MIN
from simcore.scoring.significance import expected_maximum
from simcore.tournaments.field import Field, Floats, weighted_sums
from simcore.tournaments.game import EXACT_TIE_POINTS
from simcore.tournaments.intervals import Known, Replicates

MCS_ALPHA: Final = 0.10
MCS_RESAMPLES: Final = 1_000
DECIMALS: Final = 6
BLOCKS: Final = (8, 10, 12, 16)
ENTRANTS_MIN: Final = 10
"""Fewest that a choice can be called a choice from."""


def chance_of_beating(
    replicates: Replicates, known: Known, rival: int | None
) -> list[float | None]:
    """Share of the replicates in which each entrant scores above one of them, ties as halves.

    Args:
        replicates: Of the same markets for all, so that the comparison is paired.
        known: Who has a spread.
        rival: Whom they are set against; None: nobody.

    Returns:
        One value an entrant; None for the rival itself, and where one of the two has no spread.
    """
    n = replicates.score.shape[1]
    if rival is None or not known.is_placed[rival]:
        return [None] * n
    lead = replicates.score - replicates.score[:, [rival]]
    share = (lead > EXACT_TIE_POINTS).mean(axis=0) / 2 + (lead >= -EXACT_TIE_POINTS).mean(
        axis=0
    ) / 2
    return [
        round(float(share[i]), DECIMALS) if i != rival and known.is_placed[i] else None
        for i in range(n)
    ]


def possible_leaders(field: Field, share: Floats, seed: int) -> list[bool | None]:
    """Whether each entrant is in the 90 % confidence set of the best, by its mean score.

    Markets are resampled one by one. Who did not run on every market cannot be compared so and has
    no answer; nor has anybody with fewer than ten markets.

    Args:
        field: The runs.
        share: Weight of each market in each entrant's mean.
        seed: Root of the draws.
    """
    whole = np.flatnonzero(field.has_run.all(axis=0)).tolist()
    answers: list[bool | None] = [None] * len(field.entrants)
    if len(field.markets) < ROWS_MIN or len(whole) < 2:
        return answers
    # Weighted rows, whose plain mean is the mean that the standings show.
    rows = field.score * share * len(field.markets)
    found = confidence_set(
        {str(i): rows[:, i] for i in whole},
        rows="scenarios",
        seed=seed,
        alpha=MCS_ALPHA,
        statistic="max",
        n_resamples=MCS_RESAMPLES,
    )
    for i in whole:
        answers[i] = str(i) in found.included
    return answers


def sharpe_confidence(
    field: Field, share: Floats, trials: Census | None
) -> tuple[list[float | None], list[float | None]]:
    """Chance that the mean Sharpe ratio is above 0, and above that of the luckiest of all trials.

    The mean is over markets, of ratios per bar; its variance is the sum of what each run says of
    its own, since markets are independent.

    Args:
        field: With `sharpe, skew, kurt, bars, bars_per_year` of each run.
        share: Weight of each market in each entrant's mean.
        trials: How many programs were tried; None: nobody counted.

    Source:
        Bailey and Lopez de Prado (2012), J. Risk 15(2); (2014), J. Portfolio Management 40(5).
    """
    m = field.metrics
    per_bar = m["sharpe"] / np.sqrt(m["bars_per_year"])
    factor = 1.0 - m["skew"] * per_bar + (m["kurt"] - 1.0) / 4.0 * per_bar**2
    error = np.maximum(factor, 0.0) / np.maximum(m["bars"] - 1.0, 1.0)
    weight = np.where(np.isnan(error), 0.0, share)
    total = weighted_sums(weight, np.ones(weight.shape))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = weighted_sums(weight, per_bar) / total
        deviation = np.sqrt(weighted_sums(weight**2, error)) / total
    luck = None
    if trials is not None and trials.k > 0 and trials.variance is not None:
        luck = math.sqrt(trials.variance) * expected_maximum(trials.k)
    return _above(mean, deviation, 0.0), _above(mean, deviation, luck)


def _above(mean: Floats, deviation: Floats, bound: float | None) -> list[float | None]:
    return [
        round(0.5 * math.erfc(-(value - bound) / (error * math.sqrt(2.0))), DECIMALS)
        if bound is not None and error > 0.0
        else None
        for value, error in zip(mean.tolist(), deviation.tolist(), strict=True)
    ]


def overfit_choice(field: Field, share: Floats, deck: Sequence[int]) -> float | None:
    """Chance that the leader of one half of the markets is below the middle of the other.

    Blocks of the deck, which hold the families evenly, are divided into halves in every way, and
    the share is the median over several numbers of blocks. It speaks of the choice and is the
    same for every entrant.

    Args:
        field: The runs.
        share: Weight of each market in each entrant's mean.
        deck: Numbers of all markets, as they are dealt.

    Returns:
        None for fewer than ten entrants that ran everywhere, or fewer than two markets a block.

    Source:
        Bailey, Borwein, Lopez de Prado and Zhu (2017), J. Computational Finance 20(4), with mean
        scores for Sharpe ratios and markets for bars.
    """
    whole = np.flatnonzero(field.has_run.all(axis=0))
    if len(whole) < ENTRANTS_MIN or len(deck) < 2 * min(BLOCKS):
        return None
    terms = (field.score * share)[list(deck)][:, whole]
    found = [_overfit(terms, n) for n in BLOCKS if len(deck) >= 2 * n]
    return round(float(np.median(found)), DECIMALS)


def _overfit(terms: Floats, n_blocks: int) -> float:
    size = len(terms) // n_blocks
    # The remainder at the end is left out, so that the halves are of one size.
    blocks = [terms[at * size : (at + 1) * size].sum(axis=0) for at in range(n_blocks)]
    scale = float(np.abs(terms).max()) * len(terms) * 1e-12
    poor = [_is_poor(chosen, judged, scale) for chosen, judged in _halves(blocks)]
    return sum(poor) / len(poor)


def _halves(blocks: Sequence[Floats]) -> Iterator[tuple[Floats, Floats]]:
    for half in combinations(range(len(blocks)), len(blocks) // 2):
        chosen, judged = np.zeros_like(blocks[0]), np.zeros_like(blocks[0])
        for at, block in enumerate(blocks):
            if at in half:
                chosen += block
            else:
                judged += block
        yield chosen, judged


def _is_poor(chosen: Floats, judged: Floats, scale: float) -> bool:
    """Whether the leader of one half has an average rank in the lower half of the other."""
    leader = int(np.flatnonzero(chosen >= chosen.max() - scale)[0])
    below = int((judged < judged[leader] - scale).sum())
    level = int((np.abs(judged - judged[leader]) <= scale).sum())
    return below + (level + 1) / 2.0 <= (len(judged) + 1) / 2.0
