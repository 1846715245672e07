"""The slow twin's books: cash, one position by weighted cost, and a record of every closed part."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NAN = math.nan


@dataclass
class Position:
    """What is held, what it was bought for, and what protects it."""

    side: int
    qty: float
    entry_bar: int
    rule: int
    price: float
    raw: float
    fees: float
    stop: float = NAN
    trail: float = NAN
    trail_distance: float = NAN
    target: float = NAN
    due: int | None = None
    n_adds: int = 0
    is_ambiguous: bool = False
    best_of_entry_bar: float = NAN
    """The best price since the fill that is sure, where the extreme of its bar is not."""

    def enlarge(self, qty: float, raw: float, price: float, paid: float) -> None:
        """Book more of the same side: prices are weighted by quantity."""
        whole = self.qty + qty
        self.price = (self.qty * self.price + qty * price) / whole
        self.raw = (self.qty * self.raw + qty * raw) / whole
        self.qty = whole
        self.fees += paid

    def protective(self) -> tuple[float, str]:
        """The nearer of stop and trailing stop and its name; NaN without either."""
        levels = [(self.stop, "stop"), (self.trail, "trailing")]
        found = [each for each in levels if not math.isnan(each[0])]
        if not found:
            return NAN, "stop"
        return max(found, key=lambda each: self.side * each[0])


@dataclass(frozen=True)
class Trade:
    """One closed part of a position."""

    entry_bar: int
    exit_bar: int
    side: int
    qty: float
    entry_px: float
    exit_px: float
    entry_raw_px: float
    exit_raw_px: float
    fees: float
    exit_reason: str
    ambiguous: bool
    rule: int

    @property
    def gross_pnl(self) -> float:
        return self.side * self.qty * (self.exit_raw_px - self.entry_raw_px)

    @property
    def net_pnl(self) -> float:
        return self.side * self.qty * (self.exit_px - self.entry_px) - self.fees

    @property
    def slippage_cost(self) -> float:
        return self.gross_pnl - self.net_pnl - self.fees

    @property
    def ret_bps(self) -> float:
        return 1e4 * self.net_pnl / (self.qty * self.entry_px)


@dataclass
class Books:
    """Cash and position after every fill, and the sums that the identities need."""

    cash: float
    position: Position | None = None
    trades: list[Trade] = field(default_factory=list)
    fees: float = 0.0
    financing: float = 0.0
    bought: float = 0.0
    """All that was bought, less all that was sold, base currency."""

    @property
    def qty(self) -> float:
        """Position, negative when short."""
        return self.position.side * self.position.qty if self.position else 0.0

    def equity(self, price: float) -> float:
        return self.cash + self.qty * price

    def pay(self, side: int, qty: float, price: float, paid: float) -> None:
        """Book the cash of one fill."""
        self.cash -= side * qty * price + paid
        self.fees += paid
        self.bought += side * qty

    def reduce(
        self, t: int, qty: float, raw: float, price: float, paid: float, reason: str
    ) -> None:
        """Close a part of the position, or all of it; its share of the entry's fees goes along."""
        held = self.position
        assert held is not None and qty <= held.qty
        share = held.fees * (qty / held.qty)
        self.trades.append(
            Trade(
                held.entry_bar, t, held.side, qty, held.price, price, held.raw, raw,
                share + paid, reason, held.is_ambiguous, held.rule,
            )
        )  # fmt: skip
        held.fees -= share
        held.qty -= qty
        if held.qty <= 0.0:
            self.position = None
