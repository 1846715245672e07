//! Rate of change.

use super::window::changes;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;

/// Row of the rate of change.
pub const ROC: Indicator = Indicator {
    name: "roc",
    source: "TA-Lib ROC",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::Any),
    warmup: Warmup::n(0),
    compute,
    memory: Memory::Ends,
};

/// Change within `n` bars, in percent; unknown where the value before was 0.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    let percent = |before: f64, now: f64| (now / before - 1.0) * 100.0;
    changes(columns[0], params.get("n") as usize, values, percent);
}
