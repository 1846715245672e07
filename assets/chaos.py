"""The chaos campaign: the paper-trading stack's tables, the oracles' findings, the verdict."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg

from assets import plots
from assets.events import POOL, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store

_SPECS: Final = asset_specs(steps.CHAOS, deps=[], group="chaos", kinds={"rust"})


@dg.multi_asset(
    name="chaos",
    specs=_SPECS,
    check_specs=check_specs(steps.CHAOS),
    partitions_def=CAMPAIGNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool=POOL,
)
def chaos(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store], home: dg.ResourceParam[Path]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Run the stack in its three arms and judge what happened."""
    key = context.partition_key
    yield from results(
        context,
        store,
        lambda: steps.chaos(store, load(key, home=home, is_strict=False)),
        lambda: plots.chaos_timeline(store, Partition(campaign=key)),
    )
