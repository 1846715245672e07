"""The portfolio of a campaign's strategies, and how often the gate would err at its costs."""

from pathlib import Path
from typing import Final

import dagster as dg

from assets import evidence_plots
from assets.events import POOL, Clock, Events, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store

_PORTFOLIOS: Final = asset_specs(
    steps.PORTFOLIOS, deps=["equity"], group="portfolios", kinds={"python"}
)
_CALIBRATION: Final = asset_specs(
    steps.CALIBRATION, deps=[], group="calibration", kinds={"python", "rust"}
)


@dg.multi_asset(
    name="allocations",
    specs=_PORTFOLIOS,
    check_specs=check_specs(steps.PORTFOLIOS),
    partitions_def=CAMPAIGNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def portfolios(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Share out money between the campaign's strategies."""
    key = context.partition_key
    yield from results(
        context,
        store,
        clock,
        lambda: steps.allocations(store, load(key, home=home, is_strict=False)),
        lambda: evidence_plots.weights(store, Partition(campaign=key)),
    )


@dg.multi_asset(
    name="calibrations",
    specs=_CALIBRATION,
    check_specs=check_specs(steps.CALIBRATION),
    partitions_def=CAMPAIGNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool=POOL,
)
def calibration(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Play placebo and power tournaments at the campaign's costs."""
    key = context.partition_key
    yield from results(
        context,
        store,
        clock,
        lambda: steps.calibrations(store, load(key, home=home, is_strict=False)),
        lambda: evidence_plots.error_rates(store, Partition(campaign=key)),
    )
