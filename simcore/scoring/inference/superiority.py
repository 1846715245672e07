"""Whether any entry beats a benchmark, and which: reality check, SPA, StepM.

The resampling is arch's. Its SPA takes differences as they are, so that they are brought to one
scale here; without that the entry with the widest swings would decide alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simcore.scoring.inference.sample import (
    ROUNDING,
    Block,
    Floats,
    Rows,
    Sample,
    Scores,
    benchmark_column,
    check_cells,
    check_settings,
    sample,
    unit_exponent,
)
from simcore.seeds import derive


@dataclass(frozen=True)
class Superiority:
    """Whether the best entry beats the benchmark by more than the best of so many would by luck.

    Args:
        p_reality_check: White's reality check, which lets poor entries and wide swings hide good
            ones.
        p_lower: Hansen's SPA, liberal: entries worse than the benchmark count as equal to none.
        p_consistent: Hansen's SPA: only those that are clearly worse do. The one to read.
        p_upper: Hansen's SPA, conservative: every entry counts as equal to the benchmark.
        best: The entry of the highest studentised difference; None where none differs.
        n_rows: Rows of the sample.
        n_resamples: Resamples behind each p-value.
        block_bars: Mean rows of a block.
        flags: ``LOW_SAMPLE``, ``LONG_BLOCK``, ``NO_DIFFERENCE`` (an entry equals the benchmark on
            every row; it cannot beat it and is left out), ``CONSTANT_DIFFERENCE`` (an entry is
            above or below the benchmark by one and the same number on every row; as nothing
            varies, no resample can tell how much of it is luck, and it is left out).
    """

    p_reality_check: float
    p_lower: float
    p_consistent: float
    p_upper: float
    best: str | None
    n_rows: int
    n_resamples: int
    block_bars: int
    flags: tuple[str, ...]


@dataclass(frozen=True)
class SuperiorSet:
    """The entries that beat the benchmark, all of them truly so with probability 1 − alpha.

    Args:
        superior: Their names, in the order of the sample.
        alpha: Chance allowed that one or more of them are there by luck.
        n_rows: Rows of the sample.
        n_resamples: Resamples behind each step.
        block_bars: Mean rows of a block.
        flags: As of `Superiority`.
    """

    superior: tuple[str, ...]
    alpha: float
    n_rows: int
    n_resamples: int
    block_bars: int
    flags: tuple[str, ...]


def superiority(
    scores: Scores,
    benchmark: Sequence[float] | Floats,
    *,
    rows: Rows,
    seed: int,
    n_resamples: int = 10_000,
    block: Block = "auto",
) -> Superiority:
    """Test whether any entry beats the benchmark.

    Args:
        scores: Higher is better, a column by name of entry, each ``(n_rows,)``: returns per bar
            of one history, or scores per scenario.
        benchmark: The same of the benchmark, ``(n_rows,)``.
        rows: ``history`` is resampled in blocks, ``scenarios`` one by one.
        seed: Root of the draws, 0 to 2**53 - 1.
        n_resamples: 100 or more.
        block: Mean rows of a block of a history; ``auto`` takes the longest that a difference
            needs.

    Raises:
        SpecError: No entries, columns of unequal length, values that are not finite, too few rows.
        LimitError: More numbers than fit.

    Source:
        White (2000), "A reality check for data snooping", Econometrica 68(5); Hansen (2005), "A
        test for superior predictive ability", J. Business & Economic Statistics 23(4).
    """
    drawn_by = (n_resamples, block, 0.5, seed)
    made, differences, block_bars = _differences(scores, benchmark, rows, *drawn_by)
    differs = _differs(differences)
    p_values = dict.fromkeys(("reality_check", "spa"), (1.0, 1.0, 1.0))
    best = None
    if differs.any():
        raw = differences[:, differs]
        studentised = raw / np.sqrt(long_run_variances(raw, block_bars))
        for name, columns in (("reality_check", raw), ("spa", studentised)):
            drawn = (block_bars, n_resamples, derive(seed, "inference", name))
            p_values[name] = _spa_p_values(columns, *drawn)
        best = str(np.array(made.names)[differs][int(studentised.mean(axis=0).argmax())])
    lower, consistent, upper = p_values["spa"]
    return Superiority(
        p_reality_check=p_values["reality_check"][2],
        p_lower=lower,
        p_consistent=consistent,
        p_upper=upper,
        best=best,
        n_rows=made.n_rows,
        n_resamples=n_resamples,
        block_bars=block_bars,
        flags=_flags(made, block_bars, differences, differs),
    )


def _spa_p_values(
    differences: Floats, block_bars: int, n_resamples: int, seed: int
) -> tuple[float, float, float]:
    """Lower, consistent and upper p-value of the largest mean."""
    from arch.bootstrap import SPA

    test = SPA(
        np.zeros(len(differences)),
        -differences,  # losses
        block_size=block_bars,
        reps=n_resamples,
        bootstrap="stationary",
        seed=seed,
    )
    test.compute()
    lower, consistent, upper = (float(p) for p in test.pvalues)
    return lower, consistent, upper


def superior_set(
    scores: Scores,
    benchmark: Sequence[float] | Floats,
    *,
    rows: Rows,
    seed: int,
    alpha: float = 0.05,
    n_resamples: int = 10_000,
    block: Block = "auto",
) -> SuperiorSet:
    """Return which entries beat the benchmark, with one error rate for all of them together.

    Args:
        scores: As for `superiority`, and so are the others not named here.
        benchmark: Of the benchmark, ``(n_rows,)``.
        rows: What the rows are.
        seed: Root of the draws.
        alpha: Chance allowed that any of them does not, between 0 and 1.
        n_resamples: 100 or more.
        block: Mean rows of a block of a history.

    Raises:
        SpecError: As `superiority`; `alpha` is no probability.
        LimitError: More numbers than fit.

    Source:
        Romano and Wolf (2005), "Stepwise multiple testing as formalized data snooping",
        Econometrica 73(4).
    """
    from arch.bootstrap import StepM

    drawn_by = (n_resamples, block, alpha, seed)
    made, differences, block_bars = _differences(scores, benchmark, rows, *drawn_by)
    differs = _differs(differences)
    flags = _flags(made, block_bars, differences, differs)
    superior: tuple[str, ...] = ()
    if differs.any():
        raw = differences[:, differs]
        studentised = raw / np.sqrt(long_run_variances(raw, block_bars))
        # One that always loses keeps the last step from having nobody left to test.
        loser = np.full((made.n_rows, 1), -1.0)
        test = StepM(
            np.zeros(made.n_rows),
            -np.hstack([studentised, loser]),
            size=alpha,
            block_size=block_bars,
            reps=n_resamples,
            bootstrap="stationary",
            seed=derive(seed, "inference", "step_m"),
        )
        test.compute()
        names = np.array(made.names)[differs]
        superior = tuple(str(names[int(str(at))]) for at in test.superior_models)
    return SuperiorSet(superior, alpha, made.n_rows, n_resamples, block_bars, flags)


def long_run_variances(differences: Floats, block_bars: int) -> Floats:
    """Variance of the root of n times the mean of each column under the stationary bootstrap.

    Args:
        differences: ``(n_rows, n_entries)``.
        block_bars: Mean rows of a block.

    Returns:
        ``(n_entries,)``, above 0 for columns that vary.

    Source:
        Politis and Romano (1994), "The stationary bootstrap", JASA 89(428), lemma 1.
    """
    from scipy import fft

    n = len(differences)
    centred = differences - differences.mean(axis=0)
    spectrum = fft.rfft(centred, 2 * n, axis=0)
    covariances = fft.irfft((spectrum * spectrum.conj()).real, 2 * n, axis=0)[:n] / n
    lags = np.arange(1, n)
    goes_on = 1.0 - 1.0 / block_bars
    weights = (1.0 - lags / n) * goes_on**lags + (lags / n) * goes_on ** (n - lags)
    variances: Floats = covariances[0] + 2.0 * (weights[:, None] * covariances[1:]).sum(axis=0)
    return variances


def _differences(
    scores: Scores,
    benchmark: Sequence[float] | Floats,
    rows: Rows,
    n_resamples: int,
    block: Block,
    alpha: float,
    seed: int,
) -> tuple[Sample, Floats, int]:
    """The checked sample, what each entry has over the benchmark, and the rows of a block.

    The differences are of scores that were brought near 1; what rounding alone makes is 0.
    """
    made = sample(scores, rows)
    own = benchmark_column(benchmark, made.n_rows)
    check_settings(made.n_rows, n_resamples, block, alpha, seed)
    check_cells(3 * n_resamples * len(made.names))
    exponent = unit_exponent(made.scores, own)
    differences = np.ldexp(made.scores, -exponent) - np.ldexp(own, -exponent)[:, None]
    differences[:, np.abs(differences).max(axis=0, initial=0.0) <= ROUNDING] = 0.0
    return made, differences, made.block_bars(differences, block)


def _flags(
    made: Sample, block_bars: int, differences: Floats, differs: NDArray[np.bool_]
) -> tuple[str, ...]:
    is_none = ~differences.any(axis=0)
    found = {
        "NO_DIFFERENCE": is_none.any(),
        "CONSTANT_DIFFERENCE": (~differs & ~is_none).any(),
    }
    return (*made.flags(block_bars), *(name for name, holds in found.items() if holds))


def _differs(differences: Floats) -> NDArray[np.bool_]:
    """Which entries' differences vary at all, beyond what rounding does."""
    largest = np.abs(differences).max(axis=0, initial=0.0)
    varies: NDArray[np.bool_] = differences.std(axis=0) > ROUNDING * largest
    return varies
