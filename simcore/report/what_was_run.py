"""What was run: the markets, and who met none of them."""

from __future__ import annotations

from typing import Final

from simcore.report.blocks import Block, Section, Text, capped
from simcore.report.material import Material
from simcore.report.wording import number

_ROWS_MAX: Final = 60


def blocks(material: Material) -> list[Block]:
    """Show the scenarios, and name the strategies without one."""
    scenarios = material.rows("scenarios")
    rows = [
        (
            row["scenario_id"], row["family"], row["timeframe"], f"{row['bars']:,}", row["paths"],
            number(row["sharpe_max_annual"]), row["seed"],
        )
        for row in scenarios.sort("scenario_id").iter_rows(named=True)
    ]  # fmt: skip
    told = capped(
        "One row per scenario. The best Sharpe is the highest of a year that anyone could "
        "expect there before costs; a dash where the next bar has no law.",
        ["scenario", "family", "timeframe", "bars", "paths", "best Sharpe", "seed"],
        rows,
        _ROWS_MAX,
        "the first by name; the others stand in the table `scenarios`",
    )
    ran = set(material.rows("backtests")["strategy_id"].to_list())
    idle = [name for name in material.campaign["strategies"] if name not in ran]
    return told + [
        Text(f"Strategy `{name}` met no scenario of its timeframe and has no runs.")
        for name in idle
    ]


SECTION = Section("what was run", "What was run", blocks)
