"""What a bar gives an order before costs: the slow twin's table of raw fill prices.

One function for each line of the table, written for the buyer; a seller is a buyer in a mirror, so
his bar and levels are turned upside down first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

NAN = math.nan


class Bar(NamedTuple):
    """One bar; `hl_order` is 1 where the high came first, -1 where the low did."""

    open: float
    high: float
    low: float
    close: float
    volume: float = 1.0
    ts: int = 0
    hl_order: int = 0


def mirror(bar: Bar, side: int) -> Bar:
    """The bar as it is, or with the signs of its prices turned, so that falling is rising."""
    if side > 0:
        return bar
    return bar._replace(
        open=-bar.open, high=-bar.low, low=-bar.high, close=-bar.close, hl_order=-bar.hl_order
    )


@dataclass
class Order:
    """An entry on its way.

    Args:
        kind: market, limit, stop or stop_limit.
        side: 1 to buy, -1 to sell.
        qty: What is still wanted of it.
        made: Bar on whose close it was decided.
        active: First bar in which it may fill.
        stop: Level that a stop waits for.
        limit: Worst price of a limit.
        lasts_bars: Bars it is live; None until cancelled.
        rule: Number of the rule that asked.
        is_armed: Whether a stop limit has become a limit.
        turns: Whether it also closes a position of the other side.
        is_add: Whether it makes a position larger.
        is_rest: Whether part of it has been filled in an earlier bar.
        stop_distance: From the fill to the protective stop; NaN without one.
        stop_level: The protective stop, if it is a price.
        target_distance: As for the stop.
        target_level: As for the stop.
        trail_distance: As for the stop.
    """

    kind: str
    side: int
    qty: float
    made: int
    active: int
    stop: float = NAN
    limit: float = NAN
    lasts_bars: int | None = None
    rule: int = 0
    is_armed: bool = False
    turns: bool = False
    is_add: bool = False
    is_rest: bool = False
    stop_distance: float = NAN
    stop_level: float = NAN
    target_distance: float = NAN
    target_level: float = NAN
    trail_distance: float = NAN


def limit_at_open(limit: float, bar: Bar, limit_fill: str) -> float | None:
    """Raw price at which a limit to buy fills at the open."""
    if limit_fill == "touch_v0":
        return limit if bar.open == limit else None
    if limit_fill == "through":
        return bar.open if bar.open < limit else None
    return bar.open if bar.open <= limit else None


def limit_inside(limit: float, bar: Bar, limit_fill: str) -> float | None:
    """Raw price at which a limit to buy that the open left unfilled fills in the bar."""
    if limit_fill == "touch_v0":
        return limit if bar.low <= limit <= bar.high else None
    if limit_fill == "through":
        return limit if bar.low < limit else None
    return limit if bar.low <= limit else None


def stop_at_open(stop: float, bar: Bar) -> float | None:
    """Raw price at which a stop to buy fills at the open: the open, if that is beyond it."""
    return bar.open if bar.open >= stop else None


def stop_inside(stop: float, bar: Bar) -> float | None:
    """Raw price at which a stop to buy that the open left unfilled fills in the bar."""
    return stop if bar.high >= stop else None


def raw_at_open(order: Order, bar: Bar, limit_fill: str) -> float | None:
    """Raw price at which a resting entry fills at the open of this bar, if it does."""
    side = order.side
    seen, stop, limit = mirror(bar, side), side * order.stop, side * order.limit
    if order.kind == "stop":
        raw = stop_at_open(stop, seen)
    elif order.kind == "limit" or order.is_armed:
        raw = limit_at_open(limit, seen, limit_fill)
    else:
        is_met = seen.open >= stop and seen.open <= limit
        raw = seen.open if is_met else None
    return None if raw is None else side * raw


def raw_inside(order: Order, bar: Bar, limit_fill: str) -> float | None:
    """Raw price at which a resting entry that the open left unfilled fills in this bar."""
    side = order.side
    seen, stop, limit = mirror(bar, side), side * order.stop, side * order.limit
    if order.kind == "stop":
        raw = stop_inside(stop, seen)
    elif order.kind == "limit" or order.is_armed or seen.open >= stop:
        raw = limit_inside(limit, seen, limit_fill)
    else:
        raw = stop_inside(stop, seen)
    return None if raw is None else side * raw


def arms(order: Order, bar: Bar) -> bool:
    """Whether a stop limit that this bar left unfilled is a limit from the next one on."""
    seen = mirror(bar, order.side)
    return order.kind == "stop_limit" and seen.high >= order.side * order.stop
