"""Which entries may be the best: the model confidence set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simcore.scoring.inference.sample import (
    ROUNDING,
    Block,
    Floats,
    Rows,
    Scores,
    check_cells,
    check_settings,
    refuse,
    sample,
    unit_exponent,
)
from simcore.seeds import derive


@dataclass(frozen=True)
class ConfidenceSet:
    """Entries among which the best one is with probability 1 − alpha.

    Args:
        included: Their names, in the order of the sample; a large set means that the rows cannot
            tell the entries apart.
        excluded: The others.
        p_values: By name: the smallest alpha at which the entry is excluded.
        alpha: Chance allowed that the best entry is excluded.
        statistic: ``R`` compares each pair, ``max`` each entry with the mean of all.
        n_rows: Rows of the sample.
        n_resamples: Resamples behind each p-value.
        block_bars: Mean rows of a block.
        flags: ``LOW_SAMPLE``, ``LONG_BLOCK``, ``EQUAL_ENTRIES`` (some entries are the same on
            every row; they share a p-value), ``CONSTANT_DIFFERENCE`` (an entry lies below another
            by one and the same number on every row; it cannot be the best, and its p-value is 0).
    """

    included: tuple[str, ...]
    excluded: tuple[str, ...]
    p_values: dict[str, float]
    alpha: float
    statistic: Literal["R", "max"]
    n_rows: int
    n_resamples: int
    block_bars: int
    flags: tuple[str, ...]


class _Unkept(list[NDArray[np.intp]]):
    """A list that keeps nothing: arch notes every resample's rows, which nobody here reads."""

    def append(self, item: NDArray[np.intp]) -> None:
        """Forget the item."""


def confidence_set(
    scores: Scores,
    *,
    rows: Rows,
    seed: int,
    alpha: float = 0.05,
    statistic: Literal["R", "max"] = "R",
    n_resamples: int = 10_000,
    block: Block = "auto",
) -> ConfidenceSet:
    """Return the entries that may be the best.

    Args:
        scores: Higher is better, a column by name of entry, each ``(n_rows,)``; two or more.
        rows: ``history`` is resampled in blocks, ``scenarios`` one by one.
        seed: Root of the draws, 0 to 2**53 - 1.
        alpha: Chance allowed that the best is left out, between 0 and 1.
        statistic: ``R`` or ``max``.
        n_resamples: 100 or more.
        block: Mean rows of a block of a history; ``auto`` takes the longest that an entry's
            difference from the mean needs.

    Raises:
        SpecError: Fewer than two entries, columns of unequal length, values that are not finite,
            too few rows, an unknown statistic.
        LimitError: More numbers than fit.

    Source:
        Hansen, Lunde and Nason (2011), "The model confidence set", Econometrica 79(2).
    """
    made = sample(scores, rows, n_entries_min=2)
    check_settings(made.n_rows, n_resamples, block, alpha, seed)
    if statistic not in ("R", "max"):
        refuse([("/statistic", repr(statistic), "R or max")])
    scaled = np.ldexp(made.scores, -unit_exponent(made.scores))
    block_bars = made.block_bars(scaled - scaled.mean(axis=1, keepdims=True), block)
    distinct, place_of, behind = _distinct(scaled)
    check_cells(n_resamples * distinct.shape[1] ** (2 if statistic == "R" else 1))
    drawn = (block_bars, n_resamples, derive(seed, "inference", "mcs", statistic))
    p_distinct = _p_values(distinct, alpha, statistic, *drawn)
    p_values = {
        name: 0.0 if is_behind else float(p_distinct[at])
        for name, at, is_behind in zip(made.names, place_of, behind, strict=True)
    }
    are_equal = distinct.shape[1] < len(made.names) - sum(behind)
    return ConfidenceSet(
        included=tuple(name for name, p in p_values.items() if p > alpha),
        excluded=tuple(name for name, p in p_values.items() if p <= alpha),
        p_values=p_values,
        alpha=alpha,
        statistic=statistic,
        n_rows=made.n_rows,
        n_resamples=n_resamples,
        block_bars=block_bars,
        flags=(
            *made.flags(block_bars),
            *(["EQUAL_ENTRIES"] if are_equal else []),
            *(["CONSTANT_DIFFERENCE"] if any(behind) else []),
        ),
    )


def _p_values(
    scores: Floats,
    alpha: float,
    statistic: Literal["R", "max"],
    block_bars: int,
    n_resamples: int,
    seed: int,
) -> Floats:
    """P-value of each entry, no two of which are the same, ``(n_entries,)``."""
    from arch.bootstrap import MCS

    p_values = np.ones(scores.shape[1])
    if len(p_values) > 1:
        test = MCS(
            -scores,  # losses
            size=alpha,
            reps=n_resamples,
            block_size=block_bars,
            method=statistic,
            bootstrap="stationary",
            seed=seed,
        )
        test._bootstrap_indices = _Unkept()
        test.compute()
        found = test.pvalues
        p_values[found.index.to_numpy(dtype=int)] = found["Pvalue"].to_numpy()
    return p_values


def _distinct(scores: Floats) -> tuple[Floats, list[int], list[bool]]:
    """Columns of which no two move alike, where each entry's stands among them, who lies behind.

    Of columns that differ by one number on every row the highest stands for all: between them
    there is nothing to resample.
    """
    centred = scores - scores.mean(axis=0)
    firsts: list[int] = []
    place_of = []
    for at in range(scores.shape[1]):
        alike = (
            place
            for place, first in enumerate(firsts)
            if np.abs(centred[:, at] - centred[:, first]).max() <= ROUNDING
        )
        place = next(alike, len(firsts))
        if place == len(firsts):
            firsts.append(at)
        place_of.append(place)
    means = scores.mean(axis=0)
    highest = list(firsts)
    for at, place in enumerate(place_of):
        if means[at] > means[highest[place]] + ROUNDING:
            highest[place] = at
    behind = [bool(means[at] < means[highest[p]] - ROUNDING) for at, p in enumerate(place_of)]
    return scores[:, highest], place_of, behind
