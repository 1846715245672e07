"""The report of a campaign: its tables as a page that a person reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import dagster as dg

from assets import plots
from assets.events import asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store

_SPECS: Final = asset_specs(
    steps.REPORT,
    deps=["scenarios", "backtests", "standings", "chaos_report", "verdicts"],
    group="report",
    kinds={"python"},
)


@dg.multi_asset(
    name="report_page",
    specs=_SPECS,
    check_specs=check_specs(steps.REPORT),
    partitions_def=CAMPAIGNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def report(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store], home: dg.ResourceParam[Path]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Put the campaign's tables into words."""
    key = context.partition_key
    yield from results(
        context,
        store,
        lambda: steps.report(store, load(key, home=home, is_strict=False)),
        lambda: plots.report_page(store, Partition(campaign=key)),
    )
