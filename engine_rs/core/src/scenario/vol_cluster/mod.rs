//! GARCH(1,1), GJR and EGARCH: calm follows calm and storm follows storm; after losses more than
//! after gains, if the form says so.

mod egarch;

use super::document::{Choice, Scenario};
use super::field::refused;
use super::innovation::Innovations;
use super::law::{self, Fact, Law};
use super::mean_revert::BURN_IN_MAX;
use super::model::{BPS, BarDraws, Even, Model, Outlook, Steps};
use super::{Facts, Family, Market, Univariate};
use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;
use egarch::{Egarch, LEVEL_MAX};

/// Largest α + β: at 1 the variance has no mean to start from or to return to.
const PERSISTENCE_MAX: f64 = 0.9999;

pub(super) const VOL_CLUSTER: Family = Family {
    name: "vol_cluster",
    source: "Bollerslev (1986), Journal of Econometrics 31(3); Glosten, Jagannathan and Runkle \
             (1993), Journal of Finance 48(5); Nelson (1991), Econometrica 59(2)",
    params: &[
        // The widest of the forms' ranges; `prepare` holds each to its own.
        Param {
            name: "omega",
            unit: "bps squared per bar, or for egarch the logarithm of such",
            min: -LEVEL_MAX,
            is_min_open: false,
            max: 1e6,
            default: None,
            is_integer: false,
        },
        share("alpha"),
        share("beta"),
        Param {
            name: "gamma",
            unit: "fraction; of egarch, of a draw",
            min: -2.0,
            is_min_open: false,
            max: 2.0,
            default: Some(0.0),
            is_integer: false,
        },
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
    // `garch`: sizes alone count. `gjr`: falls add gamma to alpha. `egarch`: the logarithm of the
    // variance moves, and a rise moves it by gamma.
    choices: &[Choice { name: "form", values: &["garch", "gjr", "egarch"] }],
    structures: &[],
    needs_source: false,
    keeps_length: false,
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
    let (alpha, beta, gamma) = (params.get("alpha"), params.get("beta"), params.get("gamma"));
    let (omega, mu) = (params.get("omega"), params.get("mu"));
    let form = scenario.choice("form");
    if form == "egarch" {
        let market = Egarch::new([omega, alpha, beta, gamma], mu, scenario.innovations)?;
        return Ok(Box::new(market));
    }
    if omega <= 0.0 {
        let expected = format!("more than 0 to 1000000 (bps squared per bar) for {form}");
        return Err(refused("/params/omega", omega.to_string(), expected));
    }
    if form == "garch" && gamma != 0.0 {
        let expected = "nothing: only gjr and egarch have one";
        return Err(refused("/params/gamma", gamma.to_string(), expected));
    }
    if alpha + gamma < 0.0 {
        let got = format!("alpha {alpha} and gamma {gamma}");
        let expected = "alpha + gamma of at least 0 (the variance must be positive)";
        return Err(refused("/params/gamma", got, expected));
    }
    // 0.0999 + 0.9 is a hair above 0.9999 in binary; the hair is not what is refused.
    if alpha + beta + 0.5 * gamma > PERSISTENCE_MAX + 1e-12 {
        let (mut got, mut sum) = (format!("alpha {alpha} and beta {beta}"), "alpha + beta");
        if gamma != 0.0 {
            (got, sum) = (format!("{got} and gamma {gamma}"), "alpha + beta + gamma/2");
        }
        let expected = format!("{sum} of at most {PERSISTENCE_MAX} (the variance must be finite)");
        return Err(refused("/params/alpha", got, expected));
    }
    let h = omega / (1.0 - alpha - beta - 0.5 * gamma);
    Ok(Box::new(Garch { omega, alpha, beta, gamma, mu, h }))
}

/// The forms `garch`, where γ is 0, and `gjr`.
#[derive(Clone, Copy, Debug)]
struct Garch {
    omega: f64,
    alpha: f64,
    beta: f64,
    gamma: f64,
    /// bps per bar.
    mu: f64,
    /// Conditional variance of the coming bar, bps².
    h: f64,
}

/// Moments of h and ε², the mean of h being 1.
struct Moments {
    /// Kurtosis of the returns.
    kurtosis: f64,
    /// First autocorrelation of their squares.
    acf_squares: f64,
}

impl Garch {
    /// What of the variance a bar leaves to the next.
    fn persistence(&self) -> f64 {
        self.alpha + 0.5 * self.gamma + self.beta
    }

    /// None where the fourth moment of returns is infinite.
    ///
    /// Source: Bollerslev (1986) for γ = 0; He and Teräsvirta (1999), Journal of Econometrics
    /// 92(1), for the family.
    fn moments(&self, innovations: Innovations) -> Option<Moments> {
        let Self { alpha, beta, gamma, .. } = *self;
        let fourth = innovations.fourth_moment();
        let (reaction, persistence) = (alpha + 0.5 * gamma, self.persistence());
        let square = alpha * alpha + alpha * gamma + 0.5 * gamma * gamma;
        let left = beta * beta + 2.0 * beta * reaction + fourth * square;
        if square == 0.0 {
            return fourth.is_finite().then_some(Moments { kurtosis: fourth, acf_squares: 0.0 });
        }
        if fourth.is_infinite() || left >= 1.0 {
            return None;
        }
        let mean_square = (1.0 - persistence * persistence) / (1.0 - left);
        let lagged = 1.0 - persistence + (reaction * fourth + beta) * mean_square;
        let kurtosis = fourth * mean_square;
        Some(Moments { kurtosis, acf_squares: (lagged - 1.0) / (kurtosis - 1.0) })
    }

    /// Whether the eighth moment of returns is finite, without which a kurtosis and a correlation
    /// of squares that are taken from bars have no standard error.
    ///
    /// Source: He and Teräsvirta (1999): E(reaction z² + β)⁴ < 1.
    fn has_eighth_moment(&self, innovations: Innovations) -> bool {
        let Self { alpha, beta, gamma, .. } = *self;
        let fourth_power = |reaction: f64| {
            [1.0, 4.0, 6.0, 4.0, 1.0].iter().zip(0..).fold(0.0, |sum, (ways, k): (_, u64)| {
                let draws = innovations.even_moment(k);
                let power = |base: f64, exponent: u64| (0..exponent).fold(1.0, |p, _| p * base);
                sum + ways * power(reaction, k) * power(beta, 4 - k) * draws
            })
        };
        innovations.even_moment(4).is_finite()
            && 0.5 * (fourth_power(alpha) + fourth_power(alpha + gamma)) < 1.0
    }

    /// What the variance and its clusters promise: estimates where these have a standard error,
    /// else that there are clusters.
    fn laws_of_moments(&self, innovations: Innovations) -> Vec<Law> {
        let (variance, moments) = (self.h * BPS * BPS, self.moments(innovations));
        let mut laws = Vec::new();
        if self.persistence() <= MEASURABLE && moments.is_some() {
            laws.push(Law::within("variance", &[], variance, 0.05 * variance));
            laws.push(Law::within("variance_mean", &[], variance, 0.05 * variance));
        }
        match moments {
            Some(Moments { kurtosis, acf_squares })
                if self.persistence() <= MEASURABLE && self.has_eighth_moment(innovations) =>
            {
                laws.push(Law::within("kurtosis", &[], kurtosis, 0.2 * kurtosis));
                let distance = 0.01 + 0.15 * acf_squares;
                laws.push(Law::within("acf_squares", &[1.0], acf_squares, distance));
            }
            Some(Moments { kurtosis, .. }) if kurtosis < KURTOSIS_PLAIN => {}
            _ if self.alpha + 0.5 * self.gamma >= REACTION_PLAIN => {
                laws.push(Law::between("kurtosis", &[], 3.3, 1e6));
                if innovations.even_moment(4).is_finite() {
                    laws.push(Law::between("acf_squares", &[1.0], 0.02, 1.0));
                }
            }
            _ => {}
        }
        laws
    }
}

impl Univariate for Garch {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        // No variance is below the one to which calm bars alone would lead.
        let least = self.omega / (1.0 - self.beta) * BPS * BPS;
        let mut laws = of_uncorrelated_returns(scenario, self.mu, least);
        laws.extend(self.laws_of_moments(scenario.innovations));
        let is_fit_for_likelihood = scenario.innovations.fourth_moment().is_finite()
            && self.alpha >= 0.02
            && self.persistence() <= MEASURABLE;
        if is_fit_for_likelihood {
            let mut params = vec![self.omega, self.alpha, self.beta, self.mu];
            if self.gamma != 0.0 {
                params.push(self.gamma);
            }
            // Largest of four |z|: beyond 4 once in 4,000 samples; beyond 3, once in a hundred.
            laws.push(Law::between("garch_refit", &params, 0.0, 4.0));
        }
        laws.extend(of_leverage(-self.gamma));
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        burn_in_bars(self.persistence())
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        let reaction = self.alpha + 0.5 * self.gamma;
        let clusters = self.moments(scenario.innovations).map(|moments| moments.acf_squares);
        let mut facts = facts(scenario, reaction, clusters.unwrap_or(1.0), -self.gamma);
        if self.gamma != 0.0 {
            facts.undecided.push(Fact::ConditionalHeavyTails);
        }
        facts
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
        let reaction = if epsilon < 0.0 { self.alpha + self.gamma } else { self.alpha };
        // A short bar counts as if it had been of nominal length, or calm would follow on each.
        let square = epsilon * epsilon / bar.length;
        self.h = self.omega + reaction * square + self.beta * self.h;
        outlook
    }
}

/// From this kurtosis and this reaction to a squared draw on, no 400,000 bars look like calm ones.
const KURTOSIS_PLAIN: f64 = 3.6;
const REACTION_PLAIN: f64 = 0.04;

/// Largest persistence at which the moments of 400,000 bars tell anything.
const MEASURABLE: f64 = 0.99;

fn burn_in_bars(persistence: f64) -> usize {
    (8.0 / (1.0 - persistence)).min(BURN_IN_MAX) as usize
}

/// What holds of all forms; `mu` is in bps, `variance` a decimal of which the inverse is at least
/// the mean of inverse variances.
fn of_uncorrelated_returns(scenario: &Scenario, mu: f64, variance: f64) -> Vec<Law> {
    let mean = mu * BPS;
    let mut laws = law::of_ranges(scenario, mean * mean / variance);
    laws.push(Law::near("mean", &[], mean));
    laws.push(Law::near("acf", &[1.0], 0.0));
    laws.push(Law::near("variance_ratio", &[4.0], 1.0));
    laws
}

/// The sign with which a return moves the next variance, where it does so noticeably.
fn of_leverage(effect: f64) -> Option<Law> {
    let (low, high) = if effect < 0.0 { (-1.0, -0.005) } else { (0.005, 1.0) };
    (effect.abs() >= 0.02).then(|| Law::between("leverage", &[], low, high))
}

/// Facts of a variance that reacts to a draw with `reaction` and clusters as much as `clusters`.
fn facts(scenario: &Scenario, reaction: f64, clusters: f64, effect: f64) -> Facts {
    let mut shown = vec![Fact::NoLinearAutocorrelation];
    let mut undecided = Vec::new();
    if reaction > 0.0 {
        let is_plain = clusters >= 0.05;
        if is_plain { &mut shown } else { &mut undecided }.push(Fact::VolatilityClustering);
        undecided.extend([Fact::HeavyTails, Fact::SlowDecay, Fact::Intermittency]);
        undecided.extend([Fact::AggregationalGaussianity, Fact::TimeScaleAsymmetry]);
    }
    if effect <= -0.05 {
        shown.push(Fact::Leverage);
    } else if effect < 0.0 {
        undecided.push(Fact::Leverage);
    }
    if effect != 0.0 {
        undecided.push(Fact::GainLossAsymmetry);
    }
    law::facts(scenario, &shown, &undecided)
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
    fn with_form(form: &str, [omega, alpha, beta, gamma]: [f64; 4], n: usize) -> Value {
        let mut document = document(alpha, beta, n);
        document["params"]["omega"] = json!(omega);
        document["params"]["gamma"] = json!(gamma);
        document["params"]["form"] = json!(form);
        document
    }

    /// Expected value of a law of the document.
    fn promised(document: &Value, statistic: &str) -> f64 {
        let laws = crate::scenario::laws(document, None).unwrap();
        let laws = laws["laws"].as_array().unwrap();
        let law = laws.iter().find(|law| law["statistic"] == statistic);
        law.unwrap()["expected"].as_f64().unwrap()
    }

    /// Correlation of each return with the next variance.
    fn leverage(document: &Value) -> f64 {
        let made = generate(document, None, true).unwrap();
        let squares: Vec<f64> = made.latent.deviation.iter().map(|s| s * s).collect();
        let returns = made.bars.open.iter().zip(&made.bars.close).map(|(o, c)| ln(c / o));
        let centred = |values: Vec<f64>| {
            let mean = sum(values.iter().copied()) / values.len() as f64;
            values.into_iter().map(|value| value - mean).collect::<Vec<f64>>()
        };
        let (r, v) = (centred(returns.collect()), centred(squares));
        let size = |values: &[f64]| sum(values.iter().map(|x| x * x)).sqrt();
        sum(r.iter().zip(&v[1..]).map(|(r, v)| r * v)) / (size(&r) * size(&v))
    }

    #[test]
    fn falls_add_to_the_variance_of_gjr_as_its_moments_say() {
        let document = with_form("gjr", [10.0, 0.02, 0.85, 0.12], 400_000);
        let shocks = shocks(&document);
        let squares: Vec<f64> = shocks.iter().map(|shock| shock * shock).collect();
        let n = squares.len() as f64;
        let variance = sum(squares.iter().copied()) / n;
        // 10/(1 − 0.02 − 0.85 − 0.06)
        assert!((variance / (10.0 / 0.07) - 1.0).abs() < 0.05, "{variance}");
        let kurtosis = sum(squares.iter().map(|x| x * x)) / n / (variance * variance);
        let expected = promised(&document, "kurtosis");
        assert!((kurtosis / expected - 1.0).abs() < 0.1, "{kurtosis} beside {expected}");
        let (found, expected) = (autocorrelation(&squares), promised(&document, "acf_squares"));
        assert!((found - expected).abs() < 0.03, "{found} beside {expected}");
        assert!(leverage(&document) < -0.1);
    }

    #[test]
    fn garch_is_gjr_without_a_gamma_to_the_bit() {
        let garch = with_form("garch", [10.0, 0.1, 0.8, 0.0], 1000);
        let gjr = with_form("gjr", [10.0, 0.1, 0.8, 0.0], 1000);
        let closes = |document| generate(document, None, false).unwrap().bars.close;
        assert_eq!(closes(&garch), closes(&gjr));
        // Bollerslev's own formulas.
        let left = 1.0 - 0.81 - 2.0 * 0.01;
        assert!((promised(&garch, "kurtosis") - 3.0 * (1.0 - 0.81) / left).abs() < 1e-12);
        let expected = 0.1 * (1.0 - 0.08 - 0.64) / (1.0 - 0.16 - 0.64);
        assert!((promised(&garch, "acf_squares") - expected).abs() < 1e-12);
    }

    #[test]
    fn parameters_that_belong_to_another_form_are_refused_in_their_place() {
        for (form, params, place) in [
            ("garch", [10.0, 0.1, 0.8, 0.1], "/params/gamma: got 0.1, expected nothing"),
            ("garch", [-1.0, 0.1, 0.8, 0.0], "/params/omega: got -1"),
            ("gjr", [10.0, 0.1, 0.8, -0.11], "/params/gamma: got alpha 0.1 and gamma -0.11"),
            ("gjr", [10.0, 0.1, 0.8, 0.21], "/params/alpha: got alpha 0.1 and beta 0.8 and gamma"),
            ("egarch", [2.0, 0.1, 0.9, 0.0], "/params/omega: got omega 2 and beta 0.9"),
            ("egarch", [-2.0, 0.1, 0.9, 0.0], "/params/omega: got omega -2 and beta 0.9"),
            ("egarch", [0.0, 0.1, 0.9, 1.5], "/params/alpha: got alpha 0.1, gamma 1.5"),
        ] {
            let error = generate(&with_form(form, params, 100), None, false).unwrap_err();
            assert_eq!(error.code(), "FIELD_INVALID");
            assert!(error.to_string().starts_with(place), "{error}");
        }
        assert!(generate(&with_form("gjr", [10.0, 0.1, 0.8, -0.1], 100), None, false).is_ok());
    }

    #[test]
    fn the_logarithm_of_an_egarch_variance_wavers_around_its_level() {
        for innovations in [json!({}), json!({"dist": "student_t", "nu": 4})] {
            let mut document = with_form("egarch", [0.5, 0.2, 0.9, -0.1], 400_000);
            document["innovations"] = innovations;
            let made = generate(&document, None, true).unwrap();
            let logs: Vec<f64> = made.latent.deviation.iter().map(|s| 2.0 * ln(s / 1e-4)).collect();
            let n = logs.len() as f64;
            let mean = sum(logs.iter().copied()) / n;
            let spread = promised(&document, "log_variance_deviation");
            // Bars in a row count for (1 − β)/(1 + β) of as many apart.
            assert!((mean - 5.0).abs() < 4.0 * spread / (n / 19.0).sqrt(), "{mean}");
            let variance = sum(logs.iter().map(|x| (x - mean) * (x - mean))) / n;
            assert!((variance.sqrt() / spread - 1.0).abs() < 0.05, "{} {spread}", variance.sqrt());
            assert!((autocorrelation(&logs) - 0.9).abs() < 0.01);
            assert!(leverage(&document) < -0.05);
        }
    }

    #[test]
    fn an_egarch_market_has_the_variance_and_kurtosis_of_nelsons_product() {
        let document = with_form("egarch", [0.5, 0.2, 0.9, -0.1], 400_000);
        let shocks = shocks(&document);
        let n = shocks.len() as f64;
        let variance = sum(shocks.iter().map(|x| x * x)) / n;
        let expected = promised(&document, "variance") / 1e-8;
        assert!((variance / expected - 1.0).abs() < 0.02, "{variance} beside {expected}");
        let fourth = sum(shocks.iter().map(|x| x * x * x * x)) / n;
        let (kurtosis, expected) =
            (fourth / (variance * variance), promised(&document, "kurtosis"));
        assert!((kurtosis / expected - 1.0).abs() < 0.05, "{kurtosis} beside {expected}");
    }

    #[test]
    fn no_draw_takes_an_egarch_variance_to_infinity() {
        // So calm in the long run that the price bears what e^25 times its variance makes of it.
        let mut document = with_form("egarch", [-0.64, 0.9999, 0.96, 0.1], 400_000);
        document["innovations"] = json!({"dist": "student_t", "nu": 3});
        document["guard"] = json!({"k": 1000.0});
        document["volume_model"] = json!("const");
        let made = generate(&document, None, true).unwrap();
        let largest = made.latent.deviation.iter().copied().fold(0.0, f64::max);
        let bound = crate::math::exp(0.5 * (25.0 - 16.0)) * 1e-4;
        assert!((largest / bound - 1.0).abs() < 1e-9, "{largest} beside {bound}");
    }
}
