//! Metrics: `METRICS`, the table; each a number or null with a flag that says why.
//!
//! A metric looks at a [`Record`] of a run, never at bars or orders.

pub mod drawdown;
pub mod returns;
pub mod trades;

use crate::EngineError;
use drawdown::Drawdown;
use returns::{Dispersion, Moments};
use serde_json::{Value, json};
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
    /// What it is made from: `returns` or `trades`.
    pub basis: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// The number, or why there is none.
    pub compute: fn(&Record) -> Outcome,
}

impl Metric {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name, "unit": self.unit, "better": self.better, "basis": self.basis,
            "source": self.source,
        })
    }
}

/// Every metric there is.
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
}

impl Flag {
    /// Its bit.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Names of the flags, by bit.
pub const FLAGS: [&str; 8] = [
    "LOW_SAMPLE",
    "ZERO_DISPERSION",
    "NO_DOWNSIDE",
    "NO_LOSSES",
    "NO_TRADES",
    "NO_DRAWDOWN",
    "RUIN",
    "NON_FINITE",
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
/// Fewer returns than this are flagged.
const LOW_SAMPLE_BARS: usize = 20;

/// Every metric that `wanted` selects, NaN for null, and the flags.
pub fn compute(record: &Record, wanted: impl Fn(&Metric) -> bool) -> (Vec<f64>, u32) {
    let mut flags = 0;
    if record.n_bars < LOW_SAMPLE_BARS {
        flags |= Flag::LowSample.bit();
    }
    if record.is_ruined {
        flags |= Flag::Ruin.bit();
    }
    let mut values = Vec::with_capacity(METRICS.len());
    for metric in METRICS.iter().filter(|metric| wanted(metric)) {
        let (value, flag) = match (metric.compute)(record) {
            Outcome::Value(value) => (value, 0),
            Outcome::Marked(value, flag) => (value, flag.bit()),
            Outcome::Null(flag) => (f64::NAN, flag.bit()),
        };
        let is_lost = value.is_infinite() || (value.is_nan() && flag == 0);
        values.push(if is_lost { f64::NAN } else { value });
        flags |= if is_lost { Flag::NonFinite.bit() } else { flag };
    }
    (values, flags)
}

/// Metrics of a bare series of returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Name and value of each metric that needs nothing but returns; NaN for null.
    pub metrics: Vec<(&'static str, f64)>,
    /// Bits of [`Flag`].
    pub flags: u32,
}

/// Scores simple returns, one a bar; `mar` and `rf` are the acceptable minimum and the riskless
/// rate per bar.
///
/// Returns after equity has fallen to zero do not count. A return that is not finite makes every
/// metric null.
///
/// # Errors
///
/// `FIELD_INVALID` for options that are no numbers, or a year without bars.
pub fn of_returns(
    returns: &[f64],
    bars_per_year: f64,
    mar: f64,
    rf: f64,
) -> Result<Scores, EngineError> {
    check_bars_per_year(bars_per_year)?;
    for (path, number) in [("/mar", mar), ("/rf", rf)] {
        if !number.is_finite() {
            return Err(EngineError::Field {
                path: path.to_owned(),
                got: number.to_string(),
                expected: "a finite number".to_owned(),
            });
        }
    }
    let mut growth = 1.0;
    let mut drawdown = Drawdown::new(1.0);
    let mut n_bars = 0;
    for value in returns {
        growth *= 1.0 + value;
        drawdown.add(growth);
        n_bars += 1;
        if growth <= 0.0 {
            break;
        }
    }
    let counted = &returns[..n_bars];
    let dispersion = |rate: f64| {
        let mut moments = Moments::default();
        for few in counted.chunks(PIECE_BARS) {
            let mut excess = [0.0; PIECE_BARS];
            excess.iter_mut().zip(few).for_each(|(excess, value)| *excess = value - rate);
            moments.add(&excess[..few.len()]);
        }
        moments.dispersion(n_bars, |add| counted.iter().for_each(|value| add(value - rate)))
    };
    let record = Record {
        n_bars,
        bars_per_year,
        growth,
        excess: dispersion(rf),
        over_minimum: dispersion(mar),
        max_drawdown: drawdown.deepest(),
        mean_growth: f64::NAN,
        traded_growth: f64::NAN,
        trades: TradeTotals::default(),
        is_ruined: growth <= 0.0,
    };
    let wanted = |metric: &Metric| metric.basis == "returns";
    let (mut values, mut flags) = compute(&record, wanted);
    if counted.iter().any(|value| !value.is_finite()) {
        values.fill(f64::NAN);
        flags = Flag::NonFinite.bit();
    }
    let names = METRICS.iter().filter(|metric| wanted(metric)).map(|metric| metric.name);
    Ok(Scores { metrics: names.zip(values).collect(), flags })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(returns: &[f64]) -> ([f64; 5], u32) {
        let scores = of_returns(returns, 252.0, 0.0, 0.0).unwrap();
        let values: Vec<f64> = scores.metrics.iter().map(|(_, value)| *value).collect();
        (values.try_into().unwrap(), scores.flags)
    }

    #[test]
    fn a_worked_example_holds() {
        // Equity 1, 1.1, 0.99, 1.089: mean 1/30, and deviations of 0.1 twice up and once down.
        let ([total, sharpe, sortino, drawdown, calmar], flags) = of(&[0.1, -0.1, 0.1]);
        let deviation = (2.0 * (1.0_f64 / 15.0) * (1.0 / 15.0) + (2.0 / 15.0) * (2.0 / 15.0)) / 2.0;
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
        close(total, 0.089);
        close(sharpe, (1.0 / 30.0) / deviation.sqrt() * 252_f64.sqrt());
        close(sortino, (1.0 / 30.0) / (0.01_f64 / 3.0).sqrt() * 252_f64.sqrt());
        close(drawdown, -0.1);
        close(calmar, (crate::math::pow(1.089, 84.0) - 1.0) / 0.1);
        assert_eq!(flags, Flag::LowSample.bit());
    }

    #[test]
    fn the_first_bar_counts_in_the_drawdown() {
        assert_eq!(of(&[-0.5, 0.1]).0[3], -0.5);
    }

    #[test]
    fn what_has_no_number_is_null_with_its_flag() {
        let low = Flag::LowSample.bit();
        let (flat, flags) = of(&[0.0; 30]);
        assert_eq!(flat[..4], [0.0; 4]);
        assert!(flat[4].is_nan());
        assert_eq!(flags, Flag::ZeroDispersion.bit() | Flag::NoDrawdown.bit());

        let (steady, flags) = of(&[0.25; 30]);
        assert!(steady[1].is_nan() && steady[2].is_nan() && steady[4].is_nan());
        let expected = Flag::ZeroDispersion.bit() | Flag::NoDownside.bit();
        assert_eq!(flags, expected | Flag::NoDrawdown.bit());

        let (short, flags) = of(&[0.1]);
        assert!(short[1].is_nan() && short[2].is_nan());
        assert_eq!(flags, low | Flag::NoDrawdown.bit());

        let (none, flags) = of(&[0.1, f64::NAN, 0.1]);
        assert!(none.iter().all(|value| value.is_nan()));
        assert_eq!(flags, Flag::NonFinite.bit());

        assert!(of_returns(&[0.1], 0.0, 0.0, 0.0).is_err());
    }

    #[test]
    fn ruin_ends_the_series() {
        let (ruined, flags) = of(&[0.1, -1.5, 9.0]);
        assert_eq!((ruined[0], flags), (-1.0, Flag::Ruin.bit() | Flag::LowSample.bit()));
        assert_eq!(ruined[1], of(&[0.1, -1.5]).0[1]);
    }

    #[test]
    fn returns_that_hardly_differ_keep_their_deviation() {
        // The mean is a million times the deviation: squares alone would lose it.
        let series: Vec<f64> = (0..100).map(|t| 0.01 + 1e-8 * f64::from(t % 2)).collect();
        let expected = 0.010_000_005 / (1e-8 * 0.5 * (100.0_f64 / 99.0).sqrt()) * 252_f64.sqrt();
        assert!((of(&series).0[1] / expected - 1.0).abs() < 1e-6);
    }
}
