//! What must hold of a market's bars: statistical laws, stylised facts, the best attainable
//! Sharpe ratio.
//!
//! Families say what they promise; measuring it on bars is done outside the engine and does not
//! belong here.

use super::Facts;
use super::document::Scenario;
use super::path::PathFacts;
use crate::math;
use serde_json::{Value, json};

/// How far an estimate may lie from what is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Bound {
    /// Within standard errors, which are estimated together with the statistic.
    Near { expected: f64 },
    /// Within a distance of its own.
    Within { expected: f64, distance: f64 },
    /// Between two values.
    Between { low: f64, high: f64 },
}

/// One law: a statistic of the bars, by the name under which it is measured, and its bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// Name of the statistic.
    pub statistic: &'static str,
    /// Lags, horizons, levels or states that the statistic takes.
    pub arguments: Vec<f64>,
    /// What it must come to.
    pub bound: Bound,
}

impl Law {
    /// The statistic equals `expected`, but for its standard error.
    pub fn near(statistic: &'static str, arguments: &[f64], expected: f64) -> Self {
        Self { statistic, arguments: arguments.to_vec(), bound: Bound::Near { expected } }
    }

    /// The statistic lies within `distance` of `expected`.
    pub fn within(
        statistic: &'static str,
        arguments: &[f64],
        expected: f64,
        distance: f64,
    ) -> Self {
        Self {
            statistic,
            arguments: arguments.to_vec(),
            bound: Bound::Within { expected, distance },
        }
    }

    /// The statistic lies from `low` to `high`.
    pub fn between(statistic: &'static str, arguments: &[f64], low: f64, high: f64) -> Self {
        Self { statistic, arguments: arguments.to_vec(), bound: Bound::Between { low, high } }
    }

    pub(super) fn to_json(&self) -> Value {
        let (statistic, arguments) = (self.statistic, &self.arguments);
        match self.bound {
            Bound::Near { expected } => {
                json!({"statistic": statistic, "arguments": arguments, "expected": expected})
            }
            Bound::Within { expected, distance } => json!({
                "statistic": statistic, "arguments": arguments, "expected": expected,
                "distance": distance,
            }),
            Bound::Between { low, high } => {
                json!({"statistic": statistic, "arguments": arguments, "low": low, "high": high})
            }
        }
    }
}

/// A stylised fact of real markets.
///
/// Source: Cont (2001), "Empirical properties of asset returns: stylized facts and statistical
/// issues", Quantitative Finance 1(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fact {
    NoLinearAutocorrelation,
    HeavyTails,
    GainLossAsymmetry,
    AggregationalGaussianity,
    Intermittency,
    VolatilityClustering,
    ConditionalHeavyTails,
    SlowDecay,
    Leverage,
    VolumeVolatility,
    TimeScaleAsymmetry,
}

/// Every stylised fact there is.
pub const FACTS: [Fact; 11] = [
    Fact::NoLinearAutocorrelation,
    Fact::HeavyTails,
    Fact::GainLossAsymmetry,
    Fact::AggregationalGaussianity,
    Fact::Intermittency,
    Fact::VolatilityClustering,
    Fact::ConditionalHeavyTails,
    Fact::SlowDecay,
    Fact::Leverage,
    Fact::VolumeVolatility,
    Fact::TimeScaleAsymmetry,
];

impl Fact {
    /// Name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoLinearAutocorrelation => "no_linear_autocorrelation",
            Self::HeavyTails => "heavy_tails",
            Self::GainLossAsymmetry => "gain_loss_asymmetry",
            Self::AggregationalGaussianity => "aggregational_gaussianity",
            Self::Intermittency => "intermittency",
            Self::VolatilityClustering => "volatility_clustering",
            Self::ConditionalHeavyTails => "conditional_heavy_tails",
            Self::SlowDecay => "slow_decay",
            Self::Leverage => "leverage",
            Self::VolumeVolatility => "volume_volatility",
            Self::TimeScaleAsymmetry => "time_scale_asymmetry",
        }
    }
}

/// What independent, identically normal log returns of this mean and deviation per bar promise.
pub(super) fn of_independent_returns(scenario: &Scenario, mean: f64, deviation: f64) -> Vec<Law> {
    let mut laws = vec![Law::near("mean", &[], mean), of_variance(scenario, deviation * deviation)];
    if scenario.innovations.student().is_none() {
        laws.push(Law::near("skewness", &[], 0.0));
        laws.push(Law::near("kurtosis", &[], 3.0));
    }
    laws.push(Law::between("ljung_box", &[20.0], 1e-4, 1.0));
    laws.extend(of_independent_squares(scenario));
    laws.extend([2.0, 4.0, 16.0].map(|q| Law::near("variance_ratio", &[q], 1.0)));
    laws
}

/// What bars of this variance promise of its estimate.
pub(super) fn of_variance(scenario: &Scenario, variance: f64) -> Law {
    if scenario.innovations.fourth_moment().is_finite() {
        return Law::near("variance", &[], variance);
    }
    // Without a fourth moment most samples miss the rare draws that make up the variance, and the
    // standard error misses them too.
    Law::within("variance", &[], variance, 0.1 * variance)
}

/// What it promises of their squares; nothing where these have no variance to divide by.
pub(super) fn of_independent_squares(scenario: &Scenario) -> Option<Law> {
    let is_measurable = scenario.innovations.even_moment(4).is_finite();
    is_measurable.then(|| Law::between("ljung_box_squares", &[20.0], 1e-4, 1.0))
}

/// What bridge extremes promise of the ranges of bars that are not quite driftless or not quite
/// even, which bends them by the share `bend` at most; nothing where this is much.
///
/// A drift of m in bars of deviation s bends Parkinson's estimator by 0.38 m²/s², and that of
/// Rogers and Satchell not at all: m²/s² is a bend with room to spare.
pub(super) fn of_ranges(scenario: &Scenario, bend: f64) -> Vec<Law> {
    if bend > BEND_MAX { Vec::new() } else { of_ranges_around(scenario, 1.0, 0.01 + bend) }
}

/// The same of bars whose estimators come to `expected`; nothing where no number of bars would
/// tell.
pub(super) fn of_ranges_around(scenario: &Scenario, expected: f64, distance: f64) -> Vec<Law> {
    if scenario.innovations.fourth_moment().is_infinite() {
        return Vec::new();
    }
    let parkinson = expected * (1.0 + parkinson_excess(scenario.n_sub));
    vec![
        Law::within("parkinson_ratio", &[], parkinson, distance),
        Law::within("rogers_satchell_ratio", &[], expected, distance),
    ]
}

/// Largest bend of ranges that a law allows for.
const BEND_MAX: f64 = 0.05;

/// By what share Parkinson's estimator is too large because the high and the low of a sub-step are
/// drawn independently, which E(HL) does not forgive.
///
/// For one sub-step it is (2 − (1 − E g²)/2)/(4 ln 2) − 1, g being E(√(c² + 2e) | c) of a normal c
/// and an exponential e: 0.02668. The others are means over four million bars of a driftless trend,
/// each ± 0.0003; from four sub-steps on they vanish in that. The estimator of Rogers and Satchell
/// has no product of high and low, and no excess.
fn parkinson_excess(n_sub: usize) -> f64 {
    match n_sub {
        1 => 0.0267,
        2 => 0.0036,
        3 => 0.0011,
        _ => 0.0,
    }
}

/// Whether what the family expects of a fact stands beside the weather and the sessions that the
/// document adds: overlays may bring or hide any, gaps may thicken the tails and skew the returns.
pub(super) fn is_decided(scenario: &Scenario, fact: Fact, is_shown: bool) -> bool {
    let is_of_tails = matches!(
        fact,
        Fact::HeavyTails
            | Fact::ConditionalHeavyTails
            | Fact::AggregationalGaussianity
            | Fact::Intermittency
            | Fact::GainLossAsymmetry
    );
    let is_gap_free = scenario.overnight_var_share == 0.0;
    scenario.overlays.is_empty() && (is_gap_free || is_shown || !is_of_tails)
}

/// The facts of returns that know nothing of one another.
pub(super) fn facts_of_independent_returns(scenario: &Scenario) -> Facts {
    facts(scenario, &[Fact::NoLinearAutocorrelation], &[])
}

/// These facts, and those that volume and the law of the draws bring to any family.
pub(super) fn facts(scenario: &Scenario, shown: &[Fact], undecided: &[Fact]) -> Facts {
    let mut facts = Facts { shown: shown.to_vec(), undecided: undecided.to_vec() };
    if scenario.volume.is_coupled() {
        facts.shown.push(Fact::VolumeVolatility);
    }
    if let Some(student) = scenario.innovations.student() {
        // Hill's index of the outer twentieth is that of the tail for few degrees of freedom only.
        let is_heavy = student.nu() <= 5;
        facts.undecided.retain(|fact| !(is_heavy && *fact == Fact::HeavyTails));
        let by_tail = [Fact::ConditionalHeavyTails, Fact::AggregationalGaussianity];
        for fact in by_tail.into_iter().chain([Fact::Intermittency, Fact::HeavyTails]) {
            if !facts.shown.contains(&fact) && !facts.undecided.contains(&fact) {
                let is_shown = is_heavy && fact == Fact::HeavyTails;
                if is_shown { &mut facts.shown } else { &mut facts.undecided }.push(fact);
            }
        }
    }
    facts
}

/// Highest Sharpe ratio per bar that anyone who knows the document and sees the bars up to now can
/// expect; None for a market whose next bar has no law.
///
/// With the mean m and variance s² of the coming bar's return, q = m²/(m² + s²), it is
/// √(E q / (1 − E q)), the mean being taken over the bars that were generated.
///
/// Source: Ferson and Siegel (2001), "The efficient use of conditioning information in
/// portfolios", Journal of Finance 56(3).
pub(super) fn sharpe_max(paths: &[PathFacts]) -> Option<f64> {
    let bars: u64 = paths.iter().map(|path| path.foreseen_bars).sum();
    if bars == 0 {
        return None;
    }
    let mean = math::sum(paths.iter().map(|path| path.foresight.value())) / bars as f64;
    Some((mean / (1.0 - mean)).sqrt())
}
