//! GARCH(1,1): calm follows calm and storm follows storm.

use super::document::{Choice, Scenario};
use super::field::refused;
use super::law::{self, Law};
use super::path::{BPS, BarDraws, Even, Model, Outlook, Steps};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;

/// Largest α + β: at 1 the variance has no mean to start from or to return to.
const PERSISTENCE_MAX: f64 = 0.9999;

pub(super) const VOL_CLUSTER: Family = Family {
    name: "vol_cluster",
    source: "Bollerslev (1986), Journal of Econometrics 31(3)",
    params: &[
        Param {
            name: "omega",
            unit: "bps squared per bar",
            min: 0.0,
            is_min_open: true,
            max: 1e6,
            default: None,
            is_integer: false,
        },
        share("alpha"),
        share("beta"),
        Param {
            name: "mu",
            unit: "bps per bar",
            min: -500.0,
            is_min_open: false,
            max: 500.0,
            default: Some(0.0),
            is_integer: false,
        },
    ],
    choices: &[Choice { name: "form", values: &["garch"] }],
    structures: &[],
    needs_source: false,
    assets_max: 1,
    takes_student_t: true,
    prepare,
};

const fn share(name: &'static str) -> Param {
    Param {
        name,
        unit: "fraction",
        min: 0.0,
        is_min_open: false,
        max: PERSISTENCE_MAX,
        default: None,
        is_integer: false,
    }
}

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let params = &scenario.params;
    let (alpha, beta) = (params.get("alpha"), params.get("beta"));
    // 0.0999 + 0.9 is a hair above 0.9999 in binary; the hair is not what is refused.
    if alpha + beta > PERSISTENCE_MAX + 1e-12 {
        let got = format!("alpha {alpha} and beta {beta}");
        let expected =
            format!("alpha + beta of at most {PERSISTENCE_MAX} (the variance must be finite)");
        return Err(refused("/params/alpha", got, expected));
    }
    let (omega, mu) = (params.get("omega"), params.get("mu"));
    Ok(Box::new(Garch { omega, alpha, beta, mu, h: omega / (1.0 - alpha - beta) }))
}

#[derive(Clone, Copy, Debug)]
struct Garch {
    omega: f64,
    alpha: f64,
    beta: f64,
    /// bps per bar.
    mu: f64,
    /// Conditional variance of the coming bar, bps².
    h: f64,
}

impl Univariate for Garch {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, _scenario: &Scenario) -> Vec<Law> {
        law::of_ranges()
    }

    fn facts(&self, _scenario: &Scenario) -> Facts {
        Facts::default()
    }
}

impl Model for Garch {
    fn deviation(&self) -> f64 {
        self.h.sqrt() * BPS
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let even = Even {
            predictable: self.mu * BPS * bar.length,
            constant: 0.0,
            deviation: self.h.sqrt() * BPS * bar.length.sqrt(),
        };
        let (own, outlook) = even.walk(bar, steps);
        let epsilon = own / BPS - self.mu * bar.length;
        self.h = self.omega + self.alpha * (epsilon * epsilon) + self.beta * self.h;
        outlook
    }
}

#[cfg(test)]
mod tests {
    use crate::math::{ln, sum};
    use crate::scenario::generate;
    use serde_json::{Value, json};

    fn document(alpha: f64, beta: f64, n: usize) -> Value {
        json!({
            "family": "vol_cluster", "timeframe": "1m", "duration_bars": n, "seed": 5,
            "params": {"omega": 10.0, "alpha": alpha, "beta": beta, "mu": 0.5},
            "volume_model": "coupled",
        })
    }

    /// Log returns in bps, less their mean of 0.5.
    fn shocks(document: &Value) -> Vec<f64> {
        let bars = generate(document, None, false).unwrap().bars;
        bars.open.iter().zip(&bars.close).map(|(o, c)| ln(c / o) / 1e-4 - 0.5).collect()
    }

    fn autocorrelation(values: &[f64]) -> f64 {
        let mean = sum(values.iter().copied()) / values.len() as f64;
        let lagged = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean));
        sum(lagged) / sum(values.iter().map(|value| (value - mean) * (value - mean)))
    }

    #[test]
    fn shocks_have_the_long_run_variance_and_cluster() {
        let (alpha, beta) = (0.1, 0.8);
        let shocks = shocks(&document(alpha, beta, 400_000));
        let squares: Vec<f64> = shocks.iter().map(|shock| shock * shock).collect();
        let variance = sum(squares.iter().copied()) / squares.len() as f64;
        assert!((variance / (10.0 / (1.0 - alpha - beta)) - 1.0).abs() < 0.05, "{variance}");
        // Bollerslev (1986): first autocorrelation of the squares.
        let expected =
            alpha * (1.0 - alpha * beta - beta * beta) / (1.0 - 2.0 * alpha * beta - beta * beta);
        let found = autocorrelation(&squares);
        assert!((found - expected).abs() < 0.04, "{found} beside {expected}");
        assert!(autocorrelation(&shocks).abs() < 0.01);
    }

    #[test]
    fn without_memory_every_bar_has_the_same_variance() {
        let shocks = shocks(&document(0.0, 0.0, 40_000));
        let squares: Vec<f64> = shocks.iter().map(|shock| shock * shock).collect();
        let variance = sum(squares.iter().copied()) / 4e4;
        assert!((variance / 10.0 - 1.0).abs() < 4.0 * (2.0_f64 / 4e4).sqrt(), "{variance}");
        assert!(autocorrelation(&squares).abs() < 4.0 / 4e4_f64.sqrt());
    }

    #[test]
    fn a_variance_without_a_mean_is_refused() {
        assert!(generate(&document(0.0999, 0.9, 100), None, false).is_ok());
        let error = generate(&document(0.2, 0.8, 100), None, false).unwrap_err();
        assert_eq!(error.code(), "FIELD_INVALID");
        assert!(error.to_string().contains("alpha 0.2 and beta 0.8"), "{error}");
    }

    #[test]
    fn coupled_volume_rises_with_the_size_of_the_return() {
        let bars = generate(&document(0.0, 0.0, 20_000), None, false).unwrap().bars;
        let size = |t: usize| ln(bars.close[t] / bars.open[t]).abs();
        let (mut calm, mut wild) = (0.0, 0.0);
        for t in 0..20_000 {
            // Half of |z| lies below 0.674.
            let is_calm = size(t) < 0.674 * 10.0_f64.sqrt() * 1e-4;
            *if is_calm { &mut calm } else { &mut wild } += ln(bars.volume[t] / 1000.0) / 1e4;
        }
        // E|z| is 0.325 in the calm half and 1.27 in the wild one; b is 0.5.
        assert!((wild - calm - 0.5 * (1.27 - 0.325)).abs() < 0.05, "{}", wild - calm);
    }
}
