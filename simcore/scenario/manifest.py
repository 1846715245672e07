"""Manifest of a scenario: which document, which engine, which bytes, within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from simcore import engine
from simcore.scenario.document import Scenario, effective, load
from simcore.scenario.generate import bars_with_facts
from simcore.scenario.stylised import card
from simcore.seeds import jcs
from simcore.tables.markets import BARS, SCENARIOS

METHOD: Final = (
    "sqrt(E q / (1 - E q)), q = m^2 / (m^2 + s^2), m and s^2 being mean and variance of the coming "
    "bar's simple return given the document and the bars up to now (of hidden states: filtered), "
    "averaged over the bars of this market; before costs. Ferson and Siegel (2001)."
)
"""How the best attainable Sharpe ratio is computed."""


def scenario_manifest(document: Any, *, home: str | Path | None = None) -> dict[str, Any]:
    """Generate a scenario and return what identifies and describes it.

    Args:
        document: A mapping, a library id, a path, or a text in TOML or JSON.
        home: Folder whose documents join the library's; None for the library alone.

    Returns:
        Every column of the table `scenarios`; ``truth``, the parameters the market was made with
        and the best Sharpe ratio that can be had in it, a bar and a year, with the method; and
        ``stylised``, the card of stylised facts, as rows of the table `stylised_facts`.

    Raises:
        SpecError: The document or its source file is wrong.
        EngineError: The path it leads to is refused.
    """
    return whole_manifest(load(document, home=home))[1]


def whole_manifest(scenario: Scenario) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Generate a checked scenario once: its bars, and what `scenario_manifest` says of them."""
    frame, row = generate_with_manifest(scenario)
    return frame, {**row, "truth": truth(scenario, row), "stylised": card(scenario, frame)}


def truth(scenario: Scenario, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a market because it was made: its law, and the most it can yield."""
    return {
        "family": scenario.document.family,
        "params": scenario.params,
        "sharpe_max_bar": row["sharpe_max_bar"],
        "sharpe_max_annual": row["sharpe_max_annual"],
        "method": METHOD,
    }


def generate_with_manifest(scenario: Scenario) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Generate a checked scenario once, for both of its tables.

    Returns:
        Rows of the table `bars` without `scenario_id`, and the row of the table `scenarios`.
    """
    frame, facts = bars_with_facts(scenario)
    return frame, manifest(scenario, facts)


def manifest(scenario: Scenario, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of the table `scenarios` of a scenario that was generated.

    Args:
        scenario: The scenario.
        facts: What the engine said of its bars.
    """
    document = scenario.document
    known = {
        **facts,
        "scenario_id": document.id,
        "engine_version": engine.version(),
        "schema_version": BARS.schema_version,
        "A": facts["bars_per_year"],
        "sharpe_max_annual": _annual(facts["sharpe_max_bar"], facts["bars_per_year"]),
        "seed": document.seed,
        "family": document.family,
        "timeframe": document.timeframe,
        "calendar": document.calendar,
        "document": jcs(effective(scenario)).decode(),
        "quality": _quality(scenario, facts),
    }
    return {column.name: known[column.name] for column in SCENARIOS.columns}


def _quality(scenario: Scenario, facts: Mapping[str, Any]) -> str | None:
    """Return what is odd about the source, as canonical JSON; None without a source."""
    if scenario.source is None:
        return None
    return jcs({**facts["quality"], **scenario.source.quality}).decode()


def _annual(sharpe_bar: float | None, bars_per_year: float) -> float | None:
    return None if sharpe_bar is None else sharpe_bar * float(bars_per_year) ** 0.5
