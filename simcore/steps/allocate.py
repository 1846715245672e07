"""The portfolio of a campaign's strategies."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from simcore import engine
from simcore.campaign import Campaign
from simcore.scoring.portfolio_trial import daily_returns, portfolios
from simcore.steps.backtest import closes
from simcore.steps.step import Outcome, Rows, Step, needed, settled, with_facts
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(("portfolio_weights",), ("scoring", "backtests", "steps/allocate.py"))


def allocations(store: Store, campaign: Campaign) -> list[Outcome]:
    """Share out money between a campaign's strategies: the table `portfolio_weights`.

    Those that never traded have no part; nor have those of another timeframe than most.

    Raises:
        StoreError: Runs of a strategy are not there.
    """
    partition = Partition(campaign=campaign.id)
    places = {
        each.id: Partition(campaign=campaign.id, strategy=each.id) for each in campaign.strategies
    }
    provenance = Provenance(
        documents={},  # the runs are upstream, and name all they were made from
        seed=None,
        engine_version=engine.version(),
        upstream={
            f"equity/{place.key}": needed(store, TABLES["equity"], place).content_hash
            for place in places.values()
        },
        settings={"code": STEP.code, "initial_cash": campaign.document.initial_cash},
    )

    def allocate() -> Rows:
        table = TABLES["portfolio_weights"]
        equity = {each.id: closes(store, campaign, each) for each in campaign.strategies}
        cash = campaign.document.initial_cash
        names, returns = daily_returns(equity, cash)
        empty = len(names) == 0 or len(returns) < 2
        return {table.name: table.empty() if empty else portfolios(returns, names)}

    outcomes = settled(store, STEP.tables, partition, provenance, allocate)
    rows = store.read(TABLES["portfolio_weights"], partition)
    best = rows.filter(pl.col("gain_oos_lo") > 0.0)["method"].unique().sort().to_list()
    rank = rows["effective_rank"].max()
    facts = {
        "entries": rows["strategy_id"].n_unique(),
        "effective_rank": None if rank is None else float(np.asarray(rank)),
        "better_than_equal": ", ".join(best) or "none shown",
    }
    return with_facts(outcomes, facts)
