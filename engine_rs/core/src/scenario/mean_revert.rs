//! Reversion to a mean: of the log price to a level, or of the returns to a rate.

use super::document::{Choice, Scenario};
use super::field::refused;
use super::law::{self, Fact, Law};
use super::model::{BPS, BarDraws, Model, Outlook, Steps};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::math::{exp, exp_m1, ln};
use crate::parameter::Param;

/// Largest log of a level over `p0`; no price can go there.
const LEVEL_MAX: f64 = 50.0;

/// Largest rate to which returns may revert, bps per bar.
const RATE_MAX: f64 = 500.0;

/// Returns are cut back to so many stationary deviations.
const RETURN_MAX: f64 = 10.0;

/// Times 1/κ after which a start is forgotten, but for e^-8 of it.
const FORGOTTEN: f64 = 8.0;

/// Bars beyond which nobody waits for a start to be forgotten.
pub(super) const BURN_IN_MAX: f64 = 100_000.0;

pub(super) const MEAN_REVERT: Family = Family {
    name: "mean_revert",
    source: "Uhlenbeck and Ornstein (1930), Physical Review 36(5); Vasicek (1977), JFE 5(2)",
    params: &[
        Param {
            name: "kappa",
            unit: "per bar",
            min: 0.0,
            is_min_open: true,
            max: 5.0,
            default: None,
            is_integer: false,
        },
        // The wider of the two forms' ranges; `prepare` holds each to its own.
        Param {
            name: "theta",
            unit: "price, or bps per bar for ou_returns",
            min: -RATE_MAX,
            is_min_open: false,
            max: 1e9,
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
    // `ou_price`: the log price reverts to that of theta. `ou_returns`: returns revert to theta,
    // which makes them follow one another: momentum.
    choices: &[Choice { name: "form", values: &["ou_price", "ou_returns"] }],
    structures: &[],
    needs_source: false,
    keeps_length: false,
    assets_max: 1,
    takes_student_t: true,
    prepare,
};

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let params = &scenario.params;
    let (kappa, theta, sigma) = (params.get("kappa"), params.get("theta"), params.get("sigma"));
    if scenario.choice("form") == "ou_price" {
        let level = level("/params/theta", theta, scenario.p0)?;
        let reversion = Reversion::new(level, kappa, sigma, scenario.n_sub);
        return Ok(Box::new(PriceReversion { reversion, x: 0.0 }));
    }
    if theta.abs() > RATE_MAX {
        let expected = format!("-{RATE_MAX} to {RATE_MAX} (bps per bar) for ou_returns");
        return Err(refused("/params/theta", theta.to_string(), expected));
    }
    Ok(Box::new(ReturnReversion::new(theta * BPS, kappa, sigma * BPS)))
}

/// Log of a price level over `p0`; `path` is where the level stands.
pub(super) fn level(path: &str, theta: f64, p0: f64) -> Result<f64, EngineError> {
    if theta <= 0.0 {
        return Err(refused(path, theta.to_string(), "more than 0 to 1000000000 (price)"));
    }
    let level = ln(theta / p0);
    if level.abs() > LEVEL_MAX {
        let expected = format!("a price within e^{LEVEL_MAX} times p0, up or down, which is {p0}");
        return Err(refused(path, theta.to_string(), expected));
    }
    Ok(level)
}

/// A log price that reverts to a level: dx = κ(level − x)dt + s dW, by its exact law.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reversion {
    /// Relative to `p0`.
    level: f64,
    kappa: f64,
    /// s, a decimal per root bar.
    deviation: f64,
    n_sub: usize,
    /// The law of a nominal bar.
    nominal: Stretch,
}

/// How far a stretch of time pulls and scatters: sub-step by sub-step, and whole.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    /// e^{−κ·time} − 1, which multiplies the distance from the level.
    step_pull: f64,
    pull: f64,
    /// Standard deviation of what is added.
    step_deviation: f64,
    deviation: f64,
}

impl Reversion {
    /// Takes a deviation in bps per root bar.
    pub fn new(level: f64, kappa: f64, sigma: f64, n_sub: usize) -> Self {
        let deviation = sigma * BPS;
        let mut reversion = Self { level, kappa, deviation, n_sub, nominal: Stretch::default() };
        reversion.nominal = reversion.stretch(1.0);
        reversion
    }

    fn stretch(&self, length: f64) -> Stretch {
        let (rate, step) = (2.0 * self.kappa, length / self.n_sub as f64);
        let spread = |time: f64| self.deviation * (-exp_m1(-rate * time) / rate).sqrt();
        Stretch {
            step_pull: exp_m1(-self.kappa * step),
            pull: exp_m1(-self.kappa * length),
            step_deviation: spread(step),
            deviation: spread(length),
        }
    }

    #[inline]
    fn stretch_of(&self, bar: &BarDraws<'_>) -> Stretch {
        if bar.length == 1.0 { self.nominal } else { self.stretch(bar.length) }
    }

    /// Standard deviation of a nominal bar.
    pub fn deviation(&self) -> f64 {
        self.nominal.deviation
    }

    /// Bars after which a start is forgotten, however many stationary deviations off it was.
    pub fn burn_in_bars(&self) -> usize {
        let off = self.level.abs() / (self.deviation() / (2.0 * self.kappa).sqrt());
        ((FORGOTTEN + ln(1.0 + off)) / self.kappa).min(BURN_IN_MAX) as usize
    }

    /// Mean and deviation of the coming bar's log return as the model's own draws make it, from
    /// the log price `own`.
    #[inline]
    pub fn own_law(&self, own: f64, bar: &BarDraws<'_>) -> (f64, f64) {
        let stretch = self.stretch_of(bar);
        (stretch.pull * (own - self.level), stretch.deviation)
    }

    /// The same with what overlays make of it.
    #[inline]
    pub fn law(&self, own: f64, bar: &BarDraws<'_>) -> (f64, f64) {
        let stretch = self.stretch_of(bar);
        let mean = bar.edge * (stretch.pull * (own - self.level)) + bar.drift;
        if bar.edge == 1.0 && bar.volatility == 1.0 {
            return (mean, stretch.deviation);
        }
        // A draw stays for good, and of what it adds to the model's own price all later steps
        // take back their share, as far as the edge lets them.
        let (mut squares, mut taken) = (0.0, 0.0);
        for _ in 0..self.n_sub {
            let weight = bar.volatility + bar.edge * taken;
            squares += weight * weight;
            taken += (1.0 + taken) * stretch.step_pull;
        }
        (mean, stretch.step_deviation * squares.sqrt())
    }

    /// Walks through the bar; `own` is the log price as it would be without overlays.
    #[inline]
    pub fn walk(&self, own: &mut f64, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let stretch = self.stretch_of(bar);
        let (mean, deviation) = self.law(*own, bar);
        let drift = bar.drift / self.n_sub as f64;
        let wide = stretch.step_deviation * bar.volatility;
        let (mut x, first) = (steps.x, *own);
        let own_mean = stretch.pull * (first - self.level);
        let ends = steps.from.iter_mut().zip(steps.to.iter_mut());
        for (((from, to), v), z) in ends.zip(steps.variance.iter_mut()).zip(bar.z) {
            let pull = stretch.step_pull * (*own - self.level);
            *from = x;
            *own += pull + stretch.step_deviation * z;
            x += bar.edge * pull + drift + wide * z;
            *to = x;
            *v = wide * wide;
        }
        let surprise = (*own - first - own_mean) / stretch.deviation;
        Outlook { mean, deviation, surprise, ..Outlook::default() }
    }
}

/// The form `ou_price`.
#[derive(Clone, Copy, Debug)]
struct PriceReversion {
    reversion: Reversion,
    /// Log price, overlays left out.
    x: f64,
}

impl PriceReversion {
    /// A bar's range measures what its sub-steps scatter, before the level pulls it together
    /// again; with a strong pull it measures neither.
    fn laws_of_ranges(&self, scenario: &Scenario) -> Vec<Law> {
        let Reversion { kappa, n_sub, nominal, .. } = self.reversion;
        if kappa > 0.1 {
            return Vec::new();
        }
        let share = nominal.step_deviation / nominal.deviation;
        let expected = n_sub as f64 * share * share;
        law::of_ranges_around(scenario, expected, 0.01 + 0.3 * kappa)
    }
}

impl Univariate for PriceReversion {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let Reversion { level, kappa, deviation, .. } = self.reversion;
        // φ = e^−κ; 1 − φ keeps its digits where κ is small.
        let (phi, rest) = (exp(-kappa), -exp_m1(-kappa));
        let variance = deviation * deviation * rest / kappa;
        let mut laws = self.laws_of_ranges(scenario);
        if FORGOTTEN / kappa > BURN_IN_MAX {
            // No number of bars that one would make shows the level: a walk, for all one sees.
            laws.push(Law::within("variance", &[], variance, 0.02 * variance));
            laws.push(Law::near("acf", &[1.0], -0.5 * rest));
            return laws;
        }
        laws.push(Law::near("mean", &[], 0.0));
        laws.push(law::of_variance(scenario, variance));
        laws.push(Law::near("level_mean", &[], level));
        laws.push(Law::near("level_deviation", &[], deviation / (2.0 * kappa).sqrt()));
        laws.push(Law::near("level_acf", &[1.0], phi));
        for q in [2.0, 4.0, 16.0] {
            let ratio = -exp_m1(-kappa * q) / (q * rest);
            laws.push(Law::near("variance_ratio", &[q], ratio));
        }
        if scenario.innovations.student().is_none() {
            laws.push(Law::near("skewness", &[], 0.0));
            laws.push(Law::near("kurtosis", &[], 3.0));
        }
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        self.reversion.burn_in_bars()
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        // The first autocorrelation of returns is −(1 − e^−κ)/2; that of their squares, its square.
        let mut slight = vec![Fact::VolatilityClustering, Fact::Intermittency, Fact::SlowDecay];
        if -exp_m1(-self.reversion.kappa) <= 0.2 {
            slight.push(Fact::NoLinearAutocorrelation);
        }
        law::facts(scenario, &[], &slight)
    }
}

impl Model for PriceReversion {
    fn deviation(&self) -> f64 {
        self.reversion.deviation()
    }

    fn reopen(&mut self, gap: f64) {
        self.x += gap;
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        self.reversion.walk(&mut self.x, bar, steps)
    }
}

/// The form `ou_returns`: r' = θ + e^−κ (r − θ) + ε, cut back to ten stationary deviations
/// around θ.
#[derive(Clone, Copy, Debug)]
struct ReturnReversion {
    theta: f64,
    kappa: f64,
    /// e^−κ.
    phi: f64,
    /// Standard deviation of ε, and of the returns themselves.
    deviation: f64,
    stationary: f64,
    /// Log return of the bar before, as if it had been of nominal length.
    r: f64,
}

impl ReturnReversion {
    fn new(theta: f64, kappa: f64, sigma: f64) -> Self {
        let deviation = sigma * (-exp_m1(-2.0 * kappa) / (2.0 * kappa)).sqrt();
        let stationary = sigma / (2.0 * kappa).sqrt();
        Self { theta, kappa, phi: exp(-kappa), deviation, stationary, r: theta }
    }
}

impl Univariate for ReturnReversion {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let Self { theta, kappa, phi, deviation, stationary, .. } = *self;
        let drift = (theta * theta + stationary * stationary) / (deviation * deviation);
        let mut laws = law::of_ranges(scenario, drift);
        if FORGOTTEN / kappa > BURN_IN_MAX {
            laws.push(Law::between("acf", &[1.0], 0.9, 1.0));
            return laws;
        }
        laws.push(Law::near("mean", &[], theta));
        laws.push(law::of_variance(scenario, stationary * stationary));
        laws.push(Law::near("acf", &[1.0], phi));
        for q in [2.0, 4.0, 16.0] {
            // 1 + 2 Σ (1 − k/q) φ^k over k from 1 to q − 1.
            let (mut ratio, mut power) = (1.0, 1.0);
            for k in 1..q as usize {
                power *= phi;
                ratio += 2.0 * (1.0 - k as f64 / q) * power;
            }
            laws.push(Law::near("variance_ratio", &[q], ratio));
        }
        if scenario.innovations.student().is_none() {
            laws.push(Law::near("skewness", &[], 0.0));
            laws.push(Law::near("kurtosis", &[], 3.0));
        }
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        (FORGOTTEN / self.kappa).min(BURN_IN_MAX) as usize
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        // Returns that follow one another have sizes that do.
        let mut slight = vec![Fact::VolatilityClustering, Fact::SlowDecay, Fact::Intermittency];
        if self.phi < 0.1 {
            slight.push(Fact::NoLinearAutocorrelation);
        }
        if self.theta != 0.0 {
            slight.push(Fact::Leverage);
        }
        law::facts(scenario, &[], &slight)
    }
}

impl Model for ReturnReversion {
    fn deviation(&self) -> f64 {
        self.deviation
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let n = bar.z.len() as f64;
        let foretold = self.theta + self.phi * (self.r - self.theta);
        let noise = self.deviation / n.sqrt() * bar.z.iter().fold(0.0, |sum, z| sum + z);
        let bound = (RETURN_MAX * self.stationary).copysign(noise);
        let is_cut = (foretold + noise - self.theta).abs() > RETURN_MAX * self.stationary;
        // What is left of each draw, so that the bar ends where its return is cut back to.
        let kept = if is_cut { ((bound - (foretold - self.theta)) / noise).max(0.0) } else { 1.0 };
        self.r = foretold + kept * noise;

        let mean = bar.edge * (foretold * bar.length) + bar.drift;
        let deviation = self.deviation * bar.length.sqrt() * bar.volatility;
        let (step_mean, wide) = (mean / n, kept * deviation / n.sqrt());
        let mut x = steps.x;
        let ends = steps.from.iter_mut().zip(steps.to.iter_mut());
        for (((from, to), v), z) in ends.zip(steps.variance.iter_mut()).zip(bar.z) {
            *from = x;
            x += step_mean + wide * z;
            *to = x;
            *v = deviation * deviation / n;
        }
        let surprise = kept * noise / self.deviation;
        Outlook { mean, deviation, surprise, ..Outlook::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::Reversion;
    use crate::math::{exp, ln, sum};
    use crate::scenario::{Generated, generate, laws};
    use serde_json::{Value, json};

    const N: usize = 200_000;

    fn document(params: Value, bars: usize) -> Value {
        json!({
            "family": "mean_revert", "timeframe": "1m", "duration_bars": bars, "seed": 17,
            "params": params, "volume_model": "const",
        })
    }

    fn made(document: &Value) -> Generated {
        generate(document, None, true).unwrap()
    }

    /// Log returns from open to close.
    fn returns(made: &Generated) -> Vec<f64> {
        made.bars.open.iter().zip(&made.bars.close).map(|(o, c)| ln(c / o)).collect()
    }

    fn levels(made: &Generated) -> Vec<f64> {
        made.bars.close.iter().map(|close| ln(close / 100.0)).collect()
    }

    /// Mean, variance and first autocorrelation.
    fn moments(values: &[f64]) -> [f64; 3] {
        let n = values.len() as f64;
        let mean = sum(values.iter().copied()) / n;
        let variance = sum(values.iter().map(|x| (x - mean) * (x - mean))) / n;
        let lagged = sum(values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean))) / n;
        [mean, variance, lagged / variance]
    }

    #[test]
    fn a_price_wavers_around_its_level_as_far_and_as_long_as_it_was_told() {
        let kappa = 0.25;
        let params = json!({"kappa": kappa, "theta": 110.0, "sigma": 60.0});
        let levels = levels(&made(&document(params, N)));
        let [mean, variance, memory] = moments(&levels[100..]);
        let stationary = 60e-4 * 60e-4 / (2.0 * kappa);
        // Bars in a row count for tanh(κ/2) = 0.124 of as many apart.
        let n = N as f64 * 0.124;
        assert!((mean - ln(1.1)).abs() < 4.0 * (stationary / n).sqrt(), "{mean}");
        assert!((variance / stationary - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
        assert!((memory - exp(-kappa)).abs() < 4.0 / (N as f64).sqrt(), "{memory}");
    }

    #[test]
    fn returns_revert_to_their_rate_and_follow_one_another() {
        let params = json!({"kappa": 1.0, "theta": 1.5, "sigma": 20.0, "form": "ou_returns"});
        let [mean, variance, memory] = moments(&returns(&made(&document(params, N))));
        let stationary = 20e-4 * 20e-4 / 2.0;
        assert!((mean - 1.5e-4).abs() < 6.0 * (stationary / N as f64).sqrt(), "{mean}");
        assert!((variance / stationary - 1.0).abs() < 0.02, "{variance}");
        assert!((memory - exp(-1.0)).abs() < 4.0 / (N as f64).sqrt(), "{memory}");
    }

    #[test]
    fn returns_are_cut_back_to_ten_deviations_around_their_rate() {
        let params = json!({"kappa": 5.0, "theta": 0.0, "sigma": 20.0, "form": "ou_returns"});
        let mut document = document(params, 100_000);
        document["innovations"] = json!({"dist": "student_t", "nu": 3});
        document["guard"] = json!({"k": 1000.0});
        document["n_sub"] = json!(2);
        let bound = 10.0 * 20e-4 / 10.0_f64.sqrt();
        let sizes: Vec<f64> = returns(&made(&document)).iter().map(|r| r.abs()).collect();
        assert!(sizes.iter().all(|size| *size < bound + 1e-12));
        let cut = sizes.iter().filter(|size| (**size - bound).abs() < 1e-12).count();
        // |t| of three degrees beyond 10·√3 has the probability 4.2e-4.
        assert!((15..80).contains(&cut), "{cut}");
    }

    #[test]
    fn a_level_at_the_start_price_is_where_the_market_begins() {
        let params = json!({"kappa": 0.1, "theta": 100.0, "sigma": 1.0});
        let document = document(params, 1000);
        let laws = laws(&document, None).unwrap();
        let laws = laws["laws"].as_array().unwrap();
        let level = laws.iter().find(|law| law["statistic"] == "level_mean").unwrap();
        assert_eq!(level["expected"], 0.0);
        assert_eq!(made(&document).latent.mean[0], 0.0);
    }

    #[test]
    fn rates_and_levels_out_of_range_are_refused_in_their_place() {
        for (theta, form) in [
            (0.0, "ou_price"),
            (-5.0, "ou_price"),
            (1e-30, "ou_price"),
            (500.5, "ou_returns"),
            (-500.5, "ou_returns"),
        ] {
            let params = json!({"kappa": 0.1, "theta": theta, "sigma": 10.0, "form": form});
            let error = generate(&document(params, 100), None, false).unwrap_err();
            assert_eq!(error.code(), if theta < -500.0 { "PARAM_RANGE" } else { "FIELD_INVALID" });
            assert!(error.to_string().contains("theta: got"), "{error}");
        }
        for kappa in [0.0, 5.1] {
            let params = json!({"kappa": kappa, "theta": 100.0, "sigma": 10.0});
            let error = generate(&document(params, 100), None, false).unwrap_err();
            assert_eq!(error.code(), "PARAM_RANGE");
        }
        let params = json!({"kappa": 0.1, "theta": -2.0, "sigma": 10.0, "form": "ou_returns"});
        assert!(generate(&document(params, 100), None, false).is_ok());
    }

    #[test]
    fn two_halves_of_a_bar_make_a_whole_one_however_slow_the_pull() {
        for kappa in [5.0, 0.3, 1e-9, f64::MIN_POSITIVE] {
            let reversion = Reversion::new(0.0, kappa, 50.0, 4);
            let (half, whole) = (reversion.stretch(0.5), reversion.stretch(1.0));
            let kept = 1.0 + half.pull;
            let square = half.deviation * half.deviation;
            let expected = square * kept * kept + square;
            let found = whole.deviation * whole.deviation;
            assert!((found / expected - 1.0).abs() < 1e-14, "{kappa}: {found} {expected}");
            assert!((1.0 + whole.pull - kept * kept).abs() < 1e-15, "{kappa}");
        }
    }

    #[test]
    fn what_overlays_add_stays_and_what_a_session_opens_with_is_taken_back() {
        let params = json!({"kappa": 0.05, "theta": 100.0, "sigma": 60.0});
        let mut plain = document(params, 20_000);
        let mut shifted = plain.clone();
        shifted["overlays"] = json!([{"type": "gap", "at": 300, "bps": 250}]);
        let (before, after) = (levels(&made(&plain)), levels(&made(&shifted)));
        assert_eq!(before[299], after[299]);
        assert!((300..20_000).all(|t| (after[t] - before[t] - 0.025).abs() < 1e-10));

        plain["calendar"] = json!("us_equity");
        plain["timeframe"] = json!("1h");
        plain["duration_bars"] = json!(20_000);
        let [_, variance, _] = moments(&levels(&made(&plain)));
        // Without gaps s²/2κ; a quarter more of a session's variance comes with each night.
        let stationary = 60e-4 * 60e-4 / 0.1;
        assert!((0.9..1.6).contains(&(variance / stationary)), "{}", variance / stationary);
    }

    #[test]
    fn the_deviation_that_is_foretold_holds_under_overlays_too() {
        let params = json!({"kappa": 2.0, "theta": 100.0, "sigma": 60.0});
        let mut document = document(params, 40_000);
        document["overlays"] = json!([
            {"type": "mania", "at": 0, "bars": 40_000, "vol_mult": 1.5},
            {"type": "edge_decay", "from": 0, "half_life": 10_000},
        ]);
        let made = made(&document);
        let latent = made.latent.mean.iter().zip(&made.latent.deviation);
        let z = returns(&made).into_iter().zip(latent).map(|(r, (m, s))| (r - m) / s);
        let [mean, variance, memory] = moments(&z.collect::<Vec<_>>());
        assert!(mean.abs() < 4.0 / 200.0, "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0_f64 / 4e4).sqrt(), "{variance}");
        assert!(memory.abs() < 4.0 / 200.0, "{memory}");
    }
}
