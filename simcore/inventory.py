"""Every open set of the project in one place to read; nothing is defined here."""

from __future__ import annotations

from typing import Any

from simcore import engine


def catalogue() -> dict[str, Any]:
    """Return what there is to choose from, by kind.

    Returns:
        Families, overlays, indicators, metrics and execution profiles from the engine; tournament
        formats, scores, chaos scenarios and oracles from their tables. Each member is a dictionary
        with at least ``name``.
    """
    from simcore.chaos.oracles import ORACLES
    from simcore.chaos.schedule import chaos_scenarios
    from simcore.scoring import SCORES
    from simcore.tournaments.formats import FORMATS

    found = engine.catalogue()
    return {
        "families": found["families"],
        "overlays": found["overlays"],
        "indicators": found["indicators"],
        "metrics": found["metrics"],
        "executions": [{"name": name, **fields} for name, fields in found["executions"].items()],
        "formats": [
            {"name": row.name, "meaning": row.meaning, "source": row.source}
            for row in FORMATS.values()
        ],
        "scores": [
            {"name": row.name, "unit": row.unit, "meaning": row.meaning, "source": row.source}
            for row in SCORES.values()
        ],
        "chaos_scenarios": chaos_scenarios(),
        "oracles": [{"name": oracle.id, "sentence": oracle.sentence} for oracle in ORACLES],
    }
