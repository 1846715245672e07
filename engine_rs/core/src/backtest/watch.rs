//! Which bar first reaches a level that somebody waits for, while a trailing stop follows.

use super::order::Trigger;
use super::position::Position;
use super::run::Resting;
use crate::bars::{BarsView, FLAG_CLOSED};

/// Bars that are looked at together.
const BLOCK_BARS: usize = 16;

/// Levels below and above the market.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// A low at or below this matters.
    down_quote: f64,
    /// A high at or above this matters.
    up_quote: f64,
    side: f64,
    trail_quote: f64,
    trail_distance_quote: f64,
}

impl Watch {
    /// What a position and a waiting entry wait for.
    pub fn new(held: Option<&Position>, resting: Option<&Resting>) -> Self {
        let mut watch = Self {
            down_quote: f64::NEG_INFINITY,
            up_quote: f64::INFINITY,
            side: 1.0,
            trail_quote: f64::NEG_INFINITY,
            trail_distance_quote: f64::INFINITY,
        };
        if let Some(held) = held {
            watch.add(-held.side, held.stop_quote);
            watch.add(held.side, held.target_quote);
            watch.side = held.side;
            watch.trail_quote = held.trail_quote;
            watch.trail_distance_quote = held.trail_distance_quote;
        }
        if let Some(entry) = resting.map(|resting| &resting.entry) {
            match entry.trigger {
                Trigger::Market => {}
                Trigger::Stop(level) | Trigger::StopLimit { stop_quote: level, .. } => {
                    watch.add(entry.side, level);
                }
                Trigger::Limit(limit) => watch.add(-entry.side, limit),
            }
        }
        watch
    }

    /// Adds a level that is met on the way up (+1) or down (−1).
    fn add(&mut self, direction: f64, level_quote: f64) {
        if direction > 0.0 {
            self.up_quote = self.up_quote.min(level_quote);
        } else {
            self.down_quote = self.down_quote.max(level_quote);
        }
    }

    /// First bar in `from..to` that reaches a level, else `to`; the trailing stop has then
    /// followed the bars before it. `marks` are those of the bars, or none.
    pub fn first(&mut self, bars: &BarsView, marks: &[u8], from: usize, to: usize) -> usize {
        let mut start = from;
        while start < to {
            let end = (start + BLOCK_BARS).min(to);
            if !(marks.is_empty() && self.passes(&bars.high[start..end], &bars.low[start..end])) {
                for t in start..end {
                    if self.is_met(bars.high[t], bars.low[t]) {
                        return t;
                    }
                    self.follow(bars, marks, t..t + 1);
                }
            }
            start = end;
        }
        to
    }

    /// Passes over a block of bars none of which can reach a level; false where one might.
    #[inline]
    fn passes(&mut self, high: &[f64], low: &[f64]) -> bool {
        let mut extremes = ([f64::NEG_INFINITY; 4], [f64::INFINITY; 4]);
        let (highs, lows) = (high.as_chunks::<4>(), low.as_chunks::<4>());
        for (high, low) in highs.0.iter().zip(lows.0) {
            for k in 0..4 {
                extremes.0[k] = larger(extremes.0[k], high[k]);
                extremes.1[k] = smaller(extremes.1[k], low[k]);
            }
        }
        let highest = extremes.0.iter().chain(highs.1).copied().fold(f64::NEG_INFINITY, larger);
        let lowest = extremes.1.iter().chain(lows.1).copied().fold(f64::INFINITY, smaller);
        // Against the level after the block, which is nearer than it was inside.
        let best = if self.side > 0.0 { highest } else { lowest };
        let trail = self.followed(best);
        let after = Self { trail_quote: trail, ..*self };
        let is_quiet = !after.is_met(highest, lowest);
        if is_quiet {
            self.trail_quote = trail;
        }
        is_quiet
    }

    #[inline]
    fn is_met(&self, high: f64, low: f64) -> bool {
        let is_trail_met =
            if self.side > 0.0 { low <= self.trail_quote } else { high >= self.trail_quote };
        low <= self.down_quote || high >= self.up_quote || is_trail_met
    }

    #[inline]
    fn followed(&self, best_quote: f64) -> f64 {
        let level = best_quote - self.side * self.trail_distance_quote;
        if self.side > 0.0 { self.trail_quote.max(level) } else { self.trail_quote.min(level) }
    }

    /// Lets the trailing stop follow these bars.
    pub fn follow(&mut self, bars: &BarsView, marks: &[u8], span: std::ops::Range<usize>) {
        for t in span {
            if marks.is_empty() || marks[t] & FLAG_CLOSED == 0 {
                let best = if self.side > 0.0 { bars.high[t] } else { bars.low[t] };
                self.trail_quote = self.followed(best);
            }
        }
    }

    /// Where the trailing stop is.
    pub fn trail_quote(&self) -> f64 {
        self.trail_quote
    }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}
