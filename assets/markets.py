"""The markets of a campaign: the bars of every scenario, and what they were made from."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import dagster as dg

from assets import checks, plots
from assets.events import POOL, Clock, Events, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import samples, steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.tables import TABLES
from simcore.tables.table import Table
from simcore.verification import verified_manifests

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
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Generate every scenario of the campaign."""
    key = context.partition_key

    @cache
    def campaign() -> Campaign:
        return load(key, home=home, is_strict=False)

    yield from results(
        context,
        store,
        clock,
        lambda: steps.markets(store, campaign()),
        lambda: plots.scenario_panels(store, Partition(campaign=key)),
        _own_checks(store, key, campaign),
    )


def _own_checks(store: Store, key: str, campaign: Callable[[], Campaign]) -> checks.OwnChecks:
    """Return what finds out the checks that need more than the rows of a campaign's markets."""
    place = Partition(campaign=key)

    def accepted() -> checks.Finding:
        sources = {
            each.id: each.source.columns for each in campaign().scenarios if each.source is not None
        }
        return checks.acceptance(store, place, sources)

    def documents() -> list[str]:
        campaign()
        return []

    def mismatched() -> list[str]:
        return [each.message for each in verified_manifests(store, place)]

    def differing(table: Table) -> Callable[[], checks.Finding]:
        return checks.judged(
            "recomputed", lambda: samples.resampled_markets(store, table, campaign())
        )

    return {
        ("scenarios", "acceptance"): accepted,
        ("scenarios", checks.DOCUMENT): checks.judged(checks.DOCUMENT, documents),
        ("bars", "manifest"): checks.judged("manifest", mismatched),
        ("bars", "recomputed"): differing(TABLES["bars"]),
        ("stylised_facts", "recomputed"): differing(TABLES["stylised_facts"]),
    }
