"""A few rows of a partition, computed once more or held against an identity, to see it tell lies.

A file that hashes to its footer may still hold what nobody computes today; these say so. Which rows
are taken follows from the content, so that nobody can choose them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

import polars as pl

from simcore import engine, steps
from simcore.backtests.run import run_strategy
from simcore.campaign import Campaign
from simcore.parquet import Footer
from simcore.scenario.document import effective
from simcore.scenario.manifest import generate_with_manifest
from simcore.scenario.stylised import card
from simcore.seeds import derive, jcs, sha256_hex
from simcore.steps.step import campaign_markets, manifests
from simcore.store import Partition, Store
from simcore.strategy.strategy import Strategy
from simcore.tables import TABLES
from simcore.tables.table import Table

FRACTION: Final = 0.02
"""Share of a partition that is computed once more; at least one market or run."""

# Cash and value are sums of many roundings of the size of the account.
_RELATIVE: Final = 1e-9


def sample(names: Sequence[str], content_hash: str) -> list[str]:
    """Return the few of many names that a content asks to see again; none of none."""
    drawn = sorted(names, key=lambda name: (derive(0, "sample", content_hash, name), name))
    return sorted(drawn[: ceil(FRACTION * len(names))])


def resampled_markets(store: Store, table: Table, campaign: Campaign) -> list[str]:
    """Generate a sample of a campaign's markets anew, and return what differs, a line each.

    A market whose document or engine is another by now is not judged.

    Args:
        store: The lake.
        table: `bars`, `scenarios` or `stylised_facts`.
        campaign: Whose markets.

    Raises:
        StoreError: The table is not there.
    """
    place = Partition(campaign=campaign.id)
    footer = steps.needed(store, table, place)
    known = {each.id: each for each in campaign.scenarios}
    wrong = []
    for name in sample(sorted(known), footer.content_hash):
        if not _is_of(footer, f"scenarios/{name}", sha256_hex(jcs(effective(known[name])))):
            continue
        frame, manifest = generate_with_manifest(known[name])
        label = pl.lit(name).alias("scenario_id")
        anew = {
            "bars": frame.with_columns(label),
            "scenarios": pl.DataFrame([manifest], schema=table.polars_schema())
            if table.name == "scenarios"
            else None,
            "stylised_facts": pl.DataFrame(
                card(known[name], frame), infer_schema_length=None
            ).with_columns(label),
        }[table.name]
        if anew is not None:
            wrong += _differences(store, table, place, anew, name)
    return wrong


def rerun(store: Store, table: Table, campaign: Campaign, strategy: Strategy) -> list[str]:
    """Run a strategy again on a sample of its markets, and return what differs, a line each.

    Runs of another document or engine than today's are not judged.

    Args:
        store: The lake.
        table: `backtests`, `trades` or `equity`.
        campaign: Whose markets.
        strategy: Whose runs.

    Raises:
        StoreError: The runs or the markets are not there.
    """
    place = Partition(campaign=campaign.id, strategy=strategy.id)
    footer = steps.needed(store, table, place)
    if not _is_of(footer, f"strategies/{strategy.id}", strategy.ir_hash):
        return []
    runs = store.read(TABLES["backtests"], place, ["scenario_id"])["scenario_id"]
    chosen = sample(runs.unique().sort().to_list(), footer.content_hash)
    own = [row for row in manifests(store, campaign) if row["scenario_id"] in chosen]
    asked = campaign.document
    wrong = []
    for row, bars in campaign_markets(store, campaign, own):
        made = run_strategy(
            strategy, [(row, bars)], asked.execution, asked.initial_cash, asked.equity_every_bars
        )
        anew = dict(zip(("backtests", "trades", "equity"), made, strict=True))
        wrong += _differences(store, table, place, anew[table.name], row["scenario_id"])
    return wrong


def broken_ledger(store: Store, place: Partition) -> list[str]:
    """Return the closes at which equity is not cash and position, a line for the first of them.

    Args:
        store: The lake.
        place: A campaign and a strategy.

    Raises:
        StoreError: The table `equity` or `bars` is not there.
    """
    bars = store.read(TABLES["bars"], Partition(campaign=place.campaign))
    closes = bars.filter(pl.col("asset") == 0).select("scenario_id", "path", "t", "close")
    rows = store.read(TABLES["equity"], place).join(
        closes, on=["scenario_id", "path", "t"], how="left"
    )
    value = pl.col("cash_quote") + pl.col("position_base") * pl.col("close")
    slack = _RELATIVE * pl.max_horizontal(pl.col("equity_quote").abs(), pl.lit(1.0))
    wrong = rows.with_columns(value=value).filter(
        ((pl.col("equity_quote") - pl.col("value")).abs() > slack) | pl.col("value").is_null()
    )
    if wrong.is_empty():
        return []
    first = wrong.row(0, named=True)
    where = f"{first['scenario_id']}, path {first['path']}, bar {first['t']}"
    return [
        f"{where}: equity_quote: got {first['equity_quote']}, expected {first['value']} "
        f"(cash and position at the close); {wrong.height} rows"
    ]


def broken_trades(store: Store, place: Partition) -> list[str]:
    """Return the trades whose net profit is not what was left of the gross, a line for the first.

    Args:
        store: The lake.
        place: A campaign and a strategy.

    Raises:
        StoreError: The table `trades` is not there.
    """
    rows = store.read(TABLES["trades"], place)
    net = pl.col("gross_pnl") - pl.col("fees") - pl.col("slippage_cost")
    size = pl.max_horizontal(
        pl.lit(1.0), pl.col("qty") * pl.col("entry_px"), pl.col("qty") * pl.col("exit_px")
    )
    wrong = rows.with_columns(expected=net).filter(
        (pl.col("net_pnl") - pl.col("expected")).abs() > _RELATIVE * size
    )
    if wrong.is_empty():
        return []
    first = wrong.row(0, named=True)
    return [
        f"{first['scenario_id']}, path {first['path']}, trade {first['id']}: net_pnl: got "
        f"{first['net_pnl']}, expected {first['expected']}; {wrong.height} rows"
    ]


def _is_of(footer: Footer, document: str, digest: str) -> bool:
    """Return whether a file was made from a document by the engine that would make it now."""
    is_same_engine = footer.engine_version == engine.version()
    return is_same_engine and footer.documents.get(document) == digest


def _differences(
    store: Store, table: Table, place: Partition, anew: pl.DataFrame, scenario_id: str
) -> list[str]:
    """Compare the rows of one market as they lie there with the same made anew."""
    held = table.conform(store.read(table, place))
    held = table.sort(held.filter(pl.col("scenario_id") == scenario_id))
    anew = table.sort(table.conform(anew))
    columns = [column.name for column in table.columns if not column.volatile]
    if held.height != anew.height:
        return [f"{scenario_id}: got {held.height} rows, expected {anew.height}"]
    for name in columns:
        differs = ~held[name].eq_missing(anew[name])
        if differs.any():
            row = int(differs.arg_true()[0])
            return [
                f"{scenario_id}, row {row}: {name}: got {held[name][row]!r}, expected "
                f"{anew[name][row]!r} as computed now"
            ]
    return []
