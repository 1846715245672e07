"""Proving Ground's public names: markets, strategies, backtests, tournaments, chaos.

They are loaded when first used, so that importing the package stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simcore.backtests.monte_carlo import monte_carlo
    from simcore.backtests.run import Backtest, backtest
    from simcore.backtests.series import metrics
    from simcore.backtests.sweep import sweep
    from simcore.backtests.walk_forward import WalkForward, walk_forward
    from simcore.chaos.campaign import ChaosRun, chaos_run
    from simcore.contrast.contrast import Contrast, compare
    from simcore.errors import EngineError, ProvingError, SpecError, StoreError, TableError
    from simcore.evolution.generation import Generation
    from simcore.evolution.loop import evolve, evolve_generation
    from simcore.inventory import catalogue
    from simcore.lake import scan
    from simcore.problems import Problem
    from simcore.scenario.generate import generate
    from simcore.scenario.manifest import scenario_manifest
    from simcore.strategy.check import check_strategy
    from simcore.strategy.formula import indicator
    from simcore.strategy.strategy import Strategy, compile_strategy
    from simcore.tournaments.arena import Arena, arena
    from simcore.tournaments.play import Tournament, tournament

_HOMES = {
    "Arena": "simcore.tournaments.arena",
    "Backtest": "simcore.backtests.run",
    "ChaosRun": "simcore.chaos.campaign",
    "Contrast": "simcore.contrast.contrast",
    "EngineError": "simcore.errors",
    "Generation": "simcore.evolution.generation",
    "Problem": "simcore.problems",
    "ProvingError": "simcore.errors",
    "SpecError": "simcore.errors",
    "StoreError": "simcore.errors",
    "Strategy": "simcore.strategy.strategy",
    "TableError": "simcore.errors",
    "Tournament": "simcore.tournaments.play",
    "WalkForward": "simcore.backtests.walk_forward",
    "arena": "simcore.tournaments.arena",
    "backtest": "simcore.backtests.run",
    "catalogue": "simcore.inventory",
    "chaos_run": "simcore.chaos.campaign",
    "check_strategy": "simcore.strategy.check",
    "compare": "simcore.contrast.contrast",
    "compile_strategy": "simcore.strategy.strategy",
    "evolve": "simcore.evolution.loop",
    "evolve_generation": "simcore.evolution.loop",
    "generate": "simcore.scenario.generate",
    "indicator": "simcore.strategy.formula",
    "metrics": "simcore.backtests.series",
    "monte_carlo": "simcore.backtests.monte_carlo",
    "scan": "simcore.lake",
    "scenario_manifest": "simcore.scenario.manifest",
    "sweep": "simcore.backtests.sweep",
    "tournament": "simcore.tournaments.play",
    "walk_forward": "simcore.backtests.walk_forward",
}

__all__ = [
    "Arena",
    "Backtest",
    "ChaosRun",
    "Contrast",
    "EngineError",
    "Generation",
    "Problem",
    "ProvingError",
    "SpecError",
    "StoreError",
    "Strategy",
    "TableError",
    "Tournament",
    "WalkForward",
    "arena",
    "backtest",
    "catalogue",
    "chaos_run",
    "check_strategy",
    "compare",
    "compile_strategy",
    "evolve",
    "evolve_generation",
    "generate",
    "indicator",
    "metrics",
    "monte_carlo",
    "scan",
    "scenario_manifest",
    "sweep",
    "tournament",
    "walk_forward",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simcore' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
