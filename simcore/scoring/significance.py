"""How far a Sharpe ratio can be trusted: its probability, its price in bars and in trials.

All ratios here are those of one bar, not annualised, unless a name says otherwise; kurtosis is
raw, 3 for a normal. How many trials there were is counted by the trial ledger, not here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore.backtests.series import ROUNDED
from simcore.errors import SpecError
from simcore.problems import Problem

EULER_GAMMA: Final = 0.5772156649015329
CONFIDENCE: Final = 0.95
FLAT: Final = 1e-12
# Beyond these, one less one part in so many is one.
TRIALS_MAX: Final = 10**15


@dataclass(frozen=True)
class SharpeSample:
    """What a series of returns says about its Sharpe ratio.

    Args:
        sharpe: Mean over standard deviation (ddof 1) of a bar, over the riskless rate.
        n: Number of returns, 2 or more.
        skew: Third standardised moment, of the population.
        kurt: Fourth, raw: 3 for a normal.
        rho: Autocorrelation of lag 1, within (-1, 1).
    """

    sharpe: float
    n: int
    skew: float = 0.0
    kurt: float = 3.0
    rho: float = 0.0

    @property
    def variance_factor(self) -> float:
        """The variance of the ratio's estimate, times ``n - 1``; never below 0."""
        square = (self.kurt - 1.0) / 4.0 * self.sharpe**2
        return max(1.0 - self.skew * self.sharpe + square, 0.0)


def sharpe_sample(
    returns: Sequence[float] | NDArray[np.float64], *, rf: float = 0.0
) -> SharpeSample | None:
    """Return what a series says about its Sharpe ratio.

    Args:
        returns: Simple returns, one a bar, ``(n_bars,)``.
        rf: Riskless rate per bar.

    Returns:
        The moments; None for fewer than two returns, or ones that hardly differ.
    """
    excess = np.asarray(returns, dtype=np.float64) - rf
    is_series = excess.ndim == 1 and bool(np.isfinite(excess).all())
    _check("returns", f"shape {excess.shape}", is_series, "a column of finite numbers")
    n = len(excess)
    if n < 2:
        return None
    mean = math.fsum(excess) / n
    distance = excess - mean
    second, third, fourth = (math.fsum(distance**power) / n for power in (2, 3, 4))
    deviation = math.sqrt(second * n / (n - 1))
    if deviation <= max(FLAT * float(np.abs(excess).max()), ROUNDED):
        return None
    rho = math.fsum(distance[1:] * distance[:-1]) / (second * n)
    return SharpeSample(mean / deviation, n, third / second**1.5, fourth / second**2, rho)


def psr(sample: SharpeSample, benchmark_sharpe: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio is above that of a benchmark.

    Args:
        sample: Of the returns.
        benchmark_sharpe: Of a bar, over the same riskless rate.

    Returns:
        Within 0 to 1; None where the estimate has no variance.

    Source:
        Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", J. Risk 15(2).
    """
    _check_benchmark(benchmark_sharpe)
    if sample.variance_factor <= FLAT:
        return None
    distance = (sample.sharpe - benchmark_sharpe) * math.sqrt(sample.n - 1)
    return _normal_cdf(distance / math.sqrt(sample.variance_factor))


def psr_h0(sample: SharpeSample, benchmark_sharpe: float = 0.0) -> float | None:
    """Return the same with the variance as it is if the true ratio is the benchmark's.

    Counts the autocorrelation of one lag. Too bold where returns are skewed and few; the default
    is therefore `psr`.

    Returns:
        Within 0 to 1; None where the variance comes out as none.

    Source:
        Lopez de Prado, Lipton and Zoonekynd (2025), "How to use the Sharpe ratio".
    """
    _check_benchmark(benchmark_sharpe)
    rho = sample.rho
    if not -1.0 < rho < 1.0:
        return None
    a = 1.0 + 2.0 * rho / (1.0 - rho)
    b = 1.0 + rho / (1.0 - rho) + rho**2 / (1.0 - rho**2)
    c = 1.0 + 2.0 * rho**2 / (1.0 - rho**2)
    square = (sample.kurt - 1.0) / 4.0 * benchmark_sharpe**2
    variance = (a - b * sample.skew * benchmark_sharpe + c * square) / sample.n
    if variance <= 0.0:
        return None
    return _normal_cdf((sample.sharpe - benchmark_sharpe) / math.sqrt(variance))


def min_trl(
    sample: SharpeSample, benchmark_sharpe: float = 0.0, confidence: float = CONFIDENCE
) -> float | None:
    """Return how many bars it takes to trust that a Sharpe ratio is above a benchmark's.

    Returns:
        Bars; None if the ratio is not above the benchmark's, since no number would do, or so
        little above that no double holds the number.

    Source:
        Bailey and Lopez de Prado (2012), "The Sharpe ratio efficient frontier", J. Risk 15(2).
    """
    _check("confidence", confidence, 0.5 < confidence < 1.0, "a number within (0.5, 1)")
    _check_benchmark(benchmark_sharpe)
    if sample.sharpe <= benchmark_sharpe:
        return None
    z = _normal_quantile(confidence) / (sample.sharpe - benchmark_sharpe)
    bars = 1.0 + sample.variance_factor * (z * z)
    return bars if math.isfinite(bars) else None


def expected_maximum(n_trials: int) -> float:
    """Return the mean of the largest of several independent standard normals, nearly.

    For 2 it is 8 % low, for 5 to 1,000 up to 2.5 % high; for 1 it is 0.

    Source:
        Bailey, Borwein, Lopez de Prado and Zhu (2014), "Pseudo-mathematics and financial
        charlatanism", Notices of the AMS 61(5).
    """
    is_legal = 1 <= n_trials <= TRIALS_MAX
    _check("n_trials", n_trials, is_legal, f"1 trial or more, at most {TRIALS_MAX}")
    if n_trials == 1:
        return 0.0
    return (1.0 - EULER_GAMMA) * _normal_quantile(
        1.0 - 1.0 / n_trials
    ) + EULER_GAMMA * _normal_quantile(1.0 - 1.0 / (n_trials * math.e))


def dsr(sample: SharpeSample, n_trials: int, variance_of_trials: float) -> float | None:
    """Return the deflated Sharpe ratio: `psr` against the best of so many worthless trials.

    Not a p-value: 0.95 is a strict gate.

    Args:
        sample: Of the returns of the chosen trial.
        n_trials: Trials ever made on this data, the chosen one among them.
        variance_of_trials: Variance of the Sharpe ratios (of a bar) over those trials, 0 or more.

    Returns:
        Within 0 to 1; None where the estimate has no variance.

    Source:
        Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio", J. Portfolio Management
        40(5).
    """
    is_legal = 0.0 <= variance_of_trials < math.inf
    _check("variance_of_trials", variance_of_trials, is_legal, "a finite number, 0 or more")
    return psr(sample, math.sqrt(variance_of_trials) * expected_maximum(n_trials))


def min_btl(n_trials: int, sharpe_annual: float) -> float:
    """Return how many years of data it takes for the best of worthless trials to look no better.

    Args:
        n_trials: Trials made.
        sharpe_annual: Annualised Sharpe ratio that the best of them is to stay below, above 0.

    Source:
        Bailey, Borwein, Lopez de Prado and Zhu (2014), "Pseudo-mathematics and financial
        charlatanism", Notices of the AMS 61(5).
    """
    is_legal = 0.0 < sharpe_annual < math.inf
    _check("sharpe_annual", sharpe_annual, is_legal, "a finite number above 0")
    return (expected_maximum(n_trials) / sharpe_annual) ** 2


def _check(name: str, value: Any, is_legal: bool, expected: str) -> None:
    if not is_legal:
        message = f"got {value}, expected {expected}"
        raise SpecError([Problem("ARGUMENT", "OUT_OF_RANGE", message, path=f"/{name}")])


def _check_benchmark(sharpe: float) -> None:
    _check("benchmark_sharpe", sharpe, math.isfinite(sharpe), "a finite number")


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _normal_quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))
