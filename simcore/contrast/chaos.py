"""One arm of a universe of chaos, as it is compared: intents, orders, fills, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from simcore.campaign_document import read_campaign
from simcore.chaos.campaign import ChaosRun, chaos_run
from simcore.chaos.schedule import run_seeds
from simcore.contrast.divergence import Decision
from simcore.contrast.names import Shaken
from simcore.contrast.run import Run
from simcore.errors import SpecError
from simcore.problems import Problem

LEVELS: Final = {
    "intent": ("chaos_intents", "ts", ("strategy", "instrument", "side", "qty_lot", "status")),
    "order": (
        "chaos_orders",
        "ts_sent",
        ("strategy", "instrument", "side", "type", "tif", "purpose", "qty_lot", "limit_tk",
         "status"),
    ),
    "fill": ("chaos_fills", "ts_trade", ("instrument", "side", "qty_lot", "px_tk", "origin")),
}  # fmt: skip
"""By level: the table, when each of its rows happened, and what of a row is compared."""


Universes = dict[tuple[str, int], ChaosRun]
"""Universes that were run already, by campaign and seed: each has every arm."""


def shaken(
    asked: Shaken, name: str, home: str | Path | None, known: Universes | None = None
) -> Run:
    """Run one universe of a campaign's chaos and return one of its arms.

    Args:
        asked: Campaign, seed and arm; without a seed the first of the campaign.
        name: As it was asked for.
        home: Folder whose documents join the library's.
        known: Universes that need not be run again; this one joins them.

    Raises:
        SpecError: The campaign is wrong or has no chaos, or the seed is none.
        EngineError: The universe is refused.
    """
    document = read_campaign(asked.campaign, home=home)
    seed = run_seeds(document.seed, 1)[0] if asked.seed is None else asked.seed
    universes = {} if known is None else known
    if (asked.campaign, seed) not in universes:
        universes[asked.campaign, seed] = chaos_run(asked.campaign, seed=seed, home=home)
    made = universes[asked.campaign, seed]
    own = pl.col("arm").cast(pl.String) == asked.arm
    tables = {key: table.filter(own) for key, table in made.tables.items() if "arm" in table}
    if tables["chaos_equity"].is_empty():
        message = f"{name}: the campaign has no chaos, expected one that has"
        raise SpecError([Problem("ARGUMENT", "NO_CHAOS", message, source="compare")])
    return Run(
        name=name,
        kind="chaos",
        identity={
            "campaign": document.id,
            "chaos": document.chaos,
            "days": document.days,
            "seed": seed,
            "arm": asked.arm,
        },
        # The arms of one universe see the same prices; so does nobody else.
        market=f"{document.chaos}/{document.days}/{document.id}/{seed}",
        levels={level: _course(tables[LEVELS[level][0]], *LEVELS[level][1:]) for level in LEVELS},
        metrics=_metrics(tables),
    )


def _course(rows: pl.DataFrame, moment: str, compared: Sequence[str]) -> tuple[Decision, ...]:
    """Rows of a table as decisions in the order of time; those that never happened are left out."""
    names = [pl.col(each).cast(pl.String) if rows[each].dtype == pl.Enum else pl.col(each)
             for each in compared]  # fmt: skip
    happened = rows.filter(pl.col(moment).is_not_null()).select(moment, *names)
    happened = happened.sort(moment, *compared, nulls_last=True)
    return tuple(
        Decision(int(row[0]), None, row, dict(zip(compared, row[1:], strict=True)))
        for row in happened.iter_rows()
    )


def _metrics(tables: dict[str, pl.DataFrame]) -> dict[str, float | None]:
    """Counts and costs of an arm; every oracle's violations, None where it did not judge."""
    marks = tables["chaos_equity"].filter(pl.col("level").cast(pl.String) == "book").sort("ts")
    found: dict[str, Any] = {
        "events": tables["chaos_events"].height,
        "intents": tables["chaos_intents"].height,
        "orders": tables["chaos_orders"].height,
        "fills": tables["chaos_fills"].height,
        "kills": tables["chaos_kills"].height,
        "injections": tables["chaos_injections"].height,
        "incidents": tables["chaos_incidents"].height,
        "final_equity_quote": marks["equity_uusd"][-1] / 1e6,
        "max_dd_ppm": marks["dd_ppm"].max(),
        "fees_quote": int(tables["chaos_fills"]["fee_uusd"].sum()) / 1e6,
    }
    for row in tables["chaos_oracle_results"].iter_rows(named=True):
        found[f"violations_{row['oracle']}"] = row["violations"]
    return found
