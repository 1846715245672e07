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
    let mut laws =
        vec![Law::near("mean", &[], mean), Law::near("variance", &[], deviation * deviation)];
    if scenario.innovations.student().is_none() {
        laws.push(Law::near("skewness", &[], 0.0));
        laws.push(Law::near("kurtosis", &[], 3.0));
    }
    laws.push(Law::between("ljung_box", &[20.0], 1e-4, 1.0));
    laws.push(Law::between("ljung_box_squares", &[20.0], 1e-4, 1.0));
    laws.extend([2.0, 4.0, 16.0].map(|q| Law::near("variance_ratio", &[q], 1.0)));
    laws
}

/// What bridge extremes promise of ranges, whatever the family.
pub(super) fn of_ranges() -> Vec<Law> {
    vec![
        Law::within("parkinson_ratio", &[], 1.0, 0.01),
        Law::within("rogers_satchell_ratio", &[], 1.0, 0.01),
    ]
}

/// The same of bars that are not quite driftless or not quite even, which bends their ranges by
/// the share `bend` at most; nothing where no number of bars would tell.
pub(super) fn of_bent_ranges(scenario: &Scenario, bend: f64) -> Vec<Law> {
    if bend > 0.05 || scenario.innovations.fourth_moment().is_infinite() {
        return Vec::new();
    }
    let ratio = |statistic| Law::within(statistic, &[], 1.0, 0.01 + bend);
    vec![ratio("parkinson_ratio"), ratio("rogers_satchell_ratio")]
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
