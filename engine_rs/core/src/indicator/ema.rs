//! Exponential moving average.

use super::{Indicator, Warmup, window};
use crate::parameter::Params;

/// Row of the exponential moving average.
pub const EMA: Indicator = Indicator {
    name: "ema",
    source: "TA-Lib EMA (classic seeding); Hunter (1986), J. Quality Technology 18(4)",
    n_inputs: 1,
    reads: &[],
    params: &[window("n", 1.0)],
    warmup: Warmup { params: &["n"], plus_bars: -1 },
    compute,
};

/// Begins at the mean of the first `n` values, then goes 2/(n + 1) of the way to each new one.
fn compute(columns: &[&[f64]], params: &Params, output: &mut [f64]) {
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
