"""Every table of the project, by name."""

from __future__ import annotations

from typing import Final

from simcore.tables import (
    backtests,
    chaos,
    evidence,
    evolution,
    history,
    imports,
    markets,
    monte_carlo,
    strategies,
    tournaments,
    validity,
    verdicts,
)
from simcore.tables.table import Table

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for kin in (
        markets,
        strategies,
        backtests,
        monte_carlo,
        validity,
        tournaments,
        history,
        evidence,
        evolution,
        chaos,
        verdicts,
        imports,
    )
    for table in kin.TABLES
}
