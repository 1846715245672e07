"""Generations of an evolution: who lived, what it came to, and who was promoted why."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

import dagster as dg

from assets import checks, evolution_plots
from assets.events import POOL, Clock, Events, asset_specs, check_specs, results
from assets.partitions import GENERATIONS
from simcore import samples, steps
from simcore.evolution.document import read_evolution
from simcore.lake import put_views
from simcore.store import Partition, Store
from simcore.tables import TABLES

_SPECS: Final = asset_specs(steps.EVOLUTION, deps=[], group="evolution", kinds={"rust"})


@dg.multi_asset(
    name="evolution",
    specs=_SPECS,
    check_specs=check_specs(steps.EVOLUTION),
    partitions_def=GENERATIONS,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool=POOL,
)
def evolution(
    context: dg.AssetExecutionContext,
    store: dg.ResourceParam[Store],
    home: dg.ResourceParam[Path],
    clock: dg.ResourceParam[Clock],
) -> Events:
    """Make one generation from those before it, which must be there."""
    place = Partition.parse(TABLES["generations"], context.partition_key)
    number = steps.GENERATION_KEYS.index(str(place.generation))
    asked = cache(lambda: read_evolution(str(place.evolution), home=home))

    def bred() -> Sequence[steps.Outcome]:
        outcomes = steps.evolved(store, asked(), number, steps.salt_in(home, asked()))
        put_views(store, home)
        return outcomes

    def documents() -> list[str]:
        asked()
        return []

    again = cache(lambda: samples.bred_again(store, asked(), number))
    yield from results(
        context,
        store,
        clock,
        bred,
        lambda: evolution_plots.evolution_page(store, place),
        {
            ("generations", checks.DOCUMENT): checks.judged(checks.DOCUMENT, documents),
            ("generations", "ledger"): checks.judged(
                "ledger", lambda: samples.broken_generation(store, place)
            ),
            **checks.recomputed(store, place, [TABLES["populations"]], again),
        },
    )
