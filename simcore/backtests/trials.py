"""The ledger of trials: every program that was ever run on a history, counted once.

Luck grows with the number of trials, so a result is judged by how many there were. The ledger is a
set: running something again adds nothing, and nothing is ever taken out, the abandoned and the
failed included. Nobody can state the count; it is read from here.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from simcore import engine
from simcore.backtests.request import ExecutionArgument, execution_fields
from simcore.errors import SpecError, StoreError
from simcore.problems import Problem
from simcore.seeds import jcs, sha256_hex
from simcore.store import Address, Partition, Provenance, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES

LINEAGE_SCHEMA: Final = "lineage/0.1"
# A history keeps its lineage while it grows, so only how it begins can tell what it is.
LINEAGE_BARS: Final = 100
_IDENTIFYING: Final = ("ts", "open", "high", "low", "close", "volume")

BY_HAND: Final = "by-hand"
"""Where trials are written down that no campaign asked for, and those of arenas, which are no
strategy's alone: in the place of a campaign's id."""


def lineage(history: engine.Columns) -> str:
    """Return what tells a history from others, however long it is by now.

    Args:
        history: Columns of one path of one asset, as the engine reads them.

    Returns:
        The hash of its first hundred bars, or of all if it is shorter.
    """
    first = {name: history[name][:LINEAGE_BARS] for name in _IDENTIFYING}
    header = {"schema": LINEAGE_SCHEMA, "columns": list(first), "bars": len(first["ts"])}
    parts = [np.ascontiguousarray(column).tobytes() for column in first.values()]
    return sha256_hex(b"".join([jcs(header), b"\n", *parts]))


def execution_hash(execution: ExecutionArgument) -> str:
    """Return the hash of every field of an execution."""
    return sha256_hex(jcs(execution_fields(execution)))


@dataclass(frozen=True)
class Score:
    """What one program scored.

    Args:
        ir_hash: The program.
        sharpe_bar: Sharpe ratio per bar, None where it is not defined.
        bars: Over how many bars.
    """

    ir_hash: str
    sharpe_bar: float | None
    bars: int


def scores_of(
    ir_hashes: Sequence[str],
    runs: Sequence[engine.RunColumns],
    n_bars: int,
    bars_per_year: float,
) -> list[Score]:
    """Return what each of some runs over the same bars scored."""
    column = [row["name"] for row in engine.catalogue()["metrics"]].index("sharpe")
    annual = [run["metrics"][column] for run in runs]
    return annual_scores(ir_hashes, annual, n_bars, bars_per_year)


def annual_scores(
    ir_hashes: Sequence[str], sharpe: Iterable[float], n_bars: int, bars_per_year: float
) -> list[Score]:
    """Return the scores of annual Sharpe ratios over the same bars; NaN where not defined."""
    root = math.sqrt(bars_per_year)
    return [
        Score(ir_hash, None if math.isnan(value) else float(value) / root, n_bars)
        for ir_hash, value in zip(ir_hashes, sharpe, strict=True)
    ]


def trial_rows(
    scores: Sequence[Score],
    strategy: Strategy,
    history: str,
    execution: ExecutionArgument,
    asked_by: str,
) -> pl.DataFrame:
    """Return rows of the table `trials`, one a program, of equals the first.

    Args:
        scores: What the settings of one strategy scored.
        strategy: The strategy.
        history: Lineage of the bars.
        execution: How orders became fills.
        asked_by: Who ran them.
    """
    labels = {
        "lineage": history,
        "execution_hash": execution_hash(execution),
        "struct_hash": strategy.struct_hash,
        "strategy_id": strategy.id,
        "asked_by": asked_by,
    }
    rows = [
        {"ir_hash": each.ir_hash, "sharpe_bar": each.sharpe_bar, "bars": each.bars, **labels}
        for each in scores
    ]
    return united([pl.DataFrame(rows, schema=TABLES["trials"].polars_schema())])


def united(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return every trial of the frames once, as the first frame that has it says, in key order."""
    table = TABLES["trials"]
    rows = pl.concat([table.empty(), *(table.conform(frame) for frame in frames)])
    return table.sort(rows.unique(subset=table.key, keep="first", maintain_order=True))


@dataclass(frozen=True)
class Census:
    """How many trials a history has seen.

    Args:
        k: How many, every program and execution counted once.
        variance: Of their Sharpe ratios per bar, ddof 1; None for fewer than two.
        digest: Hash of which they are; part of the provenance of what is judged by them.
    """

    k: int
    variance: float | None
    digest: str


def census(trials: pl.DataFrame) -> Census:
    """Return the count of some rows of the table `trials`."""
    known = trials["sharpe_bar"].drop_nulls()
    variance = float(np.var(known.to_numpy(), ddof=1)) if known.len() > 1 else None
    keys = trials.select(TABLES["trials"].key).unique().sort(TABLES["trials"].key)
    return Census(keys.height, variance, sha256_hex(jcs([list(key) for key in keys.iter_rows()])))


class TrialLedger:
    """Every trial of a lake.

    Args:
        store: The lake.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def parts(self) -> list[pl.DataFrame]:
        """Return the trials of each partition; several may hold the same one."""
        table = TABLES["trials"]
        return [self._store.read(table, place) for place in self._store.partitions(table)]

    def read(self) -> pl.DataFrame:
        """Return every trial once, whoever asked for it, in key order."""
        return united(self.parts())

    def census(self, lineages: Sequence[str] | None = None) -> dict[str, Census]:
        """Return the count of each history; None counts every history there is.

        Read it once when a partition starts, and put the digests into the partition's provenance:
        with other trials it is another partition.
        """
        rows = self.read()
        wanted = rows["lineage"].unique().sort().to_list() if lineages is None else lineages
        return {each: census(rows.filter(pl.col("lineage") == each)) for each in wanted}

    def add(self, partition: Partition, rows: pl.DataFrame) -> int:
        """Write down the trials that are not there yet, and return how many those are."""
        while True:
            try:
                return self._add(partition, rows)
            except StoreError as error:
                if error.code != "OVERTAKEN":
                    raise
                # Whoever came first has written: each turn of the loop is another's success.

    def _add(self, partition: Partition, rows: pl.DataFrame) -> int:
        with self.held(partition):
            present = self.present(partition)
            whole = united([present, rows])
            n_new = whole.height - present.height
            if n_new:
                # What was asked for stands in the rows; no document made the whole of them.
                made_by = Provenance(documents={}, seed=None, engine_version=engine.version())
                self._store.write(TABLES["trials"], partition, whole, made_by)
            return n_new

    def present(self, partition: Partition) -> pl.DataFrame:
        """Return the trials of one partition; none where it is absent.

        Raises:
            StoreError: TORN or FOREIGN, its file cannot be read. It is not written over: what it
                held would be lost.
        """
        table = TABLES["trials"]
        try:
            if self._store.footer(table, partition) is None:
                return table.empty()
            return self._store.read(table, partition)
        except StoreError as error:
            if error.is_unanswered:
                raise
            said = error.message.rpartition(" [")[0]
            path = self._store.path(table, partition)
            raise StoreError(error.code, f"{said} [{lost_trials(path)}]") from error

    def held(self, partition: Partition) -> AbstractContextManager[None]:
        """Hold one partition of the ledger while it is read and written, as `Store.held` says."""
        return self._store.held(TABLES["trials"], partition)


def lost_trials(path: Address) -> str:
    """Return what is to be done about a file of trials that cannot be read."""
    return (
        "trials cannot be made again: `proving doctor` seals what is only old; else put the file "
        "back from a backup, or give up what was counted there: "
        + (f"rm {shlex.quote(str(path))}" if isinstance(path, Path) else f"remove {path}")
    )


class HandLedger:
    """Where one person's trials of one strategy on one history are written down.

    Args:
        home: The user's folder.
        strategy: What is tried.
        history: Columns of one path of one asset.
        execution: How orders become fills.
    """

    def __init__(
        self,
        home: str | Path,
        strategy: Strategy,
        history: engine.Columns,
        execution: ExecutionArgument,
    ) -> None:
        self._ledger = TrialLedger(Store.of(home))
        self._strategy = strategy
        self._lineage = lineage(history)
        self._execution = execution

    def teller(self, asked_by: str) -> Callable[[Sequence[Score]], None]:
        """Return what writes scores down in that name, at once and for good."""
        place = Partition(campaign=BY_HAND, strategy=self._strategy.id)

        def tell(scores: Sequence[Score]) -> None:
            made = trial_rows(scores, self._strategy, self._lineage, self._execution, asked_by)
            self._ledger.add(place, made)

        return tell


def effective_count(returns: ArrayLike) -> float:
    """Return how many trials there would be if none were like another.

    Args:
        returns: One row a bar and one column a trial, ``(n_bars, n_trials)``.

    Returns:
        The exponential of the entropy of the eigenvalues' shares of the correlation matrix: 1 for
        copies of one, ``n_trials`` for strangers. Trials that never moved do not count; 0 without
        any that did. It is reported beside the count and never takes its place.

    Raises:
        SpecError: The returns are no finite matrix.

    Source:
        Roy and Vetterli (2007), "The effective rank", EUSIPCO.
    """
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        message = f"got shape {matrix.shape}, expected a matrix of finite numbers, bars by trials"
        raise SpecError([Problem("ARGUMENT", "NOT_FINITE", message, "/returns")])
    # Shares do not depend on the scale of a column, and squares of it must not overflow.
    largest = np.abs(matrix).max(axis=0, initial=0.0)
    matrix = matrix / np.where(largest > 0.0, largest, 1.0)
    centred = matrix - matrix.mean(axis=0)
    lengths = np.sqrt((centred * centred).sum(axis=0))
    moved = centred[:, lengths > 0.0] / lengths[lengths > 0.0]
    if moved.shape[1] == 0:
        return 0.0
    shares = np.clip(np.linalg.eigvalsh(moved.T @ moved), 0.0, None) / moved.shape[1]
    seen = shares[shares > 0.0]
    return float(np.exp(-np.sum(seen * np.log(seen))))
