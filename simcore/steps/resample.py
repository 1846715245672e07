"""The runs of one strategy through a campaign, resampled."""

from __future__ import annotations

from typing import Final

from simcore import engine
from simcore.backtests.resampled_runs import resampled_runs
from simcore.campaign import Campaign
from simcore.steps.backtest import closes
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    contents,
    manifests,
    needed,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES

STEP: Final = Step.of(("monte_carlo",), ("backtests",))

METHOD: Final = "stationary"
# A month of hours resampled a thousand times takes a hundredth of a second, hundreds of runs a
# few seconds. The error that is left stands beside every percentile; ten times the paths would
# make it a third.
N_PATHS: Final = 1_000


def monte_carlo(store: Store, campaign: Campaign, strategy: Strategy) -> list[Outcome]:
    """Resample every run of one strategy in a campaign: the table `monte_carlo`.

    Raises:
        StoreError: The runs are not there.
    """
    partition = Partition(campaign=campaign.id, strategy=strategy.id)
    upstream = {
        f"{name}/{partition.key}": needed(store, TABLES[name], partition).content_hash
        for name in ("backtests", "equity")
    }
    provenance = Provenance(
        documents={},  # a run's signature stands in its row, and names all it was made from
        seed=None,  # that of each run follows from its signature
        engine_version=engine.version(),
        upstream=upstream | contents(store, campaign.id, ("scenarios",)),
        settings={"code": STEP.code, "method": METHOD, "n_paths": N_PATHS},
    )

    def resample() -> Rows:
        years = {row["scenario_id"]: float(row["A"]) for row in manifests(store, campaign)}
        runs = store.read(TABLES["backtests"], partition)
        equity = closes(store, campaign, strategy)
        rows = resampled_runs(runs, equity, years, n_paths=N_PATHS, method=METHOD)
        return {"monte_carlo": rows}

    outcomes = settled(store, STEP.tables, partition, provenance, resample)
    rows = store.read(TABLES["monte_carlo"], partition, ["metric", "p5", "worse_fraction"])
    sharpe = rows.filter(rows["metric"] == "sharpe")
    facts = {
        "runs": sharpe.height,
        "sharpe_p5_median": sharpe["p5"].median(),
        "sharpe_below_0_mean": sharpe["worse_fraction"].mean(),
    }
    return with_facts(outcomes, facts)
