"""The runs of other tools, out of the documents of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from simcore import engine
from simcore.imports.intake import FOLDER, sources
from simcore.imports.rows import collected
from simcore.steps.step import Outcome, Step, settled, with_facts
from simcore.store import Partition, Provenance, Store
from simcore.tables import TABLES

STEP: Final = Step.of(
    ("imported_runs", "imported_equity", "imported_trades"),
    ("imports", "backtests/series.py", "backtests/metric_values.py", "scenario/timestamps.py"),
)


def imports(store: Store, home: Path, collection: str) -> list[Outcome]:
    """Measure the runs of a collection: the tables of imports.

    Args:
        store: The lake.
        home: Holds the documents, in ``imports/<collection>/``.
        collection: Its id.

    Raises:
        SpecError: There is no document, or one of them is wrong.
    """
    found = sources(home, collection)
    provenance = Provenance(
        documents={f"{FOLDER}/{collection}/{each.name}": each.sha256 for each in found},
        seed=None,
        engine_version=engine.version(),
        settings={"code": STEP.code},
    )
    place = Partition(collection=collection)
    outcomes = settled(store, STEP.tables, place, provenance, lambda: collected(found))
    runs = store.read(TABLES["imported_runs"], place, ["made_by", "bars"])
    facts = {
        "runs": runs.height,
        "returns": int(runs["bars"].sum()),
        "made_by": ", ".join(runs["made_by"].unique().sort()),
    }
    return with_facts(outcomes, facts)
