//! An open position and the protective orders that belong to it.

use super::ledger::Leg;
use super::order::{Aim, Entry, ExitReason};

/// An open position.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// +1 long, −1 short.
    pub side: f64,
    /// How much is held.
    pub quantity_base: f64,
    /// Bar of the first fill; mean prices, and the fees, of what is still held.
    pub entry: Leg,
    /// Level of the stop; never reached when there is none.
    pub stop_quote: f64,
    /// Level of the target; never reached when there is none.
    pub target_quote: f64,
    /// Level of the stop that follows the best price; never reached when there is none.
    pub trail_quote: f64,
    /// How far it follows behind; infinity when there is none.
    pub trail_distance_quote: f64,
    /// What each unit had at stake when it was bought or sold short; infinite without a stop.
    pub risk_quote: f64,
    /// Bar in which its time is over.
    pub time_exit_bar: usize,
    /// Number of the rule that entered.
    pub rule: usize,
    /// How many entries have been added.
    pub n_adds: usize,
    /// Whether a bar allowed two outcomes.
    pub is_ambiguous: bool,
}

impl Position {
    /// What an entry opens.
    pub fn new(entry: &Entry, quantity_base: f64, leg: Leg, time_exit_bar: usize) -> Self {
        let protections = &entry.protections;
        let (side, price) = (entry.side, leg.price_quote);
        let stop_quote = protections.stop.stop_quote(side, price);
        Self {
            side,
            quantity_base,
            entry: leg,
            stop_quote,
            risk_quote: (price - stop_quote).abs().min(protections.trail_quote),
            target_quote: protections.target.target_quote(side, price),
            trail_quote: price - side * protections.trail_quote,
            trail_distance_quote: protections.trail_quote,
            time_exit_bar,
            rule: entry.rule,
            n_adds: 0,
            is_ambiguous: false,
        }
    }

    /// The same after more was bought, or sold short. Its stops never move away from the price;
    /// target, distance and time are those of the first entry.
    pub fn with(&self, entry: &Entry, quantity_base: f64, leg: &Leg) -> Self {
        let more = Self::new(entry, quantity_base, *leg, self.time_exit_bar);
        let whole_base = self.quantity_base + quantity_base;
        let mean = |before: f64, added: f64| {
            (self.quantity_base * before + quantity_base * added) / whole_base
        };
        let nearer = |a: f64, b: f64| if self.side > 0.0 { a.max(b) } else { a.min(b) };
        Self {
            quantity_base: whole_base,
            entry: Leg {
                raw_quote: mean(self.entry.raw_quote, leg.raw_quote),
                price_quote: mean(self.entry.price_quote, leg.price_quote),
                fee_quote: self.entry.fee_quote + leg.fee_quote,
                ..self.entry
            },
            stop_quote: nearer(self.stop_quote, more.stop_quote),
            trail_quote: nearer(self.trail_quote, more.trail_quote),
            risk_quote: mean(self.risk_quote, more.risk_quote),
            n_adds: self.n_adds + usize::from(entry.aim == Aim::Add),
            ..*self
        }
    }

    /// Whether it waits for a price.
    pub fn is_guarded(&self) -> bool {
        self.stop_quote.is_finite() || self.target_quote.is_finite() || self.is_trailed()
    }

    /// Whether a stop follows the best price.
    pub fn is_trailed(&self) -> bool {
        self.trail_distance_quote.is_finite()
    }

    /// The nearer of its two stops, and which it is.
    pub fn stop(&self) -> (f64, ExitReason) {
        if self.side * self.trail_quote > self.side * self.stop_quote {
            (self.trail_quote, ExitReason::Trailing)
        } else {
            (self.stop_quote, ExitReason::Stop)
        }
    }

    /// Lets the trailing stop follow the best price of a bar that is over.
    pub fn follow(&mut self, best_quote: f64) {
        let level = best_quote - self.side * self.trail_distance_quote;
        self.trail_quote =
            if self.side > 0.0 { self.trail_quote.max(level) } else { self.trail_quote.min(level) };
    }
}
