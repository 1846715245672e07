"""The head of the page: which campaign, and the one word that its reader came for."""

from __future__ import annotations

import json
from typing import Any, Final

from simcore.report.blocks import Badge, Block, Text
from simcore.report.material import Material
from simcore.report.wording import counted

VERDICTS: Final = {
    "YES": ("deserves real money", "good"),
    "YES_WITH_CAP": ("deserves real money up to a cap", "good"),
    "NOT_PROVEN": ("does not yet deserve real money: not enough was shown", "open"),
    "NO": ("does not deserve real money: a reproducible failure was found", "bad"),
}
# The worst first: over several seeds a campaign is worth what its worst one is.
_ORDER: Final = ("NO", "NOT_PROVEN", "YES_WITH_CAP", "YES")


def masthead(material: Material) -> list[Block]:
    """Say the verdict, and what was run in one sentence."""
    campaign = material.campaign
    ran = material.rows("backtests")
    blocks: list[Block] = []
    worst = worst_verdict(material)
    if worst is not None:
        meaning, tone = VERDICTS[worst]
        blocks.append(Badge(worst.replace("_", " "), f"It {meaning}.", tone))
    blocks.append(
        Text(
            f"Campaign `{campaign['id']}`, seed {campaign['seed']}: {campaign['days']} simulated "
            f"days, {counted(len(campaign['strategies']), 'strategy', 'strategies')}, "
            f"{counted(material.rows('scenarios').height, 'scenario')}, "
            f"{counted(ran.height, 'backtest')} under `{execution(campaign)}` with "
            f"{campaign['initial_cash']:,.0f} of initial cash; chaos: {campaign['chaos']}."
        )
    )
    return blocks


def worst_verdict(material: Material) -> str | None:
    """Return the worst verdict of all seeds; None where nothing was judged."""
    found = material.rows("verdicts")["verdict"].cast(str).to_list()
    return min(found, key=_ORDER.index, default=None)


def execution(campaign: Any) -> str:
    """Return the execution profile of a campaign as text."""
    asked = campaign["execution"]
    return asked if isinstance(asked, str) else json.dumps(asked, sort_keys=True)
