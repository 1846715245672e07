"""What is known of one strategy in a campaign: its regime ledger and its evidence card."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Final

import polars as pl

from simcore import engine
from simcore.backtests.request import execution_fields
from simcore.campaign import Campaign
from simcore.scenario.generate import STATEFUL, longest_states
from simcore.scoring.card_reruns import rerun_rows
from simcore.scoring.evidence_card import (
    card,
    command_rows,
    identity_rows,
    regime_rows,
    resampled_rows,
    run_rows,
    validity_rows,
)
from simcore.scoring.regimes import headline, path_facts, regimes, run_points
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

STEP: Final = Step.of(
    ("regimes", "evidence"), ("scoring", "backtests", "strategy", "steps/appraise.py")
)
READ: Final = ("backtests", "monte_carlo", "walk_forward", "trials")


def appraisals(store: Store, campaign: Campaign, strategy: Strategy) -> list[Outcome]:
    """Write what is known of one strategy: the tables `regimes` and `evidence`.

    Raises:
        StoreError: The markets, the runs or what was made of them are not there.
    """
    partition = Partition(campaign=campaign.id, strategy=strategy.id)
    upstream = {
        f"{name}/{partition.key}": needed(store, TABLES[name], partition).content_hash
        for name in READ
    }
    asked = campaign.document
    scenarios = manifests(store, campaign) if campaign.enters(strategy.id) else []
    own = [row for row in scenarios if row["timeframe"] == strategy.timeframe]
    provenance = Provenance(
        # The card bears the author's own words: the document counts, not the program alone.
        documents={f"strategies/{strategy.id}": strategy.doc_hash},
        seed=None,  # the draws follow from what is run and from the bars
        engine_version=engine.version(),
        upstream=upstream | contents(store, campaign.id, ("scenarios", "bars")),
        settings={
            "code": STEP.code,
            "execution": execution_fields(asked.execution),
            "initial_cash": asked.initial_cash,
        },
    )

    def appraise() -> Rows:
        return appraised(store, campaign, strategy, own, [row["scenario_id"] for row in own])

    outcomes = settled(store, STEP.tables, partition, provenance, appraise)
    told = headline(store.read(TABLES["regimes"], partition))
    rows = store.read(TABLES["evidence"], partition, ["section"]).height
    return with_facts(outcomes, {"score": told, "evidence_rows": rows})


def appraised(
    store: Store,
    campaign: Campaign,
    strategy: Strategy,
    scenarios: Sequence[dict[str, Any]],
    rerun: Container[str],
) -> Rows:
    """Return the tables `regimes` and `evidence` of one strategy.

    Args:
        store: The lake; the markets, the runs and what was made of them are read.
        campaign: Whose markets.
        strategy: Whose card.
        scenarios: Rows of the table `scenarios`, of the strategy's timeframe.
        rerun: Ids of those on which it is run again for the sections that take it; the section
            `stress` is over these alone.
    """
    partition = Partition(campaign=campaign.id, strategy=strategy.id)
    asked = campaign.document
    rows = {name: store.read(TABLES[name], partition) for name in READ}
    runs = rows["backtests"]
    bars = store.read(TABLES["bars"], Partition(campaign=campaign.id))
    years = {row["scenario_id"]: float(row["A"]) for row in scenarios}
    met = bars.filter(pl.col("scenario_id").is_in(list(years)))
    families = {row["scenario_id"]: row["family"] for row in scenarios}
    ledger = regimes(runs, path_facts(met, years, _states(campaign, years)), families)
    identity = {
        "strategy_id": strategy.id,
        "revision": strategy.version,
        "doc_hash": strategy.doc_hash,
        "ir_hash": strategy.ir_hash,
        "struct_hash": strategy.struct_hash,
    }
    made = identity_rows(identity, scenarios, runs) + run_rows(runs) + regime_rows(ledger)
    made += resampled_rows(rows["monte_carlo"])
    made += validity_rows(rows["walk_forward"], rows["trials"])
    chosen = [row for row in scenarios if row["scenario_id"] in rerun]
    if chosen:
        names = [row["scenario_id"] for row in chosen]
        markets = [(r, met.filter(pl.col("scenario_id") == r["scenario_id"])) for r in chosen]
        points = run_points(runs.filter(pl.col("scenario_id").is_in(names)))
        made += rerun_rows(strategy, markets, asked.execution, asked.initial_cash, points)
    made += command_rows(campaign.id, strategy.id)
    return {"regimes": ledger, "evidence": card(made)}


def _states(campaign: Campaign, wanted: Container[str]) -> dict[str, list[int]]:
    """Return the hidden state that each path was longest in, of the scenarios that have states."""
    return {
        scenario.id: longest_states(scenario)
        for scenario in campaign.scenarios
        if scenario.id in wanted and scenario.document.family == STATEFUL
    }
