//! The decisions of a run: what the rules ask for at a close becomes orders.

use super::Event;
use super::fill::whole_lots;
use super::order::{Aim, Entry, Exit, ExitReason, Order, Protection, Protections, Trigger};
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
        match &self.position {
            None if !is_withheld => {
                if let Some(entry) = self.entry(t, side, wishes.rule, Aim::Open) {
                    self.send_entry(t, entry);
                }
            }
            Some(held) if held.side != side => match self.risk.on_opposite {
                OnOpposite::Ignore => {}
                OnOpposite::Close => self.send_exit(t, ExitReason::Opposite),
                OnOpposite::Reverse => {
                    let entry = if is_withheld {
                        None
                    } else {
                        self.entry(t, side, wishes.rule, Aim::Reverse)
                    };
                    match entry {
                        Some(entry) => self.send_entry(t, entry),
                        None => self.send_exit(t, ExitReason::Opposite),
                    }
                }
            },
            Some(held)
                if held.side == side
                    && held.n_adds < self.risk.max_adds
                    && !is_withheld
                    && !self.queue.has_exit() =>
            {
                if let Some(entry) = self.entry(t, side, wishes.rule, Aim::Add) {
                    self.send_entry(t, entry);
                }
            }
            _ => {}
        }
    }

    /// The entry that a rule decides at the close of bar `t`, if it can be sized.
    fn entry(&mut self, t: usize, side: f64, rule: usize, aim: Aim) -> Option<Entry> {
        let Inputs { program, bars, .. } = self.inputs;
        let close = bars.close[t];
        let order = &program.rules()[rule];
        let trigger = self.trigger(t, side, &order.order);
        let protections = Protections {
            stop: self.protection(t, self.risk.stop),
            target: self.protection(t, self.risk.take_profit),
            trail_quote: self.protection(t, self.risk.trailing).distance_quote(-side, close),
        };
        let stop_quote = protections.stop.distance_quote(-side, close);
        let target_quote = protections.target.distance_quote(side, close);
        // An unknown level is NaN, and that is above nothing.
        let has_levels = trigger.has_prices()
            && stop_quote > 0.0
            && target_quote > 0.0
            && protections.trail_quote > 0.0;
        if !has_levels {
            self.events.add(Event::NoLevel, 1);
            return None;
        }
        let risked_quote =
            if self.risk.stop.is_some() { stop_quote } else { protections.trail_quote };
        let quantity_base = self.wanted_base(t, risked_quote);
        if quantity_base == 0.0 {
            self.events.add(Event::Rejected, 1);
            return None;
        }
        Some(Entry {
            side,
            trigger,
            quantity_base,
            protections,
            rule,
            decided_bar: t,
            tif_bars: order.tif_bars,
            aim,
        })
    }

    /// The quantity that an entry decided at the close of bar `t` asks for, when a loss of
    /// `risked_quote` on each unit is what its stop allows.
    fn wanted_base(&self, t: usize, risked_quote: f64) -> f64 {
        let Inputs { bars, execution, bars_per_year, .. } = self.inputs;
        let close = bars.close[t];
        let equity = self.account.equity_quote(close);
        let wanted = match self.risk.sizing {
            Sizing::PctEquity(percent) => equity * (percent / 100.0) / close,
            Sizing::RiskPct(percent) => equity * (percent / 100.0) / risked_quote,
            Sizing::FixedQty(quantity) => quantity,
            Sizing::FixedNotional(notional) => notional / close,
            Sizing::VolTarget { annual_vol, slot } => {
                let year_vol = self.number(slot, t) * bars_per_year.sqrt();
                equity * annual_vol / (year_vol * close)
            }
        };
        whole_lots(wanted, execution.lot_base)
    }

    /// A protective order as the decision at the close of bar `t` sees it.
    fn protection(&self, t: usize, level: Option<Stop>) -> Protection {
        match level {
            None => Protection::None,
            Some(Stop::Fraction(fraction)) => {
                Protection::Distance(self.inputs.bars.close[t] * fraction)
            }
            Some(Stop::Multiple { slot, mult }) => {
                Protection::Distance(self.number(slot, t) * mult)
            }
            Some(Stop::Price(slot)) => Protection::Level(self.number(slot, t)),
        }
    }

    /// Where an entry that is decided at the close of bar `t` waits.
    fn trigger(&self, t: usize, side: f64, order: &OrderKind) -> Trigger {
        // A limit lies where the price is better, a stop where it is worse.
        let level = |level, direction: f64| match level {
            Level::Price(slot) => self.number(slot, t),
            Level::OffsetBps(bps) => self.inputs.bars.close[t] * (1.0 + direction * bps * 1e-4),
        };
        match *order {
            OrderKind::Market => Trigger::Market,
            OrderKind::Stop(stop) => Trigger::Stop(level(stop, side)),
            OrderKind::Limit(limit) => Trigger::Limit(level(limit, -side)),
            OrderKind::StopLimit(stop, limit_bps) => {
                let stop_quote = level(stop, side);
                let limit_quote = stop_quote * (1.0 + side * limit_bps * 1e-4);
                Trigger::StopLimit { stop_quote, limit_quote }
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
        if self.resting.as_ref().is_some_and(|resting| is_dropped(&resting.entry)) {
            self.resting = None;
        }
        self.queue.cancel_entries(is_dropped);
    }
}
