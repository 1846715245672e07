"""A sample of the runs of one strategy through a campaign, made once more, and what follows of it.

What a run's tables hold is made of the bars; what is judged of them, of the rows that lie there.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from simcore import steps
from simcore.backtests.resampled_runs import resampled_runs
from simcore.backtests.run import run_strategy
from simcore.campaign import Campaign
from simcore.samples.sample import NOT_JUDGED, Again, is_of_today, sample
from simcore.steps.appraise import appraised
from simcore.steps.lakes import Anew
from simcore.steps.resample import METHOD, N_PATHS
from simcore.steps.step import campaign_markets, manifests
from simcore.steps.walk import walked
from simcore.store import Partition, Store
from simcore.strategy.lineage import Lineage
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES

# Sections of a card that take running again; those of a market by its item, the last of all.
_RERUN: Final = ("random_entry", "cost_edge", "overfitting")
_STRESS: Final = "stress"
# Some of the judgements are sums of a linear algebra library, whose last bits are the machine's.
_SLACK: Final = 1e-9


def compiled_again(store: Store, strategy: Strategy, origin: Lineage) -> Again:
    """Compile a strategy again: `strategies` and `lineage`.

    Args:
        store: The lake.
        strategy: As its document is now.
        origin: Where it comes from.

    Raises:
        StoreError: The strategy is not there.
    """
    if not is_of_today(store, lambda lake: steps.strategies(lake, strategy, origin)):
        return NOT_JUDGED
    lake = Anew(store.root)
    steps.strategies(lake, strategy, origin)
    return Again(strategy.id, lake.made)


def rerun(store: Store, campaign: Campaign, strategy: Strategy) -> Again:
    """Run a strategy again on a sample of its markets, and resample those runs.

    Args:
        store: The lake.
        campaign: Whose markets.
        strategy: Whose runs.

    Returns:
        Rows of `backtests`, `trades` and `equity`, and of `monte_carlo` where it is of today.

    Raises:
        StoreError: The runs or the markets are not there.
    """
    if not is_of_today(store, lambda lake: steps.backtests(lake, campaign, strategy)):
        return NOT_JUDGED
    asked, cash = campaign.document, campaign.document.initial_cash
    chosen = _chosen(store, campaign, strategy)
    pairs = campaign_markets(store, campaign, chosen)
    made = run_strategy(strategy, pairs, asked.execution, cash, asked.equity_every_bars)
    rows = dict(zip(("backtests", "trades", "equity"), made, strict=True))
    if is_of_today(store, lambda lake: steps.monte_carlo(lake, campaign, strategy)):
        every = asked.equity_every_bars
        closes = rows["equity"] if every == 1 else run_strategy(
            strategy, pairs, asked.execution, cash
        )[2]  # fmt: skip
        years = {row["scenario_id"]: float(row["A"]) for row in chosen}
        rows["monte_carlo"] = resampled_runs(
            rows["backtests"], closes, years, n_paths=N_PATHS, method=METHOD
        )
    return _of(chosen, rows)


def walked_again(store: Store, campaign: Campaign, strategy: Strategy) -> Again:
    """Walk a strategy forward again on a sample of its markets: `walk_forward` and `trials`.

    Of the trials that lie there, those of the sample must say the same; there may be others.

    Raises:
        StoreError: The walks, the runs or the markets are not there.
    """
    if not is_of_today(store, lambda lake: steps.walk_forwards(lake, campaign, strategy)):
        return NOT_JUDGED
    chosen = _chosen(store, campaign, strategy)
    rows = dict(walked(store, campaign, strategy, chosen))
    # Who asked first stands in a trial; another campaign on the same market may have been first.
    place = Partition(campaign=campaign.id, strategy=strategy.id)
    table = TABLES["trials"]
    held = store.read(table, place, [*table.key, "asked_by"])
    trials = rows["trials"].drop("asked_by").join(held, on=table.key, how="left")
    asked_by = pl.col("asked_by").fill_null(f"campaign {campaign.id}")
    rows["trials"] = trials.with_columns(asked_by)
    again = _of(chosen, rows)
    keys = trials.select(pl.struct(table.key).alias("key"))["key"].implode()
    return Again(again.what, rows, {**again.which, "trials": pl.struct(table.key).is_in(keys)})


def appraised_again(store: Store, campaign: Campaign, strategy: Strategy) -> Again:
    """Judge a strategy again by what lies there, running it again on a sample of its markets.

    Returns:
        Rows of `regimes`, and of `evidence` but for what is about the other markets, and for the
        section `stress`, which is about all of them together.

    Raises:
        StoreError: What is judged is not there.
    """
    if not is_of_today(store, lambda lake: steps.appraisals(lake, campaign, strategy)):
        return NOT_JUDGED
    own = _own(store, campaign, strategy)
    names = [row["scenario_id"] for row in _chosen(store, campaign, strategy)]
    rows = dict(appraised(store, campaign, strategy, own, names))
    is_of_others = pl.col("section").is_in(list(_RERUN)) & ~pl.col("item").str.replace(
        r"/\d+$", ""
    ).is_in(names)
    which = ~is_of_others
    if len(names) < len(own):
        which &= pl.col("section") != _STRESS
    rows["evidence"] = rows["evidence"].filter(which)
    return Again(", ".join(names) or "the card", rows, {"evidence": which}, _SLACK)


def _own(store: Store, campaign: Campaign, strategy: Strategy) -> list[dict[str, Any]]:
    """Return the rows of `scenarios` that a strategy runs on."""
    scenarios = manifests(store, campaign) if campaign.enters(strategy.id) else []
    return [row for row in scenarios if row["timeframe"] == strategy.timeframe]


def _chosen(store: Store, campaign: Campaign, strategy: Strategy) -> list[dict[str, Any]]:
    """Return a sample of those; the same for every table of the strategy's runs."""
    place = Partition(campaign=campaign.id, strategy=strategy.id)
    digest = steps.needed(store, TABLES["backtests"], place).content_hash
    own = _own(store, campaign, strategy)
    chosen = sample([row["scenario_id"] for row in own], digest)
    return [row for row in own if row["scenario_id"] in chosen]


def _of(chosen: list[dict[str, Any]], rows: dict[str, pl.DataFrame]) -> Again:
    names = [row["scenario_id"] for row in chosen]
    which = {
        name: pl.col("scenario_id").is_in(names) for name in rows if name != "trials"
    }  # fmt: skip
    return Again(", ".join(names) or "no market", rows, which)
