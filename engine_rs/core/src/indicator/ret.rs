//! Return.

use super::window::changes;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;

/// Row of the return.
pub const RET: Indicator = Indicator {
    name: "ret",
    source: "TA-Lib ROCP: simple return over n bars",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::Any),
    warmup: Warmup::n(0),
    compute,
    memory: Memory::Ends,
};

/// Change within `n` bars as a fraction; unknown where the value before was 0.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    changes(columns[0], params.get("n") as usize, values, |before, now| now / before - 1.0);
}
