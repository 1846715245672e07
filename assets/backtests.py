"""The runs of every strategy in every campaign, and all that is known from them alone.

One function makes them all, step after step for each key: Dagster skips an asset in the run in
which one before it says nothing of its outputs, and assets with ranges log their partitions one by
one instead, so that each has a data version of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final

import dagster as dg

from assets import checks, plots, run_plots, validity_plots
from assets.events import POOL, Clock, Picture, asset_specs, check_specs, logged
from assets.partitions import RUNS
from assets.strategies import requested
from simcore import samples, steps
from simcore.campaign import Campaign, load
from simcore.store import Partition, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES
from simcore.tables.table import Table

# What makes which tables of one strategy in one campaign, in order.
_STEPS: Final = (
    (steps.BACKTESTS, steps.backtests),
    (steps.MONTE_CARLO, steps.monte_carlo),
    (steps.VALIDITY, steps.walk_forwards),
    (steps.EVIDENCE, steps.appraisals),
)
_TABLES: Final = tuple(table for tables, _ in _STEPS for table in tables)
# What a table shows of itself; the fan of equity stands beside the others.
_PICTURES: Final = {
    "equity": run_plots.equity_with_drawdown,
    "trades": run_plots.trade_excursions,
    "walk_forward": validity_plots.folds,
    "trials": validity_plots.tries,
    "regimes": validity_plots.weathers,
    "evidence": validity_plots.card,
}
_SPECS: Final = [
    *asset_specs(
        steps.BACKTESTS, deps=["strategies", "scenarios", "bars"], group="backtests", kinds={"rust"}
    ),
    *asset_specs(
        steps.MONTE_CARLO,
        deps=["scenarios", "backtests", "equity"],
        group="monte_carlo",
        kinds={"rust"},
    ),
    *asset_specs(
        steps.VALIDITY,
        deps=["strategies", "scenarios", "bars", "backtests"],
        group="validity",
        kinds={"rust"},
    ),
    *asset_specs(
        steps.EVIDENCE,
        deps=["scenarios", "bars", "backtests", "monte_carlo", "walk_forward", "trials"],
        group="evidence",
        kinds={"python", "rust"},
    ),
]


@dg.multi_asset(
    name="runs",
    specs=_SPECS,
    check_specs=check_specs(_TABLES),
    partitions_def=RUNS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
)
def backtests(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Run the strategies of the range through their campaigns, and judge what came of it."""
    wanted = {key.to_user_string() for key in context.selected_asset_keys}

    @cache  # One campaign is named by many keys of a range.
    def campaign(name: str) -> Campaign:
        return load(name, home=home, is_strict=False)

    def compute(key: str) -> list[steps.Outcome]:
        partition = _partition(key)
        strategy = requested(context, home, str(partition.strategy))
        outcomes: list[steps.Outcome] = []
        for tables, make in _STEPS:
            if any(table.name in wanted for table in tables):
                outcomes += make(store, campaign(str(partition.campaign)), strategy)
        return outcomes

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
        clock,
        compute,
        fan,
        {name: partial(_drawn, store, draw) for name, draw in _PICTURES.items()},
        lambda key: _own_checks(
            store,
            _partition(key),
            lambda: campaign(str(_partition(key).campaign)),
            lambda: requested(context, home, str(_partition(key).strategy)),
        ),
    )


def _own_checks(
    store: Store,
    place: Partition,
    campaign: Callable[[], Campaign],
    strategy: Callable[[], Strategy],
) -> checks.OwnChecks:
    """Return what finds out the checks that need more than the rows of a strategy's runs."""

    def sampled(tables: Sequence[Table], make: Callable[..., samples.Again]) -> checks.OwnChecks:
        return checks.recomputed(
            store, place, tables, cache(lambda: make(store, campaign(), strategy()))
        )

    return {
        ("equity", "ledger"): checks.judged("ledger", lambda: samples.broken_ledger(store, place)),
        ("trades", "ledger"): checks.judged("ledger", lambda: samples.broken_trades(store, place)),
        **sampled((*steps.BACKTESTS, *steps.MONTE_CARLO), samples.rerun),
        **sampled(steps.VALIDITY, samples.walked_again),
        **sampled(steps.EVIDENCE, samples.appraised_again),
    }


def _drawn(
    store: Store, draw: Callable[[Store, Partition], Picture | None], key: str
) -> Picture | None:
    return draw(store, _partition(key))


def _partition(key: str) -> Partition:
    return Partition.parse(TABLES["backtests"], key)
