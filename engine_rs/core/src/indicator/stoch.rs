//! Stochastic oscillator.

use super::window::{after_warmup, extremes, means};
use super::{Indicator, Memory, Output, Range, Warmup, window};
use crate::bars::Field;
use crate::parameter::Params;

/// Row of the stochastic oscillator.
pub const STOCH: Indicator = Indicator {
    name: "stoch",
    source: "Lane (1984), Technical Analysis of Stocks & Commodities 2(3); TA-Lib STOCH",
    inputs: &[],
    reads: &[Field::High, Field::Low, Field::Close],
    params: &[window("k", 1.0), window("smooth", 1.0), window("d", 1.0)],
    outputs: &[
        Output { name: "k", range: Range::Between(0.0, 100.0) },
        Output { name: "d", range: Range::Between(0.0, 100.0) },
    ],
    warmup: Warmup { params: &[&["k"], &["smooth"], &["d"]], plus_bars: -3 },
    compute,
    memory: Memory::Window,
};

/// Where in the range of `k` bars the close lies, in percent, as a mean of `smooth` bars; and the
/// mean of that over `d` bars. Unknown wherever a range that counts was none.
fn compute(columns: &[&[f64]], params: &Params, output: usize, values: &mut [f64]) {
    let [high, low, close] = columns else { unreachable!("the table names three columns") };
    let [k, smooth, d] = ["k", "smooth", "d"].map(|name| params.get(name) as usize);
    let mut place = vec![0.0; close.len()];
    extremes(high, k, true, &mut place);
    extremes(low, k, false, values);
    for ((place, low), close) in place.iter_mut().zip(values.iter()).zip(*close) {
        *place = (close - low) / (*place - low) * 100.0;
    }
    let rest = after_warmup(values, k - 1);
    means(&place[(k - 1).min(place.len())..], smooth, rest);
    let rest = after_warmup(rest, smooth - 1);
    if STOCH.outputs[output].name == "k" {
        // Both outputs begin on one bar.
        after_warmup(rest, d - 1);
    } else {
        let smoothed = rest.to_vec();
        means(&smoothed, d, rest);
    }
}
