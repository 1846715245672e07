"""The partitions of the graph: campaigns, strategies, runs, generations, collections of imports.

Their keys are filled in from documents by `pipelines`; nothing is registered here.
"""

from __future__ import annotations

from typing import Final

import dagster as dg

from simcore.tables.table import Table

CAMPAIGNS: Final = dg.DynamicPartitionsDefinition(name="campaign")
STRATEGIES: Final = dg.DynamicPartitionsDefinition(name="strategy")
RUNS: Final = dg.MultiPartitionsDefinition({"campaign": CAMPAIGNS, "strategy": STRATEGIES})
EVOLUTIONS: Final = dg.DynamicPartitionsDefinition(name="evolution")
# A generation needs the one before it; Dagster maps such a need over time windows alone, so that
# the step looks for it in the lake. Only those that can be made have a key: whoever materialises
# everything would otherwise start two hundred of them.
GENERATION_NUMBERS: Final = dg.DynamicPartitionsDefinition(name="generation")
COLLECTIONS: Final = dg.DynamicPartitionsDefinition(name="collection")
GENERATIONS: Final = dg.MultiPartitionsDefinition(
    {"evolution": EVOLUTIONS, "generation": GENERATION_NUMBERS}
)

_BY_COLUMNS: Final[dict[tuple[str, ...], dg.PartitionsDefinition]] = {
    ("campaign",): CAMPAIGNS,
    ("strategy",): STRATEGIES,
    ("campaign", "strategy"): RUNS,
    ("evolution", "generation"): GENERATIONS,
    ("collection",): COLLECTIONS,
}


def partitions_of(table: Table) -> dg.PartitionsDefinition:
    """Return the partitions that the asset of a table has."""
    return _BY_COLUMNS[table.partitioned_by]
