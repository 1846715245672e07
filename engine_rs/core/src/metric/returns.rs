//! Metrics of the returns, and the sums they are made from.

use super::{Flag, Metric, Outcome};
use crate::math::Sum;

/// Row of the total return.
pub const TOTAL_RETURN: Metric = Metric {
    name: "total_return",
    unit: "fraction",
    better: "higher",
    basis: "returns",
    source: "empyrical cum_returns_final",
    compute: |record| Outcome::Value(if record.is_ruined { -1.0 } else { record.growth - 1.0 }),
};

/// Row of the Sharpe ratio.
pub const SHARPE: Metric = Metric {
    name: "sharpe",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "returns",
    source: "Sharpe (1994), J. Portfolio Management 21(1); empyrical sharpe_ratio",
    compute: |record| {
        let excess = &record.excess;
        if record.n_bars < 2 {
            return Outcome::Null(Flag::LowSample);
        }
        if excess.is_flat {
            return flat(excess);
        }
        Outcome::Value(excess.mean / excess.deviation * record.bars_per_year.sqrt())
    },
};

/// Row of the Sortino ratio.
pub const SORTINO: Metric = Metric {
    name: "sortino",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "returns",
    source: "Sortino and van der Meer (1991), J. Portfolio Management 17(4); empyrical \
             sortino_ratio",
    compute: |record| {
        let over = &record.over_minimum;
        if record.n_bars < 2 {
            return Outcome::Null(Flag::LowSample);
        }
        if over.downside == 0.0 {
            return if over.mean > 0.0 { Outcome::Null(Flag::NoDownside) } else { flat(over) };
        }
        Outcome::Value(over.mean / over.downside * record.bars_per_year.sqrt())
    },
};

/// Nothing gained at no risk is zero; a gain at no risk has no ratio.
fn flat(dispersion: &Dispersion) -> Outcome {
    if dispersion.mean == 0.0 {
        Outcome::Marked(0.0, Flag::ZeroDispersion)
    } else {
        Outcome::Null(Flag::ZeroDispersion)
    }
}

/// Mean and spread of a series of returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dispersion {
    /// Mean per bar.
    pub mean: f64,
    /// Standard deviation per bar, ddof 1; 0 for fewer than two returns.
    pub deviation: f64,
    /// Root of the mean square of the negative returns, per bar.
    pub downside: f64,
    /// Whether the deviation is nothing beside the largest return.
    pub is_flat: bool,
}

/// Sums of returns, their squares and the squares of the negative.
///
/// A few returns at a time are summed side by side, and those sums are compensated in index order.
/// What the few lose is far below what rounding equity's quotient to a double has lost already,
/// and the order depends on nothing but the series. A return of zero changes no sum, so bars
/// without one may be left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    returns: Sum,
    squares: Sum,
    /// Of the squares of the negative returns.
    downside: Sum,
}

/// Returns that are summed side by side.
const LANES: usize = 4;

/// A deviation below this share of the largest return is none.
const FLAT: f64 = 1e-12;
/// Squares about the mean that are a smaller share than this of the squares about zero have lost
/// digits in the subtraction, and are summed again about the mean.
const CANCELLED: f64 = 1e-3;

impl Moments {
    /// Adds a few returns; a long series comes in pieces, lest the sums lose digits.
    #[inline(always)]
    pub fn add(&mut self, returns: &[f64]) {
        let mut sums = [[0.0; LANES]; 3];
        let (fours, rest) = returns.as_chunks::<LANES>();
        let mut last = [0.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        for four in fours.iter().chain(std::iter::once(&last)) {
            for k in 0..LANES {
                let value = four[k];
                let loss = if value < 0.0 { value } else { 0.0 };
                sums[0][k] += value;
                sums[1][k] += value * value;
                sums[2][k] += loss * loss;
            }
        }
        let [all, squares, downside] = sums.map(|[a, b, c, d]| (a + b) + (c + d));
        self.returns.add(all);
        self.squares.add(squares);
        self.downside.add(downside);
    }

    /// Mean and spread over `n_bars` returns, zeros included. `again` calls its argument with
    /// every return once more, zeros included, should one pass not have been enough.
    pub fn dispersion(&self, n_bars: usize, again: impl FnOnce(&mut dyn FnMut(f64))) -> Dispersion {
        if n_bars == 0 {
            return Dispersion { mean: 0.0, deviation: 0.0, downside: 0.0, is_flat: true };
        }
        let n = n_bars as f64;
        let (sum, about_zero) = (self.returns.value(), self.squares.value());
        let downside = self.downside.value();
        let mean = sum / n;
        let mut about_mean = about_zero - sum * mean;
        let mut is_flat = false;
        let degrees = (n - 1.0).max(1.0);
        if about_zero == 0.0 || about_mean < CANCELLED * about_zero {
            let mut squares = Sum::default();
            let mut largest = 0.0_f64;
            again(&mut |value| {
                squares.add((value - mean) * (value - mean));
                largest = largest.max(value.abs());
            });
            about_mean = squares.value();
            is_flat = (about_mean / degrees).sqrt() <= FLAT * largest;
        }
        Dispersion {
            mean,
            deviation: (about_mean / degrees).sqrt(),
            downside: (downside / n).sqrt(),
            is_flat,
        }
    }
}
