//! Exponential moving average.

use super::{Indicator, Input, Memory, Output, Range, Step, Warmup, window};
use crate::parameter::Params;

/// Row of the exponential moving average.
pub const EMA: Indicator = Indicator {
    name: "ema",
    source: "TA-Lib EMA (classic seeding); Hunter (1986), J. Quality Technology 18(4)",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::Input),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Series(|params, _| Box::new(Ema::new(params.get("n") as usize))),
};

/// Begins at the mean of the first `n` values, then goes 2/(n + 1) of the way to each new one.
fn compute(columns: &[&[f64]], params: &Params, _: usize, output: &mut [f64]) {
    let input = columns[0];
    let n = params.get("n") as usize;
    if input.len() < n {
        output.fill(f64::NAN);
        return;
    }
    let share = 2.0 / (n as f64 + 1.0);
    let mut mean = crate::math::sum(input[..n].iter().copied()) / n as f64;
    output[..n - 1].fill(f64::NAN);
    output[n - 1] = mean;
    for (value, slot) in input[n..].iter().zip(&mut output[n..]) {
        mean += (value - mean) * share;
        *slot = mean;
    }
}

/// The same, value by value.
#[derive(Debug)]
pub struct Ema {
    n: usize,
    first: Vec<f64>,
    mean: f64,
}

impl Ema {
    /// Before the first value.
    pub fn new(n: usize) -> Self {
        Self { n, first: Vec::new(), mean: f64::NAN }
    }

    /// The average after one more value, NaN while there are too few.
    pub fn after(&mut self, value: f64) -> f64 {
        if self.first.len() < self.n {
            self.first.push(value);
            if self.first.len() == self.n {
                self.mean = crate::math::sum(self.first.iter().copied()) / self.n as f64;
            }
        } else {
            self.mean += (value - self.mean) * (2.0 / (self.n as f64 + 1.0));
        }
        self.mean
    }

    /// The average so far, NaN while there are too few values.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Whether there were enough values.
    pub fn is_warm(&self) -> bool {
        self.first.len() == self.n
    }
}

impl Step for Ema {
    fn next(&mut self, row: &[f64]) -> f64 {
        self.after(row[0])
    }
}
