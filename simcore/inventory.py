"""Every open set of the project in one place to read; nothing is defined here."""

from __future__ import annotations

from typing import Any

from simcore import engine


def catalogue() -> dict[str, Any]:
    """Return what there is to choose from, by kind.

    Returns:
        Families, indicators, metrics and execution profiles from the engine; tournament formats,
        chaos scenarios and oracles from their tables. Each member is a dictionary with at least
        ``name``.
    """
    from simcore.chaos.oracles import ORACLES
    from simcore.chaos.schedule import chaos_scenarios
    from simcore.tournaments.formats import FORMATS

    found = engine.catalogue()
    return {
        "families": found["families"],
        "indicators": found["indicators"],
        "metrics": found["metrics"],
        "executions": [{"name": name, **fields} for name, fields in found["executions"].items()],
        "formats": [{"name": name} for name in FORMATS],
        "chaos_scenarios": chaos_scenarios(),
        "oracles": [{"name": oracle.id, "sentence": oracle.sentence} for oracle in ORACLES],
    }
