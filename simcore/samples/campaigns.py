"""What is made once a campaign, computed once more: whole where that is cheap, else a sample.

A tournament, a design of the calibration and a seed of the chaos are the least that can be made
again; a portfolio, a history and a report are made whole, as every row rests on all that they read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import polars as pl

from simcore import steps
from simcore.campaign import Campaign
from simcore.campaign_document import NO_CHAOS
from simcore.chaos.campaign import chaos_run
from simcore.chaos.schedule import level, run_seeds
from simcore.samples.sample import NOT_JUDGED, Again, is_of_today, sample
from simcore.steps.compete import rollups
from simcore.steps.lakes import Anew
from simcore.steps.step import campaign_runs
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table
from simcore.tournaments.calibration import QUICK, SMALL, calibration
from simcore.tournaments.seeding import with_seeding

Step = Callable[[Store, Campaign], object]

# Sums of a linear algebra library: their last bits are the machine's.
_SLACK: Final = 1e-9
# The weights of a portfolio are found by an iteration that ends when it gains no more.
_ITERATION_SLACK: Final = 1e-6
_OF_ALL_SEEDS: Final = ("chaos_report", "verdicts")


def remade(store: Store, tables: tuple[Table, ...], campaign: Campaign) -> Again:
    """Compute a sample of the tables of one step again.

    Args:
        store: The lake.
        tables: One of the values of `REMADE`'s keys: those of a step that is made once a campaign.
        campaign: Whose partitions.

    Raises:
        StoreError: What the step reads, or its own tables, are not there.
    """
    digest = steps.needed(store, tables[0], Partition(campaign=campaign.id)).content_hash
    step, again = REMADE[tables]
    if not is_of_today(store, lambda lake: step(lake, campaign)):
        return NOT_JUDGED
    return again(store, campaign, digest)


def _whole(store: Store, campaign: Campaign, step: Step, slack: float) -> Again:
    lake = Anew(store.root)
    step(lake, campaign)
    return Again(campaign.id, lake.made, slack=slack)


def _portfolio(store: Store, campaign: Campaign, _: str) -> Again:
    return _whole(store, campaign, steps.allocations, _ITERATION_SLACK)


def _history(store: Store, campaign: Campaign, _: str) -> Again:
    return _whole(store, campaign, steps.histories, 0.0)


def _report(store: Store, campaign: Campaign, _: str) -> Again:
    return _whole(store, campaign, steps.report, 0.0)


def _tournament(store: Store, campaign: Campaign, digest: str) -> Again:
    """Play some of the tournaments again; the days are counted anew for all of them."""
    drawn = sample([each.id for each in campaign.tournaments], digest)
    played = with_seeding(campaign.tournaments, drawn)
    names = sorted(each.id for each in played)
    lake = Anew(store.root)
    steps.tournaments(lake, replace(campaign, tournaments=played))
    standings = store.read(TABLES["standings"], Partition(campaign=campaign.id))
    counted = rollups(store, campaign, campaign_runs(store, campaign), standings)
    which = pl.col("tournament_id").is_in(names)
    return Again(
        ", ".join(names) or "the days",
        {**lake.made, "daily_rollups": counted},
        {"games": which, "standings": which},
        _SLACK,
    )


def _calibration(store: Store, campaign: Campaign, digest: str) -> Again:
    names = sample([each.name for each in QUICK], digest)
    asked = campaign.document
    designs = [each for each in QUICK if each.name in names]
    rows = calibration(SMALL, seed=asked.seed, designs=designs, execution=asked.execution)
    which = {"calibration": pl.col("design").is_in(names)}
    return Again(", ".join(names), {"calibration": rows}, which, _SLACK)


def _chaos(store: Store, campaign: Campaign, digest: str) -> Again:
    asked = campaign.document
    if asked.chaos == NO_CHAOS:
        return Again("no chaos", chaos_run(asked).tables)
    plan = level(asked.chaos, asked.days, asked.id)
    seeds = [str(each) for each in run_seeds(asked.seed, plan.seeds)]
    (name,) = sample(seeds, digest)[:1]
    which = pl.col("seed") == int(name)
    tables = chaos_run(asked, seed=int(name)).tables
    if len(seeds) > 1:  # What was not shown is said of all seeds together.
        tables = {each: rows for each, rows in tables.items() if each not in _OF_ALL_SEEDS}
    return Again(f"seed {name}", tables, dict.fromkeys(tables, which))


REMADE: Final[
    dict[tuple[Table, ...], tuple[Step, Callable[[Store, Campaign, str], Again]]]
] = {
    steps.PORTFOLIOS: (steps.allocations, _portfolio),
    steps.CALIBRATION: (steps.calibrations, _calibration),
    steps.TOURNAMENTS: (steps.tournaments, _tournament),
    steps.HISTORY: (steps.histories, _history),
    steps.CHAOS: (steps.chaos, _chaos),
    steps.REPORT: (steps.report, _report),
}  # fmt: skip
"""By the tables of each step that is made once a campaign: the step, and what samples it."""
