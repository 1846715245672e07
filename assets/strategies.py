"""The strategies, compiled, and where they come from."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import dagster as dg

from assets import checks, plots, snapshots
from assets.events import Clock, asset_specs, check_specs, logged
from assets.partitions import STRATEGIES
from simcore import samples, steps
from simcore.store import Partition, Store
from simcore.strategy import lineage
from simcore.strategy.strategy import Strategy, compile_strategy

_SPECS: Final = asset_specs(steps.STRATEGIES, deps=[], group="strategies", kinds={"python"})


def requested(context: dg.AssetExecutionContext, home: Path, strategy_id: str) -> Strategy:
    """Return the strategy as the run's request saw it, or as its document is now."""
    doc_hash = context.run.tags.get(snapshots.HASH_TAG)
    document = strategy_id if doc_hash is None else snapshots.recall(home, doc_hash)
    return compile_strategy(document, home=home)


def _compiled(store: Store, home: Path, strategy: Strategy) -> list[steps.Outcome]:
    return steps.strategies(store, strategy, lineage.read(strategy, home=home))


def _own_checks(
    store: Store, place: Partition, home: Path, strategy: Callable[[], Strategy]
) -> checks.OwnChecks:
    """Return what compiles a document once more."""

    def again() -> samples.Again:
        compiled = strategy()
        return samples.compiled_again(store, compiled, lineage.read(compiled, home=home))

    return checks.recomputed(store, place, steps.STRATEGIES, cache(again))


@dg.multi_asset(
    name="compiled_strategies",
    specs=_SPECS,
    check_specs=check_specs(steps.STRATEGIES),
    partitions_def=STRATEGIES,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def strategies(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Compile every strategy of the range."""
    yield from logged(
        context,
        store,
        clock,
        lambda key: _compiled(store, home, requested(context, home, key)),
        lambda key: plots.rule_card(store, Partition(strategy=key)),
        own=lambda key: _own_checks(
            store, Partition(strategy=key), home, lambda: requested(context, home, key)
        ),
    )
