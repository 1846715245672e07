"""The slow twin's fills: what becomes of the account, the orders and the levels that protect.

`execution_twin` says when there is a fill and at which raw price.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from execution_books import Books, Position, Trade
from execution_costs import Execution, affordable, fee, slippage_bps
from execution_decisions import Decisions
from execution_orders import Bar, Order

NAN = math.nan
OPEN, INSIDE, CLOSE = "open", "inside", "close"


@dataclass(frozen=True)
class Exit:
    """A market order that closes the position.

    Args:
        active: First bar in which it fills.
        made: Bar whose close was the last known when it was decided.
        reason: Why.
        factor: Multiple of the usual slippage.
    """

    active: int
    made: int
    reason: str
    factor: float = 1.0


@dataclass
class Outcome:
    """What a run leaves behind, one value a bar."""

    trades: list[Trade]
    equity: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    position: list[float] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    is_ruined: bool = False


@dataclass
class Fills:
    """A run under way: its account and its orders.

    Args:
        bars: The market.
        document: The strategy's document.
        rules: Every field of the execution.
        initial_cash: Quote currency.
        bars_per_year: For financing and targets of volatility.
    """

    bars: Sequence[Bar]
    document: dict[str, Any]
    rules: Execution
    initial_cash: float
    bars_per_year: float

    def __post_init__(self) -> None:
        self.risk = self.document["risk"]
        self.books = Books(self.initial_cash)
        self.outcome = Outcome(self.books.trades)
        self.decisions = Decisions(self.bars, self.document, self.rules["lot"], self.bars_per_year)
        self.closes = [bar.close for bar in self.bars]
        self.pending: list[Order] = []
        self.resting: Order | None = None
        self.due_now: Order | None = None
        self.exits: list[Exit] = []
        self.exit_now: Exit | None = None
        self.flat_since: int | None = None
        self.day_equity = self.initial_cash
        self.is_day_over = False
        self.entry_fee = 0.0
        self.began_at_open: int | None = None
        self.room = math.inf
        """What participation still lets through in this bar."""

    @property
    def held(self) -> Position | None:
        return self.books.position

    def _price(
        self, side: int, raw: float, t: int, known_at: int, qty: float, factor: float
    ) -> float:
        volume = self.bars[t].volume
        bps = slippage_bps(self.rules, self.closes, known_at, qty, volume, factor)
        return raw * (1.0 + side * bps * 1e-4)

    def _leave(
        self,
        t: int,
        raw: float,
        reason: str,
        *,
        known_at: int,
        factor: float = 1.0,
        is_limit: bool = False,
        is_taker: bool = False,
        is_capped: bool = True,
    ) -> None:
        """Close the position, as far as participation lets."""
        held = self.held
        if held is None:
            return
        qty = min(held.qty, self.room) if is_capped else held.qty
        if qty > 0.0:
            self.room -= qty
            price = raw if is_limit else self._price(-held.side, raw, t, known_at, qty, factor)
            paid = fee(self.rules, qty, price, is_maker=is_limit and not is_taker)
            self.books.pay(-held.side, qty, price, paid)
            self.books.reduce(t, qty, raw, price, paid, reason)
        if self.held is None:
            self._forget()
            self.flat_since = t
            return
        self.pending, self.resting = [], None
        if reason != "take_profit":
            self.exits.insert(0, Exit(t + 1, known_at, reason, factor))

    def _forget(self) -> None:
        """Cancel every order: the position that they were about has changed."""
        self.pending, self.resting, self.exits, self.exit_now = [], None, [], None

    def _enter(self, t: int, raw: float, order: Order, when: str) -> bool:
        """Open, enlarge or turn around a position; whether anything was opened."""
        held, is_limit = self.held, order.kind in ("limit", "stop_limit")
        self.resting = None
        is_same = held is not None and held.side == order.side
        if held is None:
            may_fill = not (order.is_add or order.is_rest)
        elif is_same:
            is_one_more = order.is_add and held.n_adds < self.risk.get("max_adds", 0)
            is_leaving = bool(self.exits) or self.exit_now is not None
            may_fill = (order.is_rest or is_one_more) and not is_leaving
        else:
            may_fill = order.turns
        if not may_fill:
            return False
        # Only what has rested makes a market: not what the first open fills, nor a trigger.
        has_rested = order.is_armed or order.is_rest or not (when == OPEN and t == order.active)
        if order.kind == "stop_limit" and not order.is_armed:
            opened = self.bars[t].open
            has_rested = when == INSIDE and order.side * opened >= order.side * order.stop
        is_maker = is_limit and has_rested
        known_at = order.made if order.kind == "market" else t - 1
        closed = held.qty if held and not is_same else 0.0
        if self.room < closed:
            self._turn_in_part(t, raw, order, known_at, is_maker=is_maker)
            return False
        wanted = min(order.qty, self.room - closed)
        volume_qty = wanted + closed if order.side > 0 else 0.0
        price = raw if is_limit else self._price(order.side, raw, t, known_at, volume_qty, 1.0)
        qty = affordable(
            self.rules,
            self.books.equity(price),
            held.qty if held and is_same else 0.0,
            closed,
            price,
            self.risk.get("max_leverage", 1.0),
            wanted,
            is_maker=is_maker,
        )
        if qty > 0.0:
            if not is_limit:
                price = self._price(order.side, raw, t, known_at, qty + closed, 1.0)
            self._book_entry(t, order, qty, closed, raw, price, is_maker=is_maker)
            self._hold_on(t, order, qty, raw, price, when)
            later = self.pending if is_same else []
            self._forget()
            self.pending = later
        elif closed > 0.0:
            self._leave(
                t, raw, "opposite", known_at=known_at, is_limit=is_limit, is_taker=not is_maker
            )
        if qty == wanted < order.qty:
            is_rest = order.is_rest or qty > 0.0
            self._carry(t, replace(order, qty=order.qty - qty, is_rest=is_rest, turns=False))
        return qty > 0.0

    def _carry(self, t: int, order: Order) -> None:
        """Keep what is left of an entry: a limit where it is, any other at the next market."""
        if order.kind in ("limit", "stop_limit"):
            self.resting = replace(order, is_armed=order.kind == "stop_limit")
        else:
            # It is older than what else becomes active then, and gives way to that.
            self.pending.insert(0, replace(order, kind="market", active=t + 1))

    def _turn_in_part(
        self, t: int, raw: float, order: Order, known_at: int, *, is_maker: bool
    ) -> None:
        """Close as much of what is to be turned around as participation lets."""
        if self.room > 0.0:
            qty, is_limit = self.room, order.kind in ("limit", "stop_limit")
            price = raw if is_limit else self._price(order.side, raw, t, known_at, qty, 1.0)
            paid = fee(self.rules, qty, price, is_maker=is_maker)
            self.books.pay(order.side, qty, price, paid)
            self.books.reduce(t, qty, raw, price, paid, "opposite")
            self.room = 0.0
        self._carry(t, order)

    def _book_entry(
        self,
        t: int,
        order: Order,
        qty: float,
        closed: float,
        raw: float,
        price: float,
        *,
        is_maker: bool,
    ) -> None:
        """Pay for a fill, of which a part may close the position of the other side."""
        self.room -= qty + closed
        paid = fee(self.rules, qty + closed, price, is_maker=is_maker)
        self.books.pay(order.side, qty + closed, price, paid)
        if closed > 0.0:
            self.books.reduce(t, closed, raw, price, paid * closed / (qty + closed), "opposite")
            paid *= qty / (qty + closed)
        self.entry_fee = paid

    def _hold_on(
        self, t: int, order: Order, qty: float, raw: float, price: float, when: str
    ) -> None:
        """Put a fill into the position, and the levels that protect it where they belong."""
        side = order.side
        stop = price - side * order.stop_distance
        stop = order.stop_level if math.isnan(stop) else stop
        target = price + side * order.target_distance
        target = order.target_level if math.isnan(target) else target
        trail = price - side * order.trail_distance
        held = self.held
        if held is None:
            h = self.risk.get("max_holding_bars")
            held = Position(
                side, qty, t, order.rule, price, raw, self.entry_fee,
                stop=stop, trail=trail, trail_distance=order.trail_distance, target=target,
                due=None if h is None else t + h,
            )  # fmt: skip
            self.books.position = held
            self.began_at_open = t if when == OPEN else None
            close = self.bars[t].close
            if when == CLOSE:
                held.best_of_entry_bar = close
            elif when == INSIDE and side * raw <= side * self.bars[t].open:
                held.best_of_entry_bar = side * max(side * raw, side * close)
            return
        held.enlarge(qty, raw, price, self.entry_fee)
        held.n_adds += order.is_add and not order.is_rest
        held.stop = side * max(side * held.stop, side * stop)
        held.trail = side * max(side * held.trail, side * trail)
