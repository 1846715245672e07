"""One strategy, compiled and written down."""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore import engine
from simcore.seeds import jcs, sha256_hex
from simcore.steps.step import (
    Outcome,
    Rows,
    Step,
    settled,
    with_facts,
)
from simcore.store import Partition, Provenance, Store
from simcore.strategy import lineage as lineages
from simcore.strategy.strategy import Strategy

STEP: Final = Step.of(("strategies", "lineage"), ("strategy",))


def strategies(
    store: Store, strategy: Strategy, lineage: lineages.Lineage | None = None
) -> list[Outcome]:
    """Write down one compiled strategy: the tables `strategies` and `lineage`.

    Args:
        store: The lake.
        strategy: What is written down.
        lineage: Where it comes from; None for a strategy that a person wrote.
    """
    partition = Partition(strategy=strategy.id)
    origin = lineages.authored(strategy) if lineage is None else lineage
    provenance = Provenance(
        documents={
            f"strategies/{strategy.id}": strategy.doc_hash,
            f"lineage/{strategy.id}": sha256_hex(jcs(origin.model_dump(mode="json"))),
        },
        seed=None,  # that of its draws belongs to its lineage
        engine_version=engine.version(),
        settings={"code": STEP.code},
    )
    row = {
        "strategy_id": strategy.id,
        "revision": strategy.version,
        "doc_hash": strategy.doc_hash,
        "ir_hash": strategy.ir_hash,
        "struct_hash": strategy.struct_hash,
        "lookback_bars": strategy.lookback_bars,
        "document": jcs(strategy.document).decode(),
    }

    def write() -> Rows:
        ancestry = pl.DataFrame(lineages.rows(strategy, origin), infer_schema_length=None)
        return {"strategies": pl.DataFrame([row]), "lineage": ancestry}

    outcomes = settled(store, STEP.tables, partition, provenance, write)
    facts = {
        "name": strategy.name,
        "lookback_bars": strategy.lookback_bars,
        "origin": " ".join((origin.operator, *(parent.label for parent in origin.parents))),
    }
    return with_facts(outcomes, facts)
