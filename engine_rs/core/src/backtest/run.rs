//! The bar loop: what happens at the open, inside the bar, at its close, and what is decided.
//!
//! A bar is worked through by [`Run::step`], whole and always in the same way. Bars on which
//! nothing can happen are passed over: [`Run::next_bar`] says which.

use super::account::Account;
use super::cost::Volatility;
use super::day::Day;
use super::fill::{stop_at_open, stop_within};
use super::ledger::{Ledger, Leg, Step};
use super::live::Live;
use super::order::{Entry, Exit, ExitReason, Order, Queue, Trigger};
use super::profile::{Execution, Finalize, Intrabar};
use super::signal::{self, Signals};
use super::{Event, Events};
use crate::bars::BarsView;
use crate::program::Program;
use crate::program::evaluate::Columns;
use crate::program::risk::Risk;

/// What a run looks at and does not change.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The market.
    pub bars: BarsView<'a>,
    /// Volatility at its closes.
    pub volatility: Volatility<'a>,
    /// The strategy.
    pub program: &'a Program,
    /// What its slots hold.
    pub columns: &'a Columns<'a>,
    /// When its rules fire.
    pub signals: &'a Signals<'a>,
    /// How orders become fills.
    pub execution: &'a Execution,
}

/// An open position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub side: f64,
    pub quantity_base: f64,
    pub entry: Leg,
    pub stop_quote: f64,
    /// Value at stake when it began; infinite without a stop.
    pub risk_quote: f64,
    pub time_exit_bar: usize,
    pub rule: u16,
    pub is_ambiguous: bool,
}

/// An entry that waits for its level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub entry: Entry,
    pub level_quote: f64,
    pub expires_bar: usize,
}

/// A run in progress.
pub struct Run<'a> {
    pub(super) inputs: Inputs<'a>,
    /// The rules, if they look at the account; otherwise they are in `inputs`.
    pub(super) live: Option<Live<'a>>,
    pub(super) risk: &'a Risk,
    pub(super) ledger: &'a mut Ledger,
    /// Cash and position.
    pub account: Account,
    pub(super) position: Option<Position>,
    pub(super) resting: Option<Resting>,
    pub(super) queue: Queue,
    pub(super) day: Option<Day>,
    /// First bar on whose close an entry may be decided again.
    pub(super) first_entry_bar: usize,
    /// Bar since which there is no position.
    pub(super) flat_since_bar: usize,
    /// Whether the bar has had a fill.
    pub(super) has_filled: bool,
    /// The bar of the ruin, if there was one.
    pub ruin_bar: Option<usize>,
    /// How often things happened.
    pub events: Events,
}

/// A bar that never comes.
pub(super) const NEVER: usize = usize::MAX;

impl<'a> Run<'a> {
    /// A run about to begin. There must be a bar.
    pub fn new(
        inputs: Inputs<'a>,
        live: Option<Live<'a>>,
        initial_quote: f64,
        ledger: &'a mut Ledger,
    ) -> Self {
        let risk = inputs.program.risk();
        // A limit of the whole equity is ruin, which ends the run anyway.
        let day = risk
            .max_daily_loss_pct
            .filter(|percent| *percent < 100.0)
            .map(|max_loss_pct| Day::new(max_loss_pct, inputs.bars.ts[0], initial_quote));
        Self {
            inputs,
            live,
            risk,
            ledger,
            account: Account::new(initial_quote),
            position: None,
            resting: None,
            queue: Queue::default(),
            day,
            first_entry_bar: 0,
            flat_since_bar: 0,
            has_filled: false,
            ruin_bar: None,
            events: Events::default(),
        }
    }

    /// Runs to the last bar or to ruin. Without `is_skipping` every bar is worked through, which
    /// gives the same and takes longer.
    pub fn finish(&mut self, is_skipping: bool) {
        let last = self.inputs.bars.len() - 1;
        let mut t = 0;
        loop {
            self.step(t);
            if t == last || self.ruin_bar.is_some() {
                break;
            }
            t = if is_skipping { self.next_bar(t) } else { t + 1 };
        }
        self.count_refused(t.min(last));
        if self.live.is_none() {
            let conflicts = signal::count(&self.inputs.signals.conflicts, 0, t.min(last));
            self.events.add(Event::RuntimeConflict, conflicts);
        }
        let open_value = self
            .position
            .map_or(0.0, |open| open.side * open.quantity_base * open.entry.price_quote);
        self.account.check(self.inputs.bars.close[t], open_value);
    }

    /// Works through bar `t`.
    fn step(&mut self, t: usize) {
        let before = cfg!(debug_assertions).then(|| self.account.clone());
        let close = self.inputs.bars.close;
        if let Some(day) = &mut self.day {
            day.turn(self.inputs.bars.ts[t], || self.account.equity_quote(close[t - 1]));
        }
        let (exit, entry) = self.arrivals(t);
        self.at_open(t, exit, entry);
        self.within(t);
        self.at_close(t);
        if self.ruin_bar.is_none() {
            if t + 1 < self.inputs.bars.len() {
                self.look(t);
                self.decide(t);
            } else if self.inputs.execution.finalize == Finalize::Close {
                self.exit(t, close[t], ExitReason::EndOfData, (t, 1.0), false);
                // The costs of closing can be the last that there was.
                if self.account.equity_quote(close[t]) <= 0.0 {
                    self.ruin_bar = Some(t);
                }
            }
        }
        if self.has_filled {
            self.has_filled = false;
            let Account { cash_quote, position_base, .. } = self.account;
            self.ledger.step(Step { bar: t, cash_quote, position_base });
        }
        if let Some(before) = before.filter(|_| t > 0) {
            before.assert_carried(&self.account, close[t - 1], close[t]);
        }
    }

    /// First bar after `t` on which something can happen; the last bar at the latest.
    fn next_bar(&mut self, t: usize) -> usize {
        let signals = self.inputs.signals;
        let bars = &self.inputs.bars;
        let from = t + 1;
        let mut next = bars.len() - 1;
        if let Some(due) = self.queue.due_bar() {
            next = next.min(due);
        }
        if let Some(open) = &self.position {
            next = next.min(open.time_exit_bar);
        }
        let has_orders = self.resting.is_some() || !self.queue.is_empty();
        let matters = match &self.position {
            _ if has_orders => &signals.any,
            None => &signals.flat,
            Some(open) if open.side > 0.0 => &signals.long,
            Some(_) => &signals.short,
        };
        next = signal::next(matters, from, next);
        if let Some(Resting { entry, level_quote, .. }) = &self.resting {
            next = reached(bars, entry.side, *level_quote, from, next).unwrap_or(next);
        }
        if let Some(open) = &self.position {
            if open.stop_quote.is_finite() {
                let stop = reached(bars, -open.side, open.stop_quote, from, next);
                next = stop.unwrap_or(next);
            }
            if self.is_on_margin(open) {
                let mut rest = bars.close[from..next].iter();
                next = rest
                    .position(|price| self.is_short_of_margin(*price))
                    .map_or(next, |k| from + k);
            }
        }
        self.next_loss(from, next)
    }

    /// First bar in `from..limit` whose close breaks the limit of its day, else `limit`.
    fn next_loss(&mut self, from: usize, limit: usize) -> usize {
        let (Some(day), Some(_)) = (&mut self.day, &self.position) else {
            return limit;
        };
        let (ts, close) = (self.inputs.bars.ts, self.inputs.bars.close);
        for t in from..limit {
            day.turn(ts[t], || self.account.equity_quote(close[t - 1]));
            if day.is_lost(self.account.equity_quote(close[t])) {
                return t;
            }
        }
        limit
    }

    /// Orders that become active in bar `t`: an exit, and an entry that fills at the open. One
    /// that waits for its level takes the place of the one before it.
    fn arrivals(&mut self, t: usize) -> (Option<Exit>, Option<Entry>) {
        let (mut exit, mut entry) = (None, None);
        while let Some(order) = self.queue.pop_due(t) {
            match order {
                Order::Exit(order) => exit = exit.or(Some(order)),
                Order::Entry(order) => {
                    entry = None;
                    self.resting = None;
                    match order.trigger {
                        Trigger::Open => entry = Some(order),
                        Trigger::Level(level_quote) => {
                            let expires_bar = order.tif_bars.map_or(NEVER, |bars| t + bars);
                            let resting = Resting { entry: order, level_quote, expires_bar };
                            self.resting = Some(resting);
                        }
                    }
                }
            }
        }
        if self.resting.is_some_and(|resting| resting.expires_bar <= t) {
            self.resting = None;
        }
        (exit, entry)
    }

    /// Fills at the open: exits in the order they were made, then entries.
    fn at_open(&mut self, t: usize, exit: Option<Exit>, entry: Option<Entry>) {
        let open = self.inputs.bars.open[t];
        if let Some(held) = self.position {
            let last_close = (t.saturating_sub(1), 1.0);
            if stop_at_open(-held.side, held.stop_quote, open).is_some() {
                self.exit(t, open, ExitReason::Stop, last_close, true);
            } else if held.time_exit_bar <= t {
                self.exit(t, open, ExitReason::Time, last_close, true);
            } else if let Some(Exit { reason, decided_bar, slippage_factor }) = exit {
                self.exit(t, open, reason, (decided_bar, slippage_factor), true);
            }
        }
        if let Some(entry) = entry {
            self.enter(t, open, entry, entry.decided_bar, true);
        } else if let Some(Resting { entry, level_quote, .. }) = self.resting
            && stop_at_open(entry.side, level_quote, open).is_some()
        {
            self.enter(t, open, entry, t - 1, true);
        }
    }

    /// Fills inside the bar.
    fn within(&mut self, t: usize) {
        let BarsView { high, low, open, .. } = self.inputs.bars;
        let (open, high, low) = (open[t], high[t], low[t]);
        let trigger = self.resting.and_then(|resting| {
            stop_within(resting.entry.side, resting.level_quote, high, low)
                .map(|price| (price, resting.entry))
        });
        if let Some(held) = self.position {
            // A stop beyond the open is met at the open, by a position that began there.
            let stop = stop_at_open(-held.side, held.stop_quote, open)
                .or_else(|| stop_within(-held.side, held.stop_quote, high, low));
            // Both sell when a long is held, both buy when a short is: the market comes to the
            // nearer first.
            let is_first =
                |price: f64| trigger.is_none_or(|(level, _)| held.side * level < held.side * price);
            if let Some(price) = stop.filter(|price| is_first(*price)) {
                self.exit(t, price, ExitReason::Stop, (t - 1, 1.0), false);
                return;
            }
        }
        if let Some((price, entry)) = trigger {
            self.enter(t, price, entry, t - 1, false);
            self.after_entry_within(t);
        }
    }

    /// The protective stop of a position that began inside this bar. A bar that touches it may
    /// have done so before; if it closes beyond it, it has also done so after.
    fn after_entry_within(&mut self, t: usize) {
        let BarsView { high, low, close, hl_order, .. } = self.inputs.bars;
        let Some(held) = &mut self.position else {
            return;
        };
        if held.entry.bar != t || held.entry.is_at_open {
            return;
        }
        if stop_within(-held.side, held.stop_quote, high[t], low[t]).is_none() {
            return;
        }
        let is_certain = -held.side * close[t] >= -held.side * held.stop_quote;
        let is_taken = match self.inputs.execution.intrabar {
            _ if is_certain => true,
            Intrabar::Pessimistic => true,
            Intrabar::Optimistic => false,
            // A buy stop is met on the way to the high: the low after it met the stop.
            Intrabar::Path => f64::from(hl_order[t]) * held.side >= 0.0,
        };
        if !is_certain {
            held.is_ambiguous = true;
            self.events.add(Event::Ambiguous, 1);
        }
        if is_taken {
            // Never better than its level, nor than the price the position began at.
            let (level, raw) = (held.stop_quote, held.entry.raw_quote);
            let price = if held.side > 0.0 { level.min(raw) } else { level.max(raw) };
            self.exit(t, price, ExitReason::Stop, (t - 1, 1.0), false);
        }
    }

    /// Marks to market: ruin, margin, and the loss of the day.
    fn at_close(&mut self, t: usize) {
        let close = self.inputs.bars.close[t];
        let equity = self.account.equity_quote(close);
        if equity <= 0.0 {
            self.exit(t, close, ExitReason::Liquidation, (t, 1.0), false);
            self.ruin_bar = Some(t);
            return;
        }
        if self.position.is_some_and(|held| self.is_on_margin(&held))
            && self.is_short_of_margin(close)
        {
            let reason = ExitReason::Liquidation;
            let exit = Exit { reason, decided_bar: t, slippage_factor: 2.0 };
            self.queue.push(t + 1, Order::Exit(exit));
            self.events.add(Event::MarginCall, 1);
        }
        if let Some(day) = &mut self.day
            && day.is_lost(equity)
        {
            day.is_blocked = true;
            self.events.add(Event::DailyLoss, 1);
            self.cancel_entries(|_| true);
            self.send_exit(t, ExitReason::DailyLoss);
        }
    }

    /// Whether the position could lose more than was paid for it.
    fn is_on_margin(&self, held: &Position) -> bool {
        held.side < 0.0 || self.risk.max_leverage > 1.0
    }

    /// Whether equity at this price is below the maintenance margin: half of the initial, which
    /// is the position's value over the leverage.
    fn is_short_of_margin(&self, price_quote: f64) -> bool {
        let equity = self.account.equity_quote(price_quote);
        let value = self.account.position_base.abs() * price_quote;
        equity <= 0.0 || 2.0 * self.risk.max_leverage * equity < value
    }
}

/// First bar in `from..to` that reaches the level.
fn reached(bars: &BarsView, side: f64, level_quote: f64, from: usize, to: usize) -> Option<usize> {
    let found = if side > 0.0 {
        bars.high[from..to].iter().position(|high| *high >= level_quote)
    } else {
        bars.low[from..to].iter().position(|low| *low <= level_quote)
    };
    found.map(|k| from + k)
}
