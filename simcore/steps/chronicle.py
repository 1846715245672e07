"""What a campaign adds to the history of its strategies."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore import engine
from simcore.campaign import Campaign
from simcore.history import history_rows
from simcore.steps.step import Outcome, Rows, Step, contents, needed, settled, with_facts
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(("strategy_history",), ("history.py", "steps/chronicle.py"))


def histories(store: Store, campaign: Campaign) -> list[Outcome]:
    """Write down how a campaign's strategies fared: the table `strategy_history`.

    Raises:
        StoreError: The standings, or what is known of a strategy, are not there.
    """
    partition = Partition(campaign=campaign.id)
    upstream = contents(store, campaign.id, ("standings",))
    places = [Partition(strategy=each.id) for each in campaign.strategies]
    for place in places:
        for name in ("strategies", "lineage"):
            upstream[f"{name}/{place.key}"] = needed(store, TABLES[name], place).content_hash
    provenance = Provenance(
        documents={},  # the standings name all they were made from
        seed=None,
        engine_version=engine.version(),
        upstream=upstream,
        settings={"code": STEP.code},
    )

    def chronicle() -> Rows:
        standings = store.read(TABLES["standings"], partition)
        known = {
            name: pl.concat(
                [TABLES[name].empty(), *(store.read(TABLES[name], place) for place in places)]
            )
            for name in ("strategies", "lineage")
        }
        return {"strategy_history": history_rows(standings, known["strategies"], known["lineage"])}

    outcomes = settled(store, STEP.tables, partition, provenance, chronicle)
    rows = store.read(TABLES["strategy_history"], partition, ["name", "tournament_id"])
    facts = {
        "strategies": rows["name"].n_unique(),
        "tournaments": rows["tournament_id"].n_unique(),
        "campaigns": len(store.partitions(TABLES["strategy_history"])),
    }
    return with_facts(outcomes, facts)
