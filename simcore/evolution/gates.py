"""The gates of promotion, one function each: numbers in, a verdict with its numbers out.

A gate that cannot tell says so; a strategy is promoted only where every gate that is required
passes, so that what is unknown keeps the champion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from simcore.backtests.cross_validation import overfitting
from simcore.errors import SpecError
from simcore.evolution.selection import lower_bounds
from simcore.scoring.inference.paired_bounds import paired_bounds
from simcore.scoring.inference.superiority import superiority
from simcore.scoring.score import Floats
from simcore.scoring.significance import dsr, sharpe_sample

Verdict = Literal["pass", "fail", "unknown"]

TRADES_MIN: Final = 30
GAIN_POINTS: Final = 0.5
FAMILY_LOSS_POINTS: Final = 3.0
ALPHA: Final = 0.05
FAMILY_CONFIDENCE: Final = 0.9
PBO_MAX: Final = 0.30
DSR_MIN: Final = 0.95
STRESS_SHARE: Final = 0.5
AMBIGUITY_SHARE: Final = 0.10
N_RESAMPLES: Final = 1_000


@dataclass(frozen=True)
class Gate:
    """What one gate says of one challenger.

    Args:
        name: Which gate.
        verdict: Whether it holds, if that can be told.
        value: What was found; None where there is nothing.
        threshold: What it was compared with.
        n: Rows, trades or trials behind the value.
        note: What else to know; empty for nothing.
        is_required: Whether promotion needs it.
    """

    name: str
    verdict: Verdict
    value: float | None
    threshold: float
    n: int
    note: str = ""
    is_required: bool = True


def _judged(
    name: str, value: float, threshold: float, n: int, *, holds: bool, note: str = ""
) -> Gate:
    return Gate(name, "pass" if holds else "fail", value, threshold, n, note)


def replay(n_different: int, n_markets: int) -> Gate:
    """A second run on one thread gives the same numbers on every market."""
    return _judged("replay", float(n_different), 0.0, n_markets, holds=n_different == 0)


def future(n_changed: int, n_markets: int) -> Gate:
    """Equity before a bar is the same whatever comes after it."""
    if n_markets == 0:
        return Gate("future", "unknown", None, 0.0, 0, "no two markets of one length")
    return _judged("future", float(n_changed), 0.0, n_markets, holds=n_changed == 0)


def ruin(n_ruined: int, n_markets: int) -> Gate:
    """No run lost everything."""
    return _judged("ruin", float(n_ruined), 0.0, n_markets, holds=n_ruined == 0)


def trades(n_trades: int, n_markets: int) -> Gate:
    """There are enough trades in all to speak of."""
    holds = n_trades >= TRADES_MIN
    return _judged("trades", float(n_trades), float(TRADES_MIN), n_markets, holds=holds)


def gain(own: Floats, champion: Floats) -> Gate:
    """The score is above the champion's by more than matters, market by market.

    Args:
        own: Score of each sealed market, ``(n_markets,)``.
        champion: The same of the champion.
    """
    bound = float(lower_bounds((own - champion)[:, None])[0])
    return _judged("gain", bound, GAIN_POINTS, len(own), holds=bound > GAIN_POINTS)


def gains_together(
    scores: Floats, champion: Floats, names: Sequence[str], *, seed: int
) -> list[Gate]:
    """The same with one error rate for all challengers of a generation together.

    Args:
        scores: ``(n_markets, n_challengers)``.
        champion: ``(n_markets,)``.
        names: Family of each market, within which markets are drawn again.
        seed: Of the resamples.

    Returns:
        One gate a challenger; its value is its mean difference.

    Source:
        Romano and Wolf (2005), "Stepwise multiple testing as formalized data snooping",
        Econometrica 73(4).
    """
    n, n_challengers = scores.shape
    means = (scores - champion[:, None]).mean(axis=0).tolist()
    columns = {str(at): scores[:, at] for at in range(n_challengers)}
    try:
        found = paired_bounds(
            columns, champion, seed=seed, margin=GAIN_POINTS, alpha=ALPHA,
            n_resamples=N_RESAMPLES, strata=names,
        )  # fmt: skip
    except SpecError as refusal:
        note = refusal.problems[0].message
        return [Gate("step_m", "unknown", mean, GAIN_POINTS, n, note) for mean in means]
    return [
        _judged("step_m", mean, GAIN_POINTS, n, holds=str(at) in found.superior)
        for at, mean in enumerate(means)
    ]


def families(own: Floats, champion: Floats, names: Sequence[str]) -> Gate:
    """No family of markets is worse than the champion's by more than a few points.

    Args:
        own: Score of each sealed market, ``(n_markets,)``.
        champion: The same of the champion.
        names: Family of each market.
    """
    worst, worst_name, fewest = math.inf, "", len(names)
    for name in sorted(set(names)):
        rows = [at for at, each in enumerate(names) if each == name]
        fewest = min(fewest, len(rows))
        if len(rows) < 2:
            note = f"{name} has one market, which bounds nothing"
            return Gate("families", "unknown", None, -FAMILY_LOSS_POINTS, len(rows), note)
        bound = float(lower_bounds((own - champion)[rows, None], FAMILY_CONFIDENCE)[0])
        if bound < worst:
            worst, worst_name = bound, name
    holds = worst >= -FAMILY_LOSS_POINTS
    return _judged("families", worst, -FAMILY_LOSS_POINTS, fewest, holds=holds, note=worst_name)


def beats(name: str, own: Floats, benchmark: Floats, *, seed: int) -> Gate:
    """The score is above a benchmark's by Hansen's test.

    Args:
        name: ``buy_and_hold`` or ``random_entry``.
        own: Score of each sealed market, ``(n_markets,)``.
        benchmark: The same of the benchmark.
        seed: Of the resamples.

    Source:
        Hansen (2005), "A test for superior predictive ability", JBES 23(4).
    """
    try:
        found = superiority(
            {"own": own}, benchmark, rows="scenarios", seed=seed, n_resamples=N_RESAMPLES
        )
    except SpecError as refusal:
        return Gate(name, "unknown", None, ALPHA, len(own), refusal.problems[0].message)
    p = found.p_consistent
    return _judged(name, p, ALPHA, len(own), holds=p <= ALPHA, note=" ".join(found.flags))


def overfit(returns: ArrayLike) -> Gate:
    """Choosing among the trials of this generation is not choosing luck.

    Args:
        returns: Of training, one row a bar and one column a trial, ``(n_bars, n_trials)``.

    Returns:
        Unknown for fewer than ten trials, too few bars, or trials that are all alike.

    Source:
        Bailey, Borwein, Lopez de Prado and Zhu (2017), J. Computational Finance 20(4).
    """
    n = int(np.shape(returns)[1])
    try:
        pbo = overfitting(returns).pbo
    except SpecError as refusal:
        return Gate("pbo", "unknown", None, PBO_MAX, n, refusal.problems[0].message)
    if pbo is None:
        return Gate("pbo", "unknown", None, PBO_MAX, n, "the settings do not differ")
    return _judged("pbo", pbo, PBO_MAX, n, holds=pbo <= PBO_MAX)


def deflated(returns: Floats, k: int, variance: float | None, *, is_historical: bool) -> Gate:
    """The Sharpe ratio stands out from what the best of so many trials has by luck.

    Args:
        returns: Of the challenger on the sealed markets, ``(n_bars,)``.
        k: Programs ever tried.
        variance: Of their Sharpe ratios per bar; None where it is not known.
        is_historical: Whether it was chosen on bars that really happened; on made markets the
            sealed set is new, and nothing needs deflating.

    Source:
        Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio", JPM 40(5).
    """
    sample = sharpe_sample(returns)
    value = None if sample is None or variance is None else dsr(sample, k, variance)
    if value is None:
        verdict: Verdict = "unknown"
    else:
        verdict = "pass" if value >= DSR_MIN else "fail"
    note = "" if is_historical else "not required: training saw made markets only"
    return Gate("dsr", verdict, value, DSR_MIN, k, note, is_required=is_historical)


def stress(honest: Floats, stressed: Floats) -> Gate:
    """Under worse costs and delay the score stays above zero and keeps half of itself.

    Args:
        honest: Score of each sealed market, ``(n_markets,)``.
        stressed: The same under `stress_v1`.
    """
    least = max(0.0, STRESS_SHARE * float(honest.mean()))
    value = float(stressed.mean())
    return _judged("stress", value, least, len(honest), holds=value > 0.0 and value >= least)


def ambiguity(gap_percent: Floats, profit: Floats, initial_cash: float) -> Gate:
    """Bars that allow two outcomes decide a small share of the profit only.

    Args:
        gap_percent: Of each sealed market, in percent of the cash at the start.
        profit: Of each, quote currency.
        initial_cash: Quote currency.
    """
    total, n = float(profit.sum()), len(profit)
    if total <= 0.0:
        note = "no profit to compare with"
        return Gate("ambiguity", "fail", None, AMBIGUITY_SHARE, n, note)
    share = float(np.abs(gap_percent).sum()) / 100.0 * initial_cash / total
    return _judged("ambiguity", share, AMBIGUITY_SHARE, n, holds=share <= AMBIGUITY_SHARE)
