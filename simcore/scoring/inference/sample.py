"""What the tests over many entries look at: one score a row and entry, and how rows depend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from simcore.backtests.monte_carlo import chosen_block_bars
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem
from simcore.seeds import SEED_MAX

Floats = NDArray[np.float64]
Scores = Mapping[str, Sequence[float] | Floats]
Rows = Literal["history", "scenarios"]
Block = int | Literal["auto"]

ROWS_MIN: Final = 10
LOW_SAMPLE_ROWS: Final = 20
RESAMPLES_MIN: Final = 100
# Numbers that a test holds at a time; 8 bytes each.
CELLS_MAX: Final = 50_000_000
# What rounding leaves of a difference of nothing, relative to the scores it is between.
ROUNDING: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Sample:
    """Scores of every entry on the same rows.

    Args:
        names: The entries, in the order they were given.
        scores: Higher is better, ``(n_rows, n_entries)``.
        rows: ``history`` (bars of one course of time: what follows depends on what went before)
            or ``scenarios`` (markets in no order).
    """

    names: tuple[str, ...]
    scores: Floats
    rows: Rows

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.scores)

    def block_bars(self, differences: Floats, block: Block) -> int:
        """Rows of a block: 1 for scenarios, else as given or the longest that an entry needs."""
        if self.rows == "scenarios":
            return 1
        if block != "auto":
            return block
        columns = np.ascontiguousarray(differences.T)
        return math.ceil(max(chosen_block_bars(each, "stationary", "auto") for each in columns))

    def flags(self, block_bars: int) -> list[str]:
        """What to know about a result that rests on these rows."""
        found = {
            "LOW_SAMPLE": self.n_rows < LOW_SAMPLE_ROWS,
            "LONG_BLOCK": block_bars > self.n_rows / 10,
        }
        return [name for name, holds in found.items() if holds]


def sample(scores: Scores, rows: Rows, *, n_entries_min: int = 1) -> Sample:
    """Return checked scores.

    Args:
        scores: A column by name of entry: returns per bar, or scores per scenario.
        rows: What the rows are.
        n_entries_min: Fewest entries that the test has a meaning for.

    Raises:
        SpecError: Too few entries or rows, columns of unequal length, values that are not finite.
    """
    if not isinstance(scores, Mapping):
        refuse([("/scores", type(scores).__name__, "a column by name of entry")])
    wrong: list[tuple[str, str, str]] = []
    if rows not in ("history", "scenarios"):
        wrong.append(("/rows", repr(rows), "history or scenarios"))
    if len(scores) < n_entries_min:
        wrong.append(("/scores", f"{len(scores)} entries", f"{n_entries_min} or more"))
    columns = {name: numbers(column) for name, column in scores.items()}
    known = [column for column in columns.values() if column.ndim]
    length = len(known[0]) if known else ROWS_MIN
    if length < ROWS_MIN:
        wrong.append(("/scores", f"{length} rows", f"{ROWS_MIN} or more"))
    for name, column in columns.items():
        path = f"/scores/{name}"
        if not isinstance(name, str):
            wrong.append((path, f"the name {name!r}", "a text"))
        if column.shape != (length,):
            wrong.append((path, f"shape {column.shape}", f"({length},), as the first entry"))
        elif not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            wrong.append((f"{path}/{row}", str(column[row]), "a finite number"))
    refuse(wrong)
    matrix = np.column_stack(list(known)) if known else np.empty((length, 0))
    return Sample(tuple(columns), matrix, rows)


def numbers(values: Any) -> Floats:
    """Return values as an array of floats, of whatever shape; a NaN where they are no numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)


def benchmark_column(benchmark: Any, n_rows: int) -> Floats:
    """Return the scores of a benchmark, ``(n_rows,)``.

    Raises:
        SpecError: They are not as many, or not finite numbers.
    """
    own = numbers(benchmark)
    if own.shape != (n_rows,) or not np.isfinite(own).all():
        expected = f"{n_rows} finite numbers, one a row"
        refuse([("/benchmark", f"shape {own.shape} or a number that is not finite", expected)])
    return own


def unit_exponent(*columns: Floats) -> int:
    """Return the power of two by which scores are divided so that none is far from 1.

    Tests ask for ratios, which have no unit; the squares of tiny scores vanish and those of huge
    ones overflow. A power of two changes no bit of what is left.
    """
    largest = max((float(np.abs(column).max(initial=0.0)) for column in columns), default=0.0)
    return math.frexp(largest)[1]


def check_settings(n_rows: int, n_resamples: int, block: Block, alpha: float, seed: int) -> None:
    """Refuse settings that no bootstrap has a meaning for.

    Raises:
        SpecError: Fewer than a hundred resamples, a block that is no count of rows, a level that
            is no probability, a seed that is none; all of them at once.
    """
    wrong = []
    if not _is_count(n_resamples) or n_resamples < RESAMPLES_MIN:
        expected = f"a whole number, {RESAMPLES_MIN} or more"
        wrong.append(("/n_resamples", repr(n_resamples), expected))
    if block != "auto" and not (_is_count(block) and 1 <= block <= n_rows):
        wrong.append(("/block", repr(block), f'"auto" or a whole number from 1 to {n_rows}'))
    if not is_level(alpha):
        wrong.append(("/alpha", repr(alpha), "a number between 0 and 1"))
    if not _is_count(seed) or not 0 <= seed <= SEED_MAX:
        wrong.append(("/seed", repr(seed), f"a whole number from 0 to {SEED_MAX}"))
    refuse(wrong)


def is_level(alpha: Any) -> bool:
    """Whether something is a number between 0 and 1."""
    is_number = isinstance(alpha, int | float | np.number) and not isinstance(alpha, bool)
    return is_number and bool(0.0 < alpha < 1.0)


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_cells(cells: int) -> None:
    """Refuse a test that would hold more numbers than fit.

    Raises:
        LimitError: It would.
    """
    if cells > CELLS_MAX:
        message = f"got {cells} numbers to hold, expected at most {CELLS_MAX} [ask for fewer]"
        raise LimitError("TOO_LARGE", message)


def refuse(wrong: Sequence[tuple[str, str, str]]) -> None:
    """Raise all of place, what was found and what was expected; nothing if there are none.

    Raises:
        SpecError: There is one or more.
    """
    if wrong:
        raise SpecError(
            [
                Problem("ARGUMENT", "SAMPLE", f"got {got}, expected {expected}", path=path)
                for path, got, expected in wrong
            ]
        )
