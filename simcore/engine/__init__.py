"""The compiled engine, as the rest of the project sees it: types, shapes, errors made ours.

The only importer of `simcore._engine`. It converts and calls; what a value means is decided
elsewhere.
"""

from __future__ import annotations

from simcore.engine.boundary import THREADS_MAX, Columns, RunColumns, check_threads
from simcore.engine.contents import catalogue, version
from simcore.engine.draws import normals, uniforms
from simcore.engine.markets import Market, are_mostly_apart, generate, scenario_laws
from simcore.engine.returns import bootstrap, metrics, optimal_block_bars
from simcore.engine.runs import arena, backtest, indicator, scripted
from simcore.engine.universes import paper

__all__ = [
    "THREADS_MAX",
    "Columns",
    "Market",
    "RunColumns",
    "are_mostly_apart",
    "arena",
    "backtest",
    "bootstrap",
    "catalogue",
    "check_threads",
    "generate",
    "indicator",
    "metrics",
    "normals",
    "optimal_block_bars",
    "paper",
    "scenario_laws",
    "scripted",
    "uniforms",
    "version",
]
