"""A strategy and a market that meet by name: the program, the bars of one path, the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from simcore.errors import SpecError
from simcore.problems import Problem
from simcore.scenario.document import load
from simcore.scenario.manifest import generate_with_manifest
from simcore.strategy.strategy import Strategy, compile_strategy


def met(
    strategy: str | Path,
    scenario: str | Path,
    path: int | None,
    *,
    home: str | Path | None,
    path_argument: str = "path",
) -> tuple[Strategy, pl.DataFrame, dict[str, Any]]:
    """Return a strategy, the bars of a scenario, and the scenario's manifest.

    Args:
        strategy: Id, path or text.
        scenario: Id, path or text.
        path: Which path of the scenario; None takes all that there are.
        home: Folder whose documents join the library's.
        path_argument: What the caller calls the path, for the message.

    Raises:
        SpecError: A document is wrong, their timeframes differ, or there is no such path.
        EngineError: The scenario is refused.
    """
    compiled = compile_strategy(strategy, home=home)
    bars, manifest = generate_with_manifest(load(scenario, home=home))
    place = f"{compiled.id} on {manifest['scenario_id']}"
    if compiled.timeframe != manifest["timeframe"]:
        message = f"got bars of {manifest['timeframe']}, expected those of {compiled.timeframe}"
        raise SpecError([Problem("ARGUMENT", "OTHER_TIMEFRAME", message, source=place)])
    if path is not None:
        n_paths = bars["path"].n_unique()
        bars = bars.filter(pl.col("path") == path)
        if not bars.height:
            message = f"got path {path}, expected 0 to {n_paths - 1}"
            raise SpecError([Problem("ARGUMENT", "OUT_OF_RANGE", message, source=path_argument)])
    return compiled, bars, manifest
