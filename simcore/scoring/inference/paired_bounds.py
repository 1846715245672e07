"""Lower bounds of what each of many entries has over a benchmark, all of them true together.

Each resample is studentised by its own spread. How often these bounds err is what
`simcore.tournaments.calibration` measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simcore import engine
from simcore.scoring.inference.sample import (
    Floats,
    Scores,
    check_cells,
    check_settings,
    numbers,
    refuse,
    sample,
)

N_RESAMPLES: Final = 10_000
# Deviation of the differences, relative to the largest of them, that rounding leaves of none.
FLAT: Final = 1e-12


@dataclass(frozen=True, eq=False)
class PairedBounds:
    """Lower bounds of mean differences that hold together.

    Args:
        names: The entries.
        mean: Mean difference to the benchmark, ``(n_entries,)``.
        lower: Bound below it, ``(n_entries,)``; the chance that any true mean lies below its
            bound is `alpha` at most. An entry whose difference never varies has none: NaN.
        superior: Those whose bound lies above `margin`, and those found after them with fewer
            left to compare, in the order of `names`.
        margin: What the difference must exceed.
        alpha: Chance that one or more are in `superior` by luck.
        n_rows: Rows of the sample.
        n_resamples: Resamples.
    """

    names: tuple[str, ...]
    mean: Floats
    lower: Floats
    superior: tuple[str, ...]
    margin: float
    alpha: float
    n_rows: int
    n_resamples: int


def paired_bounds(
    scores: Scores,
    benchmark: Sequence[float] | Floats,
    *,
    seed: int,
    margin: float = 0.0,
    alpha: float = 0.05,
    n_resamples: int = N_RESAMPLES,
    strata: Sequence[str] | None = None,
) -> PairedBounds:
    """Return which entries beat a benchmark by a margin, and by how much at least.

    Args:
        scores: Points, a column by name of entry, one row a market.
        benchmark: The same of the benchmark, ``(n_rows,)``.
        seed: Root of the draws, 0 to 2**53 - 1.
        margin: What the mean difference must exceed, points.
        alpha: Chance allowed that any of them does not.
        n_resamples: 100 or more.
        strata: Family of each row; rows are drawn within their family. None has one family.

    Raises:
        SpecError: As for `simcore.scoring.inference.superiority.superior_set`.
        LimitError: More numbers than fit.

    Source:
        Romano and Wolf (2005), "Stepwise multiple testing as formalized data snooping",
        Econometrica 73(4), algorithm 4.1 with studentisation within each resample.
    """
    made = sample(scores, "scenarios")
    check_settings(made.n_rows, n_resamples, 1, alpha, seed)
    own = numbers(benchmark)
    if own.shape != (made.n_rows,) or not np.isfinite(own).all():
        expected = f"{made.n_rows} finite numbers, one a row"
        refuse([("/benchmark", f"shape {own.shape} or a number that is not finite", expected)])
    check_cells(n_resamples * (len(made.names) + made.n_rows))
    gap = made.scores - own[:, None]
    mean, spread = gap.mean(axis=0), gap.std(axis=0, ddof=1)
    varies = spread > FLAT * np.abs(made.scores).max(axis=0, initial=0.0)
    error = np.where(varies, spread, 1.0) / math.sqrt(made.n_rows)
    families = np.array(["all"] * made.n_rows if strata is None else list(strata))
    weights = _weights(families, n_resamples, seed)
    ratios = _ratios((gap - mean)[:, varies], weights)
    all_first = _largest(ratios, alpha)
    lower = np.where(varies, mean - all_first * error, np.nan)
    found = _stepwise(((mean - margin) / error)[varies], ratios, alpha)
    passed = np.zeros(len(made.names), dtype=np.bool_)
    passed[np.flatnonzero(varies)[found]] = True
    superior = tuple(name for name, is_in in zip(made.names, passed, strict=True) if is_in)
    drawn = (margin, alpha, made.n_rows, n_resamples)
    return PairedBounds(made.names, mean, lower, superior, *drawn)


def _weights(families: np.ndarray[tuple[int], np.dtype[np.str_]], n: int, seed: int) -> Floats:
    """How often each resample holds each row, ``(n_resamples, n_rows)``."""
    weights = np.zeros((n, len(families)))
    for lane, family in enumerate(sorted(set(families.tolist()))):
        rows = np.flatnonzero(families == family)
        size = len(rows)
        draws = engine.uniforms(seed, "bootstrap", lane, n * size).reshape(n, size)
        chosen = np.floor(draws * size).astype(np.intp) + size * np.arange(n)[:, None]
        counts = np.bincount(chosen.ravel(), minlength=n * size)
        weights[:, rows] = counts.reshape(n, size)
    return weights


def _ratios(centred: Floats, weights: Floats) -> Floats:
    """Mean of each resample over its own standard error, ``(n_resamples, n_entries)``."""
    n = len(centred)
    means = weights @ centred / n
    squares = weights @ (centred * centred) / n
    variance = (squares - means * means) * (n / (n - 1))
    # A resample that holds one row n times over has no spread and says nothing.
    has_spread = variance > FLAT * squares
    ratios: Floats = np.where(
        has_spread, means / np.sqrt(np.where(has_spread, variance, 1.0) / n), 0.0
    )
    return ratios


def _largest(ratios: Floats, alpha: float) -> float:
    """What the largest of all ratios stays below with probability 1 - alpha."""
    if ratios.shape[1] == 0:
        return math.inf
    return float(np.quantile(ratios.max(axis=1), 1.0 - alpha, method="higher"))


def _stepwise(
    statistic: Floats, ratios: Floats, alpha: float
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Positions of those found, step by step, each with only the others left to compare."""
    left = np.arange(len(statistic))
    while left.size:
        passes = statistic[left] > _largest(ratios[:, left], alpha)
        if not passes.any():
            break
        left = left[~passes]
    return np.setdiff1d(np.arange(len(statistic)), left)
