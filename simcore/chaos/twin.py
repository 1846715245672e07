"""A run beside its fault-free twin: the cost of an incident, and the hours that faults left alone.

Both arms share the seed, so any difference between them is the injections' doing.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from simcore.chaos.kinds import HOUR_NS

SETTLING_NS: Final = 3 * HOUR_NS
"""How long after an incident a run is given before it is compared with its twin."""


def with_twin(equity: pl.DataFrame, twin: pl.DataFrame) -> pl.DataFrame:
    """Return the equity rows with the twin's equity of the same moment beside them.

    Args:
        equity: Rows of one run, without ``equity_twin_uusd``.
        twin: Rows of its twin; where it has none for a moment, the value is null.
    """
    other = twin.select("level", "id", "ts", equity_twin_uusd="equity_uusd")
    return equity.join(other, on=["level", "id", "ts"], how="left", maintain_order="left")


def loss(equity: pl.DataFrame, ts: int) -> int | None:
    """Return what the book lacked against its twin at the last mark up to `ts`, in uusd.

    Args:
        equity: Rows of one run, with ``equity_twin_uusd``.
        ts: Moment, ns.

    Returns:
        Twin less run, positive for a loss; None if there was no mark of both by then.
    """
    marks = equity.filter((pl.col("level") == "book") & (pl.col("ts") <= ts)).drop_nulls(
        "equity_twin_uusd"
    )
    if marks.is_empty():
        return None
    last = marks.sort("ts").row(-1, named=True)
    return int(last["equity_twin_uusd"]) - int(last["equity_uusd"])


def quiet_windows(incidents: pl.DataFrame, start: int, end: int) -> list[tuple[int, int]]:
    """Return the spans of a run that no incident touched, settled for three hours before each.

    Args:
        incidents: ``ts_open`` and ``ts_close``, ns; a null close lasts to the end.
        start: First moment that counts.
        end: Moment after the last.

    Returns:
        Half-open spans in order, each longer than nothing.
    """
    windows = []
    free_from = start
    for opened, closed in incidents.select("ts_open", "ts_close").sort("ts_open").iter_rows():
        if free_from < opened:
            windows.append((free_from, min(opened, end)))
        free_from = max(free_from, end if closed is None else closed + SETTLING_NS)
    if free_from < end:
        windows.append((free_from, end))
    return windows


def within(ts: pl.Expr, windows: list[tuple[int, int]]) -> pl.Expr:
    """Return whether a moment lies in one of the half-open windows."""
    inside = pl.lit(False)
    for start, end in windows:
        inside = inside | ((ts >= start) & (ts < end))
    return inside
