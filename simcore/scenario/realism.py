"""Whether windows of a synthetic market can be told from windows of a real one.

Both are cut into windows, each window is described by a dozen numbers, and the two clouds of
points are compared by their energy distance. A large distance says that the family, as it is
parametrised, is not the market it stands for; which numbers differ is said beside it.

Windows that follow one another are alike, so they are divided between the clouds five at a time.
A market that remembers longer than these 250 bars is told from its own kind a little too often.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine
from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario.document import Scenario, effective
from simcore.scenario.statistics.sample import PRICES, Floats
from simcore.seeds import derive

WINDOW_BARS: Final = 50
WINDOWS_MIN: Final = 20
WINDOWS_MAX: Final = 200
STRETCH_WINDOWS: Final = 5
"""Windows that follow one another are divided together: storms outlast a window."""

PERMUTATIONS: Final = 999

FEATURES: Final = (
    "mean",
    "log_deviation",
    "skewness",
    "log_kurtosis",
    "acf_1",
    "acf_abs_1",
    "acf_abs_5",
    "leverage_1",
    "log_range_ratio",
    "gap_share",
    "volume_size_correlation",
    "volume_acf_1",
)

_LEAST: Final = 1e-12


@dataclass(frozen=True)
class Realism:
    """How far a synthetic market lies from a real one.

    Args:
        distance: Energy distance of the clouds of windows, each feature in units of its deviation
            over both clouds; 0 if they are alike.
        p_value: Share of random divisions of all windows into two that lie at least as far apart.
        n_synthetic: Windows of the synthetic market.
        n_real: Windows of the real one.
        differences: For each feature the synthetic mean less the real one, in the same units.
    """

    distance: float
    p_value: float
    n_synthetic: int
    n_real: int
    differences: dict[str, float]


def realism(scenario: Scenario, real: Scenario) -> Realism:
    """Compare a scenario with a real market.

    Args:
        scenario: The market to be judged.
        real: A scenario that works on a source, whose rows are the real market.

    Returns:
        The same for the same documents: the divisions are drawn from the scenario's seed.

    Raises:
        SpecError: `real` has no source, its timeframe is another, or one of the two has fewer
            than 20 windows of 50 bars.

    Source:
        Székely and Rizzo (2004), "Testing for equal distributions in high dimension", InterStat 5.
    """
    if real.source is None:
        raise _refusal(
            "NO_SOURCE", f"got the family {real.document.family}, expected one of real bars", real
        )
    if real.document.timeframe != scenario.document.timeframe:
        message = (
            f"got bars of {real.document.timeframe}, expected those of "
            f"{scenario.document.timeframe}, as {scenario.id} has them"
        )
        raise _refusal("OTHER_TIMEFRAME", message, real)
    n_assets = len(real.document.assets)  # The first of them is compared.
    rows = real.source.columns
    theirs = _windows_of({name: rows[name].reshape(n_assets, -1)[:1] for name in PRICES}, real)
    ours = _windows_of(_synthetic(scenario, len(theirs)), scenario)
    both = np.concatenate([ours, theirs])
    scale = both.std(axis=0)
    scaled = (both - both.mean(axis=0)) / np.where(scale > 0.0, scale, 1.0)
    seed = derive(scenario.document.seed, "realism", scenario.id, real.id)
    distance, p_value = energy_test(scaled, len(ours), seed)
    shift = scaled[: len(ours)].mean(axis=0) - scaled[len(ours) :].mean(axis=0)
    differences = {name: float(each) for name, each in zip(FEATURES, shift, strict=True)}
    return Realism(distance, p_value, len(ours), len(theirs), differences)


def energy_test(points: Floats, n_first: int, seed: int) -> tuple[float, float]:
    """Return the energy distance of two clouds of points, and its p-value by permutation.

    Args:
        points: ``(n, n_features)``, the first cloud's points first, neighbours in time next to
            one another; of both clouds a multiple of five, because that many are moved together.
        n_first: Number of points of the first cloud.
        seed: Names the permutations.
    """
    between = np.sqrt(((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2))
    n = len(points)
    firsts, all_ = n_first // STRETCH_WINDOWS, n // STRETCH_WINDOWS
    of_stretch = np.zeros((PERMUTATIONS + 1, all_))
    of_stretch[0, :firsts] = 1.0
    for row, order in enumerate(_orders(seed, all_, PERMUTATIONS), 1):
        of_stretch[row, order[:firsts]] = 1.0
    distances = _energy(
        between, np.repeat(of_stretch, STRETCH_WINDOWS, axis=1), n_first, n - n_first
    )
    # A permutation that changes nothing may still be off in the last bit.
    at_least = int(np.count_nonzero(distances[1:] >= distances[0] * (1.0 - 1e-12)))
    return float(distances[0]), (1.0 + at_least) / (PERMUTATIONS + 1.0)


def features(bars: dict[str, Floats]) -> Floats:
    """Return what describes each window, ``(n_windows, n_features)``.

    Args:
        bars: ``open, high, low, close, volume`` and ``previous``, the close of the bar before,
            each ``(n_windows, n_bars)``.
    """
    r = np.log(bars["close"] / bars["previous"])
    z, deviation = _scaled(r)
    size, _ = _scaled(np.abs(r))
    height = np.log(bars["high"] / bars["low"])
    gap = np.abs(np.log(bars["open"] / bars["previous"])).mean(axis=1)
    volume, _ = _scaled(np.log1p(bars["volume"]))
    values = (
        r.mean(axis=1),
        np.log(deviation + _LEAST),
        (z**3).mean(axis=1),
        np.log((z**4).mean(axis=1) + _LEAST),
        (z[:, 1:] * z[:, :-1]).mean(axis=1),
        (size[:, 1:] * size[:, :-1]).mean(axis=1),
        (size[:, 5:] * size[:, :-5]).mean(axis=1),
        (z[:, :-1] * size[:, 1:]).mean(axis=1),
        np.log((height.mean(axis=1) + _LEAST) / (deviation + _LEAST)),
        gap / (deviation + _LEAST),
        (volume * size).mean(axis=1),
        (volume[:, 1:] * volume[:, :-1]).mean(axis=1),
    )
    return np.stack(values, axis=1)


def _scaled(values: Floats) -> tuple[Floats, Floats]:
    """Return values of mean 0 and deviation 1 in each row, 0 where a row does not vary."""
    centred = values - values.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1))
    safe = np.where(deviation > _LEAST, deviation, np.inf)
    return centred / safe[:, None], deviation


def _synthetic(scenario: Scenario, n_windows: int) -> dict[str, NDArray[Any]]:
    """Return bars of paths enough for as many windows as the real market has."""
    document = effective(scenario)
    source = scenario.source.columns if scenario.source is not None else None
    a_path = max(1, (int(document["duration_bars"]) - 1) // WINDOW_BARS)
    paths = max(int(document["paths"]), -(-n_windows // a_path))
    if scenario.source is None:
        document["paths"] = paths
    columns = engine.generate(document, source).columns
    n_rows = int(document["duration_bars"])
    n_series = columns["close"].size // n_rows
    kept = slice(0, n_series, len(document["assets"]))  # of each path the first asset
    return {name: columns[name].reshape(n_series, n_rows)[kept] for name in PRICES}


def _windows_of(columns: dict[str, NDArray[Any]], scenario: Scenario) -> Floats:
    """Return the features of up to 200 windows, spread evenly over the paths and their bars."""
    previous = columns["close"][:, :-1]
    bars = {name: columns[name][:, 1:] for name in PRICES}
    bars["previous"] = previous
    n_windows = previous.shape[1] // WINDOW_BARS
    cut = {
        name: values[:, : n_windows * WINDOW_BARS].reshape(-1, WINDOW_BARS)
        for name, values in bars.items()
    }
    found = len(cut["close"])
    if found < WINDOWS_MIN:
        message = (
            f"got {found} windows of {WINDOW_BARS} bars, expected at least {WINDOWS_MIN} "
            f"[take a longer market]"
        )
        raise _refusal("TOO_SHORT", message, scenario)
    n_kept = min(found, WINDOWS_MAX) // STRETCH_WINDOWS * STRETCH_WINDOWS
    kept = np.arange(n_kept) * found // n_kept
    return features({name: values[kept] for name, values in cut.items()})


def _orders(seed: int, n: int, count: int) -> list[NDArray[np.intp]]:
    """Return permutations of n things: the orders of keys that a hash makes from the seed."""
    stream = hashlib.shake_256(str(seed).encode()).digest(8 * n * count)
    keys = np.frombuffer(stream, dtype="<u8").reshape(count, n)
    return [np.argsort(row, kind="stable") for row in keys]


def _energy(between: Floats, is_first: Floats, n: int, m: int) -> Floats:
    """Return the energy distance of each division of the points into n and m."""
    is_second = 1.0 - is_first
    to_first = is_first @ between
    within_first = (to_first * is_first).sum(axis=1) / (n * n)
    across = (to_first * is_second).sum(axis=1) / (n * m)
    within_second = ((is_second @ between) * is_second).sum(axis=1) / (m * m)
    return np.asarray(2.0 * across - within_first - within_second)


def _refusal(reason: str, message: str, scenario: Scenario) -> SpecError:
    return SpecError([Problem("ARGUMENT", reason, message, source=scenario.origin)])
