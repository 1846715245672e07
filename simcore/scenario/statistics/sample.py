"""Bars laid out for measuring, and the jackknife that gives every estimate its standard error.

A statistic is a smooth function of sums over bars. The bars fall into groups that know next to
nothing of one another: whole paths where there are enough, stretches of a path where not. Leaving
out one group at a time shows how far the estimate depends on chance. Which statistics there are
does not belong here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simcore import engine

Floats = NDArray[np.float64]

GROUPS_MAX: Final = 200
PATHS_TO_GROUP: Final = 50
STRETCH_BARS_MIN: Final = 40

PRICES: Final = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Estimate:
    """What a statistic came to.

    Args:
        value: The estimate; NaN where the bars do not define it.
        standard_error: Of the estimate; 0 for what is counted and not estimated.
        degrees: Degrees of freedom of the standard error.
    """

    value: float
    standard_error: float = 0.0
    degrees: int = GROUPS_MAX - 1


UNDEFINED: Final = Estimate(np.nan, np.nan)


@dataclass(frozen=True, eq=False)
class Sample:
    """Bars of a scenario, each column of shape ``(n_paths, n_assets, n_bars)``.

    Args:
        bars: ``open, high, low, close, volume``, and ``previous``, the close of the bar before.
        latent: ``mean, deviation, jump, state``; empty where nobody asked for it.
        p0: Price where the paths begin.
        document: Effective document that the bars were made from.
        source: Rows that the family works on: ``ts`` and OHLCV, one asset after the other; else
            None.
        times: Open of each bar in ns UTC.
        facts: What the engine says of the market.
    """

    bars: Mapping[str, Floats]
    latent: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    p0: float = 100.0
    document: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, NDArray[Any]] | None = None
    times: NDArray[np.int64] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def returns(self) -> Floats:
        """Log returns from close to close."""
        return np.log(self.bars["close"] / self.bars["previous"])

    @cached_property
    def mean_return(self) -> float:
        """Mean of the log returns of all paths and assets."""
        return float(self.returns.mean())

    @cached_property
    def shocks(self) -> Floats:
        """Log returns less their mean."""
        return self.returns - self.mean_return

    @cached_property
    def levels(self) -> Floats:
        """Log prices relative to `p0`."""
        return np.log(self.bars["close"] / self.p0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of paths, assets and bars."""
        n_paths, n_assets, n_bars = self.bars["close"].shape
        return n_paths, n_assets, n_bars

    def sums(self, values: NDArray[Any], step_bars: int = 1) -> Floats:
        """Return the sum of the values in each group, ``(n_groups,)``.

        Args:
            values: ``(n_paths, n_series, n)``; value number i belongs to bar ``i * step_bars``.
            step_bars: 1 for a value a bar, more for a value a window.
        """
        n_paths, _, n_bars = self.shape
        by_bar = values.sum(axis=1, dtype=np.float64)
        if n_paths >= PATHS_TO_GROUP:
            starts = _starts(n_paths, min(n_paths, GROUPS_MAX))
            return np.add.reduceat(by_bar.sum(axis=1), starts)
        stretches = max(1, n_bars // STRETCH_BARS_MIN)
        stretches = min(stretches, -(-PATHS_TO_GROUP // n_paths))
        whole = np.zeros((n_paths, n_bars))
        whole[:, : by_bar.shape[1] * step_bars : step_bars] = by_bar
        return np.add.reduceat(whole, _starts(n_bars, stretches), axis=1).ravel()

    def count(self, values: NDArray[Any]) -> Floats:
        """Return how many values of this shape each group has, ``(n_groups,)``."""
        return self.sums(np.ones(values.shape))


def _starts(n: int, parts: int) -> NDArray[np.intp]:
    return (np.arange(parts) * n // parts).astype(np.intp)


def layout(
    columns: Mapping[str, NDArray[Any]],
    latent: Mapping[str, NDArray[Any]],
    document: Mapping[str, Any],
    *,
    shape: tuple[int, int, int],
    burn_in_bars: int = 0,
    source: Mapping[str, NDArray[Any]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Sample:
    """Return the bars of a market as a sample, without those of the burn-in.

    Args:
        columns: Columns of the table `bars`, sorted by path, asset and bar.
        latent: What the bars do not say, in the same order; may be empty.
        document: Effective document.
        shape: Numbers of paths, assets and bars.
        burn_in_bars: How many bars of each path to leave out.
        source: Rows that the family works on.
        facts: What the engine says of the market.
    """
    whole = {name: columns[name].reshape(shape) for name in PRICES}
    hidden = {name: values.reshape(shape) for name, values in latent.items()}
    first = whole["open"][..., :1]
    if not keeps_length(document):  # Its paths begin at p0, whatever the first bar opens with.
        first = np.full_like(first, document["p0"])
    whole["previous"] = np.concatenate([first, whole["close"][..., :-1]], axis=2)
    times = columns["ts"].reshape(shape)[..., burn_in_bars:]
    return Sample(
        {name: values[..., burn_in_bars:] for name, values in whole.items()},
        {name: values[..., burn_in_bars:] for name, values in hidden.items()},
        float(document.get("p0", 100.0)),
        document,
        source,
        times,
        facts or {},
    )


def keeps_length(document: Mapping[str, Any]) -> bool:
    """Return whether the document's family gives the rows of its source as they are."""
    families = engine.catalogue()["families"]
    return any(each["keeps_length"] for each in families if each["name"] == document["family"])


def jackknife(parts: Floats, combine: Callable[[Floats], Floats]) -> Estimate:
    """Return a function of sums, and its standard error by leaving out one group at a time.

    Args:
        parts: One row a sum, one column a group.
        combine: Takes sums, ``(n_sums, n)``, to values, ``(n,)``.

    Returns:
        NaN for both where the function has no value on all bars or without one of the groups.

    Source:
        Tukey (1958); Efron and Stein (1981), Annals of Statistics 9(3).
    """
    total = parts.sum(axis=1, keepdims=True)
    n_groups = parts.shape[1]
    with np.errstate(all="ignore"):
        value = float(combine(total)[0])
        if n_groups < 2 or not np.isfinite(value):
            return Estimate(value if np.isfinite(value) else np.nan, np.nan)
        without = combine(total - parts)
    if not np.all(np.isfinite(without)):
        return UNDEFINED
    spread = float(np.sum((without - without.mean()) ** 2))
    return Estimate(value, (spread * (n_groups - 1) / n_groups) ** 0.5, n_groups - 1)
