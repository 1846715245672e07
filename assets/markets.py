"""The markets of a campaign: the bars of every scenario, and what they were made from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import dagster as dg

from assets import checks, plots
from assets.events import POOL, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store
from simcore.tables.table import Table

_SPECS: Final = asset_specs(steps.MARKETS, deps=[], group="markets", kinds={"rust"})


@dg.multi_asset(
    specs=_SPECS,
    check_specs=check_specs(steps.MARKETS),
    partitions_def=CAMPAIGNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool=POOL,
)
def markets(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store], home: dg.ResourceParam[Path]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Generate every scenario of the campaign."""
    key = context.partition_key

    def own_checks(table: Table, partition: Partition) -> Iterator[checks.Finding]:
        if table.name in checks.OWN_CHECKS:
            yield checks.acceptance(store, partition, _sources(key, home))

    yield from results(
        context,
        store,
        lambda: steps.markets(store, load(key, home=home, is_strict=False)),
        lambda: plots.scenario_panels(store, Partition(campaign=key)),
        own_checks,
    )


def _sources(campaign_id: str, home: Path) -> dict[str, dict[str, Any]]:
    """Return the columns of the source of each scenario that works on one."""
    scenarios = load(campaign_id, home=home, is_strict=False).scenarios
    return {each.id: each.source.columns for each in scenarios if each.source is not None}
