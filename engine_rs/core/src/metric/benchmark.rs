//! Metrics beside a benchmark: another series of returns over the same bars.

use super::returns::flat;
use super::study::Study;
use super::sums::{extremes, pair_product, pair_sums};
use super::{Compute, Flag, Metric, Outcome, is_still};
use crate::math::pow;

/// Row of `beta`.
pub const BETA: Metric = Metric {
    name: "beta",
    unit: "ratio",
    better: "neither",
    basis: "bar",
    needs: "benchmark",
    formula: "covariance of the returns with the benchmark's over the variance of those",
    null: "absent without a benchmark, LOW_SAMPLE below two returns, FLAT_BENCHMARK",
    source: "empyrical beta",
    compute: Compute::Study(|study| {
        beside(study, |relation| {
            relation.beta().map_or(Outcome::Null(Flag::FlatBenchmark), Outcome::Value)
        })
    }),
};

/// Row of `alpha`.
pub const ALPHA: Metric = Metric {
    name: "alpha",
    unit: "fraction/year",
    better: "higher",
    basis: "bar",
    needs: "benchmark",
    formula: "mean of the returns less beta times the benchmark's, both over the riskless rate, compounded to a year",
    null: "absent without a benchmark, LOW_SAMPLE below two returns, FLAT_BENCHMARK",
    source: "Jensen (1968), J. of Finance 23(2); empyrical alpha",
    compute: Compute::Study(|study| {
        beside(study, |relation| {
            let Some(beta) = relation.beta() else {
                return Outcome::Null(Flag::FlatBenchmark);
            };
            let rf = study.rates.rf;
            let mean = (relation.mean - rf) - beta * (relation.benchmark_mean - rf);
            Outcome::Value(pow(1.0 + mean, study.record.bars_per_year) - 1.0)
        })
    }),
};

/// Row of `info_ratio`.
pub const INFO_RATIO: Metric = Metric {
    name: "info_ratio",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "bar",
    needs: "benchmark",
    formula: "mean over deviation (ddof 1) of the returns less the benchmark's, times the root of bars a year",
    null: "absent without a benchmark, LOW_SAMPLE below two returns, ZERO_DISPERSION (0 if they are the same)",
    source: "empyrical excess_sharpe",
    compute: Compute::Study(|study| {
        beside(study, |relation| {
            if is_still(relation.difference_deviation, relation.difference_largest) {
                return flat(relation.difference_mean);
            }
            let ratio = relation.difference_mean / relation.difference_deviation;
            Outcome::Value(ratio * study.record.bars_per_year.sqrt())
        })
    }),
};

/// Row of `up_capture`.
pub const UP_CAPTURE: Metric = Metric {
    name: "up_capture",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "benchmark",
    formula: "annual growth over the bars in which the benchmark rises, over that of the benchmark",
    null: "absent without a benchmark, LOW_SAMPLE below two returns, FLAT_BENCHMARK if it never rises",
    source: "empyrical up_capture",
    compute: Compute::Study(|study| {
        beside(study, |relation| relation.up.capture(study.record.bars_per_year))
    }),
};

/// Row of `down_capture`.
pub const DOWN_CAPTURE: Metric = Metric {
    name: "down_capture",
    unit: "ratio",
    better: "lower",
    basis: "bar",
    needs: "benchmark",
    formula: "annual growth over the bars in which the benchmark falls, over that of the benchmark",
    null: "absent without a benchmark, LOW_SAMPLE below two returns, FLAT_BENCHMARK if it never falls",
    source: "empyrical down_capture",
    compute: Compute::Study(|study| {
        beside(study, |relation| relation.down.capture(study.record.bars_per_year))
    }),
};

fn beside(study: &Study, value: impl FnOnce(&Relation) -> Outcome) -> Outcome {
    match study.relation() {
        None => Outcome::Absent,
        Some(_) if study.record.n_bars < 2 => Outcome::Null(Flag::LowSample),
        Some(relation) => value(relation),
    }
}

/// A series beside its benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    /// Mean return.
    pub mean: f64,
    /// That of the benchmark.
    pub benchmark_mean: f64,
    covariance: f64,
    /// Of the benchmark, and whether that is none.
    variance: f64,
    is_flat: bool,
    /// Of the returns less the benchmark's.
    pub difference_mean: f64,
    /// Of the same, ddof 1.
    pub difference_deviation: f64,
    /// Largest of the same, without sign.
    pub difference_largest: f64,
    /// Over the bars in which the benchmark rises.
    pub up: Side,
    /// Over those in which it falls.
    pub down: Side,
}

/// Growth of both over some of the bars.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    n_bars: f64,
    growth: f64,
    benchmark_growth: f64,
}

impl Relation {
    /// Of returns and benchmark of one length.
    pub fn new(returns: &[f64], benchmark: &[f64]) -> Self {
        assert_eq!(returns.len(), benchmark.len());
        let n = returns.len() as f64;
        let [sum, benchmark_sum, difference] = pair_sums(returns, benchmark, |r, b| [r, b, r - b]);
        let (mean, benchmark_mean) = (sum / n, benchmark_sum / n);
        let difference_mean = difference / n;
        let [covariance, variance, squares] = pair_sums(returns, benchmark, |r, b| {
            let (r_off, b_off, off) = (r - mean, b - benchmark_mean, r - b - difference_mean);
            [r_off * b_off, b_off * b_off, off * off]
        });
        let (low, high) = extremes(benchmark);
        let benchmark_largest = low.abs().max(high.abs());
        let differences = returns.iter().zip(benchmark).map(|(r, b)| (r - b).abs());
        let difference_largest = differences.fold(0.0, f64::max);
        let degrees = (n - 1.0).max(1.0);
        let [up, down] = sides(returns, benchmark);
        Self {
            mean,
            benchmark_mean,
            covariance,
            variance,
            is_flat: is_still((variance / degrees).sqrt(), benchmark_largest),
            difference_mean,
            difference_deviation: (squares / degrees).sqrt(),
            difference_largest,
            up,
            down,
        }
    }

    /// None where the benchmark does not move.
    pub fn beta(&self) -> Option<f64> {
        (!self.is_flat).then(|| self.covariance / self.variance)
    }
}

/// Over the bars in which the benchmark rises, and in which it falls.
fn sides(returns: &[f64], benchmark: &[f64]) -> [Side; 2] {
    let grown = |value: f64, is_in: bool| if is_in { 1.0 + value } else { 1.0 };
    let [growth, benchmark_growth, other_growth, other_benchmark_growth] =
        pair_product(returns, benchmark, |r, b| {
            let (is_up, is_down) = (b > 0.0, b < 0.0);
            [grown(r, is_up), grown(b, is_up), grown(r, is_down), grown(b, is_down)]
        });
    let [n_up, n_down] = pair_sums(returns, benchmark, |_, b| {
        [if b > 0.0 { 1.0 } else { 0.0 }, if b < 0.0 { 1.0 } else { 0.0 }]
    });
    [
        Side { n_bars: n_up, growth, benchmark_growth },
        Side { n_bars: n_down, growth: other_growth, benchmark_growth: other_benchmark_growth },
    ]
}

impl Side {
    fn capture(&self, bars_per_year: f64) -> Outcome {
        if self.n_bars == 0.0 {
            return Outcome::Null(Flag::FlatBenchmark);
        }
        let annual = |growth: f64| {
            if growth <= 0.0 { -1.0 } else { pow(growth, bars_per_year / self.n_bars) - 1.0 }
        };
        let benchmark = annual(self.benchmark_growth);
        if benchmark == 0.0 {
            return Outcome::Null(Flag::FlatBenchmark);
        }
        Outcome::Value(annual(self.growth) / benchmark)
    }
}
