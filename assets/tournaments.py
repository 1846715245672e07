"""The tournaments of a campaign: every game, and the standings with their uncertainty."""

from pathlib import Path
from typing import Final

import dagster as dg

from assets import tournament_plots
from assets.events import POOL, Clock, Events, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store

_SPECS: Final = asset_specs(
    steps.TOURNAMENTS,
    deps=["scenarios", "bars", "backtests", "trials"],
    group="tournaments",
    kinds={"python", "rust"},
)


@dg.multi_asset(
    name="tournaments",
    specs=_SPECS,
    check_specs=check_specs(steps.TOURNAMENTS),
    partitions_def=CAMPAIGNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool=POOL,
)
def tournaments(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Play every tournament of the campaign over the runs that are there."""
    key = context.partition_key
    yield from results(
        context,
        store,
        clock,
        lambda: steps.tournaments(store, load(key, home=home, is_strict=False)),
        lambda: tournament_plots.tournament_page(store, Partition(campaign=key)),
    )
