//! Standard deviation.

use super::window::spreads;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::Params;
use crate::wide::widest;

/// Row of the standard deviation.
pub const STDEV: Indicator = Indicator {
    name: "stdev",
    source: "TA-Lib STDDEV with one deviation",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::POSITIVE),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

/// Standard deviation of the last `n` values as a whole population.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    deviations(columns[0], params.get("n") as usize, values);
}

widest! {
    /// Standard deviation of the last `n` values; exactly 0 where they are equal.
    pub fn deviations(input: &[f64], n: usize, values: &mut [f64]) {
        spreads(input, n, values, |way| way * way, |_, total| (total / n as f64).sqrt());
    }
}
