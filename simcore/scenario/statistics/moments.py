"""Statistics of returns and prices that need nothing but the bars."""

from __future__ import annotations

import numpy as np

from simcore.scenario.statistics.sample import Estimate, Floats, Sample, jackknife


def mean(sample: Sample) -> Estimate:
    """Return the mean log return a bar."""
    return _mean_of(sample, sample.returns, sample.mean_return)


def variance(sample: Sample) -> Estimate:
    """Return the variance of the log returns, from all bars together."""
    return _variance_of(sample, sample.shocks)


def skewness(sample: Sample) -> Estimate:
    """Return the skewness of the log returns."""
    return skewness_of(sample, sample.shocks)


def skewness_of(sample: Sample, values: Floats) -> Estimate:
    """Return the skewness of values of shape ``(n_paths, n_assets, n)``, about 0 on average."""
    parts = powers(sample, values, 3)

    def combine(sums: Floats) -> Floats:
        m1, m2, m3 = sums[1:] / sums[0]
        spread = m2 - m1**2
        return np.asarray((m3 - 3.0 * m1 * m2 + 2.0 * m1**3) / spread**1.5)

    return jackknife(parts, combine)


def kurtosis(sample: Sample) -> Estimate:
    """Return the kurtosis of the log returns; a normal law has 3."""
    return kurtosis_of(sample, sample.shocks)


def kurtosis_of(sample: Sample, values: Floats) -> Estimate:
    """Return the kurtosis of values of shape ``(n_paths, n_assets, n)``, about 0 on average."""
    return jackknife(powers(sample, values, 4), fourth_over_square)


def fourth_over_square(sums: Floats) -> Floats:
    """Return the kurtosis from the count and the sums of the first four powers."""
    m1, m2, m3, m4 = sums[1:] / sums[0]
    centred = m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4
    return np.asarray(centred / (m2 - m1**2) ** 2)


def forward(sample: Sample) -> Estimate:
    """Return the mean growth of the price a bar, close over previous close."""
    growth = sample.bars["close"] / sample.bars["previous"]
    return _mean_of(sample, growth, float(growth.mean()))


def variance_ratio(sample: Sample, horizon_bars: float) -> Estimate:
    """Return the variance of returns over a horizon, in units of as many bars' variance.

    Source:
        Lo and MacKinlay (1988), Review of Financial Studies 1(1).
    """
    return variance_ratio_of(sample, sample.shocks, int(horizon_bars))


def variance_ratio_of(sample: Sample, values: Floats, q: int) -> Estimate:
    """Return the variance of sums of q values, in units of q times the variance of one."""
    long = sliding_sums(values, q)
    if long.shape[2] == 0:
        return Estimate(np.nan, np.nan)
    short = powers(sample, values, 2)
    parts = np.stack([*short, sample.count(long), sample.sums(long**2)])

    def combine(sums: Floats) -> Floats:
        n, first, second, n_long, second_long = sums
        centre = first / n
        spread = second / n - centre**2
        return np.asarray((second_long / n_long - (q * centre) ** 2) / (q * spread))

    return jackknife(parts, combine)


def acf(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of the log returns."""
    return autocorrelation(sample, sample.shocks, lag_bars)


def acf_squares(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of squared deviations of the returns from their mean."""
    return autocorrelation(sample, sample.shocks**2, lag_bars)


def acf_abs(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of absolute deviations of the returns from their mean."""
    return autocorrelation(sample, np.abs(sample.shocks), lag_bars)


def level_mean(sample: Sample) -> Estimate:
    """Return the mean of the log price relative to the first."""
    return _mean_of(sample, sample.levels, float(sample.levels.mean()))


def level_deviation(sample: Sample) -> Estimate:
    """Return the standard deviation of the log price."""
    parts = powers(sample, sample.levels - sample.levels.mean(), 2)
    return jackknife(parts, lambda sums: np.sqrt(_spread(sums)))


def level_acf(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of the log price."""
    return autocorrelation(sample, sample.levels, lag_bars)


def hill(sample: Sample, tail_fraction: float) -> Estimate:
    """Return Hill's exponent of the tail of absolute deviations of the returns from their mean."""
    return hill_of(sample, sample.shocks, tail_fraction)


def hill_of(sample: Sample, values: Floats, tail_fraction: float) -> Estimate:
    """Return Hill's exponent of the tail of ``|values|``: small for heavy tails.

    The threshold is the quantile of all bars; beyond it the mean logarithm is a ratio of sums.

    Source:
        Hill (1975), Annals of Statistics 3(5).
    """
    size = np.abs(values)
    threshold = float(np.quantile(size, 1.0 - tail_fraction))
    if threshold <= 0.0:
        return Estimate(np.nan, np.nan)
    beyond = size > threshold
    excess = np.where(beyond, np.log(np.where(beyond, size, threshold) / threshold), 0.0)
    parts = np.stack([sample.sums(beyond), sample.sums(excess)])
    return jackknife(parts, lambda sums: sums[0] / sums[1])


def ljung_box(sample: Sample, lags: float) -> Estimate:
    """Return the p-value of no autocorrelation in the returns of the first asset.

    Source:
        Ljung and Box (1978), Biometrika 65(2), the pairs of all paths pooled.
    """
    return _portmanteau(sample.shocks[:, :1], int(lags))


def ljung_box_squares(sample: Sample, lags: float) -> Estimate:
    """Return the p-value of no autocorrelation in the squares of the first asset's returns."""
    return _portmanteau(sample.shocks[:, :1] ** 2, int(lags))


def autocorrelation(sample: Sample, values: Floats, lag_bars: float) -> Estimate:
    """Return the autocorrelation of values of shape ``(n_paths, n_assets, n_bars)``."""
    lag = int(lag_bars)
    centred = values - values.mean()
    if lag >= centred.shape[2]:
        return Estimate(np.nan, np.nan)
    pairs = centred[..., :-lag] * centred[..., lag:]
    short = powers(sample, centred, 2)
    parts = np.stack([*short, sample.count(pairs), sample.sums(pairs)])

    def combine(sums: Floats) -> Floats:
        n, first, second, n_pairs, product = sums
        square = (first / n) ** 2
        return np.asarray((product / n_pairs - square) / (second / n - square))

    return jackknife(parts, combine)


def correlation_of(sample: Sample, x: Floats, y: Floats) -> Estimate:
    """Return the correlation of two arrays of one shape ``(n_paths, n_series, n)``."""
    if x.size == 0:
        return Estimate(np.nan, np.nan)
    x, y = x - x.mean(), y - y.mean()
    # Undefined where a side does not vary, whatever rounding makes of it.
    if not np.any(x) or not np.any(y) or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return Estimate(np.nan, np.nan)
    sums = [sample.sums(part) for part in (x, y, x * x, y * y, x * y)]
    return jackknife(np.stack([sample.count(x), *sums]), correlation_from_sums)


def correlation_from_sums(sums: Floats) -> Floats:
    """Return the correlation from n and the sums of x, y, x², y² and xy."""
    x, y, xx, yy, xy = sums[1:] / sums[0]
    return np.asarray((xy - x * y) / np.sqrt((xx - x * x) * (yy - y * y)))


def mean_of(sample: Sample, values: Floats) -> Estimate:
    """Return the mean of values of shape ``(n_paths, n_series, n)``."""
    return _mean_of(sample, values, float(values.mean()))


def variance_of(sample: Sample, values: Floats) -> Estimate:
    """Return the variance of values of shape ``(n_paths, n_series, n)``."""
    return _variance_of(sample, values - values.mean())


def _mean_of(sample: Sample, values: Floats, centre: float) -> Estimate:
    parts = np.stack([sample.count(values), sample.sums(values - centre)])
    return jackknife(parts, lambda sums: centre + sums[1] / sums[0])


def _variance_of(sample: Sample, centred: Floats) -> Estimate:
    return jackknife(powers(sample, centred, 2), _spread)


def _spread(sums: Floats) -> Floats:
    return np.asarray(sums[2] / sums[0] - (sums[1] / sums[0]) ** 2)


def sliding_sums(values: Floats, length: int) -> Floats:
    """Return the sums of `length` values in a row, of which there may be none."""
    total = np.cumsum(values, axis=2)
    sums = total[..., length - 1 :].copy()
    sums[..., 1:] -= total[..., :-length]
    return sums


def powers(sample: Sample, values: Floats, highest: int) -> Floats:
    """Return the count and the sums of the first powers of each group."""
    power = values
    sums = [sample.count(values), sample.sums(values)]
    for _ in range(highest - 1):
        power = power * values
        sums.append(sample.sums(power))
    return np.stack(sums)


def _portmanteau(values: Floats, lags: int) -> Estimate:
    from scipy.stats import chi2

    centred = values - values.mean()
    n_series, n_bars = centred.shape[0] * centred.shape[1], centred.shape[2]
    spread = float(np.mean(centred**2))
    if spread == 0.0 or n_bars <= lags:
        return Estimate(np.nan, np.nan)
    n = n_series * n_bars
    statistic = 0.0
    for lag in range(1, lags + 1):
        pairs = n_series * (n_bars - lag)
        rho = float(np.sum(centred[..., :-lag] * centred[..., lag:])) / pairs / spread
        statistic += rho * rho * pairs * (n + 2.0) / n
    return Estimate(float(chi2.sf(statistic, lags)))
