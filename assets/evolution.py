"""Generations of an evolution: who lived, what it came to, and who was promoted why."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import dagster as dg

from assets import evolution_plots
from assets.events import POOL, asset_specs, check_specs, results
from assets.partitions import GENERATIONS
from simcore import steps
from simcore.evolution.document import read_evolution
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
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store], home: dg.ResourceParam[Path]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Make one generation from those before it, which must be there."""
    place = Partition.parse(TABLES["generations"], context.partition_key)

    def compute() -> list[steps.Outcome]:
        asked = read_evolution(str(place.evolution), home=home)
        number = steps.GENERATION_KEYS.index(str(place.generation))
        return steps.evolved(store, asked, number, steps.salt_in(home, asked))

    page = partial(evolution_plots.evolution_page, store, place)
    yield from results(context, store, compute, page)
