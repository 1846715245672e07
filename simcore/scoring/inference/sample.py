"""What the tests over many entries look at: one score a row and entry, and how rows depend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from simcore.backtests.monte_carlo import chosen_block_bars
from simcore.errors import LimitError, SpecError
from simcore.problems import Problem

Floats = NDArray[np.float64]
Scores = Mapping[str, Sequence[float] | Floats]
Rows = Literal["history", "scenarios"]
Block = int | Literal["auto"]

ROWS_MIN: Final = 10
LOW_SAMPLE_ROWS: Final = 20
RESAMPLES_MIN: Final = 100
# Numbers that a test holds at a time; 8 bytes each.
CELLS_MAX: Final = 50_000_000


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
    wrong: list[tuple[str, str, str]] = []
    if rows not in ("history", "scenarios"):
        wrong.append(("/rows", repr(rows), "history or scenarios"))
    if len(scores) < n_entries_min:
        wrong.append(("/scores", f"{len(scores)} entries", f"{n_entries_min} or more"))
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in scores.items()}
    length = len(next(iter(columns.values()))) if columns else ROWS_MIN
    if length < ROWS_MIN:
        wrong.append(("/scores", f"{length} rows", f"{ROWS_MIN} or more"))
    for name, column in columns.items():
        path = f"/scores/{name}"
        if column.shape != (length,):
            wrong.append((path, f"shape {column.shape}", f"({length},), as the first entry"))
        elif not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            wrong.append((f"{path}/{row}", str(column[row]), "a finite number"))
    refuse(wrong)
    matrix = np.column_stack(list(columns.values())) if columns else np.empty((length, 0))
    return Sample(tuple(columns), matrix, rows)


def check_settings(n_rows: int, n_resamples: int, block: Block, alpha: float) -> None:
    """Refuse settings that no bootstrap has a meaning for.

    Raises:
        SpecError: Fewer than a hundred resamples, a block that is no count of rows, a level that
            is no probability.
    """
    wrong = []
    if n_resamples < RESAMPLES_MIN:
        wrong.append(("/n_resamples", str(n_resamples), f"{RESAMPLES_MIN} or more"))
    if block != "auto" and not (isinstance(block, int) and 1 <= block <= n_rows):
        wrong.append(("/block", repr(block), f'"auto" or a whole number from 1 to {n_rows}'))
    if not 0.0 < alpha < 1.0:
        wrong.append(("/alpha", str(alpha), "a number between 0 and 1"))
    refuse(wrong)


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
