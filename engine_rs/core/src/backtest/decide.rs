//! The decisions of a run: what the rules ask for at a close becomes orders.

use super::Event;
use super::fill::whole_lots;
use super::order::{Entry, Exit, ExitReason, Order, Protection, Trigger};
use super::run::{Inputs, Run};
use crate::program::risk::{OnOpposite, Sizing, Stop};
use crate::program::{Level, OrderKind, Slot};

impl Run<'_> {
    /// Turns what the rules ask for at the close of bar `t` into orders.
    pub(super) fn decide(&mut self, t: usize) {
        let wishes = match &self.live {
            Some(live) => live.wishes,
            None => self.inputs.signals.wishes(t),
        };
        if wishes.is_close {
            self.cancel_entries(|_| true);
            self.send_exit(t, ExitReason::Signal);
        }
        if wishes.side == 0 {
            return;
        }
        let side = f64::from(wishes.side);
        self.cancel_entries(|entry| entry.side != side);
        let is_withheld = wishes.is_hold
            || t < self.first_entry_bar
            || self.day.is_some_and(|day| day.is_blocked)
            || (side < 0.0 && !self.risk.allow_short);
        match self.position {
            None if !is_withheld => {
                if let Some(entry) = self.entry(t, side, wishes.rule, false) {
                    self.send_entry(t, entry);
                }
            }
            Some(held) if held.side != side => match self.risk.on_opposite {
                OnOpposite::Ignore => {}
                OnOpposite::Close => self.send_exit(t, ExitReason::Opposite),
                OnOpposite::Reverse => {
                    let entry =
                        if is_withheld { None } else { self.entry(t, side, wishes.rule, true) };
                    match entry {
                        Some(entry) => self.send_entry(t, entry),
                        None => self.send_exit(t, ExitReason::Opposite),
                    }
                }
            },
            _ => {}
        }
    }

    /// The entry that a rule decides at the close of bar `t`, if it can be sized.
    fn entry(&mut self, t: usize, side: f64, rule: u16, is_reversal: bool) -> Option<Entry> {
        let Inputs { program, bars, execution, .. } = self.inputs;
        let close = bars.close[t];
        let order = &program.rules()[usize::from(rule)];
        let trigger = self.trigger(t, side, &order.order);
        let (protection, distance) = match self.risk.stop {
            None => (Protection::None, f64::INFINITY),
            Some(Stop::Fraction(fraction)) => {
                (Protection::Distance(close * fraction), close * fraction)
            }
            Some(Stop::Multiple { slot, mult }) => {
                let distance = self.number(slot, t) * mult;
                (Protection::Distance(distance), distance)
            }
            Some(Stop::Price(slot)) => {
                let level = self.number(slot, t);
                (Protection::Level(level), side * (close - level))
            }
        };
        let trigger_level = match trigger {
            Trigger::Level(level) => level,
            Trigger::Open => close,
        };
        // An unknown level is NaN, and that is above nothing.
        let has_levels = trigger_level > 0.0 && distance > 0.0;
        if !has_levels {
            self.events.add(Event::NoLevel, 1);
            return None;
        }
        let equity = self.account.equity_quote(close);
        let wanted = match self.risk.sizing {
            Sizing::PctEquity(percent) => equity * (percent / 100.0) / close,
            Sizing::RiskPct(percent) => equity * (percent / 100.0) / distance,
            Sizing::FixedQty(quantity) => quantity,
            Sizing::FixedNotional(notional) => notional / close,
            Sizing::VolTarget { .. } => unreachable!("`check_execution` refuses it before a run"),
        };
        let quantity_base = whole_lots(wanted, execution.lot_base);
        if quantity_base == 0.0 {
            self.events.add(Event::Rejected, 1);
            return None;
        }
        let tif_bars = order.tif_bars;
        let decided_bar = t;
        Some(Entry {
            side,
            trigger,
            quantity_base,
            protection,
            rule,
            decided_bar,
            tif_bars,
            is_reversal,
        })
    }

    /// Where an entry that is decided at the close of bar `t` waits.
    fn trigger(&self, t: usize, side: f64, order: &OrderKind) -> Trigger {
        match *order {
            OrderKind::Market => Trigger::Open,
            OrderKind::Stop(Level::Price(slot)) => Trigger::Level(self.number(slot, t)),
            OrderKind::Stop(Level::OffsetBps(bps)) => {
                Trigger::Level(self.inputs.bars.close[t] * (1.0 + side * bps * 1e-4))
            }
            OrderKind::Limit(_) | OrderKind::StopLimit(..) => {
                unreachable!("`check_execution` refuses these before a run")
            }
        }
    }

    /// Value of a number slot at the close of bar `t`; NaN while it is unknown.
    fn number(&self, slot: Slot, t: usize) -> f64 {
        match &self.live {
            Some(live) => live.number(slot, t),
            None => self.inputs.columns.number(slot, t),
        }
    }

    fn send_entry(&mut self, t: usize, entry: Entry) {
        self.queue.push(t + self.inputs.execution.bar_delay, Order::Entry(entry));
    }

    /// Sends an exit, unless there is nothing to close or one is on its way.
    pub(super) fn send_exit(&mut self, t: usize, reason: ExitReason) {
        if self.position.is_some() && !self.queue.has_exit() {
            let exit = Exit { reason, decided_bar: t, slippage_factor: 1.0 };
            self.queue.push(t + self.inputs.execution.bar_delay, Order::Exit(exit));
        }
    }

    pub(super) fn cancel_entries(&mut self, is_dropped: impl Fn(&Entry) -> bool) {
        if self.resting.is_some_and(|resting| is_dropped(&resting.entry)) {
            self.resting = None;
        }
        self.queue.cancel_entries(is_dropped);
    }
}
