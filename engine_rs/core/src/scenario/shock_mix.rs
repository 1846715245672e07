//! Jump diffusion: a trend whose bars now and then open with a jump.

use super::document::{Choice, Scenario, Structure};
use super::field::refused;
use super::law::{self, Fact, Law};
use super::model::{BPS, BarDraws, Model, Outlook, Steps};
use super::trend::Trend;
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::math::{exp, ln};
use crate::parameter::Param;
use crate::random::{Purpose, Stream, Uniforms};
use serde_json::{Value, json};

pub(super) const SHOCK_MIX: Family = Family {
    name: "shock_mix",
    source: "Merton (1976), Journal of Financial Economics 3(1-2)",
    params: &[
        param("drift", "bps per bar", -500.0, 500.0, Some(0.0)),
        Param { is_min_open: true, ..param("sigma", "bps per root bar", 0.0, 2000.0, Some(10.0)) },
        param("p_jump", "probability per bar", 0.0, 1.0, None),
        param("jump_mu", "bps", -5000.0, 5000.0, None),
        param("jump_sigma", "bps", 0.0, 5000.0, None),
    ],
    choices: &[Choice { name: "drift_convention", values: &["ito", "log"] }],
    // Whether the drift takes back what jumps add on average, so that `drift` is that of the whole.
    structures: &[Structure {
        name: "compensate",
        shape: "true or false",
        is_optional: true,
        complete: flag,
    }],
    needs_source: false,
    keeps_length: false,
    assets_max: 1,
    takes_student_t: true,
    prepare,
};

const fn param(
    name: &'static str,
    unit: &'static str,
    min: f64,
    max: f64,
    default: Option<f64>,
) -> Param {
    Param { name, unit, min, is_min_open: false, max, default, is_integer: false }
}

fn flag(path: &str, given: Option<&Value>) -> Result<Value, EngineError> {
    match given {
        None => Ok(json!(false)),
        Some(Value::Bool(flag)) => Ok(json!(flag)),
        Some(other) => Err(refused(path, other.to_string(), "true or false")),
    }
}

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let params = &scenario.params;
    let is_ito = scenario.choice("drift_convention") == "ito";
    let jumps = Jumps {
        p: params.get("p_jump"),
        mu: params.get("jump_mu") * BPS,
        sigma: params.get("jump_sigma") * BPS,
    };
    let compensation = match scenario.structure("compensate").as_bool() {
        Some(true) if is_ito => jumps.log_growth(),
        Some(true) => jumps.mean(),
        _ => 0.0,
    };
    let trend = Trend::new(params.get("drift"), params.get("sigma"), is_ito);
    Ok(Box::new(ShockMix { trend, jumps, compensation }))
}

/// With probability `p` a normal jump of the log price, at the open of a bar of any length.
#[derive(Clone, Copy, Debug)]
struct Jumps {
    p: f64,
    mu: f64,
    sigma: f64,
}

impl Jumps {
    fn mean(&self) -> f64 {
        self.p * self.mu
    }

    /// Second to fourth central moments of what jumps add to a bar.
    fn central_moments(&self) -> [f64; 3] {
        let Self { p, mu, sigma } = *self;
        let (mean, square, spread) = (p * mu, mu * mu, sigma * sigma);
        let second = p * (square + spread);
        let third = p * mu * (square + 3.0 * spread);
        let fourth = p * (square * square + 6.0 * square * spread + 3.0 * spread * spread);
        let mean_square = mean * mean;
        [
            second - mean_square,
            third - 3.0 * mean * second + 2.0 * mean_square * mean,
            fourth - 4.0 * mean * third + 6.0 * mean_square * second
                - 3.0 * mean_square * mean_square,
        ]
    }

    fn variance(&self) -> f64 {
        self.central_moments()[0]
    }

    /// Log of the factor by which jumps raise the expected price of a bar.
    fn log_growth(&self) -> f64 {
        ln(1.0 - self.p + self.p * exp(self.mu + 0.5 * (self.sigma * self.sigma)))
    }
}

#[derive(Clone, Copy, Debug)]
struct ShockMix {
    trend: Trend,
    jumps: Jumps,
    /// Log return of a bar that is taken off for its jumps.
    compensation: f64,
}

impl ShockMix {
    /// Skewness and kurtosis of a bar's return.
    fn shape(&self, scenario: &Scenario) -> (f64, f64) {
        let spread = self.trend.deviation() * self.trend.deviation();
        let [second, third, fourth] = self.jumps.central_moments();
        let variance = spread + second;
        let diffusive = scenario.innovations.fourth_moment() * spread * spread;
        let kurtosis = diffusive + 6.0 * spread * second + fourth;
        (third / (variance * variance.sqrt()), kurtosis / (variance * variance))
    }
}

impl Univariate for ShockMix {
    type Model = ShockPath;

    fn model(&self, scenario: &Scenario, path: usize) -> ShockPath {
        ShockPath {
            market: *self,
            events: Uniforms::new(scenario.stream(path, Purpose::JumpEvent)),
            sizes: scenario.stream(path, Purpose::JumpSize),
        }
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let Jumps { p, mu, sigma } = self.jumps;
        let (deviation, drift) =
            (self.trend.deviation(), self.trend.log_mean() - self.compensation);
        let bend = drift * drift / (deviation * deviation);
        let mut laws = law::of_ranges(scenario, bend);
        let variance = deviation * deviation + self.jumps.variance();
        laws.push(Law::near("mean", &[], drift + self.jumps.mean()));
        laws.push(law::of_variance(scenario, variance));
        laws.push(Law::between("ljung_box", &[20.0], 1e-4, 1.0));
        laws.extend([2.0, 4.0, 16.0].map(|q| Law::near("variance_ratio", &[q], 1.0)));
        laws.push(Law::within("gap_outside_jumps", &[], 0.0, 0.0));
        let has_size = mu != 0.0 || sigma != 0.0;
        laws.push(Law::near("jump_share", &[], if has_size { p } else { 0.0 }));
        // Of fewer jumps the moments tell nothing.
        if has_size && p >= 1e-3 {
            laws.push(Law::near("jump_mean", &[], mu));
            laws.push(Law::near("jump_variance", &[], sigma * sigma));
        }
        // Squares of rare jumps meet so seldom that no test of their correlations holds.
        if !has_size || p >= 5e-3 {
            laws.extend(law::of_independent_squares(scenario));
            let (skewness, kurtosis) = self.shape(scenario);
            if scenario.innovations.student().is_none() {
                laws.push(Law::near("skewness", &[], skewness));
                laws.push(Law::near("kurtosis", &[], kurtosis));
            }
        }
        laws
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        let mut shown = vec![Fact::NoLinearAutocorrelation];
        let mut undecided = Vec::new();
        let (skewness, kurtosis) = self.shape(scenario);
        if self.jumps.variance() > 0.0 {
            // How heavy rare jumps make the tail depends on where one begins to call it a tail.
            undecided.extend([Fact::HeavyTails, Fact::ConditionalHeavyTails, Fact::Intermittency]);
            let is_plain = kurtosis >= 6.0;
            let aggregation = if is_plain { &mut shown } else { &mut undecided };
            aggregation.push(Fact::AggregationalGaussianity);
            if skewness <= -1.0 {
                shown.push(Fact::GainLossAsymmetry);
            } else if skewness < 0.0 {
                undecided.push(Fact::GainLossAsymmetry);
            }
        }
        law::facts(scenario, &shown, &undecided)
    }
}

/// The market along one path.
struct ShockPath {
    market: ShockMix,
    /// Draw `t` says whether bar `t` jumps, draw `t` of the sizes how far.
    events: Uniforms,
    sizes: Stream,
}

impl Model for ShockPath {
    fn deviation(&self) -> f64 {
        self.market.trend.deviation()
    }

    #[inline]
    fn jump(&mut self, bar_index: usize) -> f64 {
        let Jumps { p, mu, sigma } = self.market.jumps;
        let t = bar_index as u64;
        if self.events.get(t) < p { mu + sigma * self.sizes.normal(t) } else { 0.0 }
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let mut even = self.market.trend.even(bar);
        even.constant -= self.market.compensation;
        let outlook = even.walk(bar, steps).1;
        let (jump_mean, jump_variance) = (self.market.jumps.mean(), self.market.jumps.variance());
        Outlook { jump_mean, jump_variance, ..outlook }
    }
}

#[cfg(test)]
mod tests {
    use crate::math::{ln, sum};
    use crate::scenario::{Generated, generate};
    use serde_json::{Value, json};

    const N: usize = 200_000;

    fn document(changes: &[(&str, Value)]) -> Value {
        let mut params = json!({
            "p_jump": 0.05, "jump_mu": -40.0, "jump_sigma": 60.0, "sigma": 20.0,
            "drift_convention": "log",
        });
        for (name, value) in changes {
            params[name] = value.clone();
        }
        json!({
            "family": "shock_mix", "timeframe": "1m", "duration_bars": N, "seed": 23,
            "params": params, "volume_model": "const",
        })
    }

    fn made(changes: &[(&str, Value)]) -> Generated {
        generate(&document(changes), None, true).unwrap()
    }

    /// Log returns from close to close, the first from `p0`.
    fn returns(made: &Generated) -> Vec<f64> {
        let before = std::iter::once(&100.0).chain(&made.bars.close);
        made.bars.close.iter().zip(before).map(|(now, before)| ln(now / before)).collect()
    }

    fn mean(values: impl Iterator<Item = f64>) -> f64 {
        let values: Vec<f64> = values.collect();
        sum(values.iter().copied()) / values.len() as f64
    }

    #[test]
    fn jumps_are_as_many_and_as_large_as_was_asked_for() {
        let made = made(&[]);
        let jumps: Vec<f64> =
            made.latent.jump.iter().copied().filter(|jump| *jump != 0.0).collect();
        let (n, p) = (N as f64, 0.05);
        assert_eq!(made.facts["jump_events"], jumps.len());
        assert!((jumps.len() as f64 - n * p).abs() < 4.0 * (n * p * (1.0 - p)).sqrt());
        let size = mean(jumps.iter().copied());
        assert!((size + 40e-4).abs() < 4.0 * 60e-4 / (n * p).sqrt(), "{size}");
        let spread = mean(jumps.iter().map(|jump| (jump - size) * (jump - size)));
        assert!((spread / 36e-6 - 1.0).abs() < 4.0 * (2.0 / (n * p)).sqrt(), "{spread}");
    }

    #[test]
    fn returns_have_the_moments_of_a_diffusion_and_its_jumps() {
        let returns = returns(&made(&[]));
        let (centre, p) = (mean(returns.iter().copied()), 0.05);
        let power = |k: i32| {
            mean(returns.iter().map(|r| (0..k).fold(1.0, |product, _| product * (r - centre))))
        };
        let expected = 4e-6 + p * (16e-6 + 36e-6) - p * p * 16e-6;
        assert!((centre + p * 40e-4).abs() < 4.0 * (expected / N as f64).sqrt(), "{centre}");
        assert!((power(2) / expected - 1.0).abs() < 0.04, "{}", power(2));
        let market = super::Jumps { p, mu: -40e-4, sigma: 60e-4 };
        let [second, third, fourth] = market.central_moments();
        assert!((second + 4e-6 - expected).abs() < 1e-18);
        assert!((power(3) / third - 1.0).abs() < 0.1, "{} {third}", power(3));
        let fourth = 3.0 * 16e-12 + 6.0 * 4e-6 * second + fourth;
        assert!((power(4) / fourth - 1.0).abs() < 0.1, "{} {fourth}", power(4));
    }

    #[test]
    fn only_a_bar_with_a_jump_opens_off_the_last_close() {
        let made = made(&[]);
        for t in 1..N {
            let is_off = made.bars.open[t] != made.bars.close[t - 1];
            assert_eq!(is_off, made.latent.jump[t] != 0.0, "bar {t}");
        }
    }

    #[test]
    fn a_compensated_market_grows_as_if_it_did_not_jump() {
        let yes = ("compensate", json!(true));
        let log = mean(returns(&made(std::slice::from_ref(&yes))).into_iter());
        let deviation = (4e-6_f64 + 0.05 * 52e-6).sqrt();
        assert!(log.abs() < 4.0 * deviation / (N as f64).sqrt(), "{log}");
        let ito = made(&[yes, ("drift_convention", json!("ito"))]);
        let growth = mean(returns(&ito).into_iter().map(|r| crate::math::exp(r) - 1.0));
        assert!(growth.abs() < 4.0 * deviation / (N as f64).sqrt(), "{growth}");
        // Same draws, so that the difference is exact but for rounding: p·μ a bar.
        let off = mean(returns(&made(&[("compensate", json!(false))])).into_iter());
        assert!((log - off - 0.05 * 40e-4).abs() < 1e-12, "{}", log - off);
    }

    #[test]
    fn what_is_no_flag_or_no_probability_is_refused_in_its_place() {
        for (name, value, code, place) in [
            ("compensate", json!("true"), "FIELD_INVALID", "/params/compensate: got"),
            ("compensate", json!(1), "FIELD_INVALID", "/params/compensate: got"),
            ("p_jump", json!(1.01), "PARAM_RANGE", "shock_mix.p_jump: got"),
            ("sigma", json!(0.0), "PARAM_RANGE", "shock_mix.sigma: got"),
            ("jump_sigma", json!(-1.0), "PARAM_RANGE", "shock_mix.jump_sigma: got"),
        ] {
            let error = generate(&document(&[(name, value)]), None, false).unwrap_err();
            assert_eq!(error.code(), code);
            assert!(error.to_string().starts_with(place), "{error}");
        }
    }
}
