"""Lower bounds of what each of many entries has over a benchmark, all of them true together.

Each resample is studentised by its own spread. How often these bounds err is what
`simcore.tournaments.calibration` measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from simcore import engine
from simcore.scoring.inference.sample import (
    ROUNDING,
    Floats,
    Scores,
    benchmark_column,
    check_cells,
    check_settings,
    refuse,
    sample,
    unit_exponent,
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
            bound is `alpha` at most. An entry whose difference to the benchmark does not vary, be
            it none or the same on every row, has none: NaN.
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
        SpecError: As for `simcore.scoring.inference.superiority.superior_set`; a margin that is not
            finite, strata that are not as many as the rows.
        LimitError: More numbers than fit.

    Source:
        Romano and Wolf (2005), "Stepwise multiple testing as formalized data snooping",
        Econometrica 73(4), algorithm 4.1 with studentisation within each resample.
    """
    made = sample(scores, "scenarios")
    check_settings(made.n_rows, n_resamples, 1, alpha, seed)
    own = benchmark_column(benchmark, made.n_rows)
    families = np.array(["all"] * made.n_rows if strata is None else [str(each) for each in strata])
    _check_design(margin, families, made.n_rows)
    check_cells(n_resamples * (len(made.names) + made.n_rows))
    exponent = unit_exponent(made.scores, own)
    gap = np.ldexp(made.scores, -exponent) - np.ldexp(own, -exponent)[:, None]
    gap[:, np.abs(gap).max(axis=0, initial=0.0) <= ROUNDING] = 0.0
    mean, spread = gap.mean(axis=0), gap.std(axis=0, ddof=1)
    varies = spread > FLAT * np.abs(gap).max(axis=0, initial=0.0)
    error = np.where(varies, spread, 1.0) / math.sqrt(made.n_rows)
    weights = _weights(families, n_resamples, seed)
    ratios = _ratios((gap - mean)[:, varies], weights)
    all_first = _largest(ratios, alpha)
    lower = np.where(varies, mean - all_first * error, np.nan)
    limit = float(np.ldexp(float(margin), -exponent))
    found = _stepwise(((mean - limit) / error)[varies], ratios, alpha)
    passed = np.zeros(len(made.names), dtype=np.bool_)
    passed[np.flatnonzero(varies)[found]] = True
    superior = tuple(name for name, is_in in zip(made.names, passed, strict=True) if is_in)
    drawn = (margin, alpha, made.n_rows, n_resamples)
    mean, lower = np.ldexp(mean, exponent), np.ldexp(lower, exponent)
    return PairedBounds(made.names, mean, lower, superior, *drawn)


def _check_design(margin: float, families: np.ndarray[Any, Any], n_rows: int) -> None:
    """Refuse a margin that is no number, and families that are not those of the rows."""
    wrong = []
    is_number = isinstance(margin, int | float | np.number) and not isinstance(margin, bool)
    if not is_number or not math.isfinite(margin):
        wrong.append(("/margin", repr(margin), "a finite number"))
    if families.shape != (n_rows,):
        wrong.append(("/strata", f"{families.size} of them", f"{n_rows}, one a row"))
    refuse(wrong)


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
