"""Statistics that compare bars with the rows of the source they were made from.

The rows of a source with several assets lie one asset after the other, as bars do.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore.scenario.statistics.moments import acf, acf_abs, acf_squares
from simcore.scenario.statistics.sample import (
    UNDEFINED,
    Estimate,
    Floats,
    Sample,
    keeps_length,
)

THINNING_BARS: Final = 97
"""Bars at least this far apart are taken for independent."""

_BLOCKS_APART: Final = 5
_SAME: Final = 1e-9


def ks_to_source(sample: Sample) -> Estimate:
    """Return the p-value of returns being drawn from those of the source.

    Bars of a path that lie five blocks apart are compared with the distribution of the source's
    own returns, which is what they were drawn from, by Kolmogorov's one-sample test; with the
    steps of a discrete distribution it refuses too seldom rather than too often.
    """
    from scipy.stats import kstest

    rows = _rows(sample)
    if rows is None:
        return UNDEFINED
    known = np.sort(_returns(rows)[0])
    block = (sample.facts.get("quality") or {}).get("block_bars") or 0
    apart = min(max(THINNING_BARS, _BLOCKS_APART * int(block)), sample.shape[2])
    thin = sample.returns[:, 0, ::apart].ravel()
    # Rounding of prices on their way moves a return by parts in 1e12, so ties are met half way.
    found = kstest(thin, lambda x: np.searchsorted(known, x + _SAME, "right") / known.size)
    return Estimate(float(found.pvalue))


def acf_to_source(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of returns less that of the source, taken as a circle."""
    return _difference(sample, acf(sample, lag_bars), int(lag_bars), 0)


def acf_abs_to_source(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of absolute returns less that of the source, as a circle."""
    return _difference(sample, acf_abs(sample, lag_bars), int(lag_bars), 1)


def acf_squares_to_source(sample: Sample, lag_bars: float) -> Estimate:
    """Return the autocorrelation of squared returns less that of the source, as a circle."""
    return _difference(sample, acf_squares(sample, lag_bars), int(lag_bars), 2)


def bars_from_source(sample: Sample) -> Estimate:
    """Return the share of bars that are a bar of the source up to scale.

    A bar and its source have the same open, high, low and close relative to the close before; to
    their own open in a family that keeps the rows in their order, since a split that is undone
    changes what lies between two bars.
    """
    from scipy.spatial import cKDTree

    rows = _rows(sample)
    if rows is None:
        return UNDEFINED
    anchor = "open" if keeps_length(sample.document) else "previous"
    found = []
    for asset in range(sample.shape[1]):
        of_asset = {name: values[asset] for name, values in rows.items()}
        known = cKDTree(_shapes(of_asset, anchor))
        bars = {name: values[:, asset].ravel() for name, values in sample.bars.items()}
        distance, _ = known.query(_shapes(bars, anchor), distance_upper_bound=_SAME)
        found.append(np.isfinite(distance))
    return Estimate(float(np.mean(found)))


def equals_source(sample: Sample) -> Estimate:
    """Return the share of bars that are, bit by bit, the row of the source at their place."""
    if sample.source is None:
        return UNDEFINED
    _, n_assets, n_bars = sample.shape
    if sample.times is None or n_assets * n_bars != sample.source["ts"].size:
        return Estimate(0.0)
    is_same = sample.times == sample.source["ts"].reshape(n_assets, n_bars)
    for name in ("open", "high", "low", "close", "volume"):
        is_same = is_same & (sample.bars[name] == sample.source[name].reshape(n_assets, n_bars))
    return Estimate(float(np.mean(is_same)))


def _rows(sample: Sample) -> dict[str, Floats] | None:
    """Return the rows of the source, each column ``(n_assets, n_rows)``, and closes before them."""
    if sample.source is None:
        return None
    names = ("open", "high", "low", "close")
    rows = {name: sample.source[name].reshape(sample.shape[1], -1) for name in names}
    first = rows["open"][:, :1]
    rows["previous"] = np.concatenate([first, rows["close"][:, :-1]], axis=1)
    return rows


def _returns(rows: dict[str, Floats]) -> Floats:
    return np.diff(np.log(rows["close"]), axis=1)


def _shapes(bars: dict[str, Floats], anchor: str) -> Floats:
    """Return open, high, low and close as log distances from the anchor, ``(n, 4)``."""
    names = ("open", "high", "low", "close")
    return np.stack([np.log(bars[name] / bars[anchor]) for name in names], axis=1)


def _difference(sample: Sample, found: Estimate, lag: int, power: int) -> Estimate:
    rows = _rows(sample)
    if rows is None:
        return UNDEFINED
    shocks = _returns(rows)[0]
    shocks = shocks - shocks.mean()
    values: NDArray[Any] = (shocks, np.abs(shocks), shocks**2)[power]
    values = values - values.mean()
    if lag >= values.size or not np.any(values):
        return UNDEFINED
    known = float(np.mean(values * np.roll(values, -lag)) / np.mean(values**2))
    return Estimate(found.value - known, found.standard_error, found.degrees)
