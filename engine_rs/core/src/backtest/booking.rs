//! The fills of a run: prices become trades and change the account.
//!
//! A position may be built by several fills and taken down by several. It has one entry price, the
//! mean of what was paid by quantity; each fill that makes it smaller is a trade of its own, over
//! that price and the bars since the first fill, and takes its share of the fees of entering.

use super::Event;
use super::cost::WIDE_SPREAD;
use super::fill::{Means, affordable_base, whole_lots};
use super::ledger::{Leg, Trade};
use super::order::{Aim, Entry, Exit, ExitReason, Order, Trigger};
use super::position::Position;
use super::profile::OnInsufficient;
use super::run::{NEVER, Resting, Run};
use super::signal;
use crate::bars::FLAG_WIDE_SPREAD;

/// By this share more than can be paid is the rounding of the same division and multiplication.
const ROUNDING: f64 = 1e-12;
/// Less than this share of what was wanted is nothing.
const DUST: f64 = 1e-9;

/// What a fill pays beside its price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Terms {
    /// Slippage by the volatility of a bar, so many times the usual.
    Market { known_bar: usize, factor: f64 },
    /// None, as a limit lets no worse price through; and the fee of one that rested, if it did.
    Limit { is_maker: bool },
}

/// A price that a bar gives an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quote {
    pub bar: usize,
    pub raw_quote: f64,
    pub terms: Terms,
}

impl Quote {
    fn leg(&self, price_quote: f64, fee_quote: f64) -> Leg {
        Leg { bar: self.bar, raw_quote: self.raw_quote, price_quote, fee_quote }
    }

    fn is_maker(&self) -> bool {
        self.terms == Terms::Limit { is_maker: true }
    }
}

impl Run<'_> {
    /// Closes the position, if there is one, as far as the volume of the bar allows; the rest is
    /// sent to the market of the next bar, but that of a target stays where it is.
    pub(super) fn exit(&mut self, quote: Quote, reason: ExitReason) {
        let Some(Position { side, quantity_base, .. }) = self.position else {
            return;
        };
        let closed_base = quantity_base.min(self.left_base);
        if closed_base > 0.0 {
            self.reduce(side, closed_base, &quote, reason);
        }
        if closed_base < quantity_base {
            self.cancel_entries(|_| true);
            self.due.1 = None;
            if reason != ExitReason::TakeProfit {
                self.carry_exit(&quote, reason);
            }
            return;
        }
        self.position = None;
        // What is on its way was about the position that is gone.
        self.queue.clear();
        self.resting = None;
        self.due = (None, None);
        self.flat_since_bar = quote.bar;
        self.first_entry_bar = quote.bar + self.risk.cooldown_bars.unwrap_or(0);
    }

    fn carry_exit(&mut self, quote: &Quote, reason: ExitReason) {
        let (decided_bar, slippage_factor) = match quote.terms {
            Terms::Market { known_bar, factor } => (known_bar, factor),
            Terms::Limit { .. } => (quote.bar - 1, 1.0),
        };
        let exit = Exit { reason, decided_bar, slippage_factor };
        self.queue.push_rest(quote.bar + 1, Order::Exit(exit));
    }

    /// Opens a position, adds to one, or turns one around, and says whether it did; an entry that
    /// does not find the position it wants is dropped.
    pub(super) fn enter(&mut self, quote: Quote, entry: &Entry) -> bool {
        let resting = self.resting.take();
        let Some((held_base, closed_base)) = self.found(entry) else {
            return false;
        };
        if self.left_base < closed_base {
            self.turn_in_part(&quote);
            self.carry_entry(&quote, *entry, resting);
            return false;
        }
        let capped_base = entry.quantity_base.min(self.left_base - closed_base);
        let granted_base = if capped_base > 0.0 {
            self.granted(&quote, entry.side, capped_base, held_base, closed_base)
        } else {
            0.0
        };
        if granted_base > 0.0 {
            self.fill_entry(&quote, entry, granted_base, closed_base);
        } else if closed_base > 0.0 {
            self.exit(quote, ExitReason::Opposite);
        }
        let is_short_of_volume = granted_base == capped_base && capped_base < entry.quantity_base;
        if is_short_of_volume {
            let aim = if granted_base > 0.0 { Aim::Rest } else { entry.aim };
            let aim = if aim == Aim::Reverse { Aim::Open } else { aim };
            let left_base = entry.quantity_base - granted_base;
            let rest = Entry { quantity_base: left_base, aim, ..*entry };
            self.carry_entry(&quote, rest, resting);
        }
        granted_base > 0.0
    }

    /// What is held on the side of an entry and on the other, if it may meet that.
    fn found(&self, entry: &Entry) -> Option<(f64, f64)> {
        let Some(held) = &self.position else {
            return matches!(entry.aim, Aim::Open | Aim::Reverse).then_some((0.0, 0.0));
        };
        if held.side != entry.side {
            return (entry.aim == Aim::Reverse).then_some((0.0, held.quantity_base));
        }
        // A position on its way out is not made larger.
        let is_leaving = self.queue.has_exit() || self.due.0.is_some();
        let may_add = match entry.aim {
            _ if is_leaving => false,
            Aim::Open | Aim::Reverse => false,
            Aim::Add => held.n_adds < self.risk.max_adds,
            Aim::Rest => true,
        };
        may_add.then_some((held.quantity_base, 0.0))
    }

    /// Closes as much of a position that is to be turned around as the volume of the bar allows.
    fn turn_in_part(&mut self, quote: &Quote) {
        if let Some(Position { side, .. }) = self.position
            && self.left_base > 0.0
        {
            self.reduce(side, self.left_base, quote, ExitReason::Opposite);
        }
    }

    /// Keeps what is left of an entry: a limit where it is, any other at the next bar's market.
    fn carry_entry(&mut self, quote: &Quote, rest: Entry, resting: Option<Resting>) {
        let limit_quote = match rest.trigger {
            Trigger::Limit(limit_quote) | Trigger::StopLimit { limit_quote, .. } => limit_quote,
            Trigger::Market | Trigger::Stop(_) => {
                let rest = Entry { trigger: Trigger::Market, ..rest };
                self.queue.push_rest(quote.bar + 1, Order::Entry(rest));
                return;
            }
        };
        let entry = Entry { trigger: Trigger::Limit(limit_quote), ..rest };
        self.resting = resting.map(|resting| Resting { entry, ..resting });
    }

    /// What of the wanted quantity the account can pay.
    fn granted(
        &mut self,
        quote: &Quote,
        side: f64,
        wanted_base: f64,
        held_base: f64,
        closed_base: f64,
    ) -> f64 {
        // The worst price that the fill can have decides.
        let moved_base = if side > 0.0 { wanted_base + closed_base } else { 0.0 };
        let price_quote = self.price_quote(side, quote, moved_base);
        let execution = self.inputs.execution;
        let means = Means {
            equity_quote: self.account.equity_quote(price_quote),
            held_base,
            closed_base,
            max_leverage: self.risk.max_leverage,
        };
        let affordable = affordable_base(&means, price_quote, &execution.costs, quote.is_maker());
        if wanted_base <= affordable * (1.0 + ROUNDING) {
            return wanted_base;
        }
        let granted = match execution.on_insufficient {
            OnInsufficient::Reject => 0.0,
            // What rounding leaves to an account that is fully invested is no quantity.
            OnInsufficient::Shrink if affordable < DUST * wanted_base => 0.0,
            OnInsufficient::Shrink => whole_lots(affordable, execution.lot_base),
        };
        self.events.add(if granted > 0.0 { Event::Shrunk } else { Event::Rejected }, 1);
        granted
    }

    /// Books an entry: the two halves of a reversal are one fill, and share its fee by quantity.
    fn fill_entry(&mut self, quote: &Quote, entry: &Entry, quantity_base: f64, closed_base: f64) {
        let price_quote = self.price_quote(entry.side, quote, closed_base + quantity_base);
        let fee_quote = self.fee_quote(closed_base + quantity_base, price_quote, quote);
        let opening_fee = fee_quote * (quantity_base / (closed_base + quantity_base));
        let leg = quote.leg(price_quote, opening_fee);
        match &self.position {
            Some(held) if held.side == entry.side => {
                self.position = Some(held.with(entry, quantity_base, &leg));
                self.book_entry(entry.side, quantity_base, &leg);
                return;
            }
            Some(_) => {
                let closing = quote.leg(price_quote, fee_quote - opening_fee);
                self.book_exit(closed_base, closing, ExitReason::Opposite);
            }
            None => self.count_refused(quote.bar),
        }
        self.queue.clear();
        self.due = (None, None);
        self.book_entry(entry.side, quantity_base, &leg);
        let time_exit_bar = self.risk.max_holding_bars.map_or(NEVER, |bars| leg.bar + bars);
        self.position = Some(Position::new(entry, quantity_base, leg, time_exit_bar));
    }

    fn book_entry(&mut self, side: f64, quantity_base: f64, leg: &Leg) {
        self.account.book(side * quantity_base, leg.price_quote, leg.fee_quote);
        self.ledger.traded(quantity_base * leg.price_quote);
        self.left_base -= quantity_base;
        self.filled_base += quantity_base;
        self.has_filled = true;
    }

    /// Closes a quantity of the position, which is on this side.
    fn reduce(&mut self, side: f64, closed_base: f64, quote: &Quote, reason: ExitReason) {
        let price_quote = self.price_quote(-side, quote, closed_base);
        let fee_quote = self.fee_quote(closed_base, price_quote, quote);
        self.book_exit(closed_base, quote.leg(price_quote, fee_quote), reason);
    }

    /// Books the closing of a quantity of the position as a trade. One of which nothing is left
    /// stays for the caller to drop.
    fn book_exit(&mut self, closed_base: f64, exit: Leg, reason: ExitReason) {
        let Some(held) = &mut self.position else {
            return;
        };
        let Position { side, quantity_base, entry, rule, is_ambiguous, risk_quote, .. } = *held;
        let is_whole = closed_base == quantity_base;
        let entry_fee = if is_whole {
            entry.fee_quote
        } else {
            entry.fee_quote * (closed_base / quantity_base)
        };
        held.quantity_base -= closed_base;
        held.entry.fee_quote -= entry_fee;
        self.account.book(-side * closed_base, exit.price_quote, exit.fee_quote);
        assert_eq!(self.account.position_base, side * held.quantity_base);
        self.ledger.traded(closed_base * exit.price_quote);
        self.left_base -= closed_base;
        self.filled_base += closed_base;
        self.has_filled = true;
        let trade = Trade {
            side,
            quantity_base: closed_base,
            entry: Leg { fee_quote: entry_fee, ..entry },
            exit,
            reason,
            rule,
            is_ambiguous,
            risk_quote: closed_base * risk_quote,
        };
        self.account.realise(trade.realised_quote());
        self.ledger.trade(trade);
    }

    /// The price of a fill after slippage, which is always against the trade.
    fn price_quote(&mut self, side: f64, quote: &Quote, quantity_base: f64) -> f64 {
        let Terms::Market { known_bar, factor } = quote.terms else {
            return quote.raw_quote;
        };
        let costs = &self.inputs.execution.costs;
        let sigma = if costs.reads_volatility() {
            // An entry asks twice: for what it can pay, and for what it pays.
            if self.known_sigma.0 != known_bar {
                self.known_sigma = (known_bar, self.inputs.volatility.sigma_bps(known_bar));
            }
            self.known_sigma.1
        } else {
            0.0
        };
        let is_wide = self.marks(quote.bar) & FLAG_WIDE_SPREAD != 0;
        let width = if is_wide { WIDE_SPREAD } else { 1.0 };
        let impact = costs.impact.bps(quantity_base, self.volume_base(quote.bar), sigma);
        quote.raw_quote * (1.0 + side * costs.slippage_fraction(sigma, factor, width, impact))
    }

    /// Volume of bar `t`. The end of a run may fill in a bar that the market was closed in: if that
    /// has none, the last that there was.
    fn volume_base(&self, t: usize) -> f64 {
        let volume = &self.inputs.bars.volume[..=t];
        volume.iter().rev().copied().find(|volume| *volume > 0.0).unwrap_or(0.0)
    }

    fn fee_quote(&self, quantity_base: f64, price_quote: f64, quote: &Quote) -> f64 {
        self.inputs.execution.costs.fee_quote(quantity_base, price_quote, quote.is_maker())
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
