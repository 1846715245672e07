"""The markets of a campaign."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore import engine
from simcore.campaign import Campaign
from simcore.scenario.document import effective
from simcore.scenario.manifest import generate_with_manifest
from simcore.scenario.stylised import card
from simcore.seeds import jcs, sha256_hex
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(("scenarios", "bars", "stylised_facts"), ("scenario",))


def markets(store: Store, campaign: Campaign) -> list[Outcome]:
    """Generate every scenario of a campaign: `scenarios`, `bars` and `stylised_facts`.

    Raises:
        EngineError: A scenario is refused.
    """
    partition = Partition(campaign=campaign.id)
    provenance = Provenance(
        documents={
            f"scenarios/{scenario.id}": sha256_hex(jcs(effective(scenario)))
            for scenario in campaign.scenarios
        },
        seed=None,  # every scenario brings its own, within its document
        engine_version=engine.version(),
        settings={"code": STEP.code},
    )

    def generate() -> Rows:
        frames, manifests, cards = [], [], []
        for scenario in campaign.scenarios:
            frame, manifest = generate_with_manifest(scenario)
            frames.append(frame.with_columns(scenario_id=pl.lit(scenario.id)))
            manifests.append(manifest)
            cards += [{"scenario_id": scenario.id, **row} for row in card(scenario, frame)]
        return {
            "scenarios": pl.DataFrame(manifests, schema=TABLES["scenarios"].polars_schema()),
            "bars": pl.concat(frames),
            "stylised_facts": pl.DataFrame(cards, schema=TABLES["stylised_facts"].polars_schema()),
        }

    outcomes = settled(store, STEP.tables, partition, provenance, generate)
    rows = store.read(TABLES["scenarios"], partition, ["bars", "paths"])
    total = int((rows["bars"].cast(pl.Int64) * rows["paths"].cast(pl.Int64)).sum())
    return with_facts(outcomes, {"scenarios": rows.height, "bars": total})
