//! Equity from stretch to stretch of bars, summed up for the metrics without a column of it.

use super::ledger::Step;
use crate::math::Sum;
use crate::metric::PIECE_BARS;
use crate::metric::drawdown::Drawdown;
use crate::metric::returns::Moments;

/// Sums over the equity of a run, gathered from stretch to stretch.
pub struct Tally {
    /// Of the returns.
    pub moments: Moments,
    /// Of the falls below the peak.
    pub drawdown: Drawdown,
    /// Of the equity at the closes.
    pub equity_quote: Sum,
    /// Equity at the last close.
    pub last_quote: f64,
}

impl Tally {
    /// Nothing yet.
    pub fn new(initial_quote: f64) -> Self {
        Self {
            moments: Moments::default(),
            drawdown: Drawdown::new(initial_quote),
            equity_quote: Sum::default(),
            last_quote: initial_quote,
        }
    }

    /// Adds bars without position.
    pub fn add_flat(&mut self, step: &Step, n_bars: usize) {
        // After its first bar a flat stretch returns nothing, which changes no sum.
        if n_bars > 0 {
            self.moments.add(&[step.cash_quote / self.last_quote - 1.0]);
            self.drawdown.add(step.cash_quote);
            self.equity_quote.add(step.cash_quote * n_bars as f64);
            self.last_quote = step.cash_quote;
        }
    }

    /// Adds bars with a position, at these closes.
    pub fn add_held(&mut self, step: &Step, closes: &[f64]) {
        let (mut equity, mut returns) = ([0.0; PIECE_BARS], [0.0; PIECE_BARS]);
        let value = |price: &f64| step.cash_quote + step.position_base * price;
        for prices in closes.chunks(PIECE_BARS) {
            let n_bars = prices.len();
            for (slot, price) in equity.iter_mut().zip(prices) {
                *slot = value(price);
            }
            // Both ends of a return are worked out again from their prices, which is faster than
            // reading back what was just written; the first comes last.
            let pairs = prices.iter().zip(&prices[1..]);
            for (slot, (before, after)) in returns.iter_mut().zip(pairs) {
                *slot = value(after) / value(before) - 1.0;
            }
            returns[n_bars - 1] = equity[0] / self.last_quote - 1.0;
            self.last_quote = equity[n_bars - 1];
            self.moments.add(&returns[..n_bars]);
            self.drawdown.add_all(&equity[..n_bars]);
            self.equity_quote.add(short_sum(&equity[..n_bars]));
        }
    }
}

/// Sum of a few values, four at a time, as none waits for another.
fn short_sum(values: &[f64]) -> f64 {
    let (fours, rest) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for four in fours {
        for (sum, value) in sums.iter_mut().zip(four) {
            *sum += value;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest.iter().sum::<f64>()
}
