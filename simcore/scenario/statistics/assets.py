"""Statistics of one asset among several, and of two together; assets are numbered from zero."""

from __future__ import annotations

from simcore.scenario.statistics.moments import correlation_of, mean_of, variance_of
from simcore.scenario.statistics.sample import Estimate, Floats, Sample


def asset_mean(sample: Sample, asset: float) -> Estimate:
    """Return the mean log return of an asset."""
    return mean_of(sample, _returns(sample, asset))


def asset_variance(sample: Sample, asset: float) -> Estimate:
    """Return the variance of an asset's log returns."""
    return variance_of(sample, _returns(sample, asset))


def correlation(sample: Sample, asset: float, other: float) -> Estimate:
    """Return the correlation of two assets' log returns of the same bar."""
    return correlation_of(sample, _returns(sample, asset), _returns(sample, other))


def _returns(sample: Sample, asset: float) -> Floats:
    return sample.returns[:, int(asset) : int(asset) + 1]
