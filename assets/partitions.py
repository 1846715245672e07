"""The partitions of the graph: campaigns, strategies, and each strategy in each campaign.

Their keys are filled in from documents by `pipelines`; nothing is registered here.
"""

from __future__ import annotations

from typing import Final

import dagster as dg

from simcore.tables.table import Table

CAMPAIGNS: Final = dg.DynamicPartitionsDefinition(name="campaign")
STRATEGIES: Final = dg.DynamicPartitionsDefinition(name="strategy")
RUNS: Final = dg.MultiPartitionsDefinition({"campaign": CAMPAIGNS, "strategy": STRATEGIES})

_BY_COLUMNS: Final[dict[tuple[str, ...], dg.PartitionsDefinition]] = {
    ("campaign",): CAMPAIGNS,
    ("strategy",): STRATEGIES,
    ("campaign", "strategy"): RUNS,
}


def partitions_of(table: Table) -> dg.PartitionsDefinition:
    """Return the partitions that the asset of a table has."""
    return _BY_COLUMNS[table.partitioned_by]
