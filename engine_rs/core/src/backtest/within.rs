//! What happens between the open of a bar and its close, of which only high and low are known.
//!
//! Orders on one side of the open are met from the nearest on. Of orders on both sides, a bar says
//! which came first only in `hl_order`; what is believed otherwise is the execution's to say.

use super::Event;
use super::booking::{Quote, Terms};
use super::fill::{limit_at_open, limit_within, stop_at_open, stop_within};
use super::order::{ExitReason, Trigger};
use super::position::Position;
use super::profile::Intrabar;
use super::run::Run;

/// An exit that a bar gives.
#[derive(Clone, Copy)]
struct Chance {
    raw_quote: f64,
    reason: ExitReason,
    terms: Terms,
}

impl Run<'_> {
    /// Fills inside the bar.
    pub(super) fn within(&mut self, t: usize) {
        let open = self.inputs.bars.open[t];
        let trigger = self.triggered(t);
        if let Some(held) = &self.position
            && let Some((exit, is_ambiguous)) = self.chance(t, held)
        {
            let is_nearer = trigger.is_some_and(|quote| {
                let (entry, exit) = (quote.raw_quote - open, exit.raw_quote - open);
                entry * exit > 0.0 && entry.abs() < exit.abs()
            });
            if !is_nearer {
                self.doubt(is_ambiguous);
                self.take(t, exit);
                return;
            }
        }
        if let (Some(quote), Some(resting)) = (trigger, self.resting) {
            let is_new = self.position.is_none_or(|held| held.side != resting.entry.side);
            if self.enter(quote, &resting.entry) {
                self.after_entry(t, &quote, is_new);
            }
        } else {
            self.arm(t);
        }
    }

    /// The price at which the waiting entry fills inside the bar, if it does.
    fn triggered(&self, t: usize) -> Option<Quote> {
        let bars = &self.inputs.bars;
        let (open, high, low) = (bars.open[t], bars.high[t], bars.low[t]);
        let entry = self.resting?.entry;
        let rule = self.inputs.execution.limit_fill;
        let limit = |limit_quote| {
            limit_within(rule, entry.side, limit_quote, high, low)
                .map(|price| (price, Terms::Limit { is_maker: true }))
        };
        let (raw_quote, terms) = match entry.trigger {
            Trigger::Market => None,
            Trigger::Stop(level) => stop_within(entry.side, level, high, low)
                .map(|price| (price, Terms::Market { known_bar: t - 1, factor: 1.0 })),
            Trigger::Limit(limit_quote) => limit(limit_quote),
            Trigger::StopLimit { stop_quote, limit_quote } => {
                if entry.side * open >= entry.side * stop_quote {
                    limit(limit_quote)
                } else {
                    stop_within(entry.side, stop_quote, high, low)
                        .map(|price| (price, Terms::Limit { is_maker: false }))
                }
            }
        }?;
        Some(Quote { bar: t, raw_quote, terms })
    }

    /// Makes a limit of a stop-limit whose stop was passed without a fill.
    fn arm(&mut self, t: usize) {
        if let Some(resting) = &mut self.resting
            && let Trigger::StopLimit { stop_quote, limit_quote } = resting.entry.trigger
            && resting.entry.side * self.inputs.bars.open[t] >= resting.entry.side * stop_quote
        {
            resting.entry.trigger = Trigger::Limit(limit_quote);
        }
    }

    /// The protective order that fills in a bar whose open the position has seen, and whether the
    /// bar allows another.
    fn chance(&self, t: usize, held: &Position) -> Option<(Chance, bool)> {
        let open = self.inputs.bars.open[t];
        // An order beyond the open is met there, by a position that began there.
        let (stop_quote, _) = held.stop();
        if stop_at_open(-held.side, stop_quote, open).is_some() {
            return Some((stop_chance(t, held, open), false));
        }
        let rule = self.inputs.execution.limit_fill;
        if let Some(raw_quote) = limit_at_open(rule, -held.side, held.target_quote, open) {
            let terms = Terms::Limit { is_maker: false };
            return Some((Chance { raw_quote, reason: ExitReason::TakeProfit, terms }, false));
        }
        let (stop, target) = (self.stop_met(t, held), self.target_met(t, held));
        if let (Some(stop), Some(target)) = (stop, target) {
            let is_stop = match self.inputs.execution.intrabar {
                Intrabar::Pessimistic => true,
                Intrabar::Optimistic => false,
                Intrabar::Path => f64::from(self.inputs.bars.hl_order[t]) * held.side <= 0.0,
            };
            return Some((if is_stop { stop } else { target }, true));
        }
        stop.or(target).map(|chance| (chance, false))
    }

    /// The stop, if the bar reaches it.
    fn stop_met(&self, t: usize, held: &Position) -> Option<Chance> {
        let bars = &self.inputs.bars;
        stop_within(-held.side, held.stop().0, bars.high[t], bars.low[t])
            .map(|raw_quote| stop_chance(t, held, raw_quote))
    }

    /// The target, if the bar reaches it.
    fn target_met(&self, t: usize, held: &Position) -> Option<Chance> {
        let bars = &self.inputs.bars;
        let rule = self.inputs.execution.limit_fill;
        limit_within(rule, -held.side, held.target_quote, bars.high[t], bars.low[t]).map(
            |raw_quote| Chance {
                raw_quote,
                reason: ExitReason::TakeProfit,
                terms: Terms::Limit { is_maker: true },
            },
        )
    }

    /// The protective orders of a position after an entry inside this bar. What the bar reached
    /// may have come before it.
    fn after_entry(&mut self, t: usize, entry: &Quote, is_new: bool) {
        let Some(held) = self.position else {
            return;
        };
        let bars = &self.inputs.bars;
        let (open, close) = (bars.open[t], bars.close[t]);
        let is_rising = held.side * (entry.raw_quote - open) > 0.0;
        if is_new && !is_rising {
            // What was better than this came before the entry, for all that is known.
            self.best_quote = Some(if held.side > 0.0 {
                entry.raw_quote.max(close)
            } else {
                entry.raw_quote.min(close)
            });
        }
        let (stop, target) = (self.stop_met(t, &held), self.target_met(t, &held));
        // Above 0 when the side that the position hopes for came first, below 0 when last.
        let order = f64::from(bars.hl_order[t]) * held.side;
        let is_beyond = |level: f64, side: f64| side * close >= side * level;
        let belief = self.inputs.execution.intrabar;
        let (chosen, is_ambiguous) = if is_rising {
            // On the way to a target that lies further on; the stop lies back.
            let is_certain = target.is_none() && is_beyond(held.stop().0, -held.side);
            let is_stopped = match belief {
                _ if is_certain => true,
                Intrabar::Pessimistic => true,
                Intrabar::Optimistic => false,
                Intrabar::Path if target.is_some() => order == 0.0,
                Intrabar::Path => order >= 0.0,
            };
            (stop.filter(|_| is_stopped).or(target), stop.is_some() && !is_certain)
        } else if stop.is_some() {
            (stop, false)
        } else {
            let is_certain = is_beyond(held.target_quote, held.side);
            let is_taken = match belief {
                _ if is_certain => true,
                Intrabar::Pessimistic => false,
                Intrabar::Optimistic => true,
                Intrabar::Path => order < 0.0,
            };
            (target.filter(|_| is_taken), target.is_some() && !is_certain)
        };
        self.doubt(is_ambiguous);
        if let Some(Chance { raw_quote, reason, terms }) = chosen {
            self.take(
                t,
                Chance { raw_quote: after(&held, entry, raw_quote, reason), reason, terms },
            );
        }
    }

    /// Counts a bar that allowed two outcomes, and marks the position.
    fn doubt(&mut self, is_ambiguous: bool) {
        if let Some(held) = &mut self.position
            && is_ambiguous
        {
            held.is_ambiguous = true;
            self.events.add(Event::Ambiguous, 1);
        }
    }

    fn take(&mut self, t: usize, chance: Chance) {
        let Chance { raw_quote, reason, terms } = chance;
        self.exit(Quote { bar: t, raw_quote, terms }, reason);
    }
}

fn stop_chance(t: usize, held: &Position, raw_quote: f64) -> Chance {
    let (_, reason) = held.stop();
    Chance { raw_quote, reason, terms: Terms::Market { known_bar: t - 1, factor: 1.0 } }
}

/// A level that lay beyond the price of the entry is met at that price: a stop is never better
/// than where the position began, and a target never worse.
fn after(held: &Position, entry: &Quote, raw_quote: f64, reason: ExitReason) -> f64 {
    let begun = entry.raw_quote;
    let is_long = held.side > 0.0;
    match reason {
        ExitReason::TakeProfit if is_long => raw_quote.max(begun),
        ExitReason::TakeProfit => raw_quote.min(begun),
        _ if is_long => raw_quote.min(begun),
        _ => raw_quote.max(begun),
    }
}
