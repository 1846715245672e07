//! Geometric Brownian motion: a drift and a constant volatility.

use super::document::{Choice, Scenario};
use super::path::{BPS, Diffusion, PathFacts, PathRows, Step, walk};
use super::{Family, no_further_check};
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
    needs_source: false,
    check: no_further_check,
    write_path,
};

struct Constant(Step);

impl Diffusion for Constant {
    #[inline]
    fn next_bar(&mut self) -> Step {
        self.0
    }

    #[inline]
    fn observe(&mut self, _r: f64) {}
}

fn write_path(
    scenario: &Scenario,
    _source: Option<&Bars>,
    path: usize,
    rows: PathRows<'_>,
) -> Result<PathFacts, EngineError> {
    walk(scenario, path, &mut Constant(step(scenario)), rows)
}

fn step(scenario: &Scenario) -> Step {
    let n = scenario.n_sub as f64;
    let s = scenario.params.get("sigma") * BPS;
    let drift = scenario.params.get("drift") * BPS;
    let is_ito = scenario.choice("drift_convention") == "ito";
    let m = if is_ito { drift - 0.5 * (s * s) } else { drift };
    Step { mean: m / n, scale: s / n.sqrt(), variance: s * s / n, deviation: s }
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
        let bars = generate(&document, None).unwrap().bars;
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
