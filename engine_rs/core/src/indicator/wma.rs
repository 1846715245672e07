//! Weighted moving average.

use super::window::weighted;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;
use crate::wide::widest;

/// Row of the weighted moving average.
pub const WMA: Indicator = Indicator {
    name: "wma",
    source: "TA-Lib WMA",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::Input),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

widest! {
    /// Mean of the last `n` values, the newest `n` times, the one before it `n - 1` times, and so
    /// on.
    fn compute(
        columns: &[&[f64]],
        params: &Params,
        _output: usize,
        values: &mut [f64],
    ) {
        let n = params.get("n");
        let whole = n * (n + 1.0) / 2.0;
        let weight = |lag| n - lag;
        weighted(columns[0], n as usize, values, weight, |last, sum| last + sum / whole);
    }
}
