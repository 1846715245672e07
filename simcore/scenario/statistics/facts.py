"""What the stylised facts of real markets are measured by; which values show one stands elsewhere.

Every asset's returns count in units of their own deviation, so that a calm asset beside a stormy
one does not pass for a heavy tail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from simcore.scenario.statistics import moments
from simcore.scenario.statistics.sample import Estimate, Floats, Sample, jackknife

_TAIL: Final = 0.05
_HORIZON_BARS: Final = 16
_LONG_HORIZON_BARS: Final = 32
_MEMORY_BARS: Final = range(1, 11)
_LONG_MEMORY_BARS: Final = range(41, 61)
_WINDOW_BARS: Final = 20
_COARSE_BARS: Final = 5
_EXTREME: Final = 0.05
_FADING: Final = 0.97


@dataclass(frozen=True, eq=False)
class Returns:
    """Returns of a sample in units of each asset's deviation, less its mean.

    Args:
        sample: Groups the bars.
        z: ``(n_paths, n_assets, n_bars)``.
    """

    sample: Sample
    z: Floats


def standardised(sample: Sample) -> Returns:
    """Return the returns of a sample as the facts are measured on them."""
    r = sample.returns
    centred = r - r.mean(axis=(0, 2), keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=(0, 2), keepdims=True))
    with np.errstate(all="ignore"):
        return Returns(sample, centred / deviation)


def linear_memory(returns: Returns) -> Estimate:
    """Return the variance ratio of returns over 16 bars."""
    return moments.variance_ratio_of(returns.sample, returns.z, _HORIZON_BARS)


def tail(returns: Returns) -> Estimate:
    """Return Hill's exponent of the largest 5 % of absolute returns."""
    return moments.hill_of(returns.sample, returns.z, _TAIL)


def asymmetry(returns: Returns) -> Estimate:
    """Return the skewness."""
    return moments.skewness_of(returns.sample, returns.z)


def aggregation(returns: Returns) -> Estimate:
    """Return by how much the kurtosis of one bar exceeds that of 32 bars together."""
    sample, short = returns.sample, returns.z
    long = moments.sliding_sums(short, _LONG_HORIZON_BARS)
    if long.shape[2] == 0:
        return Estimate(np.nan, np.nan)
    long = long / _LONG_HORIZON_BARS**0.5
    parts = np.concatenate([moments.powers(sample, short, 4), moments.powers(sample, long, 4)])

    def combine(sums: Floats) -> Floats:
        return moments.fourth_over_square(sums[:5]) - moments.fourth_over_square(sums[5:])

    return jackknife(parts, combine)


def bursts(returns: Returns) -> Estimate:
    """Return variance over mean of the count of extreme bars in windows of 20."""
    size = np.abs(returns.z)
    counts = _windows(size > np.quantile(size, 1.0 - _EXTREME), _WINDOW_BARS).sum(axis=3)
    step = _WINDOW_BARS
    values = (np.ones(counts.shape), counts, counts**2)
    parts = np.stack([returns.sample.sums(each, step) for each in values])
    return jackknife(parts, lambda sums: sums[2] / sums[1] - sums[1] / sums[0])


def clustering(returns: Returns) -> Estimate:
    """Return the mean autocorrelation of absolute returns at lags of 1 to 10 bars."""
    return _mean_acf(returns, _MEMORY_BARS)


def conditional_tail(returns: Returns) -> Estimate:
    """Return Hill's exponent once each return is divided by what the bars before lead to expect.

    What they lead to expect is the exponentially weighted mean of past squares, with weights that
    fade by 3 % a bar.
    """
    from scipy.signal import lfilter

    squares = np.concatenate([np.ones_like(returns.z[..., :1]), returns.z[..., :-1] ** 2], axis=2)
    start = np.full(returns.z[..., :1].shape, _FADING)
    variance, _ = lfilter([1.0 - _FADING], [1.0, -_FADING], squares, axis=2, zi=start)
    return moments.hill_of(returns.sample, returns.z / np.sqrt(variance), _TAIL)


def long_memory(returns: Returns) -> Estimate:
    """Return what is left at lags of 41 to 60 bars of the autocorrelation at 1 to 10."""
    size = _sizes(returns)
    lags = (_MEMORY_BARS, _LONG_MEMORY_BARS)
    parts = np.concatenate([_pairs(returns.sample, size, size, each) for each in lags])
    return jackknife(parts, lambda sums: (sums[3] / sums[2]) / (sums[1] / sums[0]))


def leverage(returns: Returns) -> Estimate:
    """Return the mean correlation of a return with the sizes of the ten that follow."""
    size = _sizes(returns)
    scale = float(np.mean(size**2)) ** 0.5  # z itself has a deviation of 1.
    parts = _pairs(returns.sample, returns.z, size, _MEMORY_BARS)
    return jackknife(parts, lambda sums: sums[1] / sums[0] / scale)


def volume_correlation(returns: Returns) -> Estimate:
    """Return the correlation of log volume with the size of the return.

    It is 0 for a volume that never changes. The logarithm is that of one plus the volume in units
    of the asset's median, so that a bar without trades has one too.
    """
    volume = returns.sample.bars["volume"]
    if np.ptp(volume) == 0.0:
        return Estimate(0.0)
    usual = np.median(volume, axis=(0, 2), keepdims=True)
    usual = np.where(usual > 0.0, usual, 1.0)
    return moments.correlation_of(returns.sample, np.log1p(volume / usual), np.abs(returns.z))


def arrow_of_scales(returns: Returns) -> Estimate:
    """Return how much better coarse volatility foretells fine than fine foretells coarse.

    Coarse is the size of the return over five bars, fine the sum of the five sizes; both are
    correlated with the other kind in the next five bars, and the correlations subtracted.

    Source:
        Zumbach and Lynch (2001), "Heterogeneous volatility cascade in financial markets",
        Physica A 298.
    """
    if returns.z.shape[2] < 3 * _COARSE_BARS:
        return Estimate(np.nan, np.nan)
    windows = _windows(returns.z, _COARSE_BARS)
    coarse, fine = np.abs(windows.sum(axis=3)), np.abs(windows).sum(axis=3)
    parts = [
        _pair_sums(returns.sample, before[..., :-1], after[..., 1:], _COARSE_BARS)
        for before, after in ((coarse, fine), (fine, coarse))
    ]

    def combine(sums: Floats) -> Floats:
        forth = moments.correlation_from_sums(sums[:6])
        return np.asarray(forth - moments.correlation_from_sums(sums[6:]))

    return jackknife(np.concatenate(parts), combine)


def _sizes(returns: Returns) -> Floats:
    size: Floats = np.abs(returns.z)
    centre: Floats = size.mean(axis=(0, 2), keepdims=True)
    return size - centre


def _windows(values: Any, length: int) -> Floats:
    """Return the values cut into windows, ``(n_paths, n_assets, n_windows, length)``."""
    n_paths, n_assets, n_bars = values.shape
    n_windows = n_bars // length
    cut = values[..., : n_windows * length].reshape(n_paths, n_assets, n_windows, length)
    return np.asarray(cut, dtype=np.float64)


def _pair_sums(sample: Sample, x: Floats, y: Floats, step: int) -> Floats:
    x, y = x - x.mean(), y - y.mean()
    values = (np.ones(x.shape), x, y, x * x, y * y, x * y)
    return np.stack([sample.sums(each, step) for each in values])


def _mean_acf(returns: Returns, lags: range) -> Estimate:
    size = _sizes(returns)
    squares = np.stack([returns.sample.count(size), returns.sample.sums(size**2)])
    parts = np.concatenate([squares, _pairs(returns.sample, size, size, lags)])
    return jackknife(parts, lambda sums: (sums[3] / sums[2]) / (sums[1] / sums[0]))


def _pairs(sample: Sample, x: Floats, y: Floats, lags: range) -> Floats:
    """Return count and sum, over all the lags, of the products of x and a later y."""
    pairs = [x[..., :-lag] * y[..., lag:] for lag in lags if lag < x.shape[2]]
    counts = [sample.count(each) for each in pairs]
    sums = [sample.sums(each) for each in pairs]
    nothing = np.zeros_like(sample.count(x))
    return np.stack([sum(counts, nothing), sum(sums, nothing)])
