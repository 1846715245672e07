//! Metrics: `METRICS`, the table; each a number or null with a flag that says why.
//!
//! A metric looks at a [`Record`] or a [`study::Study`] of a run, never at bars or orders. The
//! first ones, which every run brings, need no column: their sums are gathered while the run goes.

pub mod activity;
pub mod benchmark;
pub mod day;
pub mod drawdown;
pub mod gains;
pub mod growth;
pub mod returns;
pub mod series;
pub mod significance;
pub mod study;
pub mod sums;
pub mod tail;
pub mod trades;

use crate::EngineError;
use returns::Dispersion;
use serde_json::{Value, json};
use study::Study;
use trades::TradeTotals;

/// One metric; a row of the table.
#[derive(Debug)]
pub struct Metric {
    /// Name of the column.
    pub name: &'static str,
    /// Unit, in words.
    pub unit: &'static str,
    /// Which way is better: `higher`, `lower` or `neither`.
    pub better: &'static str,
    /// What one observation of it is: `bar`, `day` or `trade`.
    pub basis: &'static str,
    /// What it cannot be had without: `returns`, `dates`, `benchmark` or `run`.
    pub needs: &'static str,
    /// How it is worked out, in words.
    pub formula: &'static str,
    /// When there is no number, and the flags that say so.
    pub null: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// The number, or why there is none.
    pub compute: Compute,
}

/// What a metric reads.
#[derive(Clone, Copy, Debug)]
pub enum Compute {
    /// The sums that every run gathers as it goes; such a metric comes with every run.
    Summary(fn(&Record) -> Outcome),
    /// Columns, once the run is over.
    Study(fn(&Study) -> Outcome),
}

impl Metric {
    /// Whether it comes with every run.
    pub fn is_in_summary(&self) -> bool {
        matches!(self.compute, Compute::Summary(_))
    }

    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name, "unit": self.unit, "better": self.better, "basis": self.basis,
            "needs": self.needs, "in_summary": self.is_in_summary(), "formula": self.formula,
            "null": self.null, "source": self.source,
        })
    }
}

/// Every metric there is; those that come with every run stand first.
pub const METRICS: &[&Metric] = &[
    &returns::TOTAL_RETURN,
    &returns::SHARPE,
    &returns::SORTINO,
    &drawdown::MAX_DRAWDOWN,
    &drawdown::CALMAR,
    &trades::WIN_RATE,
    &trades::PROFIT_FACTOR,
    &trades::TURNOVER,
    &trades::N_TRADES,
    &growth::CAGR,
    &growth::LOG_GROWTH,
    &growth::STABILITY,
    &returns::ANN_VOL,
    &returns::DOWNSIDE_DEV,
    &returns::SKEW,
    &returns::KURT,
    &day::SHARPE_DAY,
    &significance::SHARPE_LO,
    &gains::SORTINO_V0,
    &gains::OMEGA,
    &gains::GAIN_TO_PAIN,
    &tail::TAIL_RATIO,
    &benchmark::ALPHA,
    &benchmark::BETA,
    &benchmark::INFO_RATIO,
    &benchmark::UP_CAPTURE,
    &benchmark::DOWN_CAPTURE,
    &significance::PSR,
    &significance::PSR_H0,
    &significance::MIN_TRL,
    &day::P5_DAY,
    &tail::P5_BAR,
    &day::ES_1,
    &day::ES_5,
    &tail::ES_1_BAR,
    &tail::ES_5_BAR,
    &tail::VAR_GAUSS,
    &tail::ES_GAUSS,
    &tail::WORST_BAR,
    &day::WORST_DAY,
    &day::BEST_DAY,
    &tail::HILL_5,
    &activity::BREAKEVEN_COST_BPS,
    &drawdown::TIME_TO_RECOVERY,
    &drawdown::LONGEST_UNDERWATER,
    &drawdown::AVG_DRAWDOWN,
    &drawdown::ULCER,
    &drawdown::ULCER_QS,
    &drawdown::PAIN,
    &drawdown::CDAR_95,
    &drawdown::RECOVERY_FACTOR,
    &trades::PAYOFF,
    &trades::EXPECTANCY,
    &trades::EXPECTANCY_R,
    &trades::SQN,
    &trades::AVG_HOLD,
    &trades::MAX_CONSEC_LOSSES,
    &gains::WIN_RATE_BAR,
    &gains::PROFIT_FACTOR_BAR,
    &gains::PAYOFF_BAR,
    &activity::EXPOSURE_TIME,
    &activity::EXPOSURE_GROSS,
    &activity::MAX_LEVERAGE,
    &activity::COST_DRAG,
    &activity::AMBIGUITY_GAP,
];

/// What a reader of the metrics should know; the bit in a result is the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)]
pub enum Flag {
    /// Fewer than twenty returns.
    LowSample = 0,
    ZeroDispersion = 1,
    NoDownside = 2,
    NoLosses = 3,
    NoTrades = 4,
    NoDrawdown = 5,
    /// Equity fell to zero or below; ratios end at that bar.
    Ruin = 6,
    /// A number could not be held by a double.
    NonFinite = 7,
    /// The deepest drawdown was not recovered; its time to recovery is that up to the last bar.
    Censored = 8,
    /// The two bounds of ambiguous bars lie far apart.
    BarResolutionTooCoarse = 9,
    /// Fewer than twenty days.
    FewDays = 10,
    /// The benchmark does not move, or not that way.
    FlatBenchmark = 11,
    /// No trade had a stop, so none had a risk.
    NoStops = 12,
    /// No return, or no trade, was above zero.
    NoGains = 13,
    /// A quantile is zero, or too few returns lie beyond it.
    NoTail = 14,
    /// The Sharpe ratio is not above the one to be beaten.
    NoEdge = 15,
    /// Autocorrelations leave no variance to divide by.
    Autocorrelated = 16,
}

impl Flag {
    /// Its bit.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Names of the flags, by bit.
pub const FLAGS: [&str; 17] = [
    "LOW_SAMPLE",
    "ZERO_DISPERSION",
    "NO_DOWNSIDE",
    "NO_LOSSES",
    "NO_TRADES",
    "NO_DRAWDOWN",
    "RUIN",
    "NON_FINITE",
    "CENSORED",
    "BAR_RESOLUTION_TOO_COARSE",
    "FEW_DAYS",
    "FLAT_BENCHMARK",
    "NO_STOPS",
    "NO_GAINS",
    "NO_TAIL",
    "NO_EDGE",
    "AUTOCORRELATED",
];

/// What became of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// A number.
    Value(f64),
    /// A number with a caveat.
    Marked(f64, Flag),
    /// None, and why.
    Null(Flag),
    /// None, as what it needs was not given.
    Absent,
}

/// What metrics see of a run.
#[derive(Clone, Debug)]
pub struct Record {
    /// Number of returns: one a bar, the first against the initial cash.
    pub n_bars: usize,
    /// Bars in a year of this market.
    pub bars_per_year: f64,
    /// Last equity over the initial cash.
    pub growth: f64,
    /// Returns less the riskless rate.
    pub excess: Dispersion,
    /// Returns less the acceptable minimum.
    pub over_minimum: Dispersion,
    /// Deepest fall below the running peak, 0 or negative.
    pub max_drawdown: f64,
    /// Mean equity at the closes over the initial cash.
    pub mean_growth: f64,
    /// Traded value over the initial cash, both ways.
    pub traded_growth: f64,
    /// Sums over the closed trades.
    pub trades: TradeTotals,
    /// Whether equity fell to zero or below.
    pub is_ruined: bool,
}

/// Bars that are worked on together.
pub(crate) const PIECE_BARS: usize = 64;
/// A deviation below this share of the largest value is none.
const FLAT: f64 = 1e-12;
/// A return is a quotient of equities less 1 and was rounded with the quotient: what deviates by
/// less than this does so by rounding, however small the returns are.
const ROUNDED: f64 = 4.0 * f64::EPSILON;
/// Fewer returns than this are flagged.
const LOW_SAMPLE_BARS: usize = 20;

/// The metrics that come with every run, NaN for null, and their flags.
pub fn summary(record: &Record) -> (Vec<f64>, u32) {
    let outcomes = METRICS.iter().filter_map(|metric| match metric.compute {
        Compute::Summary(compute) => Some(compute(record)),
        Compute::Study(_) => None,
    });
    judged(record, outcomes)
}

/// Values of outcomes, NaN for null, and the flags. Nothing that is not finite leaves.
fn judged(record: &Record, outcomes: impl Iterator<Item = Outcome>) -> (Vec<f64>, u32) {
    let mut flags = 0;
    if record.n_bars < LOW_SAMPLE_BARS {
        flags |= Flag::LowSample.bit();
    }
    if record.is_ruined {
        flags |= Flag::Ruin.bit();
    }
    let mut values = Vec::with_capacity(METRICS.len());
    for outcome in outcomes {
        let (value, flag) = match outcome {
            Outcome::Value(value) if value.is_finite() => (value, 0),
            Outcome::Marked(value, flag) if value.is_finite() => (value, flag.bit()),
            Outcome::Value(_) | Outcome::Marked(..) => (f64::NAN, Flag::NonFinite.bit()),
            Outcome::Null(flag) => (f64::NAN, flag.bit()),
            Outcome::Absent => (f64::NAN, 0),
        };
        values.push(value);
        flags |= flag;
    }
    (values, flags)
}

/// Whether returns, the largest of that size, deviate by no more than rounding.
pub(crate) fn is_still(deviation: f64, largest: f64) -> bool {
    deviation <= (FLAT * largest).max(ROUNDED)
}

/// Refuses a year without bars.
pub(crate) fn check_bars_per_year(bars_per_year: f64) -> Result<(), EngineError> {
    if bars_per_year > 0.0 && bars_per_year.is_finite() {
        return Ok(());
    }
    Err(EngineError::Field {
        path: "/bars_per_year".to_owned(),
        got: bars_per_year.to_string(),
        expected: "a finite number above 0".to_owned(),
    })
}
