//! Heston's stochastic volatility: the variance has draws of its own and returns to its mean.

use super::document::Scenario;
use super::field::refused;
use super::law::{self, Fact, Law};
use super::model::{BPS, BarDraws, Model, Outlook, Steps};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;
use crate::random::{Purpose, Stream};

/// Most sub-steps of a bar, whose draws of the variance are taken at once.
const N_SUB_MAX: usize = 64;

/// From 2κθ/ξ² of that size on, truncation at zero is too rare to move a moment.
const SHAPE_OF_MOMENTS: f64 = 3.0;

/// Below this speed no affordable number of bars shows the stationary law.
const KAPPA_OF_MOMENTS: f64 = 0.005;

pub(super) const HESTON: Family = Family {
    name: "heston",
    source: "Heston (1993), Review of Financial Studies 6(2); Lord, Koekkoek and van Dijk (2010), \
             Quantitative Finance 10(2), for full truncation",
    params: &[
        param("kappa", "per bar", 0.0, true, 5.0, None),
        param("theta", "bps squared per bar", 0.0, true, 4e6, None),
        param("xi", "bps per bar", 0.0, false, 2000.0, None),
        param("rho", "correlation", -1.0, false, 1.0, None),
        param("mu", "bps per bar", -500.0, false, 500.0, Some(0.0)),
    ],
    choices: &[],
    structures: &[],
    needs_source: false,
    keeps_length: false,
    assets_max: 1,
    takes_student_t: false,
    prepare,
};

const fn param(
    name: &'static str,
    unit: &'static str,
    min: f64,
    is_min_open: bool,
    max: f64,
    default: Option<f64>,
) -> Param {
    Param { name, unit, min, is_min_open, max, default, is_integer: false }
}

/// The parameters: variances in bps², everything per bar.
#[derive(Clone, Copy, Debug)]
struct Heston {
    kappa: f64,
    theta: f64,
    xi: f64,
    rho: f64,
    /// √(1 − ρ²): weight of the draws that the variance has no part in.
    rest: f64,
    mu: f64,
    n_sub: usize,
}

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let get = |name| scenario.params.get(name);
    let (kappa, rho, n_sub) = (get("kappa"), get("rho"), scenario.n_sub);
    if kappa / n_sub as f64 >= 2.0 {
        let got = format!("{kappa} with n_sub {n_sub}");
        let expected = "less than 2 a sub-step, beyond which every step overshoots by more \
                        than the one before";
        return Err(refused("/params/kappa", got, expected));
    }
    Ok(Box::new(Heston {
        kappa,
        theta: get("theta"),
        xi: get("xi"),
        rho,
        rest: (1.0 - rho * rho).sqrt(),
        mu: get("mu"),
        n_sub,
    }))
}

/// Moments of one nominal bar in the stationary law, without truncation, drift or correction.
struct Moments {
    /// What a deviation of the variance is multiplied by over one bar.
    decay: f64,
    kurtosis: f64,
    /// Correlation of a return with the forecast of the variance after it.
    leverage: f64,
    /// First autocorrelation of squared returns.
    squares: f64,
    /// Correlation of a return with the square of the next.
    leverage_squares: f64,
}

impl Heston {
    /// Share of today's excess variance that the mean over the coming bar keeps, for steps of
    /// `delta` nominal bars.
    fn persistence(&self, delta: f64) -> f64 {
        let step = 1.0 - self.kappa * delta;
        let (mut power, mut sum) = (1.0, 0.0);
        for _ in 0..self.n_sub {
            sum += power;
            power *= step;
        }
        sum / self.n_sub as f64
    }

    /// 2κθ/ξ²: at 1 and above the continuous variance never reaches zero.
    fn shape(&self) -> f64 {
        2.0 * self.kappa * self.theta / (self.xi * self.xi)
    }

    /// Carries the moments of the return so far, x, and the variance, v, from step to step:
    /// the scheme without truncation is affine in v, so that they close.
    fn moments(&self) -> Moments {
        let n = self.n_sub as f64;
        let (delta, theta, xi, rho) = (1.0 / n, self.theta, self.xi, self.rho);
        let (a, b) = (1.0 - self.kappa * delta, self.kappa * theta * delta);
        let spread = xi * xi * theta * delta / (1.0 - a * a);
        let square = theta * theta + spread;
        let (mut x2, mut xv, mut x2v, mut x4) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..self.n_sub {
            x4 += 6.0 * x2v * delta + 3.0 * square * delta * delta;
            x2v = a * x2v + b * x2 + delta * (a * square + b * theta) + 2.0 * xi * rho * delta * xv;
            xv = a * xv + xi * rho * theta * delta;
            x2 += theta * delta;
        }
        let keep = self.persistence(delta);
        let square_spread = x4 - theta * theta;
        Moments {
            decay: (0..self.n_sub).fold(1.0, |power, _| power * a),
            kurtosis: x4 / (theta * theta),
            leverage: xv / (theta * spread).sqrt(),
            squares: keep * (x2v - theta * theta) / square_spread,
            leverage_squares: keep * xv / (theta * square_spread).sqrt(),
        }
    }

    /// What pins the family down where zero is out of reach.
    fn laws_of_moments(&self) -> Vec<Law> {
        let moments = self.moments();
        let mut laws = vec![
            Law::near("variance", &[], self.theta * BPS * BPS),
            Law::near("kurtosis", &[], moments.kurtosis),
        ];
        for lag in [1, 2, 5] {
            let kept = (1..lag).fold(moments.squares, |kept, _| kept * moments.decay);
            laws.push(Law::near("acf_squares", &[f64::from(lag)], kept));
        }
        laws
    }
}

impl Univariate for Heston {
    type Model = Walk;

    fn model(&self, scenario: &Scenario, path: usize) -> Walk {
        Walk {
            law: *self,
            keep: self.persistence(1.0 / self.n_sub as f64),
            v: self.theta,
            draws: scenario.stream(path, Purpose::Vol),
        }
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let log_mean = self.mu * BPS - 0.5 * self.theta * BPS * BPS;
        let mut laws = if self.xi == 0.0 {
            law::of_independent_returns(scenario, log_mean, self.theta.sqrt() * BPS)
        } else {
            Vec::new()
        };
        laws.push(Law::near("forward", &[], crate::math::exp(self.mu * BPS)));
        laws.push(Law::near("acf", &[1.0], 0.0));
        if self.xi == 0.0 || self.shape() >= SHAPE_OF_MOMENTS {
            // A variance that moves with the price within a bar bends the estimators a little;
            // one that falls to zero within it bends that of Rogers and Satchell by a third.
            // The mean of 1/v is at most one and a half times 1/θ.
            let bend = 0.01 + 1.5 * self.mu * self.mu / self.theta;
            laws.extend(law::of_ranges(scenario, bend));
        }
        if self.xi == 0.0 || self.kappa < KAPPA_OF_MOMENTS {
            return laws;
        }
        // Exact with truncation too: a step changes the mean by κ(θ − E v⁺)Δ, which must be zero.
        let variance = self.theta * BPS * BPS;
        laws.push(Law::near("variance_mean", &[], variance));
        laws.push(Law::near("mean", &[], log_mean));
        let Moments { leverage: expected, kurtosis, .. } = self.moments();
        if self.shape() >= SHAPE_OF_MOMENTS {
            laws.extend(self.laws_of_moments());
            laws.push(Law::within("leverage", &[], expected, 0.1 * expected.abs() + 0.02));
            return laws;
        }
        // The moments are those of a variance that is not held at zero: a direction, no more.
        laws.push(Law::within("variance", &[], variance, 0.02 * variance));
        if kurtosis > 4.0 {
            laws.push(Law::between("kurtosis", &[], 3.3, 1e6));
        }
        if expected.abs() > 0.05 {
            let (near, far) = (0.2 * expected, 1.5 * expected);
            laws.push(Law::between("leverage", &[], near.min(far), near.max(far)));
        }
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        // A tenth of a thousandth of where it began is left.
        if self.xi == 0.0 { 0 } else { (10.0 / self.kappa).min(50_000.0).ceil() as usize }
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        let mut facts = law::facts_of_independent_returns(scenario);
        if self.xi == 0.0 {
            return facts;
        }
        facts.undecided = law::FACTS
            .into_iter()
            .filter(|fact| !matches!(fact, Fact::NoLinearAutocorrelation | Fact::VolumeVolatility))
            .collect();
        let moments = self.moments();
        if self.kappa >= KAPPA_OF_MOMENTS && self.shape() >= SHAPE_OF_MOMENTS {
            let is_clustered = moments.squares > 0.05;
            let is_levered = moments.leverage_squares < -0.05;
            for (fact, is_shown) in
                [(Fact::VolatilityClustering, is_clustered), (Fact::Leverage, is_levered)]
            {
                if is_shown {
                    facts.undecided.retain(|known| *known != fact);
                    facts.shown.push(fact);
                }
            }
        }
        facts
    }

    fn warnings(&self, _scenario: &Scenario) -> Vec<String> {
        if self.shape() >= 1.0 {
            return Vec::new();
        }
        let (drift, noise) = (2.0 * self.kappa * self.theta, self.xi * self.xi);
        vec![format!(
            "/params/xi: got xi squared of {noise} above 2 kappa theta of {drift}: the variance \
             reaches zero and is cut off there [lower xi, or raise kappa or theta]"
        )]
    }
}

/// One path's variance.
struct Walk {
    law: Heston,
    /// Share of the excess variance that a nominal bar keeps.
    keep: f64,
    /// Variance at the beginning of the coming sub-step, bps² per bar; may be below zero.
    v: f64,
    draws: Stream,
}

impl Walk {
    /// Mean variance of the coming bar, bps² per nominal bar, where nothing is truncated.
    ///
    /// The variance itself is taken as known: prices watched between the ends of a bar tell it.
    /// Who sees bars only knows less, so that what follows from it bounds them too.
    fn forecast(&self, keep: f64) -> f64 {
        self.law.theta + (self.v.max(0.0) - self.law.theta) * keep
    }
}

impl Model for Walk {
    fn deviation(&self) -> f64 {
        self.forecast(self.keep).sqrt() * BPS
    }

    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let Heston { kappa, theta, xi, rho, rest, mu, n_sub } = self.law;
        let delta = bar.length / n_sub as f64;
        let keep = if bar.length == 1.0 { self.keep } else { self.law.persistence(delta) };
        let forecast = self.forecast(keep);
        let mut z_v = [0.0; N_SUB_MAX];
        let z_v = &mut z_v[..n_sub];
        self.draws.fill_normals((bar.bar_index * n_sub) as u64, z_v);

        let wide = bar.volatility * BPS;
        let correction = 0.5 * (wide * wide);
        let predictable = bar.edge * mu * BPS * delta + bar.drift / n_sub as f64;
        let (mut x, mut noise) = (steps.x, 0.0);
        let ends = steps.from.iter_mut().zip(steps.to.iter_mut());
        let draws = z_v.iter().zip(bar.z);
        for (((from, to), variance), (z_v, z)) in ends.zip(steps.variance.iter_mut()).zip(draws) {
            let v = self.v.max(0.0);
            let root = (v * delta).sqrt();
            let step = root * (rho * z_v + rest * z);
            *from = x;
            x += predictable - correction * v * delta + wide * step;
            *to = x;
            *variance = wide * wide * v * delta;
            noise += step;
            self.v += kappa * (theta - v) * delta + xi * root * z_v;
        }
        let own = (forecast * bar.length).sqrt();
        Outlook {
            mean: bar.edge * mu * BPS * bar.length + bar.drift - correction * forecast * bar.length,
            deviation: own * wide,
            // A variance of zero makes no step that could surprise anyone.
            surprise: if own > 0.0 { noise / own } else { 0.0 },
            ..Outlook::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::math::{exp, ln, sum};
    use crate::random::{Purpose, Stream, family_key};
    use crate::scenario::document::Scenario;
    use crate::scenario::{Generated, generate};
    use serde_json::{Value, json};

    fn document(n: usize, params: Value) -> Value {
        json!({
            "family": "heston", "timeframe": "1h", "duration_bars": n, "seed": 9,
            "params": params, "volume_model": "coupled",
        })
    }

    /// 2κθ/ξ² is 3.5.
    fn calm() -> Value {
        json!({"kappa": 0.1, "theta": 2500.0, "xi": 12.0, "rho": -0.7, "mu": 0.1})
    }

    fn generated(document: &Value) -> Generated {
        generate(document, None, true).unwrap()
    }

    #[test]
    fn closes_are_those_of_the_scheme_written_out() {
        let params = json!({"kappa": 0.5, "theta": 900.0, "xi": 60.0, "rho": 0.4, "mu": -3.0});
        let made = generated(&document(300, params));
        let stream = |purpose| Stream::scenario(9, family_key("heston"), 0, 0, purpose);
        let (diffusion, vol) = (stream(Purpose::Diffusion), stream(Purpose::Vol));
        let (mut x, mut v, delta) = (0.0, 900.0_f64, 0.25);
        for t in 0..300_usize {
            for j in 0..4 {
                let (z, z_v) =
                    (diffusion.normal((4 * t + j) as u64), vol.normal((4 * t + j) as u64));
                let plus = v.max(0.0);
                let mean = (-3e-4 - 0.5 * plus * 1e-8) * delta;
                let noise = 0.4 * z_v + (1.0 - 0.4_f64 * 0.4).sqrt() * z;
                x += mean + (plus * delta).sqrt() * 1e-4 * noise;
                v += 0.5 * (900.0 - plus) * delta + 60.0 * (plus * delta).sqrt() * z_v;
            }
            let expected = 100.0 * exp(x);
            assert!((made.bars.close[t] / expected - 1.0).abs() < 1e-12, "bar {t}");
        }
    }

    #[test]
    fn moments_are_those_that_its_laws_state() {
        let n = 400_000;
        let document = document(n, calm());
        let made = generated(&document);
        let closes = &made.bars.close;
        let returns: Vec<f64> = (1..n).map(|t| ln(closes[t] / closes[t - 1]) / 1e-4).collect();
        let mean = |values: &mut dyn Iterator<Item = f64>| sum(values) / (n - 1) as f64;
        let average = mean(&mut returns.iter().copied());
        let squares: Vec<f64> = returns.iter().map(|r| (r - average) * (r - average)).collect();
        let variance = mean(&mut squares.iter().copied());
        let scenario = Scenario::read(&document).unwrap();
        let heston = super::Heston {
            kappa: 0.1,
            theta: 2500.0,
            xi: 12.0,
            rho: -0.7,
            rest: 0.51_f64.sqrt(),
            mu: 0.1,
            n_sub: scenario.n_sub,
        };
        let moments = heston.moments();
        assert!((variance / 2500.0 - 1.0).abs() < 0.03, "{variance}");
        let fourth = mean(&mut squares.iter().map(|s| s * s));
        let kurtosis = fourth / (variance * variance);
        assert!((kurtosis / moments.kurtosis - 1.0).abs() < 0.03, "{kurtosis}");
        let lagged = sum(squares.windows(2).map(|s| (s[0] - variance) * (s[1] - variance)));
        let spread = sum(squares.iter().map(|s| (s - variance) * (s - variance)));
        let squares_acf = lagged / spread;
        assert!((squares_acf - moments.squares).abs() < 0.02, "{squares_acf}");

        let forecast = |t: usize| made.latent.deviation[t] * made.latent.deviation[t] / 1e-8;
        let level = mean(&mut (1..n).map(forecast));
        assert!((level / 2500.0 - 1.0).abs() < 0.03, "{level}");
        let spread_v = mean(&mut (1..n).map(|t| (forecast(t) - level) * (forecast(t) - level)));
        let both = mean(&mut (2..n).map(|t| (returns[t - 2] - average) * (forecast(t) - level)));
        let leverage = both / (variance * spread_v).sqrt();
        assert!((leverage - moments.leverage).abs() < 0.02, "{leverage}");
        let shown = (moments.leverage, moments.squares, moments.kurtosis);
        assert!(shown.0 < -0.25 && shown.1 > 0.08 && shown.2 > 3.7, "{shown:?}");
        assert_eq!(made.facts["warnings"], json!([]));
    }

    #[test]
    fn the_expected_price_grows_by_the_drift() {
        let n = 400_000;
        let params = json!({"kappa": 0.05, "theta": 400.0, "xi": 20.0, "rho": -0.9, "mu": 5.0});
        let mut document = document(n / 10, params);
        document["paths"] = json!(10);
        let made = generated(&document);
        let ratios = made.bars.open.iter().zip(&made.bars.close).map(|(o, c)| c / o);
        let forward = sum(ratios) / n as f64;
        assert!((forward - exp(5e-4)).abs() < 4.0 * 20e-4 / (n as f64).sqrt(), "{forward}");
    }

    #[test]
    fn a_variance_at_zero_gives_sound_bars_and_a_warning() {
        for n_sub in [1, 4] {
            let params = json!({"kappa": 0.01, "theta": 1.0, "xi": 2000.0, "rho": 1.0});
            let mut document = document(5_000, params);
            document["n_sub"] = json!(n_sub);
            let made = generated(&document);
            assert_eq!(made.bars.view(0..5_000).check(), Ok(()));
            let latent = &made.latent;
            assert!(latent.deviation.iter().chain(&latent.mean).all(|value| value.is_finite()));
            let still = (1..5_000).filter(|t| made.bars.high[*t] == made.bars.low[*t]).count();
            assert!(still > 1_000, "{still}");
            let warning = made.facts["warnings"][0].as_str().unwrap();
            assert!(warning.starts_with("/params/xi: got xi squared of 4000000"), "{warning}");
        }
    }

    #[test]
    fn a_speed_at_which_steps_overshoot_is_refused() {
        let mut document =
            document(100, json!({"kappa": 5.0, "theta": 9.0, "xi": 1.0, "rho": 0.0}));
        assert!(generate(&document, None, false).is_ok());
        document["n_sub"] = json!(1);
        let error = generate(&document, None, false).unwrap_err();
        assert!(error.to_string().starts_with("/params/kappa: got 5 with n_sub 1"), "{error}");
    }
}
