"""The page of a campaign: its tables in words."""

from __future__ import annotations

from typing import Final

from simcore import engine
from simcore.campaign import Campaign
from simcore.report import page, sections
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    campaign_runs,
    contents,
    needed,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(("report",), ("report.py",))

_REPORTED: Final = (
    "scenarios",
    "standings",
    "verdicts",
    "chaos_oracle_results",
    "chaos_injections",
    "chaos_incidents",
    "chaos_report",
)


def report(store: Store, campaign: Campaign) -> list[Outcome]:
    """Put a campaign's tables into words: the table `report`.

    Raises:
        StoreError: A table that it reads is not there.
    """
    partition = Partition(campaign=campaign.id)
    upstream = contents(store, campaign.id, _REPORTED)
    for strategy in campaign.strategies:
        place = Partition(campaign=campaign.id, strategy=strategy.id)
        upstream[f"backtests/{place.key}"] = needed(store, TABLES["backtests"], place).content_hash
    provenance = Provenance(
        documents={f"campaigns/{campaign.id}": campaign.doc_hash},
        seed=campaign.document.seed,
        engine_version=engine.version(),
        upstream=upstream,
        settings={"code": STEP.code},
    )

    def write() -> Rows:
        tables = {name: store.read(TABLES[name], partition) for name in _REPORTED}
        tables["backtests"] = campaign_runs(store, campaign)
        asked = campaign.document.model_dump(mode="json")
        asked["strategies"] = [strategy.id for strategy in campaign.strategies]
        return {"report": sections(asked, tables)}

    outcomes = settled(store, STEP.tables, partition, provenance, write)
    return with_facts(outcomes, {"page": page(store.read(TABLES["report"], partition))})
