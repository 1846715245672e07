"""The runs: every strategy on every scenario of a campaign that has its timeframe."""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Final

import dagster as dg

from assets import plots, run_plots
from assets.events import POOL, Picture, asset_specs, check_specs, logged
from assets.partitions import RUNS
from assets.strategies import requested
from simcore import steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.tables import TABLES

_SPECS: Final = asset_specs(
    steps.BACKTESTS, deps=["strategies", "scenarios", "bars"], group="backtests", kinds={"rust"}
)


@dg.multi_asset(
    name="runs",
    specs=_SPECS,
    check_specs=check_specs(steps.BACKTESTS),
    partitions_def=RUNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
)
def backtests(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store], home: dg.ResourceParam[Path]
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Run every strategy of the range through its campaign."""

    @cache  # One campaign is named by many keys of a range.
    def campaign(name: str) -> Campaign:
        return load(name, home=home, is_strict=False)

    def compute(key: str) -> list[steps.Outcome]:
        partition = _partition(key)
        strategy = requested(context, home, str(partition.strategy))
        return steps.backtests(store, campaign(str(partition.campaign)), strategy)

    def fan(key: str) -> Picture | None:
        partition = _partition(key)
        strategy = requested(context, home, str(partition.strategy))
        found = steps.neighbourhood(store, campaign(str(partition.campaign)), strategy)
        if found is None:
            return plots.equity_fan(store, partition)
        below = partial(run_plots.draw_surface, found=found)
        return plots.equity_fan(store, partition, below=below)

    yield from logged(
        context,
        store,
        compute,
        fan,
        {
            "equity": lambda key: run_plots.equity_with_drawdown(store, _partition(key)),
            "trades": lambda key: run_plots.trade_excursions(store, _partition(key)),
        },
    )


def _partition(key: str) -> Partition:
    return Partition.parse(TABLES["backtests"], key)
