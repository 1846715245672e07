"""The chaos of a campaign, and its verdict."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore import engine
from simcore.campaign import Campaign
from simcore.campaign_document import NO_CHAOS
from simcore.chaos.campaign import chaos_run
from simcore.chaos.schedule import (
    ARMS,
    document_hashes,
    injections,
    level,
    run_seeds,
    stack_of,
    universe,
)
from simcore.seeds import jcs, sha256_hex
from simcore.steps.step import (
    Outcome,
    Step,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(
    (*(name for name in TABLES if name.startswith("chaos_")), "verdicts"), ("chaos",)
)


def chaos(store: Store, campaign: Campaign) -> list[Outcome]:
    """Shake the paper-trading stack and judge it: the tables `chaos_*` and `verdicts`.

    A campaign without chaos gets empty tables, and a verdict that says so.

    Raises:
        EngineError: A universe is refused.
    """
    partition = Partition(campaign=campaign.id)
    asked = campaign.document
    provenance = Provenance(
        documents=_universes(campaign),
        seed=asked.seed,
        engine_version=engine.version(),
        settings={"code": STEP.code, "chaos": asked.chaos, "days": asked.days},
    )
    outcomes = settled(
        store,
        STEP.tables,
        partition,
        provenance,
        lambda: chaos_run(asked).tables,
    )
    verdicts = store.read(TABLES["verdicts"], partition, ["result", "verdict", "judged"])
    facts = {
        "result": " ".join(verdicts["result"].cast(pl.String).unique().sort()) or "-",
        "verdict": " ".join(verdicts["verdict"].cast(pl.String).unique().sort()) or "-",
        "judged": (verdicts["judged"][0] if verdicts.height else "") or "-",
    }
    return with_facts(outcomes, facts)


def _universes(campaign: Campaign) -> dict[str, str]:
    """Return the hash of every universe that a campaign runs, and of the documents behind them."""
    asked = campaign.document
    if asked.chaos == NO_CHAOS:
        return {}
    plan = level(asked.chaos, asked.days, asked.id)
    stack = stack_of(plan)
    documents = document_hashes(plan)
    for seed in run_seeds(asked.seed, plan.seeds):
        planned = injections(plan, seed)
        for arm in ARMS:
            made = universe(asked.id, seed, arm, asked.days, stack, planned)
            documents[f"universes/{seed}/{arm}"] = sha256_hex(jcs(made))
    return documents
