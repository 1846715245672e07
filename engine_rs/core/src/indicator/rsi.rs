//! Relative strength index.

use super::{Indicator, Warmup, window};
use crate::parameter::Params;

/// Row of the relative strength index.
pub const RSI: Indicator = Indicator {
    name: "rsi",
    source: "Wilder (1978), New Concepts in Technical Trading Systems; TA-Lib RSI",
    n_inputs: 1,
    reads: &[],
    params: &[window("n", 2.0)],
    warmup: Warmup { params: &["n"], plus_bars: 0 },
    compute,
};

/// Share of the gains in all changes, in percent, both smoothed after Wilder.
fn compute(columns: &[&[f64]], params: &Params, output: &mut [f64]) {
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
    if moves == 0.0 { 50.0 } else { 100.0 * gain / moves }
}
