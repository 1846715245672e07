"""Whether one strategy is better than another on the same bars, or merely luckier.

Each test takes two series of returns over the same bars and gives a difference and a p-value. Of
the best among many, `simcore.scoring.significance` and the tests over many strategies speak.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.errors import SpecError
from simcore.problems import Problem

Floats = NDArray[np.float64]
Returns = Sequence[float] | Floats

N_RESAMPLES: Final = 4_999
FLAT: Final = 1e-12
CONFIDENCE: Final = 0.95
_NORMAL: Final = 1.959963984540054  # the quantile of 97.5 % that belongs to it
# Values that the bootstrap holds at a time: 32 MB.
_BATCH_VALUES: Final = 1 << 22


@dataclass(frozen=True)
class Comparison:
    """A difference between two strategies, the first less the second.

    Args:
        difference: Per bar: of Sharpe ratios, or of mean returns.
        statistic: The difference over its standard error.
        p_value: Two-sided, of no difference.
        lower: Lower end of the 95 % interval of the difference.
        upper: Upper end.
    """

    difference: float
    statistic: float
    p_value: float
    lower: float
    upper: float


def jobson_korkie(first: Returns, second: Returns) -> Comparison | None:
    """Compare Sharpe ratios as if returns were independent and jointly normal.

    For reference only, since returns are neither; `sharpe_difference` is the test to use.

    Args:
        first: Simple returns over the riskless rate, one a bar, ``(n_bars,)``.
        second: Of the other strategy, over the same bars.

    Returns:
        None for fewer than two bars, for returns that hardly differ, and for series that are the
        same, whose difference has no variance.

    Source:
        Memmel (2003), "Performance hypothesis testing with the Sharpe ratio", Finance Letters 1,
        correcting Jobson and Korkie (1981), J. of Finance 36(4).
    """
    pair = _pair(first, second)
    if pair is None:
        return None
    sharpe = pair.mean(axis=0) / pair.std(axis=0, ddof=1)
    off = (pair - pair.mean(axis=0)) / pair.std(axis=0)
    rho = float((off[:, 0] * off[:, 1]).mean())
    a, b = sharpe.tolist()
    variance = (2.0 - 2.0 * rho + 0.5 * (a**2 + b**2 - 2.0 * a * b * rho**2)) / len(pair)
    return _judged(a - b, variance)


def mean_difference(
    first: Returns, second: Returns, *, n_lags: int | None = None
) -> Comparison | None:
    """Compare mean returns, with a variance that allows for autocorrelation.

    Args:
        first: Simple returns, one a bar, ``(n_bars,)``.
        second: Of the other strategy, over the same bars.
        n_lags: Lags of Bartlett's kernel; None takes ``floor(4 (n / 100)^(2/9))``.

    Returns:
        None as `jobson_korkie`.

    Source:
        Newey and West (1987), Econometrica 55(3); no correction for small samples.
    """
    pair = _pair(first, second)
    if pair is None:
        return None
    difference = pair[:, 0] - pair[:, 1]
    mean = float(difference.mean())
    variance = _long_run_variance(difference - mean, n_lags) / len(difference)
    return _judged(mean, variance)


def sharpe_difference(
    first: Returns,
    second: Returns,
    *,
    seed: int,
    block_bars: int | None = None,
    n_resamples: int = N_RESAMPLES,
) -> Comparison | None:
    """Compare Sharpe ratios by a studentised bootstrap of circular blocks.

    Holds for returns with heavy tails and with memory. Equal seeds give equal p-values.

    Args:
        first: Simple returns over the riskless rate, one a bar, ``(n_bars,)``.
        second: Of the other strategy, over the same bars.
        seed: 0 to 2**53 - 1; names the draws.
        block_bars: Length of a block; None takes the cube root of the number of bars, rounded.
        n_resamples: How many samples are drawn.

    Returns:
        The p-value is ``(1 + samples at least as far out) / (1 + samples)``. None as
        `jobson_korkie`, for fewer than two blocks, and where the series differ on too few bars.

    Raises:
        SpecError: A block or a count below 1, series of unequal length.

    Source:
        Ledoit and Wolf (2008), "Robust performance hypothesis testing with the Sharpe ratio", J.
        Empirical Finance 15(5); the standard error of the sample itself by Bartlett's kernel.
    """
    pair = _pair(first, second)
    for name, value in (("block_bars", block_bars), ("n_resamples", n_resamples)):
        if value is not None and value < 1:
            raise SpecError([_problem("OUT_OF_RANGE", f"got {value}, expected 1 or more", name)])
    if pair is None:
        return None
    n = len(pair)
    length = round(n ** (1.0 / 3.0)) if block_bars is None else block_bars
    if n // length < 2:
        return None
    # Ratios do not change with the unit, but the powers of tiny returns vanish.
    pair = pair / pair.std(axis=0)
    moments = np.concatenate([pair, pair**2], axis=1)
    centre = moments.mean(axis=0)
    difference, gradient = _sharpe_gap(centre)
    variance = _long_run_variance((moments - centre) @ gradient, None) / n
    if variance <= 0.0:
        return None
    statistic = float(difference) / math.sqrt(variance)
    far = _resampled(moments, float(difference), variance, length, n_resamples, seed)
    if far is None:
        return None
    n_beyond = int((far >= abs(statistic)).sum())
    scale = math.sqrt((n - 1) / n)  # the ratio with ddof 1, as everywhere else
    # The interval reaches as far as the resamples do, in standard errors of the sample.
    reach = float(np.quantile(far, CONFIDENCE, method="higher")) * math.sqrt(variance)
    ends = ((float(difference) - reach) * scale, (float(difference) + reach) * scale)
    p_value = (1 + n_beyond) / (1 + n_resamples)
    return Comparison(float(difference) * scale, statistic, p_value, *ends)


def _resampled(
    moments: Floats, difference: float, variance: float, length: int, n_resamples: int, seed: int
) -> Floats | None:
    """Distances of resampled differences from the sample's, in their own standard errors.

    None where the series differ on so few bars that one resample in twenty, or more, has none of
    them: such a resample has no error to measure a distance by.
    """
    n = len(moments)
    n_blocks = n // length
    wrapped = np.concatenate([moments, moments[: length - 1]])
    sums = np.lib.stride_tricks.sliding_window_view(wrapped, length, axis=0).sum(axis=-1)
    batch = max(1, _BATCH_VALUES // (4 * n_blocks))
    parts = []
    for begin in range(0, n_resamples, batch):
        count = min(batch, n_resamples - begin)
        draws = engine.uniforms(
            seed, "bootstrap", 0, count * n_blocks, start=begin * n_blocks
        ).reshape(count, n_blocks)
        blocks = sums[(draws * n).astype(np.int64)]
        centre = blocks.mean(axis=1) / length
        gaps, gradients = _sharpe_gap(centre)
        off = np.einsum("rbk,rk->rb", blocks - length * centre[:, None, :], gradients)
        own = (off**2).mean(axis=1) / length / (n_blocks * length)
        gap = np.abs(gaps - difference)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(np.where(own > FLAT * variance, gap / np.sqrt(own), np.nan))
    far = np.concatenate(parts)
    is_mute = np.isnan(far)
    if is_mute.mean() >= 1.0 - CONFIDENCE:
        return None
    # A sample without variance says nothing for a difference.
    distances: Floats = np.where(is_mute, 0.0, far)
    return distances


def _sharpe_gap(centre: Floats) -> tuple[Floats, Floats]:
    """Difference of Sharpe ratios, and its gradient, from first and second moments, ``(…, 4)``."""
    mean, square = centre[..., :2], centre[..., 2:]
    variance = np.maximum(square - mean**2, FLAT * np.maximum(square, np.finfo(float).tiny))
    sharpe = mean / np.sqrt(variance)
    to_mean = square / variance**1.5
    to_square = -0.5 * mean / variance**1.5
    sign = np.array([1.0, -1.0])
    gradient = np.concatenate([to_mean * sign, to_square * sign], axis=-1)
    gap: Floats = sharpe[..., 0] - sharpe[..., 1]
    return gap, gradient


def _long_run_variance(off: Floats, n_lags: int | None) -> float:
    """Variance of a centred series, autocovariances by Bartlett's kernel."""
    n = len(off)
    lags = math.floor(4.0 * (n / 100.0) ** (2.0 / 9.0)) if n_lags is None else n_lags
    total = float(off @ off)
    for lag in range(1, min(lags, n - 1) + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(off[lag:] @ off[:-lag])
    return total / n


def _judged(difference: float, variance: float) -> Comparison | None:
    if variance <= 0.0:
        return None
    error = math.sqrt(variance)
    statistic = difference / error
    ends = (difference - _NORMAL * error, difference + _NORMAL * error)
    return Comparison(difference, statistic, math.erfc(abs(statistic) / math.sqrt(2.0)), *ends)


def _pair(first: Returns, second: Returns) -> Floats | None:
    """Both as columns, ``(n_bars, 2)``; None where they cannot be compared."""
    a, b = (np.asarray(each, dtype=np.float64) for each in (first, second))
    if a.shape != b.shape or a.ndim != 1:
        message = f"got {b.shape} returns, expected as many as of the first, {a.shape}"
        raise SpecError([_problem("LENGTH", message, "second")])
    for name, column in (("first", a), ("second", b)):
        if not np.isfinite(column).all():
            raise SpecError([_problem("NOT_FINITE", "expected finite returns", name)])
    pair = np.stack([a, b], axis=1)
    if len(pair) < 2 or _is_flat(a) or _is_flat(b) or _is_flat(a - b):
        return None
    return pair


def _is_flat(column: Floats) -> bool:
    return bool(column.std(ddof=1) <= FLAT * np.abs(column).max())


def _problem(reason: str, message: str, name: Any) -> Problem:
    return Problem("ARGUMENT", reason, message, path=f"/{name}")
