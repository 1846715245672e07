"""The frame of every asset function that works on one campaign: it loads, computes, tells."""

from collections.abc import Callable, Collection, Sequence
from functools import cache, partial
from pathlib import Path

import dagster as dg

from assets import checks
from assets.events import (
    NO_CHECKS,
    POOL,
    Clock,
    Dep,
    Events,
    Picture,
    asset_specs,
    check_specs,
    results,
)
from assets.partitions import CAMPAIGNS
from simcore import samples, steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.tables.table import Table

Compute = Callable[[Store, Campaign, Path], Sequence[steps.Outcome]]
Draw = Callable[[Store, Partition], Picture | None]
Own = Callable[[Store, Partition, Callable[[], Campaign]], checks.OwnChecks]


def nothing_else(_: Store, __: Partition, ___: Callable[[], Campaign]) -> checks.OwnChecks:
    """Return no check: those of every table, and its sample, are enough."""
    return NO_CHECKS


def campaign_assets(
    name: str,
    tables: Sequence[Table],
    compute: Compute,
    draw: Draw,
    *,
    description: str,
    deps: Sequence[Dep] = (),
    group: str,
    kinds: Collection[str],
    own: Own = nothing_else,
) -> dg.AssetsDefinition:
    """Return the assets of the tables that one step makes once a campaign.

    Args:
        name: Of the step, as runs show it.
        tables: What is made.
        compute: Finds a campaign's tables current, or makes them; handed the home.
        draw: What the pages of all of them show.
        description: What the step does, in one sentence.
        deps: What it reads.
        group: Of the assets in the graph.
        kinds: What computes them; whatever calls the engine waits in its pool.
        own: Finds out the checks that only some of the tables have; of a sample is told anyway.
    """

    @dg.multi_asset(
        name=name,
        specs=asset_specs(tables, deps=deps, group=group, kinds=set(kinds)),
        check_specs=check_specs(tables),
        partitions_def=CAMPAIGNS,
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.multi_run(1),
        pool=POOL if "rust" in kinds else None,
        description=description,
    )
    def made(
        context: dg.AssetExecutionContext,
        store: dg.ResourceParam[Store],
        home: dg.ResourceParam[Path],
        clock: dg.ResourceParam[Clock],
    ) -> Events:
        place = Partition(campaign=context.partition_key)
        campaign = cache(partial(load, context.partition_key, home=home, is_strict=False))
        yield from results(
            context,
            store,
            clock,
            lambda: compute(store, campaign(), home),
            partial(draw, store, place),
            {**own(store, place, campaign), **_samples(store, place, tables, campaign)},
        )

    return made


def _samples(
    store: Store, place: Partition, tables: Sequence[Table], campaign: Callable[[], Campaign]
) -> checks.OwnChecks:
    """Return what finds out the check of a sample, which all tables of a step share."""
    if tuple(tables) not in samples.REMADE:
        return NO_CHECKS
    again = cache(lambda: samples.remade(store, tuple(tables), campaign()))
    return checks.recomputed(store, place, tables, again)
