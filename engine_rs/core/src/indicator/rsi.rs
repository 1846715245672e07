//! Relative strength index.

use super::{Indicator, Input, Memory, Output, Range, Step, Warmup, window};
use crate::parameter::Params;

/// Row of the relative strength index.
pub const RSI: Indicator = Indicator {
    name: "rsi",
    source: "Wilder (1978), New Concepts in Technical Trading Systems; TA-Lib RSI",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::Between(0.0, 100.0)),
    warmup: Warmup::n(0),
    compute,
    memory: Memory::Series(|params, _| Box::new(Rsi::new(params))),
};

/// Share of the gains in all changes, in percent, both smoothed after Wilder.
fn compute(columns: &[&[f64]], params: &Params, _: usize, output: &mut [f64]) {
    let input = columns[0];
    let n = params.get("n") as usize;
    if input.len() <= n {
        output.fill(f64::NAN);
        return;
    }
    let share = 1.0 / n as f64;
    let keep = (n as f64 - 1.0) * share;
    let changes = || input.windows(2).map(|pair| pair[1] - pair[0]);
    let mut gain = crate::math::sum(changes().take(n).map(|change| change.max(0.0))) * share;
    let mut loss = crate::math::sum(changes().take(n).map(|change| (-change).max(0.0))) * share;
    output[..n].fill(f64::NAN);
    output[n] = index(gain, loss);
    for (change, slot) in changes().skip(n).zip(&mut output[n + 1..]) {
        gain = gain * keep + change.max(0.0) * share;
        loss = loss * keep + (-change).max(0.0) * share;
        *slot = index(gain, loss);
    }
}

/// A market that does not move is neither strong nor weak: 0 would call it oversold.
fn index(gain: f64, loss: f64) -> f64 {
    let moves = gain + loss;
    // Rounding may lift a market that only rises above the top.
    if moves == 0.0 { 50.0 } else { (100.0 * gain / moves).min(100.0) }
}

/// The same, value by value.
#[derive(Debug)]
struct Rsi {
    n: usize,
    last: Option<f64>,
    first: Vec<f64>,
    gain: f64,
    loss: f64,
}

impl Rsi {
    fn new(params: &Params) -> Self {
        let n = params.get("n") as usize;
        Self { n, last: None, first: Vec::new(), gain: 0.0, loss: 0.0 }
    }
}

impl Step for Rsi {
    fn next(&mut self, row: &[f64]) -> f64 {
        let Some(last) = self.last.replace(row[0]) else {
            return f64::NAN;
        };
        let change = row[0] - last;
        let share = 1.0 / self.n as f64;
        let keep = (self.n as f64 - 1.0) * share;
        if self.first.len() == self.n {
            self.gain = self.gain * keep + change.max(0.0) * share;
            self.loss = self.loss * keep + (-change).max(0.0) * share;
            return index(self.gain, self.loss);
        }
        self.first.push(change);
        if self.first.len() < self.n {
            return f64::NAN;
        }
        let changes = || self.first.iter();
        self.gain = crate::math::sum(changes().map(|change| change.max(0.0))) * share;
        self.loss = crate::math::sum(changes().map(|change| (-change).max(0.0))) * share;
        index(self.gain, self.loss)
    }
}
