"""The tournaments of a campaign."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from simcore import engine
from simcore.campaign import Campaign
from simcore.errors import StoreError
from simcore.parquet import Footer
from simcore.seeds import jcs, sha256_hex
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    campaign_runs,
    contents,
    manifests,
    needed,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES
from simcore.tournaments.play import Played, play

STEP: Final = Step.of(("games", "standings"), ("tournaments", "scoring"))


def tournaments(store: Store, campaign: Campaign) -> list[Outcome]:
    """Play every tournament of a campaign: the tables `games` and `standings`.

    Raises:
        StoreError: Runs of an entry are not there, or were made from another document.
        SpecError: A tournament has nobody to compare.
    """
    partition = Partition(campaign=campaign.id)
    upstream = contents(store, campaign.id, ("scenarios",))
    for strategy in campaign.strategies:
        place = Partition(campaign=campaign.id, strategy=strategy.id)
        footer = needed(store, TABLES["backtests"], place)
        _check_is_of(footer, strategy)
        upstream[f"backtests/{place.key}"] = footer.content_hash
    provenance = Provenance(
        documents={
            **{
                f"tournaments/{each.id}": sha256_hex(jcs(each.model_dump(mode="json")))
                for each in campaign.tournaments
            },
            # Names and versions stand in the standings, so the document counts, not the program.
            **{f"strategies/{each.id}": each.doc_hash for each in campaign.strategies},
        },
        seed=None,  # every tournament brings its own, within its document
        engine_version=engine.version(),
        upstream=upstream,
        settings={"code": STEP.code},
    )
    outcomes = settled(
        store, STEP.tables, partition, provenance, lambda: _play_all(store, campaign)
    )
    rows = store.read(TABLES["standings"], partition, ["tournament_id", "strategy_id", "rank"])
    leaders = rows.filter(pl.col("rank") == 1).sort("tournament_id", "strategy_id")
    named = ", ".join(f"{row[0]}: {row[1]}" for row in leaders.iter_rows())
    facts: dict[str, Any] = {"leaders": named or "-", "entries": len(campaign.strategies)}
    if campaign.refused:
        facts["refused"] = "\n".join(str(problem) for problem in campaign.refused)
    return with_facts(outcomes, facts)


def _check_is_of(footer: Footer, strategy: Strategy) -> None:
    made_from = footer.documents.get(f"strategies/{strategy.id}")
    if made_from != strategy.ir_hash:
        raise StoreError(
            "OUTDATED",
            f"{footer.path}: got runs of the program {made_from}, expected {strategy.ir_hash} "
            "[materialise the backtests of this strategy first]",
            is_passing=True,
        )


def _play_all(store: Store, campaign: Campaign) -> Rows:
    families = {row["scenario_id"]: row["family"] for row in manifests(store, campaign)}
    entries = [
        {
            "strategy_id": each.id,
            "name": each.name,
            "version": each.version,
            "ir_hash": each.ir_hash,
        }
        for each in campaign.strategies
    ]
    runs = campaign_runs(store, campaign)
    played: list[Played] = []
    if campaign.strategies:
        played = [play(each, entries, runs, families) for each in campaign.tournaments]
    return {
        "games": pl.concat([TABLES["games"].empty(), *(each.games for each in played)]),
        "standings": pl.concat([TABLES["standings"].empty(), *(each.standings for each in played)]),
    }
