//! Williams' %R.

use super::window::extremes;
use super::{Indicator, Memory, Output, Range, Warmup, window};
use crate::bars::Field;
use crate::parameter::Params;

/// Row of Williams' %R.
pub const WILLR: Indicator = Indicator {
    name: "willr",
    source: "Williams (1979), How I Made One Million Dollars; TA-Lib WILLR",
    inputs: &[],
    reads: &[Field::High, Field::Low, Field::Close],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::Between(-100.0, 0.0)),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

/// How far the close lies below the highest high, in percent of the range; unknown without a range.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    let [high, low, close] = columns else { unreachable!("the table names three columns") };
    let n = params.get("n") as usize;
    let mut lows = vec![0.0; low.len()];
    extremes(high, n, true, values);
    extremes(low, n, false, &mut lows);
    for ((value, low), close) in values.iter_mut().zip(lows).zip(*close) {
        *value = (*value - close) / (*value - low) * -100.0;
    }
}
