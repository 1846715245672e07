//! Equity from stretch to stretch of bars, summed up for the metrics without a column of it.

use super::ledger::Step;
use crate::math::Sum;
use crate::metric::PIECE_BARS;
use crate::metric::drawdown::Drawdown;
use crate::metric::returns::{LANES, Moments};
use std::hint::black_box;

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
    #[inline(always)]
    pub fn add_flat(&mut self, step: &Step, n_bars: usize) {
        // After its first bar a flat stretch returns nothing, which changes no sum.
        if n_bars > 0 {
            self.moments.add_one(step.cash_quote / self.last_quote - 1.0);
            self.drawdown.add(step.cash_quote);
            self.equity_quote.add(step.cash_quote * n_bars as f64);
            self.last_quote = step.cash_quote;
        }
    }

    /// Adds bars with a position, at these closes.
    #[inline(always)]
    pub fn add_held(&mut self, step: &Step, closes: &[f64]) {
        // No closures here: one that is not inlined would not be wide.
        for prices in closes.chunks(PIECE_BARS) {
            self.add_piece(step, prices);
        }
    }

    /// Adds a few bars with a position. Four at a time, as none waits for another; the one to four
    /// that are left over are filled up with bars that change nothing.
    #[inline(always)]
    fn add_piece(&mut self, step: &Step, prices: &[f64]) {
        let value = |price: f64| step.cash_quote + step.position_base * price;
        let mut sums = Sums::new(&self.drawdown);
        let n_fours = (prices.len() - 1) / LANES;
        let (fours, rest) = prices.split_at(LANES * n_fours);
        // Both ends of a return are worked out from their prices, which is faster than reading
        // back what was just written; the first, from before these bars, comes last.
        let pairs = fours.as_chunks::<LANES>().0.iter().zip(prices[1..].as_chunks::<LANES>().0);
        for (four, after) in pairs {
            let (mut equity, mut returns) = ([0.0; LANES], [0.0; LANES]);
            for k in 0..LANES {
                equity[k] = value(four[k]);
                returns[k] = value(after[k]) / equity[k] - 1.0;
            }
            sums.add_equity(&equity);
            sums.add_returns(&returns);
        }
        // Where the sums lie in memory side by side, the compiler keeps them so in the loop above.
        let sums = black_box(&mut sums);
        let (mut last, mut returns) = ([value(rest[0]); LANES], [0.0; LANES]);
        for (slot, price) in last.iter_mut().zip(rest) {
            *slot = value(*price);
        }
        for k in 1..rest.len() {
            returns[k - 1] = last[k] / last[k - 1] - 1.0;
        }
        returns[rest.len() - 1] = value(prices[0]) / self.last_quote - 1.0;
        self.last_quote = last[rest.len() - 1];
        sums.add_returns(&returns);
        let mut over = 0.0;
        if rest.len() == LANES {
            sums.add_equity(&last);
        } else {
            over = last[..rest.len()].iter().sum();
            sums.add_extremes(&last);
        }
        self.moments.add_sums(&sums.moments);
        let [a, b, c, d] = sums.equity;
        self.equity_quote.add((a + b) + (c + d) + over);
        if !self.drawdown.add_below_peak(&sums.low, &sums.high) {
            for price in prices {
                self.drawdown.add(value(*price));
            }
        }
    }
}

/// Sums and extremes of a few bars, side by side.
struct Sums {
    moments: [[f64; LANES]; 3],
    equity: [f64; LANES],
    low: [f64; LANES],
    high: [f64; LANES],
}

impl Sums {
    #[inline(always)]
    fn new(drawdown: &Drawdown) -> Self {
        let (low, high) = drawdown.bounds();
        Self {
            moments: [[0.0; LANES]; 3],
            equity: [0.0; LANES],
            low: [low; LANES],
            high: [high; LANES],
        }
    }

    #[inline(always)]
    fn add_equity(&mut self, equity: &[f64; LANES]) {
        for (sum, value) in self.equity.iter_mut().zip(equity) {
            *sum += value;
        }
        self.add_extremes(equity);
    }

    #[inline(always)]
    fn add_extremes(&mut self, equity: &[f64; LANES]) {
        for (k, &value) in equity.iter().enumerate() {
            self.low[k] = if value < self.low[k] { value } else { self.low[k] };
            self.high[k] = if value > self.high[k] { value } else { self.high[k] };
        }
    }

    #[inline(always)]
    fn add_returns(&mut self, returns: &[f64; LANES]) {
        for (k, &value) in returns.iter().enumerate() {
            let loss = if value < 0.0 { value } else { 0.0 };
            self.moments[0][k] += value;
            self.moments[1][k] += value * value;
            self.moments[2][k] += loss * loss;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prices that rise and fall by up to two percent a bar.
    fn prices(n: usize) -> Vec<f64> {
        let mut price = 100.0;
        let moves = (0..n).map(|t| (t * 7_919 + t * t * 31) % 401);
        moves.map(|step| price_after(&mut price, step)).collect()
    }

    fn price_after(price: &mut f64, step: usize) -> f64 {
        *price *= 1.0 + 1e-4 * (step as f64 - 200.0);
        *price
    }

    #[test]
    fn the_deepest_fall_is_the_smallest_quotient_of_a_value_and_its_peak() {
        for n in [1, 3, 4, 5, 63, 64, 65, 1_000] {
            let prices = prices(n);
            let mut tally = Tally::new(90.0);
            tally.add_held(&Step { bar: 0, cash_quote: 5.0, position_base: 0.9 }, &prices);
            let (mut peak, mut lowest) = (90.0_f64, 1.0_f64);
            for price in &prices {
                let value = 5.0 + 0.9 * price;
                peak = peak.max(value);
                lowest = lowest.min(value / peak);
            }
            assert_eq!(tally.drawdown.deepest(), lowest - 1.0, "{n} bars");
        }
    }

    #[test]
    fn sums_are_those_of_every_return() {
        for n in [1, 3, 4, 5, 63, 64, 65, 1_000] {
            let prices = prices(n);
            let mut tally = Tally::new(90.0);
            tally.add_held(&Step { bar: 0, cash_quote: 5.0, position_base: 0.9 }, &prices);
            let mut before = 90.0;
            let (mut total, mut squares, mut equity) = (0.0, 0.0, 0.0);
            for price in &prices {
                let value = 5.0 + 0.9 * price;
                total += value / before - 1.0;
                squares += (value / before - 1.0) * (value / before - 1.0);
                equity += value;
                before = value;
            }
            let made = tally.moments.dispersion(n, |add| {
                let mut before = 90.0;
                for price in &prices {
                    let value = 5.0 + 0.9 * price;
                    add(value / before - 1.0);
                    before = value;
                }
            });
            let mean = total / n as f64;
            let deviation = (squares - total * mean) / (n as f64 - 1.0).max(1.0);
            assert!((made.mean - mean).abs() < 1e-15, "{n} bars");
            assert!(n == 1 || (made.deviation - deviation.sqrt()).abs() < 1e-14, "{n} bars");
            assert!((tally.equity_quote.value() / equity - 1.0).abs() < 1e-14, "{n} bars");
            assert_eq!(tally.last_quote, before);
        }
    }
}
