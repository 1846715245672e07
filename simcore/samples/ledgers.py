"""Identities of ledgers: equity is cash and position, and nothing is made or lost on the way.

What the paper stack believes may be wrong while a fault lasts; what the exchange did may not. So
its own log is held against itself, row by row, and the rest against that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from simcore.chaos.kinds import Kind
from simcore.store import Partition, Store
from simcore.tables import TABLES

# Cash and value are sums of many roundings of the size of the account.
_RELATIVE: Final = 1e-9
_PPM: Final = 1_000_000
_IS_TRADE: Final = pl.col("kind") == int(Kind.X_TRADE)
# Lots and what was paid for them, of a row of the exchange's log that is a trade.
_LOTS: Final = pl.col("side").cast(pl.Int64) * pl.col("qty_lot")
_PAID: Final = _LOTS * pl.col("px_tk") + pl.col("fee_uusd")


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


def _broken_exchange(store: Store, place: Partition) -> list[str]:
    """Cash and position behind each record of the exchange: those before it, and its trade."""
    rows = store.read(TABLES["chaos_xlog"], place).sort("run_id", "seq")
    before = pl.col("pos_lot").shift(1).over("run_id", "instrument", order_by="seq")
    cash = pl.col("cash_uusd").shift(1).over("run_id", order_by="seq")
    rows = rows.with_columns(
        pos_expected=before.fill_null(0) + pl.when(_IS_TRADE).then(_LOTS).otherwise(0),
        cash_expected=(cash - pl.when(_IS_TRADE).then(_PAID).otherwise(0)).fill_null(
            pl.col("cash_uusd")
        ),
    )
    return [
        *_unequal(rows, "pos_lot", "pos_expected", "seq"),
        *_unequal(rows, "cash_uusd", "cash_expected", "seq"),
    ]


def _broken_fills(store: Store, place: Partition) -> list[str]:
    """Every fill is a trade of the exchange, and every trade of the exchange is a fill."""
    fills = store.read(TABLES["chaos_fills"], place).filter(pl.col("origin") == "venue")
    names = ["cloid", "instrument", "side", "qty_lot", "px_tk", "fee_uusd"]
    trades = store.read(TABLES["chaos_xlog"], place).filter(_IS_TRADE)
    trades = trades.select("run_id", "exec_id", *names, pl.col("ts").alias("ts_trade"))
    both = fills.join(trades, on=["run_id", "exec_id"], how="full", suffix="_x", coalesce=True)
    is_same = pl.all_horizontal(
        *(pl.col(name).eq_missing(pl.col(f"{name}_x")) for name in (*names, "ts_trade"))
    )
    wrong = both.filter(~is_same)
    if wrong.is_empty():
        return []
    first = wrong.row(0, named=True)
    got = " ".join(f"{name} {first[name]}" for name in names[1:])
    expected = " ".join(f"{name} {first[f'{name}_x']}" for name in names[1:])
    return [
        f"exec_id {first['exec_id']}: got {got}, expected {expected} as the exchange traded; "
        f"{wrong.height} rows"
    ]


def _broken_orders(store: Store, place: Partition) -> list[str]:
    """What the exchange filled of an order is the sum of its fills, and no more than was asked."""
    fills = store.read(TABLES["chaos_fills"], place).filter(pl.col("origin") == "venue")
    filled = fills.group_by("run_id", "cloid").agg(expected=pl.col("qty_lot").sum())
    rows = store.read(TABLES["chaos_orders"], place).join(
        filled, on=["run_id", "cloid"], how="left"
    )
    rows = rows.with_columns(
        pl.col("expected").fill_null(0), most=pl.min_horizontal("filled_truth_lot", "qty_lot")
    )
    return [
        *_unequal(rows, "filled_truth_lot", "expected", "intent_id"),
        *_unequal(rows, "filled_truth_lot", "most", "intent_id"),
    ]


def _broken_equity(store: Store, place: Partition) -> list[str]:
    """Equity is cash and positions, the peak its highest so far, the twin the twin."""
    rows = store.read(TABLES["chaos_equity"], place).sort("run_id", "level", "id", "ts")
    highest = pl.col("equity_uusd").cum_max().over("run_id", "level", "id", order_by="ts")
    fall = (pl.col("peak_uusd") - pl.col("equity_uusd")) * _PPM // pl.col("peak_uusd")
    twin = rows.filter(pl.col("arm") == "twin").select(
        "seed", "level", "id", "ts", twin_expected="equity_uusd"
    )
    rows = rows.join(twin, on=["seed", "level", "id", "ts"], how="left").with_columns(
        equity_expected=pl.col("cash_uusd") + pl.col("net_uusd"),
        peak_expected=highest,
        fall_expected=fall,
        gross_expected=pl.max_horizontal("gross_uusd", pl.col("net_uusd").abs()),
    )
    return [
        *_unequal(rows, "equity_uusd", "equity_expected", "ts"),
        *_unequal(rows, "peak_uusd", "peak_expected", "ts"),
        *_unequal(rows, "dd_ppm", "fall_expected", "ts"),
        *_unequal(rows, "gross_uusd", "gross_expected", "ts"),
        *_unequal(rows, "equity_twin_uusd", "twin_expected", "ts"),
    ]


def _broken_positions(store: Store, place: Partition) -> list[str]:
    """The exchange's position beside each change is the sum of its trades up to that moment."""
    trades = store.read(TABLES["chaos_xlog"], place).filter(_IS_TRADE).sort("run_id", "seq")
    held = trades.select(
        "run_id", "instrument", "ts",
        expected=_LOTS.cum_sum().over("run_id", "instrument", order_by="seq"),
    )  # fmt: skip
    # Of several trades in one moment the last one tells.
    held = held.group_by("run_id", "instrument", "ts", maintain_order=True).last().sort("ts")
    rows = store.read(TABLES["chaos_positions"], place).sort("ts")
    rows = rows.join_asof(held, on="ts", by=["run_id", "instrument"], check_sortedness=False)
    return _unequal(
        rows.with_columns(pl.col("expected").fill_null(0)), "truth_lot", "expected", "seq"
    )


def _unequal(rows: pl.DataFrame, name: str, expected: str, where: str) -> list[str]:
    """Return a line for the first row in which a column is not another."""
    wrong = rows.filter(~pl.col(name).eq_missing(pl.col(expected)))
    if wrong.is_empty():
        return []
    first = wrong.row(0, named=True)
    at = f"seed {first['seed']}, arm {first['arm']}, {where} {first[where]}"
    return [f"{at}: {name}: got {first[name]}, expected {first[expected]}; {wrong.height} rows"]


CHAOS_LEDGERS: Final[Mapping[str, Callable[[Store, Partition], list[str]]]] = {
    "chaos_xlog": _broken_exchange,
    "chaos_fills": _broken_fills,
    "chaos_orders": _broken_orders,
    "chaos_equity": _broken_equity,
    "chaos_positions": _broken_positions,
}
"""By table, what finds the rows of a campaign that break an identity of the ledgers."""
