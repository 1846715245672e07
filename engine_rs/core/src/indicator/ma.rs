//! Moving average.

use super::window::means;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;

/// Row of the moving average.
pub const MA: Indicator = Indicator {
    name: "ma",
    source: "TA-Lib SMA",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::Input),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

/// Mean of the last `n` values.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    means(columns[0], params.get("n") as usize, values);
}
