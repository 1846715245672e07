//! The fills of a run: prices become trades and change the account.

use super::Event;
use super::fill::{affordable_base, whole_lots};
use super::ledger::{Leg, Trade};
use super::order::{Entry, ExitReason};
use super::profile::OnInsufficient;
use super::run::{NEVER, Position, Run};
use super::signal;

impl Run<'_> {
    /// Closes the position, if there is one, at a price that `(bar, factor)` says the slippage of:
    /// the bar whose volatility counts, and a multiple.
    pub(super) fn exit(
        &mut self,
        t: usize,
        raw_quote: f64,
        reason: ExitReason,
        (bar, factor): (usize, f64),
        is_at_open: bool,
    ) {
        let Some(held) = self.position.take() else {
            return;
        };
        let price_quote = self.slipped(-held.side, raw_quote, bar, factor);
        let fee_quote = self.inputs.execution.costs.fee_quote(held.quantity_base, price_quote);
        self.end_position(
            held,
            Leg { bar: t, raw_quote, price_quote, fee_quote, is_at_open },
            reason,
        );
        // What is on its way was about the position that is gone.
        self.queue.clear();
        self.resting = None;
        self.flat_since_bar = t;
        self.first_entry_bar = t + self.risk.cooldown_bars.unwrap_or(0);
    }

    /// Opens a position, or turns one around; an entry that finds the position it wants, or one
    /// that it may not touch, is dropped.
    pub(super) fn enter(
        &mut self,
        t: usize,
        raw_quote: f64,
        entry: Entry,
        bar: usize,
        is_at_open: bool,
    ) {
        self.resting = None;
        if self.position.is_some_and(|held| held.side == entry.side || !entry.is_reversal) {
            return;
        }
        let costs = &self.inputs.execution.costs;
        let price_quote = self.slipped(entry.side, raw_quote, bar, 1.0);
        let closed_base = self.position.map_or(0.0, |held| held.quantity_base);
        let freed_quote = self.account.position_base * price_quote;
        let cash_quote = self.account.cash_quote + freed_quote;
        let affordable =
            affordable_base(cash_quote, self.risk.max_leverage, price_quote, closed_base, costs);
        let quantity_base = self.granted(entry.quantity_base, affordable);
        if quantity_base == 0.0 {
            if self.position.is_some() {
                self.exit(t, raw_quote, ExitReason::Opposite, (bar, 1.0), is_at_open);
            }
            return;
        }
        // The two halves of a reversal are one fill, and share its fee by quantity.
        let fee_quote = costs.fee_quote(closed_base + quantity_base, price_quote);
        let opening_share = quantity_base / (closed_base + quantity_base);
        let opening_fee = fee_quote * opening_share;
        let leg = |fee_quote| Leg { bar: t, raw_quote, price_quote, fee_quote, is_at_open };
        if let Some(held) = self.position.take() {
            self.end_position(held, leg(fee_quote - opening_fee), ExitReason::Opposite);
        } else {
            self.count_refused(t);
        }
        self.queue.clear();
        self.begin_position(&entry, quantity_base, leg(opening_fee));
    }

    /// What of the wanted quantity the account can pay.
    fn granted(&mut self, wanted_base: f64, affordable_base: f64) -> f64 {
        if wanted_base <= affordable_base {
            return wanted_base;
        }
        let execution = self.inputs.execution;
        let granted = match execution.on_insufficient {
            OnInsufficient::Reject => 0.0,
            OnInsufficient::Shrink => whole_lots(affordable_base, execution.lot_base),
        };
        self.events.add(if granted > 0.0 { Event::Shrunk } else { Event::Rejected }, 1);
        granted
    }

    fn begin_position(&mut self, entry: &Entry, quantity_base: f64, leg: Leg) {
        self.account.book(entry.side * quantity_base, leg.price_quote, leg.fee_quote);
        self.ledger.traded(quantity_base * leg.price_quote);
        self.has_filled = true;
        let stop_quote = entry.protection.level_quote(entry.side, leg.price_quote);
        self.position = Some(Position {
            side: entry.side,
            quantity_base,
            entry: leg,
            stop_quote,
            risk_quote: quantity_base * (leg.price_quote - stop_quote).abs(),
            time_exit_bar: self.risk.max_holding_bars.map_or(NEVER, |bars| leg.bar + bars),
            rule: entry.rule,
            is_ambiguous: false,
        });
    }

    fn end_position(&mut self, held: Position, exit: Leg, reason: ExitReason) {
        let Position { side, quantity_base, entry, rule, is_ambiguous, risk_quote, .. } = held;
        self.account.book(-side * quantity_base, exit.price_quote, exit.fee_quote);
        assert_eq!(self.account.position_base, 0.0);
        self.ledger.traded(quantity_base * exit.price_quote);
        self.has_filled = true;
        let trade =
            Trade { side, quantity_base, entry, exit, reason, rule, is_ambiguous, risk_quote };
        self.account.realise(trade.realised_quote());
        self.ledger.trade(trade);
    }

    /// The price after slippage, which is always against the trade.
    fn slipped(&self, side: f64, raw_quote: f64, bar: usize, factor: f64) -> f64 {
        let costs = &self.inputs.execution.costs;
        let sigma = if costs.k_vol > 0.0 { self.inputs.volatility.sigma_bps(bar) } else { 0.0 };
        raw_quote * (1.0 + side * costs.slippage_fraction(sigma, factor))
    }

    /// Counts the sales that were asked for, and not allowed, while there was no position.
    pub(super) fn count_refused(&mut self, until_bar: usize) {
        if self.position.is_none() && self.live.is_none() {
            let refused = &self.inputs.signals.refused;
            let n_refused = signal::count(refused, self.flat_since_bar, until_bar);
            self.events.add(Event::ShortNotAllowed, n_refused);
        }
    }
}
