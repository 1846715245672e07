"""The chaos campaign: the paper-trading stack's tables, the oracles' findings, the verdict."""

from functools import partial
from pathlib import Path
from typing import Final

import dagster as dg

from assets import checks, plots
from assets.events import POOL, Clock, Events, asset_specs, check_specs, results
from assets.partitions import CAMPAIGNS
from simcore import steps
from simcore.campaign import load
from simcore.store import Partition, Store
from simcore.verification import verified_logs

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
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Run the stack in its three arms and judge what happened."""
    key = context.partition_key
    yield from results(
        context,
        store,
        clock,
        lambda: steps.chaos(store, load(key, home=home, is_strict=False)),
        lambda: plots.chaos_timeline(store, Partition(campaign=key)),
        {
            (name, "chain"): checks.judged("chain", partial(_broken_chains, store, key, name))
            for name in ("chaos_events", "chaos_xlog")
        },
    )


def _broken_chains(store: Store, key: str, name: str) -> list[str]:
    return [each.message for each in verified_logs(store, Partition(campaign=key), name)]
