//! Metrics of growth over the whole series, and the logarithms they are made from.

use super::drawdown::annual_growth;
use super::sums::{Buffer, extremes, sums};
use super::{Compute, FLAT, Flag, Metric, Outcome};
use crate::math::{Sum, ln_each};

/// Row of `cagr`.
pub const CAGR: Metric = Metric {
    name: "cagr",
    unit: "fraction/year",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "last over first equity to the power of bars a year over bars, less 1; -1 where equity is gone",
    null: "LOW_SAMPLE without a return",
    source: "empyrical annual_return; quantstats cagr",
    compute: Compute::Study(|study| {
        if study.record.n_bars == 0 {
            return Outcome::Null(Flag::LowSample);
        }
        Outcome::Value(annual_growth(study.record))
    }),
};

/// Row of `log_growth`.
pub const LOG_GROWTH: Metric = Metric {
    name: "log_growth",
    unit: "1/year",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean logarithm of 1 and the return, times bars a year",
    null: "LOW_SAMPLE without a return, RUIN where a logarithm has no value",
    source: "Kelly (1956), Bell System Technical J. 35(4)",
    compute: Compute::Study(|study| {
        let logs = study.logs();
        match (study.record.n_bars, logs.is_ruined) {
            (0, _) => Outcome::Null(Flag::LowSample),
            (_, true) => Outcome::Null(Flag::Ruin),
            (n_bars, false) => {
                Outcome::Value(logs.total / n_bars as f64 * study.record.bars_per_year)
            }
        }
    }),
};

/// Row of `stability`.
pub const STABILITY: Metric = Metric {
    name: "stability",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "square of the correlation of the summed logarithms of growth with time",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION if equity never moves, RUIN",
    source: "empyrical stability_of_timeseries",
    compute: Compute::Study(|study| {
        let logs = study.logs();
        if study.record.n_bars < 2 {
            return Outcome::Null(Flag::LowSample);
        }
        if logs.is_ruined {
            return Outcome::Null(Flag::Ruin);
        }
        logs.straightness.map_or(Outcome::Null(Flag::ZeroDispersion), Outcome::Value)
    }),
};

/// Logarithms of 1 and the returns, summed up.
#[derive(Clone, Copy, Debug)]
pub struct Logs {
    /// Their sum.
    pub total: f64,
    /// Square of the correlation of their running sum with time; None where it does not move.
    pub straightness: Option<f64>,
    /// Whether a return left nothing, so that its logarithm has no value.
    pub is_ruined: bool,
}

impl Logs {
    /// Of simple returns.
    pub fn new(returns: &[f64]) -> Self {
        if returns.iter().any(|value| *value <= -1.0) {
            return Self { total: f64::NAN, straightness: None, is_ruined: true };
        }
        let mut logs = Buffer::with_capacity(returns.len());
        logs.extend(returns.iter().map(|value| 1.0 + value));
        ln_each(&mut logs);
        for (log, value) in logs.iter_mut().zip(returns) {
            // What adding 1 has rounded off a small return; of a large one it is nothing.
            let lost = value - ((1.0 + value) - 1.0);
            *log += if value.abs() < 0.25 { lost - lost * value } else { 0.0 };
        }
        let [total] = sums(&logs, |value| [value]);
        let mut level = 0.0;
        for value in logs.iter_mut() {
            level += *value;
            *value = level;
        }
        Self { total, straightness: straightness(&logs), is_ruined: false }
    }
}

/// Square of the correlation of values with their place; None where they do not move.
fn straightness(levels: &[f64]) -> Option<f64> {
    const PIECE: usize = 64;
    let n = levels.len() as f64;
    let mean = sums(levels, |value| [value])[0] / n;
    let middle = 0.5 * (n - 1.0);
    let (mut along, mut squares) = (Sum::default(), Sum::default());
    for (piece, values) in levels.chunks(PIECE).enumerate() {
        let start = (piece * PIECE) as f64 - middle;
        let (mut sum, mut square) = ([0.0; 4], [0.0; 4]);
        for (index, few) in values.chunks(4).enumerate() {
            let first = start + (4 * index) as f64;
            for (lane, value) in few.iter().enumerate() {
                let distance = value - mean;
                sum[lane] += (first + lane as f64) * distance;
                square[lane] += distance * distance;
            }
        }
        along.add((sum[0] + sum[1]) + (sum[2] + sum[3]));
        squares.add((square[0] + square[1]) + (square[2] + square[3]));
    }
    let (low, high) = extremes(levels);
    if (squares.value() / n).sqrt() <= FLAT * low.abs().max(high.abs()) {
        return None;
    }
    let times = n * (n * n - 1.0) / 12.0;
    // Rounding takes a straight line beyond 1.
    Some((along.value() / times * (along.value() / squares.value())).min(1.0))
}
