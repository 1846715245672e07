"""What the slow twin's rules ask for at a close, and the entry that follows from it.

Conditions and prices are texts that are Python as well as rules; each is evaluated on the columns
of one bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import reference
from execution_costs import floor_to_lot
from execution_orders import Bar, Order

NAN = math.nan


@dataclass(frozen=True)
class Asked:
    """What the rules ask for on one bar; `rule` is the one that enters, None where none does."""

    side: int
    rule: int | None
    is_close: bool
    is_hold: bool
    is_conflict: bool


@dataclass
class Decisions:
    """The rules of a document over some bars.

    Args:
        bars: The market.
        document: The strategy's document.
        lot: Quantities are multiples of it.
        bars_per_year: Makes a yearly volatility one of a bar.
    """

    bars: Sequence[Bar]
    document: dict[str, Any]
    lot: float
    bars_per_year: float

    def __post_init__(self) -> None:
        self.risk = self.document["risk"]
        self.texts = {
            text: compile(text, text, "eval")
            for text in (
                *(rule["if"] for rule in self.document["rules"]),
                *(rule.get("order", {}).get("price", "0") for rule in self.document["rules"]),
                *(self.risk.get(name, {}).get("expr", "0") for name in ("stop", "take_profit")),
            )
        }
        self.columns: dict[tuple[str, int], list[float]] = {}

    def value(self, text: str, t: int) -> Any:
        """What a text says of bar t."""
        return eval(self.texts[text], {"__builtins__": {}}, self.bars[t]._asdict())

    def asked(self, t: int, is_first: bool) -> Asked:
        """What the rules ask for at the close of bar t."""
        rules = self.document["rules"]
        fired = [n for n, rule in enumerate(rules) if self.value(rule["if"], t)]
        kinds = {rules[n]["then"] for n in fired}
        entries = [n for n in fired if rules[n]["then"] in ("buy", "sell")]
        is_conflict = {"buy", "sell"} <= kinds
        rule = entries[0] if entries and (is_first or not is_conflict) else None
        side = 0 if rule is None else 1 if rules[rule]["then"] == "buy" else -1
        return Asked(side, rule, "close" in kinds, "hold" in kinds, is_conflict)

    def entry(self, t: int, rule: int, side: int, equity: float, active: int) -> Order | None:
        """The entry that a rule decides at the close of bar t, if it has levels and a size."""
        close = self.bars[t].close
        wish = self.document["rules"][rule].get("order", {"type": "market"})
        order = Order(wish["type"], side, NAN, t, active, rule=rule)
        order.lasts_bars = wish.get("tif_bars")
        level = self._order_level(wish, t, side)
        if wish["type"] == "limit":
            order.limit = level
        elif wish["type"] != "market":
            order.stop = level
            order.limit = level * (1.0 + side * wish.get("limit_offset_bps", NAN) * 1e-4)
        order.stop_distance, order.stop_level = self._measured("stop", t)
        order.target_distance, order.target_level = self._measured("take_profit", t)
        order.trail_distance, _ = self._measured("trailing", t)
        if not self._has_levels(order, wish, level, close):
            return None
        order.qty = floor_to_lot(self._size(order, t, equity), self.lot)
        return order if order.qty > 0.0 else None

    def _order_level(self, wish: dict[str, Any], t: int, side: int) -> float:
        if wish["type"] == "market":
            return NAN
        if "price" in wish:
            return float(self.value(wish["price"], t))
        away = -side if wish["type"] == "limit" else side
        return self.bars[t].close * (1.0 + away * wish["offset_bps"] * 1e-4)

    def _has_levels(self, order: Order, wish: dict[str, Any], level: float, close: float) -> bool:
        """Whether every level that was asked for is known and on the side where it belongs."""
        if wish["type"] != "market" and not level > 0.0:
            return False
        for name, distance, price, sign in (
            ("stop", order.stop_distance, order.stop_level, order.side),
            ("take_profit", order.target_distance, order.target_level, -order.side),
            ("trailing", order.trail_distance, NAN, order.side),
        ):
            if name not in self.risk:
                continue
            away = distance if self.risk[name]["type"] != "price" else sign * (close - price)
            if not away > 0.0:
                return False
        return True

    def _measured(self, name: str, t: int) -> tuple[float, float]:
        """Distance from the fill, or price, of one protective level; NaN for the other."""
        close, asked = self.bars[t].close, self.risk.get(name)
        if asked is None:
            return NAN, NAN
        if asked["type"] == "price":
            return NAN, float(self.value(asked["expr"], t))
        if asked["type"] == "atr":
            return self._column("atr", asked["n"])[t] * asked["mult"], NAN
        share = asked["value"] * (1e-2 if asked["type"] == "pct" else 1e-4)
        return close * share, NAN

    def _column(self, name: str, n: int) -> list[float]:
        if (name, n) not in self.columns:
            high, low, close = zip(
                *((bar.high, bar.low, bar.close) for bar in self.bars), strict=True
            )
            self.columns[name, n] = (
                reference.atr(high, low, close, n)
                if name == "atr"
                else reference.realized_vol({"close": close}, n)
            )
        return self.columns[name, n]

    def _size(self, order: Order, t: int, equity: float) -> float:
        sizing, close = self.risk["sizing"], self.bars[t].close
        if sizing["type"] == "fixed_qty":
            return float(sizing["qty"])
        if sizing["type"] == "fixed_notional":
            return float(sizing["notional"]) / close
        if sizing["type"] == "pct_equity":
            return equity * sizing["value"] / 100.0 / close
        if sizing["type"] == "risk_pct":
            distances = (
                order.stop_distance,
                order.side * (close - order.stop_level),
                order.trail_distance,
            )
            distance = next(each for each in distances if not math.isnan(each))
            return equity * sizing["value"] / 100.0 / distance
        sigma = self._column("realized_vol", sizing["n"])[t]
        if not sigma > 0.0:  # unknown, or a market that stands still: no size follows from it
            return 0.0
        return equity * sizing["annual_vol"] / (sigma * math.sqrt(self.bars_per_year) * close)
