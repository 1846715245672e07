"""Runs that other tools made, measured out of the documents of their collection."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import dagster as dg

from assets import checks
from assets.events import POOL, Clock, Events, asset_specs, check_specs, results
from assets.partitions import COLLECTIONS
from simcore import samples, steps
from simcore.imports.rows import misjudged
from simcore.lake import put_views
from simcore.store import Partition, Store
from simcore.tables import TABLES

_SPECS: Final = asset_specs(steps.IMPORTS, deps=[], group="imports", kinds={"rust"})


@dg.multi_asset(
    name="imports",
    specs=_SPECS,
    check_specs=check_specs(steps.IMPORTS),
    partitions_def=COLLECTIONS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool=POOL,
)
def imports(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Measure the runs of a collection."""
    key = context.partition_key
    place = Partition(collection=key)

    again = cache(lambda: samples.imported_again(store, home, key))

    def wrong() -> list[str]:
        runs = store.read(TABLES["imported_runs"], place)
        found = misjudged(runs, store.read(TABLES["imported_equity"], place))
        return found or samples.differing(store, TABLES["imported_runs"], place, again())

    def measured() -> Sequence[steps.Outcome]:
        outcomes = steps.imports(store, home, key)
        put_views(store, home)
        return outcomes

    own = {
        **checks.recomputed(store, place, steps.IMPORTS, again),
        ("imported_runs", "recomputed"): checks.judged("recomputed", wrong),
    }
    yield from results(
        context,
        store,
        clock,
        measured,
        lambda: None,
        own,
    )
