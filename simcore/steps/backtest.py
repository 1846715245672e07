"""The runs of one strategy through a campaign."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore import engine
from simcore.backtests.request import execution_fields
from simcore.backtests.run import run_strategy
from simcore.backtests.surface import Surface, parameter_surface
from simcore.campaign import Campaign
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    campaign_markets,
    contents,
    manifests,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES

STEP: Final = Step.of(("backtests", "trades", "equity"), ("backtests", "strategy", "bars.py"))


def backtests(store: Store, campaign: Campaign, strategy: Strategy) -> list[Outcome]:
    """Run one strategy through a campaign: the tables `backtests`, `trades` and `equity`.

    A strategy that the campaign does not name, or that has no scenario of its timeframe, gets
    empty, whole partitions.

    Raises:
        StoreError: The campaign's markets are not there.
        EngineError: A run is refused.
    """
    partition = Partition(campaign=campaign.id, strategy=strategy.id)
    asked = campaign.document
    scenarios = manifests(store, campaign) if campaign.enters(strategy.id) else []
    own = [row for row in scenarios if row["timeframe"] == strategy.timeframe]
    provenance = Provenance(
        # What the strategy does, not how its document is spelled; the tags stand in the trades.
        documents={f"strategies/{strategy.id}": strategy.ir_hash},
        seed=None,
        engine_version=engine.version(),
        upstream=contents(store, campaign.id, ("scenarios", "bars")) if own else {},
        settings={
            "code": STEP.code,
            "execution": execution_fields(asked.execution),
            "initial_cash": asked.initial_cash,
            "equity_every_bars": asked.equity_every_bars,
            "tags": list(strategy.tags),
            "scenarios": [row["scenario_id"] for row in own],
        },
    )

    def run() -> Rows:
        if not own:
            return {table.name: table.empty() for table in STEP.tables}
        pairs = campaign_markets(store, campaign, own)
        cash, every = asked.initial_cash, asked.equity_every_bars
        made = run_strategy(strategy, pairs, asked.execution, cash, every)
        return dict(zip(("backtests", "trades", "equity"), made, strict=True))

    outcomes = settled(store, STEP.tables, partition, provenance, run)
    rows = store.read(TABLES["backtests"], partition, ["total_return", "sharpe", "n_trades"])
    facts = {
        "runs": rows.height,
        "total_return_median": rows["total_return"].median(),
        "sharpe_median": rows["sharpe"].median(),
        "trades_closed": int(rows["n_trades"].sum()),
    }
    return with_facts(outcomes, facts)


def closes(store: Store, campaign: Campaign, strategy: Strategy) -> pl.DataFrame:
    """Return equity at every close; where the table keeps fewer, of the runs made again.

    Raises:
        StoreError: The runs, or the markets to make them again, are not there.
    """
    asked = campaign.document
    if asked.equity_every_bars == 1:
        place = Partition(campaign=campaign.id, strategy=strategy.id)
        return store.read(TABLES["equity"], place)
    scenarios = manifests(store, campaign) if campaign.enters(strategy.id) else []
    own = [row for row in scenarios if row["timeframe"] == strategy.timeframe]
    markets = campaign_markets(store, campaign, own)
    return run_strategy(strategy, markets, asked.execution, asked.initial_cash)[2]


def neighbourhood(store: Store, campaign: Campaign, strategy: Strategy) -> Surface | None:
    """Return the surface around a strategy's own setting on the first path that it ran on.

    Its first two parameters vary. None where it ran on nothing or has no parameter to vary.

    Raises:
        StoreError: The campaign's markets are not there.
    """
    partition = Partition(campaign=campaign.id, strategy=strategy.id)
    runs = store.read(TABLES["backtests"], partition, ["scenario_id", "path"])
    varied = [name for name, param in strategy.model.params.items() if param.value != 0.0]
    if runs.is_empty() or not varied:
        return None
    scenario_id, path = runs.row(0)
    rows = {row["scenario_id"]: row for row in manifests(store, campaign)}
    bars = store.read(TABLES["bars"], Partition(campaign=campaign.id)).filter(
        pl.col("scenario_id") == scenario_id, pl.col("path") == path
    )
    return parameter_surface(
        strategy,
        bars,
        names=varied[:2],
        execution=campaign.document.execution,
        initial_cash=campaign.document.initial_cash,
        bars_per_year=float(rows[scenario_id]["A"]),
    )
