//! Indicators: `INDICATORS`, the table, and the one way to compute a column of one.
//!
//! A kernel sees a stretch without unknown values; how unknowns split a column into such
//! stretches is settled here, once for all of them.

mod adx;
mod atr;
mod barssince;
mod bbands;
mod cci;
mod ema;
mod highest;
mod lowest;
mod ma;
mod macd;
mod mom;
mod obv;
mod realized_vol;
mod ret;
mod roc;
mod rsi;
mod slope;
mod stdev;
mod stoch;
mod vwap;
mod willr;
mod window;
mod wma;
mod zscore;

use crate::bars::{BarsView, Field};
use crate::parameter::{Param, Params};
use crate::wide::widest;
use serde_json::{Value, json};

/// One indicator; a row of the table.
#[derive(Debug)]
pub struct Indicator {
    /// Name in rule text.
    pub name: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// The series it is given.
    pub inputs: &'static [Input],
    /// Columns of the bars that it reads besides.
    pub reads: &'static [Field],
    /// Constant parameters.
    pub params: &'static [Param],
    /// What it gives; one of them at a time.
    pub outputs: &'static [Output],
    /// Bars before the first value.
    pub warmup: Warmup,
    /// Writes one value a bar of the output with this number; the columns are the inputs and then
    /// `reads`, all as long as the values and without unknowns. Unknown (NaN) before the warm-up
    /// ends.
    pub compute: fn(columns: &[&[f64]], params: &Params, output: usize, values: &mut [f64]),
    /// What a value depends on.
    pub memory: Memory,
}

/// What a series holds that an indicator is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Numbers.
    Number,
    /// Truth values, seen by the kernel as 1 and 0.
    Truth,
}

/// One of the values that an indicator has for a bar.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Name in rule text, behind a dot; empty for an indicator's only output.
    pub name: &'static str,
    /// Where its values lie.
    pub range: Range,
}

/// Where values lie whatever the market does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Anywhere.
    Any,
    /// From the smallest to the largest value of the input.
    Input,
    /// From one number to another, both included; infinite where there is no bound.
    Between(f64, f64),
}

impl Range {
    /// Never negative.
    pub const POSITIVE: Self = Self::Between(0.0, f64::INFINITY);

    /// Its ends, where it has them whatever the input.
    pub fn bounds(self) -> [Option<f64>; 2] {
        match self {
            Self::Between(low, high) => [low, high].map(|end| Some(end).filter(|x| x.is_finite())),
            Self::Any | Self::Input => [None, None],
        }
    }
}

/// What the value on a bar depends on, and so how it is found bar by bar.
#[derive(Clone, Copy, Debug)]
pub enum Memory {
    /// The bars of the warm-up and the bar itself.
    Window,
    /// The first bar of the warm-up and the bar itself; what lies between may be unknown.
    Ends,
    /// Everything since the series began; makes what is carried from bar to bar for the output
    /// with this number.
    Series(fn(params: &Params, output: usize) -> Box<dyn Step>),
}

/// An indicator bar by bar: bit for bit what `compute` gives.
pub trait Step: std::fmt::Debug {
    /// The value on the next bar, NaN while unknown, of what the columns hold on it.
    fn next(&mut self, row: &[f64]) -> f64;
}

/// Bars before an indicator's first value: a sum over groups of parameters, of which the largest
/// counts, and a constant.
#[derive(Clone, Copy, Debug)]
pub struct Warmup {
    /// Names of parameters, each counted in bars; groups may repeat.
    pub params: &'static [&'static [&'static str]],
    /// What is added to their sum.
    pub plus_bars: i32,
}

impl Warmup {
    /// `n` bars and a constant.
    const fn n(plus_bars: i32) -> Self {
        Self { params: &[&["n"]], plus_bars }
    }

    /// The number of bars for these parameters.
    pub fn bars(&self, params: &Params) -> usize {
        let largest =
            |names: &[&str]| names.iter().map(|name| params.get(name)).fold(0.0, f64::max);
        let sum: f64 = self.params.iter().map(|names| largest(names)).sum();
        (sum + f64::from(self.plus_bars)).max(0.0) as usize
    }
}

impl Output {
    /// The output of an indicator that has no other.
    const fn only(range: Range) -> [Self; 1] {
        [Self { name: "", range }]
    }

    fn to_json(self) -> Value {
        let [low, high] = self.range.bounds();
        let is_within_input = self.range == Range::Input;
        json!({"name": self.name, "low": low, "high": high, "is_within_input": is_within_input})
    }
}

impl Indicator {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        let kind = |input: &Input| if *input == Input::Truth { "bool" } else { "num" };
        json!({
            "name": self.name, "source": self.source,
            "inputs": self.inputs.iter().map(kind).collect::<Vec<_>>(),
            "params": self.params.iter().map(Param::to_json).collect::<Vec<_>>(),
            "outputs": self.outputs.iter().map(|output| output.to_json()).collect::<Vec<_>>(),
            "warmup": {"params": self.warmup.params, "plus_bars": self.warmup.plus_bars},
        })
    }

    /// Number of the output called `name`, if there is one.
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|output| output.name == name)
    }

    /// Writes the output with number `output` into `values`, of `inputs` (and of the bars, where
    /// the indicator reads them). `is_clean` says that no input has an unknown value.
    ///
    /// An unknown value poisons the indicator until as many fresh values have come as its
    /// warm-up needs; so each stretch between unknowns is a series of its own.
    ///
    /// # Panics
    ///
    /// When the columns differ in length.
    pub fn column(
        &self,
        inputs: &[&[f64]],
        is_clean: bool,
        bars: &BarsView,
        (params, output): (&Params, usize),
        values: &mut [f64],
    ) {
        let mut columns = inputs.to_vec();
        columns.extend(self.reads.iter().map(|field| bars.column(*field)));
        assert!(columns.iter().all(|column| column.len() == values.len()));
        // An unknown end makes its change unknown by itself.
        let is_clean = is_clean || matches!(self.memory, Memory::Ends);
        let mut start = 0;
        while start < values.len() {
            let is_known = |at: usize| inputs.iter().all(|column| !column[at].is_nan());
            if !is_clean && !is_known(start) {
                values[start] = f64::NAN;
                start += 1;
                continue;
            }
            let unknown = if is_clean { None } else { first_unknown(inputs, start) };
            let end = unknown.unwrap_or(values.len());
            let stretch: Vec<&[f64]> = columns.iter().map(|column| &column[start..end]).collect();
            (self.compute)(&stretch, params, output, &mut values[start..end]);
            start = end;
        }
        // What overflows on the way is unknown, like any other result that is not finite.
        if !is_moderate(values) {
            values.iter_mut().filter(|x| x.is_infinite()).for_each(|x| *x = f64::NAN);
        }
    }
}

/// Writes what a step gives bar by bar.
fn step_by_step(mut step: impl Step, columns: &[&[f64]], values: &mut [f64]) {
    let mut row = [0.0; 4];
    for (t, value) in values.iter_mut().enumerate() {
        columns.iter().zip(&mut row).for_each(|(column, slot)| *slot = column[t]);
        *value = step.next(&row[..columns.len()]);
    }
}

widest! {
    /// Whether no value is infinite; unknown values aside.
    fn is_moderate(values: &[f64]) -> bool {
        const LANES: usize = 16;
        let mut largest = [0.0_f64; LANES];
        let chunks = values.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (largest, value) in largest.iter_mut().zip(chunk) {
                // Not `max`: this is one instruction, and NaN never enters.
                *largest = if value.abs() > *largest { value.abs() } else { *largest };
            }
        }
        largest.iter().chain(rest).all(|value| !value.is_infinite())
    }
}

/// First position at or after `start` where one of the columns is unknown.
fn first_unknown(columns: &[&[f64]], start: usize) -> Option<usize> {
    let starts = columns.iter().filter_map(|column| {
        let rest = &column[start..];
        // Whole chunks first: almost every column has no unknown at all.
        let mut at = 0;
        for chunk in rest.chunks(256) {
            if chunk.iter().fold(false, |unknown, value| unknown | value.is_nan()) {
                return chunk.iter().position(|value| value.is_nan()).map(|k| start + at + k);
            }
            at += chunk.len();
        }
        None
    });
    starts.min()
}

/// A window length in bars, as most indicators have one.
const fn window(name: &'static str, min: f64) -> Param {
    Param {
        name,
        unit: "bars",
        min,
        is_min_open: false,
        max: 5_000.0,
        default: None,
        is_integer: true,
    }
}

/// Every indicator there is.
pub const INDICATORS: &[&Indicator] = &[
    &ma::MA,
    &ema::EMA,
    &rsi::RSI,
    &atr::ATR,
    &bbands::BBANDS,
    &slope::SLOPE,
    &wma::WMA,
    &highest::HIGHEST,
    &lowest::LOWEST,
    &stdev::STDEV,
    &zscore::ZSCORE,
    &mom::MOM,
    &roc::ROC,
    &ret::RET,
    &macd::MACD,
    &stoch::STOCH,
    &adx::ADX,
    &cci::CCI,
    &willr::WILLR,
    &obv::OBV,
    &vwap::VWAP,
    &realized_vol::REALIZED_VOL,
    &barssince::BARSSINCE,
];

/// The indicator called `name`, if there is one.
pub fn find(name: &str) -> Option<&'static Indicator> {
    INDICATORS.iter().find(|row| row.name == name).copied()
}

#[cfg(test)]
mod tests;
