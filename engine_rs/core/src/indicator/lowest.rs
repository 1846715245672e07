//! Lowest value.

use super::window::extremes;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;

/// Row of the lowest value.
pub const LOWEST: Indicator = Indicator {
    name: "lowest",
    source: "TA-Lib MIN",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::Input),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

/// Smallest of the last `n` values, this one included.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    extremes(columns[0], params.get("n") as usize, false, values);
}
