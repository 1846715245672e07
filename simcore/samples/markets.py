"""A sample of a campaign's markets, generated once more."""

from __future__ import annotations

import polars as pl

from simcore import steps
from simcore.campaign import Campaign
from simcore.samples.sample import NOT_JUDGED, Again, is_of_today, sample
from simcore.scenario.manifest import generate_with_manifest
from simcore.scenario.stylised import card
from simcore.store import Partition, Store
from simcore.tables import TABLES


def resampled_markets(store: Store, campaign: Campaign) -> Again:
    """Generate a sample of a campaign's markets anew: `scenarios`, `bars`, `stylised_facts`.

    Args:
        store: The lake.
        campaign: Whose markets.

    Raises:
        StoreError: The markets are not there.
    """
    footer = steps.needed(store, TABLES["bars"], Partition(campaign=campaign.id))
    if not is_of_today(store, lambda lake: steps.markets(lake, campaign)):
        return NOT_JUDGED
    known = {each.id: each for each in campaign.scenarios}
    chosen = sample(sorted(known), footer.content_hash)
    frames, manifests, cards = [], [], []
    for name in chosen:
        frame, manifest = generate_with_manifest(known[name])
        frames.append(frame.with_columns(scenario_id=pl.lit(name)))
        manifests.append(manifest)
        cards += [{"scenario_id": name, **row} for row in card(known[name], frame)]
    which = pl.col("scenario_id").is_in(chosen)
    rows = {
        "scenarios": pl.DataFrame(manifests, schema=TABLES["scenarios"].polars_schema()),
        "bars": pl.concat(frames),
        "stylised_facts": pl.DataFrame(cards, schema=TABLES["stylised_facts"].polars_schema()),
    }
    return Again(", ".join(chosen), rows, dict.fromkeys(rows, which))
