//! Geometric Brownian motion: a drift and a constant volatility.

use super::document::{Choice, Scenario};
use super::law::{self, Law};
use super::model::{BPS, BarDraws, Even, Model, Outlook, Steps};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;

pub(super) const TREND: Family = Family {
    name: "trend",
    source: "Osborne (1959), Operations Research 7(2); Samuelson (1965), IMR 6(2)",
    params: &[
        Param {
            name: "drift",
            unit: "bps per bar",
            min: -500.0,
            is_min_open: false,
            max: 500.0,
            default: None,
            is_integer: false,
        },
        Param {
            name: "sigma",
            unit: "bps per root bar",
            min: 0.0,
            is_min_open: true,
            max: 2000.0,
            default: None,
            is_integer: false,
        },
    ],
    // `ito`: the expected price grows by e^drift a bar. `log`: the expected log price by drift.
    choices: &[Choice { name: "drift_convention", values: &["ito", "log"] }],
    structures: &[],
    needs_source: false,
    keeps_length: false,
    assets_max: 1,
    takes_student_t: true,
    prepare,
};

/// Drift and volatility as decimals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trend {
    drift: f64,
    deviation: f64,
    is_ito: bool,
}

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let is_ito = scenario.choice("drift_convention") == "ito";
    let (drift, sigma) = (scenario.params.get("drift"), scenario.params.get("sigma"));
    Ok(Box::new(Trend::new(drift, sigma, is_ito)))
}

impl Trend {
    /// Takes a drift in bps per bar and a deviation in bps per root bar.
    pub fn new(drift: f64, sigma: f64, is_ito: bool) -> Self {
        Self { drift: drift * BPS, deviation: sigma * BPS, is_ito }
    }

    /// Drift, a decimal.
    pub fn drift(&self) -> f64 {
        self.drift
    }

    /// Mean of a nominal bar's log return.
    pub fn log_mean(&self) -> f64 {
        self.drift + if self.is_ito { -0.5 * (self.deviation * self.deviation) } else { 0.0 }
    }

    /// By what share at most the drift bends the ranges of bars.
    pub fn bend(&self) -> f64 {
        let ratio = self.log_mean() / self.deviation;
        ratio * ratio
    }

    /// Law of the coming bar.
    #[inline]
    pub fn even(&self, bar: &BarDraws<'_>) -> Even {
        let deviation = self.deviation * bar.length.sqrt();
        let wide = deviation * bar.volatility;
        Even {
            predictable: self.drift * bar.length,
            constant: if self.is_ito { -0.5 * (wide * wide) } else { 0.0 },
            deviation,
        }
    }
}

impl Univariate for Trend {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let mut laws = law::of_independent_returns(scenario, self.log_mean(), self.deviation);
        laws.extend(law::of_ranges(scenario, self.bend()));
        laws
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        law::facts_of_independent_returns(scenario)
    }
}

impl Model for Trend {
    fn deviation(&self) -> f64 {
        self.deviation
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        self.even(bar).walk(bar, steps).1
    }
}

#[cfg(test)]
mod tests {
    use crate::math::{ln, sum};
    use crate::scenario::generate;
    use serde_json::json;

    /// Mean and variance of the log returns, in units of s and s², s being 50 bps.
    fn moments(convention: &str, n: usize) -> (f64, f64) {
        let document = json!({
            "family": "trend", "timeframe": "1m", "duration_bars": n, "seed": 11,
            "params": {"drift": 2.0, "sigma": 50.0, "drift_convention": convention},
            "volume_model": "const",
        });
        let bars = generate(&document, None, false).unwrap().bars;
        let returns: Vec<f64> =
            bars.open.iter().zip(&bars.close).map(|(o, c)| ln(c / o) / 50e-4).collect();
        let mean = sum(returns.iter().copied()) / n as f64;
        let squares = returns.iter().map(|r| (r - mean) * (r - mean));
        (mean, sum(squares) / (n - 1) as f64)
    }

    #[test]
    fn returns_have_the_mean_and_variance_that_were_asked_for() {
        let n = 40_000;
        let (mean, variance) = moments("log", n);
        assert!((mean - 2.0 / 50.0).abs() < 4.0 / (n as f64).sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt(), "{variance}");
    }

    #[test]
    fn the_ito_convention_takes_off_half_the_variance() {
        let n = 40_000;
        let ((ito, _), (log, _)) = (moments("ito", n), moments("log", n));
        // Same draws, so the difference is exact but for rounding: s/2 in units of s.
        assert!((log - ito - 0.5 * 50e-4).abs() < 1e-9, "{}", log - ito);
    }
}
