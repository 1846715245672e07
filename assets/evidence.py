"""What is known of each strategy: its regime ledger and its evidence card."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import dagster as dg

from assets.events import POOL, asset_specs, check_specs, logged
from assets.partitions import RUNS
from assets.strategies import requested
from simcore import steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.tables import TABLES

_SPECS: Final = asset_specs(
    steps.EVIDENCE,
    deps=["scenarios", "bars", "backtests", "monte_carlo", "walk_forward", "trials"],
    group="evidence",
    kinds={"python"},
)


@dg.multi_asset(
    name="appraisals",
    specs=_SPECS,
    check_specs=check_specs(steps.EVIDENCE),
    partitions_def=RUNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
)
def appraisals(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store], home: dg.ResourceParam[Path]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Appraise the strategies of the range."""

    @cache  # One campaign is named by many keys of a range.
    def campaign(name: str) -> Campaign:
        return load(name, home=home, is_strict=False)

    def compute(key: str) -> list[steps.Outcome]:
        partition = Partition.parse(TABLES["evidence"], key)
        strategy = requested(context, home, str(partition.strategy))
        return steps.appraisals(store, campaign(str(partition.campaign)), strategy)

    yield from logged(context, store, compute, lambda key: None)
