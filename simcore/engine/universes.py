"""Seeded universes of the paper-trading stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from simcore import _engine
from simcore.engine.boundary import refusals


def paper(universe: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Run one seeded universe of the paper-trading stack.

    Args:
        universe: The document that `simcore.chaos.schedule` makes.

    Returns:
        Tables by name, each a dictionary of columns, and the facts of the run (log roots, run
        id, counts).

    Raises:
        EngineError: The universe is refused.
    """
    with refusals():
        tables, facts = _engine.paper(json.dumps(universe))
    return tables, json.loads(facts)
