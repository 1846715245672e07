"""A Sharpe ratio judged by how many strategies were ever tried on its bars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simcore.backtests.run import Backtest
from simcore.backtests.trials import TrialLedger, lineage
from simcore.bars import columns
from simcore.scoring.significance import dsr, sharpe_sample
from simcore.store import Store

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Deflated:
    """What is left of a Sharpe ratio once luck had its tries.

    Args:
        dsr: Chance that it is above the best of so many worthless trials, 0 to 1; None where the
            returns have no spread, or the run was ruined.
        k_trials: Trials ever made on these bars, this one among them.
        variance_of_trials: Of their Sharpe ratios per bar; None for fewer than two.
        trials_digest: Hash of which they are.
    """

    dsr: float | None
    k_trials: int
    variance_of_trials: float | None
    trials_digest: str


def deflated(result: Backtest, bars: pl.DataFrame, *, home: str | Path) -> Deflated:
    """Deflate the Sharpe ratio of a run by the trials that the ledger knows of its bars.

    Args:
        result: A run that was made with this home, and so stands in the ledger.
        bars: What it was run over.
        home: Where the ledger lies; the count is read there, and cannot be given.

    Source:
        Bailey and Lopez de Prado (2014), "The deflated Sharpe ratio", J. Portfolio Management
        40(5).
    """
    known = lineage(columns(bars))
    counted = TrialLedger(Store.of(home)).census([known])[known]
    is_ruined = float(result.equity.min()) <= 0.0  # type: ignore[arg-type]  # floats, not empty
    sample = None if is_ruined else sharpe_sample(result.returns)
    variance = counted.variance
    found = None if sample is None else dsr(sample, max(counted.k, 1), variance or 0.0)
    return Deflated(found, counted.k, variance, counted.digest)
