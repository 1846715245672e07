"""The history of a campaign's strategies: how each version fared, here and elsewhere."""

import dagster as dg

from assets import history_plots
from assets.campaigns import campaign_assets
from simcore import steps

histories = campaign_assets(
    "histories",
    steps.HISTORY,
    lambda store, campaign, _: steps.histories(store, campaign),
    history_plots.rating_page,
    description="Add the campaign's standings to the history of its strategies.",
    # A campaign may name any strategy, and Dagster asks of which partitions before it is read.
    deps=[
        "standings",
        dg.AssetDep("strategies", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("lineage", partition_mapping=dg.AllPartitionMapping()),
    ],
    group="history",
    kinds={"python"},
)
