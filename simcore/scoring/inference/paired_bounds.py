"""Lower bounds of what each of many entries has over a benchmark, all of them true together.

Two references say how far luck goes, and the farther one counts: rows drawn again, and rows with
random signs, each studentised by its own spread. Drawing again knows that a distribution leans but
calls too often where few rows differ at all; signs are exact for what leans to neither side, and
wrong for the rest. How often the bounds err is what `simcore.tournaments.calibration` measures.
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
        n_resamples: 100 or more, of either kind.
        strata: Family of each row; rows are drawn within their family. None has one family, and
            so has a sample with a family of one row, whose spread nobody knows.

    Raises:
        SpecError: As for `simcore.scoring.inference.superiority.superior_set`.
        LimitError: More numbers than fit.

    Source:
        Romano and Wolf (2005), "Stepwise multiple testing as formalized data snooping",
        Econometrica 73(4), algorithm 4.1 with studentisation within each resample; random signs:
        Liu (1988), "Bootstrap procedures under some non-I.I.D. models", Annals of Statistics 16(4).
    """
    made = sample(scores, "scenarios")
    check_settings(made.n_rows, n_resamples, 1, alpha, seed)
    own = numbers(benchmark)
    if own.shape != (made.n_rows,) or not np.isfinite(own).all():
        expected = f"{made.n_rows} finite numbers, one a row"
        refuse([("/benchmark", f"shape {own.shape} or a number that is not finite", expected)])
    check_cells(2 * n_resamples * (len(made.names) + made.n_rows))
    gap = made.scores - own[:, None]
    mean, spread = gap.mean(axis=0), gap.std(axis=0, ddof=1)
    varies = spread > FLAT * np.abs(made.scores).max(axis=0, initial=0.0)
    error = np.where(varies, spread, 1.0) / math.sqrt(made.n_rows)
    families = _families(made.n_rows, strata)
    own_part, rest = _parted((gap - mean)[:, varies], families)
    ratios = (
        _ratios(own_part + rest, _weights(families, n_resamples, seed)),
        _signed_ratios(own_part, rest, _signs(families, n_resamples, seed)),
    )
    all_first = _largest(ratios, alpha)
    lower = np.where(varies, mean - all_first * error, np.nan)
    found = _stepwise(((mean - margin) / error)[varies], ratios, alpha)
    passed = np.zeros(len(made.names), dtype=np.bool_)
    passed[np.flatnonzero(varies)[found]] = True
    superior = tuple(name for name, is_in in zip(made.names, passed, strict=True) if is_in)
    drawn = (margin, alpha, made.n_rows, n_resamples)
    return PairedBounds(made.names, mean, lower, superior, *drawn)


Names = np.ndarray[tuple[int], np.dtype[np.str_]]


def _families(n_rows: int, strata: Sequence[str] | None) -> Names:
    """Family of each row; all of one where a family has a single row."""
    names = np.array(["all"] * n_rows if strata is None else list(strata))
    if names.shape != (n_rows,):
        refuse([("/strata", f"{len(names)} names", f"{n_rows}, one a row")])
    sizes = np.unique(names, return_counts=True)[1]
    return names if sizes.min() > 1 else np.array(["all"] * n_rows)


def _parted(centred: Floats, families: Names) -> tuple[Floats, Floats]:
    """Mean of each row's family, and the rest of the row, each ``(n_rows, n_entries)``.

    The rest is stretched, for rows around the mean of n of them spread too little by a share of
    1 / n.
    """
    own_part, rest = np.zeros_like(centred), np.zeros_like(centred)
    for family in sorted(set(families.tolist())):
        rows = np.flatnonzero(families == family)
        own_part[rows] = centred[rows].mean(axis=0)
        stretch = math.sqrt(len(rows) / (len(rows) - 1))
        rest[rows] = (centred[rows] - own_part[rows]) * stretch
    return own_part, rest


def _signs(families: Names, n: int, seed: int) -> Floats:
    """One or minus one for each resample and row, ``(n_resamples, n_rows)``."""
    lane = len(set(families.tolist()))
    draws = engine.uniforms(seed, "bootstrap", lane, n * len(families)).reshape(n, len(families))
    return np.where(draws < 0.5, -1.0, 1.0)


def _signed_ratios(own_part: Floats, rest: Floats, signs: Floats) -> Floats:
    """Mean of the rows with random signs over its standard error, ``(n_resamples, n_entries)``."""
    n = len(rest)
    means = signs @ rest / n
    squares = (own_part**2 + rest**2).mean(axis=0) + 2.0 * (signs @ (own_part * rest)) / n
    return _studentised(means, squares, n)


def _weights(families: Names, n: int, seed: int) -> Floats:
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
    return _studentised(weights @ centred / n, weights @ (centred * centred) / n, n)


def _studentised(means: Floats, squares: Floats, n: int) -> Floats:
    """Means over their standard errors, from the means of squares."""
    variance = (squares - means * means) * (n / (n - 1))
    # A resample that holds one row n times over has no spread and says nothing.
    has_spread = variance > FLAT * squares
    ratios: Floats = np.where(
        has_spread, means / np.sqrt(np.where(has_spread, variance, 1.0) / n), 0.0
    )
    return ratios


def _largest(references: Sequence[Floats], alpha: float) -> float:
    """What the largest of all ratios stays below with probability 1 - alpha, by each reference."""
    if references[0].shape[1] == 0:
        return math.inf
    highest = (ratios.max(axis=1) for ratios in references)
    return max(float(np.quantile(each, 1.0 - alpha, method="higher")) for each in highest)


def _stepwise(
    statistic: Floats, references: Sequence[Floats], alpha: float
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Positions of those found, step by step, each with only the others left to compare."""
    left = np.arange(len(statistic))
    while left.size:
        passes = statistic[left] > _largest([ratios[:, left] for ratios in references], alpha)
        if not passes.any():
            break
        left = left[~passes]
    return np.setdiff1d(np.arange(len(statistic)), left)
