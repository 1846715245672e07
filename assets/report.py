"""The report of a campaign: its tables as a page that a person reads.

The page lies in the table; a copy for the browser is put beside the lake, and its place told, and
with it the views for DuckDB, as by then every table of the campaign is there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import dagster as dg

from assets import plots
from assets.events import Clock, Events, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.lake import put, views
from simcore.report.material import OF_CAMPAIGN, OF_RUNS
from simcore.store import Partition, Store

_SPECS: Final = asset_specs(
    steps.REPORT,
    deps=[*OF_CAMPAIGN, *OF_RUNS],
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
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Put the campaign's tables into words."""
    key = context.partition_key

    def compute() -> Sequence[steps.Outcome]:
        outcomes = steps.report(store, load(key, home=home, is_strict=False))
        page = steps.write_page(store, key, home / "reports" / f"{key}.html")
        put(home / "views.sql", views(store))
        return steps.with_facts(outcomes, {**outcomes[0].facts, "report": str(page)})

    yield from results(
        context,
        store,
        clock,
        compute,
        lambda: plots.report_page(store, Partition(campaign=key)),
    )
