//! Distance from the mean in standard deviations.

use super::window::spreads;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;
use crate::wide::widest;

/// Row of the standard score.
pub const ZSCORE: Indicator = Indicator {
    name: "zscore",
    source: "Standard score over a window: (x - mean) / population standard deviation",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::Any),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

widest! {
    /// How many standard deviations the value lies above the mean of the last `n`; unknown where
    /// they are equal.
    fn compute(
        columns: &[&[f64]],
        params: &Params,
        _output: usize,
        values: &mut [f64],
    ) {
        let n = params.get("n");
        let score = |gap: f64, total: f64| -gap / (total / n).sqrt();
        spreads(columns[0], n as usize, values, |way| way * way, score);
    }
}
