"""The history of a campaign's strategies: how each version fared, here and elsewhere."""

from pathlib import Path
from typing import Final

import dagster as dg

from assets import history_plots
from assets.events import Clock, Events, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store

# Whatever changes a strategy or its lineage changes the runs behind the standings first.
_SPECS: Final = asset_specs(steps.HISTORY, deps=["standings"], group="history", kinds={"python"})


@dg.multi_asset(
    name="histories",
    specs=_SPECS,
    check_specs=check_specs(steps.HISTORY),
    partitions_def=CAMPAIGNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def histories(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Add the campaign's standings to the history of its strategies."""
    key = context.partition_key
    yield from results(
        context,
        store,
        clock,
        lambda: steps.histories(store, load(key, home=home, is_strict=False)),
        lambda: history_plots.rating_page(store, Partition(campaign=key)),
    )
