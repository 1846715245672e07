//! The bar loop: what happens at the open, inside the bar, at its close, and what is decided.
//!
//! A bar is worked through by [`Run::step`], whole and always in the same way; `open`, `within`,
//! `close` and `decide` have its parts. Bars on which nothing can happen are passed over:
//! [`Run::next_bar`] says which.

use super::account::Account;
use super::cost::Volatility;
use super::day::Day;
use super::fill::whole_lots;
use super::ledger::{Ledger, Step};
use super::live::Live;
use super::order::{Entry, Exit, ExitReason, Queue};
use super::position::Position;
use super::profile::{Execution, Finalize};
use super::signal::{self, Signals};
use super::watch::Watch;
use super::{Event, Events};
use crate::bars::{BarsView, FLAG_CLOSED};
use crate::program::column::Columns;
use crate::program::kernel::Bits;
use crate::program::risk::Risk;
use crate::program::{OrderKind, Program};

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
    /// Marks of the bars; none when no bar has one that matters.
    pub marks: &'a [u8],
    /// Bars in a year of the market.
    pub bars_per_year: f64,
}

/// An entry that waits for its level.
#[derive(Clone, Copy, Debug)]
pub struct Resting {
    /// The order.
    pub entry: Entry,
    /// First bar that could fill it.
    pub active_bar: usize,
    /// First bar that no longer does.
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
    /// Market orders that wait for the close of the bar.
    pub(super) due: (Option<Exit>, Option<Entry>),
    /// What the fills of the bar may still take.
    pub(super) left_base: f64,
    /// The volatility that was asked for last, and of which bar.
    pub(super) known_sigma: (usize, f64),
    /// Best price that a position which began inside the bar has surely seen.
    pub(super) best_quote: Option<f64>,
    pub(super) day: Option<Day>,
    /// Where the run begins; the bars before it are history.
    first_bar: usize,
    /// First bar on whose close an entry may be decided again.
    pub(super) first_entry_bar: usize,
    /// Bar since which there is no position.
    pub(super) flat_since_bar: usize,
    /// Whether the bar has had a fill.
    pub(super) has_filled: bool,
    /// What was filled so far, bought and sold together.
    pub(super) filled_base: f64,
    /// The bar of the ruin, if there was one.
    pub ruin_bar: Option<usize>,
    /// The first bar on which rules that look at the account contradicted each other.
    pub conflict_bar: Option<usize>,
    /// How often things happened.
    pub events: Events,
}

/// Bars that are searched for a decision before they are searched for a level.
const STRETCH_BARS: usize = 2_048;
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
            due: (None, None),
            left_base: f64::INFINITY,
            known_sigma: (NEVER, 0.0),
            best_quote: None,
            day,
            first_bar: 0,
            first_entry_bar: 0,
            flat_since_bar: 0,
            has_filled: false,
            filled_base: 0.0,
            ruin_bar: None,
            conflict_bar: None,
            events: Events::default(),
        }
    }

    /// Lets the run begin at a bar: nothing is decided, booked or counted before it.
    pub fn begin_at(&mut self, first_bar: usize) {
        self.first_bar = first_bar;
        self.first_entry_bar = first_bar;
        self.flat_since_bar = first_bar;
        let (ts, initial_quote) = (self.inputs.bars.ts[first_bar], self.account.cash_quote);
        if let Some(day) = &mut self.day {
            day.turn(ts, || initial_quote);
        }
        if let Some(live) = &mut self.live {
            live.learn(first_bar);
        }
    }

    /// Runs to the last bar or to ruin. Without `is_skipping` every bar is worked through, which
    /// gives the same and takes longer.
    pub fn finish(&mut self, is_skipping: bool) {
        let last = self.inputs.bars.len() - 1;
        let (mut t, mut fetched) = (self.first_bar, self.first_bar);
        let read = self.read_columns();
        loop {
            self.step(t);
            if t == last || self.ruin_bar.is_some() {
                break;
            }
            t = if is_skipping { self.next_bar(t) } else { t + 1 };
            fetched = self.inputs.signals.fetch_after(t, fetched, &read);
        }
        self.count_refused(t.min(last));
        if self.live.is_none() {
            let conflicts = &self.inputs.signals.conflicts;
            self.events.add(Event::RuntimeConflict, signal::count(conflicts, self.first_bar, t));
            self.conflict_bar =
                Some(signal::next(conflicts, self.first_bar, t)).filter(|bar| *bar < t);
        }
        let open_value = self
            .position
            .map_or(0.0, |open| open.side * open.quantity_base * open.entry.price_quote);
        self.account.check(self.inputs.bars.close[t], open_value);
    }

    /// Works through bar `t`.
    pub(super) fn step(&mut self, t: usize) {
        let before = cfg!(debug_assertions).then(|| self.account.clone());
        let close = self.inputs.bars.close;
        self.trade(t);
        if self.ruin_bar.is_none() {
            if t + 1 < self.inputs.bars.len() {
                self.look(t);
                self.decide(t);
            } else if self.inputs.execution.finalize == Finalize::Close {
                self.end(t, ExitReason::EndOfData);
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

    /// Comes to bar `t` and fills at its open, if the market is open.
    #[inline]
    pub(super) fn open(&mut self, t: usize) {
        let close = self.inputs.bars.close;
        if let Some(day) = &mut self.day {
            day.turn(self.inputs.bars.ts[t], || self.account.equity_quote(close[t - 1]));
        }
        if self.marks(t) & FLAG_CLOSED == 0 {
            if let Some(share) = self.inputs.execution.participation {
                let volume_base = self.inputs.bars.volume[t];
                self.left_base = whole_lots(share * volume_base, self.inputs.execution.lot_base);
            }
            self.at_open(t);
        }
    }

    /// Works through bar `t` up to where something is decided on it.
    #[inline]
    pub(super) fn trade(&mut self, t: usize) {
        self.open(t);
        if self.marks(t) & FLAG_CLOSED == 0 {
            // Where nobody waits for a price, high and low need not be read.
            if self.is_waiting() {
                self.within(t);
            }
            self.at_market_close(t);
            self.follow(t);
        }
        self.at_close(t);
    }

    /// Columns that the bars around a signal are read from.
    fn read_columns(&self) -> Vec<&'a [f64]> {
        let Inputs { bars, program, columns, .. } = self.inputs;
        let mut read = vec![bars.open, bars.close];
        let Risk { stop, take_profit, trailing, .. } = self.risk;
        let is_guarded = [stop, take_profit, trailing].into_iter().any(Option::is_some);
        if is_guarded || program.rules().iter().any(|rule| rule.order != OrderKind::Market) {
            read.extend([bars.high, bars.low]);
        }
        read.extend(program.roots().into_iter().filter_map(|slot| columns.column(slot)));
        read
    }

    /// Whether a position or an entry waits for a price.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.resting.is_some() || self.position.as_ref().is_some_and(Position::is_guarded)
    }

    /// Marks of bar `t`.
    #[inline]
    pub(super) fn marks(&self, t: usize) -> u8 {
        self.inputs.marks.get(t).copied().unwrap_or(0)
    }

    /// First bar after `t` on which something can happen; the last bar at the latest.
    pub(super) fn next_bar(&mut self, t: usize) -> usize {
        let from = t + 1;
        if self.inputs.execution.financing.is_due(self.account.position_base) {
            return from;
        }
        let limit = self.next_due(from);
        let before =
            self.is_waiting().then(|| Watch::new(self.position.as_ref(), self.resting.as_ref()));
        let mut watch = before;
        let reached = match &mut watch {
            None => signal::next(self.decisions(), from, limit),
            Some(watch) => self.next_reached(watch, from, limit),
        };
        let mut next = reached;
        if self.position.as_ref().is_some_and(|held| self.is_on_margin(held)) {
            let mut rest = self.inputs.bars.close[from..next].iter();
            let short = rest.position(|price| self.is_short_of_margin(*price));
            next = short.map_or(next, |k| from + k);
        }
        next = self.next_loss(from, next);
        if next < reached {
            watch = before;
            if let Some(watch) = &mut watch {
                watch.follow(&self.inputs.bars, self.inputs.marks, from..next);
            }
        }
        if let (Some(held), Some(watch)) = (&mut self.position, watch) {
            held.trail_quote = watch.trail_quote();
        }
        next
    }

    /// First bar in `from..limit` with a decision that matters or a price that is waited for, else
    /// `limit`; the trailing stop has then followed the bars before it.
    fn next_reached(&self, watch: &mut Watch, from: usize, limit: usize) -> usize {
        let Inputs { bars, marks, .. } = &self.inputs;
        let matters = self.decisions();
        // In stretches, so that neither search looks far beyond what the other finds.
        let mut start = from;
        loop {
            let end = (start + STRETCH_BARS).min(limit);
            let decision = signal::next(matters, start, end);
            let reached = watch.first(bars, marks, start, decision);
            if reached < end || end == limit {
                return reached;
            }
            start = end;
        }
    }

    /// First bar from `from` on in which an order is due; the last bar at the latest.
    fn next_due(&self, from: usize) -> usize {
        let mut next = self.inputs.bars.len() - 1;
        if let Some(due) = self.queue.due_bar() {
            next = next.min(due.max(from));
        }
        if let Some(open) = &self.position {
            next = next.min(open.time_exit_bar.max(from));
        }
        next
    }

    /// Bars on which a decision can change something.
    fn decisions(&self) -> &'a Bits {
        let signals = self.inputs.signals;
        let has_orders = self.resting.is_some() || !self.queue.is_empty();
        match &self.position {
            _ if has_orders => &signals.any,
            None => &signals.flat,
            Some(open) if open.side > 0.0 => &signals.long,
            Some(_) => &signals.short,
        }
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
}
