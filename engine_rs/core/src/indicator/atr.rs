//! Average true range.

use super::{Indicator, Warmup, window};
use crate::bars::Field;
use crate::parameter::Params;

/// Row of the average true range.
pub const ATR: Indicator = Indicator {
    name: "atr",
    source: "Wilder (1978), New Concepts in Technical Trading Systems; TA-Lib ATR",
    n_inputs: 0,
    reads: &[Field::High, Field::Low, Field::Close],
    params: &[window("n", 1.0)],
    warmup: Warmup { params: &["n"], plus_bars: 0 },
    compute,
};

/// Range of a bar with the close before it, smoothed after Wilder. The first bar has no close
/// before it and therefore no range.
fn compute(columns: &[&[f64]], params: &Params, output: &mut [f64]) {
    let [high, low, close] = columns else { unreachable!("the table names three columns") };
    let n = params.get("n") as usize;
    if close.len() <= n {
        output.fill(f64::NAN);
        return;
    }
    let share = 1.0 / n as f64;
    let keep = (n as f64 - 1.0) * share;
    let range = |t: usize| high[t].max(close[t - 1]) - low[t].min(close[t - 1]);
    let mut mean = crate::math::sum((1..=n).map(range)) * share;
    output[..n].fill(f64::NAN);
    output[n] = mean;
    for (t, slot) in output.iter_mut().enumerate().skip(n + 1) {
        mean = mean * keep + range(t) * share;
        *slot = mean;
    }
}
