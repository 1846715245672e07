"""The head of the page: which campaign, and the one word that its reader came for."""

from __future__ import annotations

import json
from typing import Any, Final

import polars as pl

from simcore.report.blocks import Badge, Block, Points, Text
from simcore.report.evidence import objections
from simcore.report.material import Material
from simcore.report.wording import counted, interval

VERDICTS: Final = {
    "YES": ("deserves real money", "good"),
    "YES_WITH_CAP": ("deserves real money up to a cap", "good"),
    "NOT_PROVEN": ("does not yet deserve real money: not enough was shown", "open"),
    "NO": ("does not deserve real money: a reproducible failure was found", "bad"),
}
_TOURNAMENTS_MAX: Final = 4
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
    short = [*_chaos(material), *_standings(material), *_missing(material)]
    return [*blocks, Points(tuple(short))] if short else blocks


def _chaos(material: Material) -> list[str]:
    """Say in one sentence what was injected and how it was judged."""
    figures, verdicts = material.rows("chaos_report"), material.rows("verdicts")
    if figures.is_empty():
        return ["**Chaos**: nothing was injected."]
    results = ", ".join(sorted(set(verdicts["result"].cast(str))))
    faults = counted(int(figures["n_injected"].sum()), "fault")
    failed = counted(int(verdicts["failures"].sum()), "oracle")
    return [f"**Chaos**: {results}. {faults} struck, {failed} failed."]


def _standings(material: Material) -> list[str]:
    """Say in one sentence a tournament who leads, how surely, and whether anybody is clear."""
    told = []
    for (name,), rows in (
        material.rows("standings")
        .sort("tournament_id", "rank", "ir_hash")
        .partition_by("tournament_id", as_dict=True, maintain_order=True)
        .items()
    ):
        first = rows.row(0, named=True)
        score = interval(first, "score_mean", "score_ci_lo", "score_ci_hi")
        rivals = rows.filter(pl.col("rank_lo") == 1).height
        settled = "its place is settled" if rivals < 2 else f"{rivals} entries may stand first"
        n_clear = sum(not objections(row) for row in rows.to_dicts())
        clear = counted(n_clear, "entry", "entries") if n_clear else "No entry"
        told.append(
            f"**{name}**: {first['strategy_id']} leads with a score of {score}; {settled}. {clear} "
            f"of {rows.height} {'is' if n_clear < 2 else 'are'} without an objection."
        )
    return told[:_TOURNAMENTS_MAX]


def _missing(material: Material) -> list[str]:
    """Say how much was not shown."""
    missing = {each for text in material.rows("verdicts")["not_shown"] for each in json.loads(text)}
    return (
        [f"**Not shown**: {counted(len(missing), 'thing')}, each named below."] if missing else []
    )


def worst_verdict(material: Material) -> str | None:
    """Return the worst verdict of all seeds; None where nothing was judged."""
    found = material.rows("verdicts")["verdict"].cast(str).to_list()
    return min(found, key=_ORDER.index, default=None)


def execution(campaign: Any) -> str:
    """Return the execution profile of a campaign as text."""
    asked = campaign["execution"]
    return asked if isinstance(asked, str) else json.dumps(asked, sort_keys=True)
