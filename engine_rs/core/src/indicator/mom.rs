//! Momentum.

use super::window::changes;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;

/// Row of momentum.
pub const MOM: Indicator = Indicator {
    name: "mom",
    source: "TA-Lib MOM",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::Any),
    warmup: Warmup::n(0),
    compute,
    memory: Memory::Ends,
};

/// What was added within `n` bars.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    changes(columns[0], params.get("n") as usize, values, |before, now| now - before);
}
