"""A tournament's runs and games as arrays, and the means that standings are made of.

Sums are exactly rounded, so that neither the order of the rows nor the processor changes a bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Entrant:
    """One strategy of a tournament; strategies with equal programs are one entrant.

    Args:
        ir_hash: Hash of the compiled program, which is its identity.
        strategy_id: First id, in sorted order, of those that have this program.
        name: Name of that strategy.
        version: The author's own version of it.
        aliases: The other ids that have this program.
    """

    ir_hash: str
    strategy_id: str
    name: str
    version: str
    aliases: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that has this program."""
        return (self.strategy_id, *self.aliases)


@dataclass(frozen=True)
class Market:
    """One path of one scenario: what everybody is compared on."""

    scenario_id: str
    path: int
    family: str


@dataclass(frozen=True)
class Field:
    """Every run of a tournament, as arrays of shape ``(n_markets, n_entrants)``.

    Args:
        entrants: Sorted by `ir_hash`.
        markets: Sorted by family, scenario, path.
        score: Points; NaN where the entrant has no run on the market.
        metrics: By name of column in `backtests`, those that standings are made of; NaN where the
            entrant has no run on the market, and where a metric is null.
        composite_v0: Points of the first version of the score; NaN where there is no run.
        is_ruined: Whether equity reached zero.
        has_null: Whether a metric that the score reads is null, and counted as 0.
        weights: Of each family in a mean; empty: all weigh the same.
    """

    entrants: tuple[Entrant, ...]
    markets: tuple[Market, ...]
    score: Floats
    metrics: Mapping[str, Floats]
    composite_v0: Floats
    is_ruined: NDArray[np.bool_]
    has_null: NDArray[np.bool_]
    weights: Mapping[str, float]

    @property
    def sharpe(self) -> Floats:
        """Annual Sharpe ratio of each run."""
        return self.metrics["sharpe"]

    @property
    def has_run(self) -> NDArray[np.bool_]:
        """Whether the entrant has run on the market."""
        return ~np.isnan(self.score)


@dataclass(frozen=True)
class Games:
    """Every game, as arrays of shape ``(n_games,)``: positions of market and entrants, points."""

    round_index: Integers
    market: Integers
    entry_a: Integers
    entry_b: Integers
    points_a: Floats


def shares(field: Field) -> Floats:
    """Weight of each market in each entrant's mean.

    Families weigh the same, unless the document says otherwise, and so do the markets of one.
    Families on which an entrant has not run weigh nothing in its mean.
    """
    share = np.zeros(field.score.shape)
    family = np.array([market.family for market in field.markets])
    total = np.zeros(len(field.entrants))
    for name in sorted(set(family.tolist())):
        in_family = (family == name)[:, None] & field.has_run
        size = in_family.sum(axis=0)
        weight = field.weights.get(name, 1.0)
        total += weight * (size > 0)
        share += weight * (in_family / np.maximum(size, 1))
    return share / total


def weighted_sums(weights: Floats, values: Floats) -> Floats:
    """Exactly rounded sum over markets for each entrant, of the values that are known."""
    terms = weights * np.where(np.isnan(values), 0.0, values)
    return np.array([math.fsum(column) for column in terms.T.tolist()])


def known_means(share: Floats, values: Floats) -> Floats:
    """Weighted mean of the known values of each entrant; NaN where none is known."""
    known = weighted_sums(share, np.where(np.isnan(values), np.nan, 1.0))
    with np.errstate(invalid="ignore"):
        return np.where(known > 0.0, weighted_sums(share, values) / known, np.nan)


def family_means(field: Field) -> dict[str, Floats]:
    """Mean score of each entrant over the markets of each family; NaN where it has no run."""
    family = np.array([market.family for market in field.markets])
    means = {}
    for name in sorted(set(family.tolist())):
        in_family = (family == name)[:, None] & field.has_run
        means[name] = known_means(in_family.astype(np.float64), field.score)
    return means


def strata(field: Field) -> list[NDArray[np.intp]]:
    """Markets of each family that the same entrants have run on.

    The second part matters only where timeframes are mixed: without it a replicate could leave an
    entrant without a single run.
    """
    rows: dict[tuple[str, bytes], list[int]] = {}
    for index, (market, has_run) in enumerate(zip(field.markets, field.has_run, strict=True)):
        rows.setdefault((market.family, has_run.tobytes()), []).append(index)
    return [np.array(indices) for _, indices in sorted(rows.items())]


def rank_correlation(first: Floats, second: Floats) -> float | None:
    """Spearman's rank correlation, -1 to 1; None where one side has no two different values.

    Source:
        Spearman (1904), "The proof and measurement of association between two things".
    """
    is_known = ~(np.isnan(first) | np.isnan(second))
    if not is_known.any():
        return None
    a, b = _average_ranks(first[is_known]), _average_ranks(second[is_known])
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(math.fsum(a * a) * math.fsum(b * b))
    return round(math.fsum(a * b) / scale, 12) if scale > 0.0 else None


def _average_ranks(values: Floats) -> Floats:
    below = (values[:, None] > values[None, :]).sum(axis=1)
    equal = (values[:, None] == values[None, :]).sum(axis=1)
    ranks: Floats = below + (equal + 1.0) / 2.0
    return ranks
