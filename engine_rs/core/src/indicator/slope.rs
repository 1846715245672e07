//! Slope of a line through the last values.

use super::window::weighted;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;
use crate::wide::widest;

/// Row of the slope.
pub const SLOPE: Indicator = Indicator {
    name: "slope",
    source: "TA-Lib LINEARREG_SLOPE; ordinary least squares",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::Any),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

widest! {
    /// Rise per bar of the line of least squares through the last `n` values.
    fn compute(
        columns: &[&[f64]],
        params: &Params,
        _output: usize,
        values: &mut [f64],
    ) {
        let n = params.get("n");
        let middle = (n - 1.0) / 2.0;
        let squares = n * (n * n - 1.0) / 12.0;
        // The weights sum to nothing, so changes from the last value do as well as values.
        weighted(columns[0], n as usize, values, |lag| middle - lag, |_, sum| sum / squares);
    }
}
