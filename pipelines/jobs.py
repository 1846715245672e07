"""The jobs that sensors ask for; a person materialises assets instead."""

from __future__ import annotations

from typing import Final

import dagster as dg

from assets import quarantine
from simcore import steps
from simcore.tables.table import Table


def _selection(*groups: tuple[Table, ...]) -> dg.AssetSelection:
    """Select tables with their checks; of the documents behind them the sensors tell."""
    tables = dg.AssetSelection.assets(*(table.name for group in groups for table in group))
    return tables - dg.AssetSelection.checks(*quarantine.KEYS)


COMPILE: Final = dg.define_asset_job(
    "compile_strategies",
    selection=_selection(steps.STRATEGIES),
    description="Compile one strategy whose document is new or changed.",
)
BACKTEST: Final = dg.define_asset_job(
    "run_backtests",
    selection=_selection(steps.BACKTESTS, steps.MONTE_CARLO, steps.VALIDITY, steps.EVIDENCE),
    description="Run one strategy through one campaign, resample and appraise it, walk it forward.",
)
STANDINGS: Final = dg.define_asset_job(
    "play_tournaments",
    selection=_selection(steps.TOURNAMENTS, steps.HISTORY, steps.PORTFOLIOS, steps.REPORT),
    description="Play a campaign's tournaments again and write its report.",
)
MARKETS: Final = dg.define_asset_job(
    "generate_markets",
    selection=_selection(steps.MARKETS),
    description="Generate a campaign's markets again after a scenario or its days changed.",
)
SHAKE: Final = dg.define_asset_job(
    "shake_stack",
    selection=_selection(steps.CHAOS),
    description="Shake a campaign's paper stack again after its storm or its seed changed.",
)
CALIBRATE: Final = dg.define_asset_job(
    "calibrate_gate",
    selection=_selection(steps.CALIBRATION),
    description="Play the placebos again at a campaign's new costs.",
)
CHANGED: Final = (COMPILE, MARKETS, SHAKE, CALIBRATE, BACKTEST)
"""What a change may ask for, and what the standings wait for."""

JOBS: Final = (*CHANGED, STANDINGS)
