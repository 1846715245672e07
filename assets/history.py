"""The history of a campaign's strategies: how each version fared, here and elsewhere."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from assets import history_plots
from assets.campaigns import campaign_assets
from simcore import steps
from simcore.campaign import Campaign
from simcore.lake import put_views
from simcore.store import Store


def _told(store: Store, campaign: Campaign, home: Path) -> Sequence[steps.Outcome]:
    outcomes = steps.histories(store, campaign)
    put_views(store, home)
    return outcomes


histories = campaign_assets(
    "histories",
    steps.HISTORY,
    _told,
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
