"""Bars of a scenario: the document is checked, the engine generates, a frame comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from simcore import engine
from simcore.scenario.document import Scenario, effective, load
from simcore.tables.markets import BARS

STATEFUL: Final = "regime"
"""The family whose bars are drawn in hidden states."""


def generate(document: Any, *, home: str | Path | None = None) -> pl.DataFrame:
    """Generate the bars of a scenario.

    Args:
        document: A mapping, a library id, a path, or a text in TOML or JSON.
        home: Folder whose documents join the library's; None for the library alone.

    Returns:
        One row a bar, sorted by ``path, asset, t``; ``ts`` is the open and ``known_at`` the close
        of the bar in ns UTC, prices are in quote units. See the table `bars`.

    Raises:
        SpecError: The document or its source file is wrong.
        EngineError: The path it leads to is refused.
    """
    frame, _ = bars_with_facts(load(document, home=home))
    return frame


def bars_with_facts(scenario: Scenario) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Generate the bars of a checked scenario, and what the engine says of them.

    Returns:
        The columns of the table `bars` without `scenario_id`; and the facts: hashes, bounds,
        counts, bars a year.
    """
    columns, facts = columns_with_facts(scenario)
    kinds = {name: kind for name, kind in BARS.polars_schema().items() if name != "scenario_id"}
    return pl.DataFrame({name: columns[name] for name in kinds}, schema=kinds), facts


def columns_with_facts(scenario: Scenario) -> tuple[engine.Columns, dict[str, Any]]:
    """Return what `bars_with_facts` does, as the engine's own arrays: nothing is copied."""
    source = scenario.source.columns if scenario.source is not None else None
    market = engine.generate(effective(scenario), source)
    return market.columns, market.facts


def longest_states(scenario: Scenario) -> list[int]:
    """Return for each path the hidden state of most of its first asset's bars, by its number.

    Of states that are level it is the one with the lowest number.
    """
    source = scenario.source.columns if scenario.source is not None else None
    document = effective(scenario)
    market = engine.generate(document, source, wants_latent=True)
    by_path = market.latent["state"].reshape(document["paths"], -1, document["duration_bars"])
    return [int(np.bincount(assets[0]).argmax()) for assets in by_path]
