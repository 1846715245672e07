//! Metrics of how far the Sharpe ratio can be trusted.

use super::returns::flat;
use super::study::Study;
use super::sums::{Buffer, product_sum};
use super::{Compute, Flag, Metric, Outcome};
use crate::math::{Sum, ln, normal_cdf};

/// Row of `sharpe_lo`.
pub const SHARPE_LO: Metric = Metric {
    name: "sharpe_lo",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean over deviation of a bar, annualised with the autocorrelations of the first 10 log10(n) lags instead of the root of bars a year",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION (0 where nothing was gained), AUTOCORRELATED where the variance of a year comes out as none",
    source: "Lo (2002), Financial Analysts J. 58(4)",
    compute: Compute::Study(|study| {
        let excess = &study.record.excess;
        if study.record.n_bars < 2 {
            return Outcome::Null(Flag::LowSample);
        }
        if excess.is_flat {
            return flat(excess.mean);
        }
        let scale = study.serial().annual_scale(study.record.bars_per_year);
        scale.map_or(Outcome::Null(Flag::Autocorrelated), |scale| {
            Outcome::Value(excess.mean / excess.deviation * scale)
        })
    }),
};

/// Row of `psr`.
pub const PSR: Metric = Metric {
    name: "psr",
    unit: "probability",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "probability that the true Sharpe ratio is above 0, from that of a bar, skew and kurtosis",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION",
    source: "Bailey and Lopez de Prado (2012), J. Risk 15(2)",
    compute: Compute::Study(|study| {
        by_sharpe(study, |sharpe, variance| {
            let n = study.record.n_bars as f64;
            Outcome::Value(normal_cdf(sharpe * (n - 1.0).sqrt() / variance.sqrt()))
        })
    }),
};

/// Row of `psr_h0`.
pub const PSR_H0: Metric = Metric {
    name: "psr_h0",
    unit: "probability",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "the same with the variance of the Sharpe ratio under the hypothesis that it is 0, autocorrelation of one lag counted",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION, AUTOCORRELATED",
    source: "Lopez de Prado, Lipton and Zoonekynd (2025), How to use the Sharpe ratio",
    compute: Compute::Study(|study| {
        by_sharpe(study, |sharpe, _| {
            let n = study.record.n_bars as f64;
            let rho = study.serial().rho(1);
            let variance = (1.0 + rho) / (1.0 - rho) / n;
            if !(variance > 0.0 && variance.is_finite()) {
                return Outcome::Null(Flag::Autocorrelated);
            }
            Outcome::Value(normal_cdf(sharpe / variance.sqrt()))
        })
    }),
};

/// Row of `min_trl`.
pub const MIN_TRL: Metric = Metric {
    name: "min_trl",
    unit: "bars",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "bars after which this Sharpe ratio would be above 0 with a confidence of 95 %",
    null: "LOW_SAMPLE below two returns, ZERO_DISPERSION, NO_EDGE if the Sharpe ratio is not above 0",
    source: "Bailey and Lopez de Prado (2012), J. Risk 15(2)",
    compute: Compute::Study(|study| {
        by_sharpe(study, |sharpe, variance| {
            if sharpe <= 0.0 {
                return Outcome::Null(Flag::NoEdge);
            }
            let z = crate::random::normal(0.95) / sharpe;
            Outcome::Value(1.0 + variance * z * z)
        })
    }),
};

/// Sharpe ratio of a bar and the factor of its variance, handed to `value`.
fn by_sharpe(study: &Study, value: impl FnOnce(f64, f64) -> Outcome) -> Outcome {
    let (excess, shape) = (&study.record.excess, study.shape());
    if study.record.n_bars < 2 {
        return Outcome::Null(Flag::LowSample);
    }
    if excess.is_flat || shape.is_flat {
        return Outcome::Null(Flag::ZeroDispersion);
    }
    let sharpe = excess.mean / excess.deviation;
    let variance = 1.0 - shape.skew * sharpe + (shape.kurt - 1.0) / 4.0 * sharpe * sharpe;
    // Never below zero but for rounding; zero for two returns that differ, as for a coin.
    if variance <= 1e-12 {
        return Outcome::Null(Flag::ZeroDispersion);
    }
    value(sharpe, variance)
}

/// Autocorrelations of a series.
#[derive(Clone, Debug)]
pub struct Serial {
    /// Of lag 1, 2, …; zero beyond.
    rho: Vec<f64>,
}

impl Serial {
    /// Of the first 10 log10(n) lags, about `mean`.
    pub fn new(values: &[f64], mean: f64) -> Self {
        // A tile and what lies the longest lag before it stay in the nearest cache.
        const TILE: usize = 1_024;
        let n = values.len();
        // Log10 of a power of ten may come out a little low.
        let n_lags = (10.0 * ln(n.max(1) as f64) / std::f64::consts::LN_10 + 1e-9) as usize;
        let n_lags = n_lags.min(n.saturating_sub(1));
        let mut distances = Buffer::with_capacity(n);
        distances.extend(values.iter().map(|value| value - mean));
        let mut products = vec![Sum::default(); n_lags + 1];
        for start in (0..n).step_by(TILE) {
            let end = (start + TILE).min(n);
            for (lag, product) in products.iter_mut().enumerate() {
                let from = start.max(lag);
                if from < end {
                    product
                        .add(product_sum(&distances[from..end], &distances[from - lag..end - lag]));
                }
            }
        }
        let variance = products[0].value();
        let rho = products[1..].iter().map(|product| product.value() / variance).collect();
        Self { rho }
    }

    /// Autocorrelation of a lag, from 1.
    pub fn rho(&self, lag: usize) -> f64 {
        self.rho.get(lag - 1).copied().unwrap_or(0.0)
    }

    /// What a ratio of one bar is multiplied by for one of so many; None where the variance of
    /// their sum is none.
    fn annual_scale(&self, bars: f64) -> Option<f64> {
        let mut variance = Sum::default();
        variance.add(bars);
        for (index, rho) in self.rho.iter().enumerate() {
            let lag = (index + 1) as f64;
            if lag <= bars - 1.0 {
                variance.add(2.0 * (bars - lag) * rho);
            }
        }
        let variance = variance.value();
        (variance > 0.0).then(|| bars / variance.sqrt())
    }
}
