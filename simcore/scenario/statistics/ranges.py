"""Statistics of what happens within a bar, in units of the deviation that its model had for it."""

from __future__ import annotations

from typing import Final

import numpy as np

from simcore.scenario.statistics.moments import correlation_of
from simcore.scenario.statistics.sample import UNDEFINED, Estimate, Floats, Sample, jackknife

_PARKINSON: Final = 4.0 * 0.6931471805599453  # 4 ln 2


def parkinson_ratio(sample: Sample) -> Estimate:
    """Return the mean of Parkinson's variance of a bar over the variance its model had for it.

    Source:
        Parkinson (1980), Journal of Business 53(1).
    """
    height = np.log(sample.bars["high"] / sample.bars["low"])
    return _against_model(sample, height**2 / _PARKINSON)


def rogers_satchell_ratio(sample: Sample) -> Estimate:
    """Return the mean of Rogers and Satchell's variance of a bar over that of its model.

    Source:
        Rogers and Satchell (1991), Annals of Applied Probability 1(4).
    """
    bars = sample.bars
    up = np.log(bars["high"] / bars["open"]) * np.log(bars["high"] / bars["close"])
    down = np.log(bars["low"] / bars["open"]) * np.log(bars["low"] / bars["close"])
    return _against_model(sample, up + down)


def high_low_correlation(sample: Sample) -> Estimate:
    """Return the correlation of the highest with the lowest log price of a bar, from its open.

    Both in units of the bar's deviation, so that calm and stormy bars count alike.
    """
    bars, deviation = sample.bars, sample.latent["deviation"]
    is_moving = deviation > 0.0
    if not is_moving.all():
        return UNDEFINED
    high = np.log(bars["high"] / bars["open"]) / deviation
    low = np.log(bars["low"] / bars["open"]) / deviation
    return correlation_of(sample, high, low)


def _against_model(sample: Sample, squares: Floats) -> Estimate:
    deviation = sample.latent["deviation"]
    is_moving = deviation > 0.0
    ratio = np.where(is_moving, squares / np.where(is_moving, deviation, 1.0) ** 2, 0.0)
    parts = np.stack([sample.sums(is_moving), sample.sums(ratio)])
    return jackknife(parts, lambda sums: sums[1] / sums[0])
