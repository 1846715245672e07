//! Agents who herd: fundamentalists and chartists, whose shares move the volatility.
//!
//! The price moves by the demand of two groups. Fundamentalists bet on its return to the
//! fundamental value, which is `p0`; chartists, that the last move goes on. Agents change sides as
//! others do, and back to fundamentals the further the price strays. Since the demand of chartists
//! is the noisier one, volatility comes in clusters without being asked to.

use super::document::Scenario;
use super::law::{self, Fact, Law};
use super::model::{BarDraws, Even, Model, Outlook, Steps};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::math::exp;
use crate::parameter::Param;

/// Bars after which a path has forgotten that it began at the fundamental value.
const BURN_IN_BARS: usize = 2_000;

/// The defaults are the authors' estimates, from daily returns of the S&P 500.
pub(super) const AGENTS: Family = Family {
    name: "agents",
    source: "Franke and Westerhoff (2012), \"Structural stochastic volatility in asset pricing \
             dynamics\", Journal of Economic Dynamics and Control 36(8), model DCA-HPM",
    params: &[
        param("mu", "log price per unit of demand", 1e-6, 0.1, 0.01),
        param("beta", "intensity of choice", 0.0, 10.0, 1.0),
        param("phi", "demand per log price", 0.0, 5.0, 0.12),
        param("chi", "demand per log return", 0.0, 5.0, 1.5),
        param("alpha_0", "attractiveness", -10.0, 10.0, -0.327),
        param("alpha_n", "attractiveness per share", 0.0, 10.0, 1.79),
        param("alpha_p", "attractiveness per squared log price", 0.0, 1000.0, 18.43),
        param("sigma_f", "demand", 1e-3, 50.0, 0.758),
        param("sigma_c", "demand", 1e-3, 50.0, 2.087),
        // Times the return of a day, for bars of another length.
        param("scale", "daily returns per bar", 1e-6, 10.0, 1.0),
    ],
    choices: &[],
    structures: &[],
    needs_source: false,
    keeps_length: false,
    assets_max: 1,
    // Heavy tails are what the model is there to explain; draws that have them already would
    // spoil the estimates.
    takes_student_t: false,
    prepare,
};

const fn param(name: &'static str, unit: &'static str, min: f64, max: f64, default: f64) -> Param {
    let default = Some(default);
    Param { name, unit, min, is_min_open: false, max, default, is_integer: false }
}

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let get = |name| scenario.params.get(name);
    Ok(Box::new(Agents {
        mu: get("mu"),
        beta: get("beta"),
        phi: get("phi"),
        chi: get("chi"),
        alpha_0: get("alpha_0"),
        alpha_n: get("alpha_n"),
        alpha_p: get("alpha_p"),
        sigma_f: get("sigma_f"),
        sigma_c: get("sigma_c"),
        scale: get("scale"),
        x: 0.0,
        last: 0.0,
        attraction: 0.0,
    }))
}

#[derive(Clone, Copy, Debug)]
struct Agents {
    mu: f64,
    beta: f64,
    phi: f64,
    chi: f64,
    alpha_0: f64,
    alpha_n: f64,
    alpha_p: f64,
    sigma_f: f64,
    sigma_c: f64,
    scale: f64,
    /// Log price over the fundamental value, unscaled, overlays left out.
    x: f64,
    /// The last bar's log return, likewise.
    last: f64,
    /// How much more attractive fundamentalism was than chartism, at the bar before.
    attraction: f64,
}

impl Agents {
    /// Share of the fundamentalists in the coming bar.
    fn fundamentalists(&self) -> f64 {
        1.0 / (1.0 + exp(-self.beta * self.attraction))
    }

    /// Mean and deviation of the coming bar's unscaled return.
    fn law(&self, share: f64) -> (f64, f64) {
        let rest = 1.0 - share;
        let demand = rest * self.chi * self.last - share * self.phi * self.x;
        let (calm, wild) = (share * self.sigma_f, rest * self.sigma_c);
        (self.mu * demand, self.mu * (calm * calm + wild * wild).sqrt())
    }

    /// Whether the parameters that shape returns are the estimates.
    fn is_estimated(scenario: &Scenario) -> bool {
        let is_default = |param: &Param| {
            param.name == "scale" || param.default == Some(scenario.params.get(param.name))
        };
        AGENTS.params.iter().all(is_default)
    }
}

impl Univariate for Agents {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let mut laws = law::of_ranges(scenario, 0.01);
        laws.push(Law::near("mean", &[], 0.0));
        if Self::is_estimated(scenario) {
            // The bands are around moments of long runs of the model as it was published.
            let variance = 0.0097 * 0.0097 * self.scale * self.scale;
            laws.push(Law::within("variance", &[], variance, 0.1 * variance));
            laws.push(Law::between("kurtosis", &[], 4.0, 6.5));
            laws.push(Law::between("hill", &[0.05], 3.0, 4.6));
            laws.push(Law::between("acf", &[1.0], -0.05, 0.05));
            laws.push(Law::between("acf_abs", &[1.0], 0.10, 0.25));
            laws.push(Law::between("acf_abs", &[10.0], 0.10, 0.20));
            laws.push(Law::between("acf_abs", &[50.0], 0.05, 0.16));
        }
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        BURN_IN_BARS
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        let seen = [Fact::HeavyTails, Fact::VolatilityClustering, Fact::SlowDecay];
        // Returns are correlated by less than a hundredth, which enough bars tell from nothing.
        let unsure = [
            Fact::NoLinearAutocorrelation,
            Fact::AggregationalGaussianity,
            Fact::Intermittency,
            Fact::ConditionalHeavyTails,
            Fact::TimeScaleAsymmetry,
        ];
        if Self::is_estimated(scenario) {
            return law::facts(scenario, &seen, &unsure);
        }
        law::facts(scenario, &[], &[&seen[..], &unsure[..]].concat())
    }
}

impl Model for Agents {
    fn deviation(&self) -> f64 {
        self.scale * self.law(self.fundamentalists()).1
    }

    fn reopen(&mut self, gap: f64) {
        self.x += gap / self.scale;
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let share = self.fundamentalists();
        let (mean, deviation) = self.law(share);
        let even = Even {
            predictable: self.scale * mean * bar.length,
            constant: 0.0,
            deviation: self.scale * deviation * bar.length.sqrt(),
        };
        let (own, outlook) = even.walk(bar, steps);
        self.attraction =
            self.alpha_n * (2.0 * share - 1.0) + self.alpha_0 + self.alpha_p * (self.x * self.x);
        self.last = own / self.scale;
        self.x += self.last;
        outlook
    }
}

#[cfg(test)]
mod tests {
    use crate::math::{ln, sum};
    use crate::scenario::generate;
    use serde_json::{Value, json};

    fn document(params: Value, bars: usize) -> Value {
        json!({
            "family": "agents", "timeframe": "1h", "duration_bars": bars, "seed": 29,
            "params": params, "volume_model": "const",
        })
    }

    fn returns(document: &Value) -> Vec<f64> {
        let bars = generate(document, None, false).unwrap().bars;
        bars.open.iter().zip(&bars.close).map(|(o, c)| ln(c / o)).collect()
    }

    fn memory(values: &[f64], lag: usize) -> f64 {
        let mean = sum(values.iter().copied()) / values.len() as f64;
        let lagged = values.iter().zip(&values[lag..]).map(|(a, b)| (a - mean) * (b - mean));
        sum(lagged) / sum(values.iter().map(|value| (value - mean) * (value - mean)))
    }

    #[test]
    fn the_estimates_give_the_moments_that_were_published() {
        let returns = returns(&document(json!({}), 400_000));
        let n = returns.len() as f64;
        let variance = sum(returns.iter().map(|r| r * r)) / n;
        let kurtosis = sum(returns.iter().map(|r| r * r * r * r)) / n / (variance * variance);
        assert!((variance.sqrt() - 0.0097).abs() < 0.0004, "{}", variance.sqrt());
        assert!((kurtosis - 4.9).abs() < 0.5, "{kurtosis}");
        assert!(memory(&returns, 1).abs() < 0.03);
        let mut sizes: Vec<f64> = returns.iter().map(|r| r.abs()).collect();
        for (lag, expected) in [(1, 0.16), (10, 0.15), (50, 0.10)] {
            let found = memory(&sizes, lag);
            assert!((found - expected).abs() < 0.025, "{found} at lag {lag}");
        }
        sizes.sort_by(f64::total_cmp);
        let tail = &sizes[sizes.len() - 20_000..];
        let hill = 20_000.0 / sum(tail.iter().map(|size| ln(size / tail[0])));
        assert!((hill - 3.7).abs() < 0.3, "{hill}");
    }

    #[test]
    fn two_bars_follow_the_equations_by_hand() {
        let mut document = document(json!({"scale": 0.5}), 100);
        document["n_sub"] = json!(1);
        let made = generate(&document, None, true).unwrap();
        // At first all shares are one half, and no misalignment tells a direction.
        let noise = |share: f64| {
            let (calm, wild) = (share * 0.758, (1.0 - share) * 2.087);
            0.01 * (calm * calm + wild * wild).sqrt()
        };
        assert_eq!(made.latent.mean[0], 0.0);
        assert!((made.latent.deviation[0] - 0.5 * noise(0.5)).abs() < 1e-15);
        let x = ln(made.bars.close[0] / 100.0) / 0.5;
        let share = 1.0 / (1.0 + crate::math::exp(0.327));
        let demand = (1.0 - share) * 1.5 * x - share * 0.12 * x;
        assert!((made.latent.mean[1] - 0.5 * 0.01 * demand).abs() < 1e-15);
        assert!((made.latent.deviation[1] - 0.5 * noise(share)).abs() < 1e-15);
        // Only now does the misalignment after bar 0 count.
        let attraction = 1.79 * (2.0 * share - 1.0) - 0.327 + 18.43 * x * x;
        let share = 1.0 / (1.0 + crate::math::exp(-attraction));
        assert!((made.latent.deviation[2] - 0.5 * noise(share)).abs() < 1e-15);
    }

    #[test]
    fn draws_with_heavy_tails_of_their_own_are_refused() {
        let mut document = document(json!({}), 100);
        document["innovations"] = json!({"dist": "student_t", "nu": 5});
        let error = generate(&document, None, false).unwrap_err();
        assert_eq!(error.code(), "FIELD_INVALID");
        assert!(error.to_string().starts_with("/innovations/dist: got student_t"), "{error}");
        document["innovations"] = json!({});
        document["params"] = json!({"mu": 0.2});
        assert_eq!(generate(&document, None, false).unwrap_err().code(), "PARAM_RANGE");
    }
}
