"""Statistics of what a model knows and its bars do not say: jumps, states, variances."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simcore.scenario.statistics.moments import (
    autocorrelation,
    correlation_of,
    mean_of,
    variance_of,
)
from simcore.scenario.statistics.sample import (
    UNDEFINED,
    Estimate,
    Floats,
    Sample,
    jackknife,
)

EVENTS_MIN: Final = 100
"""Fewer events than this tell nothing of the law behind them."""


def jump_share(sample: Sample) -> Estimate:
    """Return the share of bars that a jump opens."""
    return _share(sample, sample.latent["jump"] != 0.0)


def jump_mean(sample: Sample) -> Estimate:
    """Return the mean of the jumps, a log return."""
    jump = sample.latent["jump"]
    return _mean_where(sample, jump, jump != 0.0)


def jump_variance(sample: Sample) -> Estimate:
    """Return the variance of the jumps."""
    jump = sample.latent["jump"]
    return _variance_where(sample, jump, jump != 0.0)


def gap_outside_jumps(sample: Sample) -> Estimate:
    """Return how many bars open elsewhere than the bar before closed, though nothing jumped."""
    opens = sample.bars["open"][..., 1:]
    is_gap = (opens != sample.bars["close"][..., :-1]) & (sample.latent["jump"][..., 1:] == 0.0)
    return Estimate(float(np.count_nonzero(is_gap)))


def occupancy(sample: Sample, state: float) -> Estimate:
    """Return the share of bars in a state."""
    return _share(sample, sample.latent["state"] == int(state))


def sojourn(sample: Sample, state: float) -> Estimate:
    """Return the mean length of a stay in a state, in bars."""
    is_in = sample.latent["state"] == int(state)
    stays = is_in[..., :-1]
    leaves = stays & ~is_in[..., 1:]
    if np.count_nonzero(leaves) < EVENTS_MIN:
        return UNDEFINED
    parts = np.stack([sample.sums(stays), sample.sums(leaves)])
    return jackknife(parts, lambda sums: sums[0] / sums[1])


def state_mean(sample: Sample, state: float) -> Estimate:
    """Return the mean log return of the bars in a state."""
    return _mean_where(sample, sample.returns, sample.latent["state"] == int(state))


def state_variance(sample: Sample, state: float) -> Estimate:
    """Return the variance of the log returns of the bars in a state."""
    return _variance_where(sample, sample.returns, sample.latent["state"] == int(state))


def variance_mean(sample: Sample) -> Estimate:
    """Return the mean of the variance that the model had for the coming bar."""
    return mean_of(sample, sample.latent["deviation"] ** 2)


def log_variance_mean(sample: Sample) -> Estimate:
    """Return the mean logarithm of the variance that the model had for the coming bar."""
    return mean_of(sample, _log_variance(sample))


def log_variance_deviation(sample: Sample) -> Estimate:
    """Return the standard deviation of the logarithm of the model's variance."""
    found = variance_of(sample, _log_variance(sample))
    deviation = max(found.value, 0.0) ** 0.5
    error = found.standard_error / (2.0 * deviation) if deviation > 0.0 else 0.0
    return Estimate(deviation, error, found.degrees)


def log_variance_acf(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of the logarithm of the model's variance."""
    return autocorrelation(sample, _log_variance(sample), lag_bars)


def leverage(sample: Sample) -> Estimate:
    """Return the correlation of a bar's return with the model's variance for the next bar."""
    variance = sample.latent["deviation"] ** 2
    return correlation_of(sample, sample.returns[..., :-1], variance[..., 1:])


def _log_variance(sample: Sample) -> Floats:
    with np.errstate(divide="ignore"):
        return 2.0 * np.log(np.asarray(sample.latent["deviation"], dtype=np.float64))


def _share(sample: Sample, is_so: NDArray[np.bool_]) -> Estimate:
    found = jackknife(
        np.stack([sample.count(is_so), sample.sums(is_so)]), lambda sums: sums[1] / sums[0]
    )
    # The spread of a few events says little, and of none nothing: no less than the binomial's.
    share = (float(np.count_nonzero(is_so)) + 1.0) / (is_so.size + 2.0)
    floor = (share * (1.0 - share) / is_so.size) ** 0.5
    return Estimate(found.value, max(found.standard_error, floor), found.degrees)


def _mean_where(sample: Sample, values: Floats, is_so: NDArray[np.bool_]) -> Estimate:
    if np.count_nonzero(is_so) < EVENTS_MIN:
        return UNDEFINED
    centre = float(values[is_so].mean())
    parts = np.stack([sample.sums(is_so), sample.sums(np.where(is_so, values - centre, 0.0))])
    return jackknife(parts, lambda sums: centre + sums[1] / sums[0])


def _variance_where(sample: Sample, values: Floats, is_so: NDArray[np.bool_]) -> Estimate:
    if np.count_nonzero(is_so) < EVENTS_MIN:
        return UNDEFINED
    centred = np.where(is_so, values - float(values[is_so].mean()), 0.0)
    parts = np.stack([sample.sums(is_so), sample.sums(centred), sample.sums(centred**2)])
    return jackknife(parts, lambda sums: sums[2] / sums[0] - (sums[1] / sums[0]) ** 2)
