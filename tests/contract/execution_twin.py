"""A slow, obvious twin of the bar loop: every bar, one step after another, from the definitions.

It shares no code with the engine. Raw prices of fills are in `execution_orders`, what they cost in
`execution_costs`, what becomes of them in `execution_fills` and `execution_books`, and what the
rules ask for in `execution_decisions`. Rules and price texts are read as Python over one bar's
columns, so that nothing of the engine's language has a part in it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from execution_costs import floor_to_lot
from execution_decisions import Asked
from execution_fills import CLOSE, INSIDE, OPEN, Exit, Fills, Outcome
from execution_orders import (
    Bar,
    arms,
    limit_at_open,
    limit_inside,
    mirror,
    raw_at_open,
    raw_inside,
    stop_at_open,
    stop_inside,
)

NAN = math.nan
DAY_NS = 86_400 * 10**9


class ConflictError(Exception):
    """Buy and sell were asked for on one bar, and the execution makes that an error."""


class Twin(Fills):
    """One run of one strategy, bar by bar."""

    def run(self) -> Outcome:
        for t, bar in enumerate(self.bars):
            self._begin(t, bar)
            self._open(t, bar)
            self._inside(t, bar)
            self._close(t, bar)
            self._ratchet(t, bar)
            self.outcome.is_ruined = self._mark(t, bar)
            is_last = t + 1 == len(self.bars)
            if not self.outcome.is_ruined and is_last and self.rules["finalize"] == "close":
                self._leave(t, bar.close, "end_of_data", known_at=t, is_capped=False)
                self.outcome.is_ruined = self.books.cash <= 0.0
            elif not self.outcome.is_ruined and not is_last:
                self._decide(t, bar)
            self.outcome.equity.append(self.books.equity(bar.close))
            self.outcome.cash.append(self.books.cash)
            self.outcome.position.append(self.books.qty)
            if self.outcome.is_ruined:
                break
        for column in (self.outcome.equity, self.outcome.cash, self.outcome.position):
            column.extend([column[-1]] * (len(self.bars) - len(column)))
        return self.outcome

    # One bar, from its open to its close.

    def _begin(self, t: int, bar: Bar) -> None:
        """A new day, what may be traded in this bar, and the orders that become active."""
        if t > 0 and bar.ts // DAY_NS != self.bars[t - 1].ts // DAY_NS:
            self.day_equity = self.outcome.equity[-1]
            self.is_day_over = False
        share = self.rules["participation"]
        self.room = (
            math.inf if share is None else floor_to_lot(share * bar.volume, self.rules["lot"])
        )
        due = [each for each in self.exits if each.active <= t]
        self.exit_now = due[0] if due else None
        self.exits = [each for each in self.exits if each.active > t]
        self.due_now = None
        while self.pending and self.pending[0].active <= t:
            order = self.pending.pop(0)
            self.due_now = self.resting = None
            if order.kind == "market":
                self.due_now = order
            else:
                self.resting = order
        resting = self.resting
        if resting and resting.lasts_bars and t >= resting.active + resting.lasts_bars:
            self.resting = None

    def _open(self, t: int, bar: Bar) -> None:
        """Exits at the open, then entries."""
        is_at_open = self.rules["market_fill"] == OPEN
        if self.held:
            side = self.held.side
            against = mirror(bar, -side)
            stop, reason = self.held.protective()
            if stop_at_open(-side * stop, against) is not None:
                self._leave(t, bar.open, reason, known_at=t - 1)
            elif self._target_raw(limit_at_open, bar) is not None:
                self._leave(t, bar.open, "take_profit", known_at=t - 1, is_limit=True)
            else:
                self._leave_when_due(t, bar.open, only_liquidation=not is_at_open)
        if self.due_now and is_at_open:
            self._enter(t, bar.open, self.due_now, OPEN)
        elif self.resting:
            raw = raw_at_open(self.resting, bar, self.rules["limit_fill"])
            if raw is not None:
                self._enter(t, raw, self.resting, OPEN)

    def _leave_when_due(self, t: int, raw: float, *, only_liquidation: bool = False) -> None:
        """Close what is due: when its time is over, or by the exit that was sent first."""
        if not self.held:
            return
        due = self.exit_now
        if only_liquidation:
            due = due if due and due.reason == "liquidation" else None
        elif self.held.due is not None and t >= self.held.due:
            self._leave(t, raw, "time", known_at=t - 1)
            return
        if due:
            self.exit_now = None
            self._leave(t, raw, due.reason, known_at=due.made, factor=due.factor)

    def _inside(self, t: int, bar: Bar) -> None:
        """What rests is met between the open and the close."""
        order = self.resting
        raw_entry = None if order is None else raw_inside(order, bar, self.rules["limit_fill"])
        found = self._exit_inside(bar)
        if found is not None:
            raw, reason = found
            is_first = raw_entry is None or not (
                bar.open < raw_entry < raw or bar.open > raw_entry > raw
            )
            if is_first:
                self.due_now = None
                is_limit = reason == "take_profit"
                # A target beyond which the position began, at this open, never rested.
                is_taker = (
                    is_limit
                    and self.began_at_open == t
                    and self._target_raw(limit_at_open, bar) is not None
                )
                self._leave(t, raw, reason, known_at=t - 1, is_limit=is_limit, is_taker=is_taker)
                return
        if order is None:
            return
        if raw_entry is None:
            order.is_armed = order.is_armed or arms(order, bar)
        elif self._enter(t, raw_entry, order, INSIDE):
            self._after_entry(t, bar, raw_entry)

    def _target_raw(self, look: Any, bar: Bar) -> float | None:
        """What the target of the position gives in this bar, by one of the limit's functions."""
        assert self.held is not None
        side, target = self.held.side, self.held.target
        if math.isnan(target):
            return None
        raw = look(-side * target, mirror(bar, -side), self.rules["limit_fill"])
        return None if raw is None else -side * raw

    def _touched(self, bar: Bar) -> tuple[float | None, float | None]:
        """Raw prices of stop and target of the position, as far as this bar reaches them."""
        assert self.held is not None
        side = self.held.side
        stop, _ = self.held.protective()
        is_stop = stop_inside(-side * stop, mirror(bar, -side)) is not None
        return stop if is_stop else None, self._target_raw(limit_inside, bar)

    def _exit_inside(self, bar: Bar) -> tuple[float, str] | None:
        """Where a position that was there at the open ends in this bar, and why."""
        if not self.held:
            return None
        side, (level, reason) = self.held.side, self.held.protective()
        stop, target = self._touched(bar)
        # Only a position that this very open began can be beyond its own levels.
        if stop is not None and side * bar.open <= side * level:
            return bar.open, reason
        if self._target_raw(limit_at_open, bar) is not None:
            return bar.open, "take_profit"
        at_stop = None if stop is None else (stop, reason)
        at_target = None if target is None else (target, "take_profit")
        if at_stop is None or at_target is None:
            return at_stop or at_target
        self._note_ambiguity()
        belief = {"pessimistic": -1, "optimistic": 1, "path": side * bar.hl_order}
        return at_target if belief[self.rules["intrabar"]] > 0 else at_stop

    def _note_ambiguity(self) -> None:
        assert self.held is not None
        self.outcome.events["AMBIGUOUS"] += 1
        self.held.is_ambiguous = True

    def _after_entry(self, t: int, bar: Bar, raw_entry: float) -> None:
        """The exits of a position that was opened, or made larger, inside this very bar."""
        if not self.held:
            return
        side = self.held.side
        stop, target = self._touched(bar)
        _, reason = self.held.protective()
        is_rising = side * raw_entry > side * bar.open
        first = side * bar.hl_order
        belief = self.rules["intrabar"]
        ends: str | None = None
        if is_rising and stop is not None and target is not None:
            self._note_ambiguity()
            is_target = belief == "optimistic" or (belief == "path" and first != 0)
            ends = "take_profit" if is_target else reason
        elif is_rising and stop is not None:
            is_sure = side * bar.close <= side * stop
            if not is_sure:
                self._note_ambiguity()
            is_taken = {"pessimistic": True, "optimistic": False, "path": first >= 0}[belief]
            ends = reason if is_sure or is_taken else None
        elif stop is not None:
            ends = reason
        elif target is not None:
            is_sure = is_rising or side * bar.close >= side * target
            if not is_sure:
                self._note_ambiguity()
            is_taken = {"pessimistic": False, "optimistic": True, "path": first < 0}[belief]
            ends = "take_profit" if is_sure or is_taken else None
        if ends == "take_profit":
            raw = side * max(side * (target or NAN), side * raw_entry)
            self._leave(t, raw, ends, known_at=t - 1, is_limit=True)
        elif ends is not None:
            raw = side * min(side * (stop or NAN), side * raw_entry)
            self._leave(t, raw, ends, known_at=t - 1)

    def _close(self, t: int, bar: Bar) -> None:
        """Market orders that fill at the close."""
        if self.rules["market_fill"] == CLOSE:
            self._leave_when_due(t, bar.close)
            if self.due_now:
                self._enter(t, bar.close, self.due_now, CLOSE)

    def _ratchet(self, t: int, bar: Bar) -> None:
        """The trailing stop of the next bar."""
        held = self.held
        if held is None or math.isnan(held.trail_distance):
            return
        best = bar.high if held.side > 0 else bar.low
        if not math.isnan(held.best_of_entry_bar):
            best = held.best_of_entry_bar
            held.best_of_entry_bar = NAN
        level = best - held.side * held.trail_distance
        held.trail = held.side * max(held.side * held.trail, held.side * level)

    def _mark(self, t: int, bar: Bar) -> bool:
        """Financing, ruin, margin and the loss of the day; whether it was ruin."""
        self._finance(bar)
        equity = self.books.equity(bar.close)
        if equity <= 0.0:
            self._leave(t, bar.close, "liquidation", known_at=t, is_capped=False)
            return True
        held, leverage = self.held, self.risk.get("max_leverage", 1.0)
        can_owe = held is not None and (held.side < 0 or leverage > 1.0)
        if held and can_owe and equity < 0.5 / leverage * held.qty * bar.close:
            earlier = [each for each in self.exits if each.active <= t + 1]
            later = [each for each in self.exits if each.active > t + 1]
            self.exits = [*earlier, Exit(t + 1, t, "liquidation", 2.0), *later]
            self.outcome.events["MARGIN_CALL"] += 1
        percent = self.risk.get("max_daily_loss_pct")
        if percent is not None and not self.is_day_over:
            self.is_day_over = equity <= self.day_equity * (1.0 - percent / 100.0)
            if self.is_day_over:
                self.outcome.events["DAILY_LOSS"] += 1
                self.pending, self.resting = [], None
                self._send_exit(t, "daily_loss")
        return False

    def _finance(self, bar: Bar) -> None:
        worth, cash = self.books.qty * bar.close, self.books.cash
        yearly = (
            max(-worth, 0.0) * self.rules["borrow_bps_year"]
            + worth * self.rules["funding_bps_year"]
            - cash * self.rules["cash_rate_year"]
        )
        paid = yearly * 1e-4 / self.bars_per_year
        self.books.cash -= paid
        self.books.financing += paid

    # Decisions.

    def _send_exit(self, t: int, reason: str) -> None:
        if self.held and not self.exits:
            self.exits.append(Exit(t + self.rules["bar_delay"], t, reason))

    def _decide(self, t: int, bar: Bar) -> None:
        """Turn what the rules ask for at the close of this bar into orders."""
        asked = self._asked(t)
        if asked.rule is None:
            return
        side, held = asked.side, self.held
        self.pending = [order for order in self.pending if order.side == side]
        if self.resting and self.resting.side != side:
            self.resting = None
        is_allowed = side > 0 or self.risk.get("allow_short", False)
        if held is None and not is_allowed and not asked.is_hold:
            self.outcome.events["SHORT_NOT_ALLOWED"] += 1
        cooldown = self.risk.get("cooldown_bars", 0)
        is_cooling = self.flat_since is not None and t < self.flat_since + cooldown
        may_enter = not (asked.is_hold or is_cooling or self.is_day_over) and is_allowed
        on_opposite = self.risk.get("on_opposite", "close")
        equity = self.books.equity(bar.close)
        active = t + self.rules["bar_delay"]
        order = self.decisions.entry(t, asked.rule, side, equity, active) if may_enter else None
        if held is None:
            if order:
                self.pending.append(order)
        elif held.side == side:
            has_room = held.n_adds < self.risk.get("max_adds", 0) and not self.exits
            if order and has_room:
                self.pending.append(replace(order, is_add=True))
        elif on_opposite == "reverse" and order:
            self.pending.append(replace(order, turns=True))
        elif on_opposite != "ignore":
            self._send_exit(t, "opposite")

    def _asked(self, t: int) -> Asked:
        """What the rules ask for; a wish to close is acted upon before any to enter."""
        asked = self.decisions.asked(t, self.rules["conflict"] == "first")
        if asked.is_conflict:
            self.outcome.events["RUNTIME_CONFLICT"] += 1
            if self.rules["conflict"] == "error":
                raise ConflictError
        if asked.is_close:
            self.pending, self.resting = [], None
            self._send_exit(t, "signal")
        return asked
