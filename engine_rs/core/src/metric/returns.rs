//! Metrics of the returns, and the sums they are made from.

use super::study::Study;
use super::sums::{extremes, sums};
use super::{Compute, Flag, Metric, Outcome, is_still};
use crate::math::Sum;

/// Row of the total return.
pub const TOTAL_RETURN: Metric = Metric {
    name: "total_return",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "last equity over the first, less 1; -1 after ruin",
    null: "never",
    source: "empyrical cum_returns_final",
    compute: Compute::Summary(|record| {
        Outcome::Value(if record.is_ruined { -1.0 } else { record.growth - 1.0 })
    }),
};

/// Row of the Sharpe ratio.
pub const SHARPE: Metric = Metric {
    name: "sharpe",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean over standard deviation (ddof 1) of the returns less the riskless rate, times the root of bars a year",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION (0 where nothing was gained)",
    source: "Sharpe (1994), J. Portfolio Management 21(1); empyrical sharpe_ratio",
    compute: Compute::Summary(|record| {
        let excess = &record.excess;
        if record.n_bars < 2 {
            return Outcome::Null(Flag::LowSample);
        }
        if excess.is_flat {
            return flat(excess.mean);
        }
        Outcome::Value(excess.mean / excess.deviation * record.bars_per_year.sqrt())
    }),
};

/// Row of the Sortino ratio.
pub const SORTINO: Metric = Metric {
    name: "sortino",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean of the returns less the least acceptable one, over the root of the mean square of what they fall short of it, over all bars; times the root of bars a year",
    null: "LOW_SAMPLE below two returns, NO_DOWNSIDE, ZERO_DISPERSION (0 where nothing was gained)",
    source: "Sortino and van der Meer (1991), J. Portfolio Management 17(4); empyrical \
             sortino_ratio",
    compute: Compute::Summary(|record| {
        let over = &record.over_minimum;
        if record.n_bars < 2 {
            return Outcome::Null(Flag::LowSample);
        }
        if over.downside == 0.0 {
            return if over.mean > 0.0 { Outcome::Null(Flag::NoDownside) } else { flat(over.mean) };
        }
        Outcome::Value(over.mean / over.downside * record.bars_per_year.sqrt())
    }),
};

/// Row of `ann_vol`.
pub const ANN_VOL: Metric = Metric {
    name: "ann_vol",
    unit: "1/sqrt(year)",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "standard deviation of the returns (ddof 1), times the root of bars a year",
    null: "LOW_SAMPLE below two returns",
    source: "empyrical annual_volatility",
    compute: Compute::Study(|study| {
        let scale = study.record.bars_per_year.sqrt();
        from_two(study, |study| Outcome::Value(study.record.excess.deviation * scale))
    }),
};

/// Row of `downside_dev`.
pub const DOWNSIDE_DEV: Metric = Metric {
    name: "downside_dev",
    unit: "1/sqrt(year)",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "root of the mean square of what returns fall short of the least acceptable one, over all bars, times the root of bars a year",
    null: "LOW_SAMPLE below two returns",
    source: "Sortino and van der Meer (1991), J. Portfolio Management 17(4); empyrical downside_risk",
    compute: Compute::Study(|study| {
        let scale = study.record.bars_per_year.sqrt();
        from_two(study, |study| Outcome::Value(study.record.over_minimum.downside * scale))
    }),
};

/// Row of `skew`.
pub const SKEW: Metric = Metric {
    name: "skew",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "third central moment over the second to the power 1.5, of the population",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION",
    source: "scipy.stats.skew",
    compute: Compute::Study(|study| from_spread(study, |study| Outcome::Value(study.shape().skew))),
};

/// Row of `kurt`.
pub const KURT: Metric = Metric {
    name: "kurt",
    unit: "ratio",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "fourth central moment over the square of the second, of the population; 3 for a normal",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION",
    source: "scipy.stats.kurtosis, fisher=False",
    compute: Compute::Study(|study| from_spread(study, |study| Outcome::Value(study.shape().kurt))),
};

/// Nothing gained at no risk is zero; a gain at no risk has no ratio.
pub(super) fn flat(mean: f64) -> Outcome {
    if mean == 0.0 {
        Outcome::Marked(0.0, Flag::ZeroDispersion)
    } else {
        Outcome::Null(Flag::ZeroDispersion)
    }
}

/// What needs a return.
pub(super) fn from_one(study: &Study, value: impl FnOnce(&Study) -> Outcome) -> Outcome {
    if study.record.n_bars < 1 { Outcome::Null(Flag::LowSample) } else { value(study) }
}

/// What needs two.
pub(super) fn from_two(study: &Study, value: impl FnOnce(&Study) -> Outcome) -> Outcome {
    if study.record.n_bars < 2 { Outcome::Null(Flag::LowSample) } else { value(study) }
}

/// What needs two that differ.
fn from_spread(study: &Study, value: impl FnOnce(&Study) -> Outcome) -> Outcome {
    from_two(study, |study| {
        if study.shape().is_flat {
            return Outcome::Null(Flag::ZeroDispersion);
        }
        value(study)
    })
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
pub const LANES: usize = 4;

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
        self.add_sums(&sums);
    }

    /// Adds one return.
    #[inline(always)]
    pub fn add_one(&mut self, value: f64) {
        let loss = if value < 0.0 { value } else { 0.0 };
        self.returns.add(value);
        self.squares.add(value * value);
        self.downside.add(loss * loss);
    }

    /// Adds sums of a few returns, of their squares, and of the squares of the negative, each side
    /// by side.
    #[inline(always)]
    pub fn add_sums(&mut self, sums: &[[f64; LANES]; 3]) {
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
            is_flat = is_still((about_mean / degrees).sqrt(), largest);
        }
        Dispersion {
            mean,
            deviation: (about_mean / degrees).sqrt(),
            downside: (downside / n).sqrt(),
            is_flat,
        }
    }
}

/// Moments and extremes of a series, and the same of its gains and its losses.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Shape {
    pub mean: f64,
    /// Standard deviation, ddof 1; 0 for fewer than two.
    pub deviation: f64,
    /// Whether that is nothing beside the largest value.
    pub is_flat: bool,
    pub skew: f64,
    /// 3 for a normal.
    pub kurt: f64,
    pub lowest: f64,
    pub highest: f64,
    /// Sum of the positive values, and their number.
    pub up: f64,
    pub n_up: f64,
    /// Sum of the negative values, and their number.
    pub down: f64,
    pub n_down: f64,
    /// Standard deviation of the negative values, ddof 1; 0 for fewer than two.
    pub down_deviation: f64,
}

impl Shape {
    /// Of a series; all zero, and flat, of none.
    pub fn new(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let (lowest, highest) = extremes(values);
        let [sum, up, n_up, down, n_down] = sums(values, |value| {
            let (gain, is_gain) = if value > 0.0 { (value, 1.0) } else { (0.0, 0.0) };
            let (loss, is_loss) = if value < 0.0 { (value, 1.0) } else { (0.0, 0.0) };
            [value, gain, is_gain, loss, is_loss]
        });
        let (mean, down_mean) = (sum / n, down / n_down.max(1.0));
        // Distances in units of the largest keep their powers among the doubles.
        let scale = (highest - mean).max(mean - lowest);
        let unit = 1.0 / scale;
        let down_scale = (down_mean - lowest).max(f64::MIN_POSITIVE);
        let down_unit = 1.0 / down_scale;
        let [second, third, fourth, down_second] = sums(values, |value| {
            let distance = (value - mean) * unit;
            let square = distance * distance;
            let below = if value < 0.0 { (value - down_mean) * down_unit } else { 0.0 };
            [square, square * distance, square * square, below * below]
        });
        let deviation = scale * (second / (n - 1.0).max(1.0)).sqrt();
        let is_flat = !unit.is_finite() || is_still(deviation, lowest.abs().max(highest.abs()));
        let variance = second / n;
        Self {
            mean,
            deviation: if unit.is_finite() { deviation } else { 0.0 },
            is_flat,
            skew: third / n / (variance * variance.sqrt()),
            kurt: fourth / n / (variance * variance),
            lowest,
            highest,
            up,
            n_up,
            down,
            n_down,
            down_deviation: down_scale * (down_second / (n_down - 1.0).max(1.0)).sqrt(),
        }
    }
}
