//! Bollinger bands.

use super::stdev::deviations;
use super::window::means;
use super::{Indicator, Input, Memory, Output, Range, Warmup, window};
use crate::parameter::{Param, Params};

/// Row of the Bollinger bands.
pub const BBANDS: Indicator = Indicator {
    name: "bbands",
    source: "Bollinger (2001), Bollinger on Bollinger Bands; TA-Lib BBANDS with a simple average",
    inputs: &[Input::Number],
    reads: &[],
    params: &[
        window("n", 2.0),
        Param {
            name: "k",
            unit: "standard deviations",
            min: 0.0,
            is_min_open: true,
            max: 10.0,
            default: None,
            is_integer: false,
        },
    ],
    outputs: &[
        Output { name: "upper", range: Range::Any },
        Output { name: "mid", range: Range::Input },
        Output { name: "lower", range: Range::Any },
        Output { name: "width", range: Range::Any },
        Output { name: "pctb", range: Range::Any },
    ],
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

/// Mean of the last `n` values and `k` standard deviations, of them as a whole population, to
/// either side; the width of the bands over the mean; and where between them the value lies,
/// unknown where they are one.
fn compute(columns: &[&[f64]], params: &Params, output: usize, values: &mut [f64]) {
    let input = columns[0];
    let (n, k) = (params.get("n") as usize, params.get("k"));
    means(input, n, values);
    if BBANDS.outputs[output].name == "mid" {
        return;
    }
    let mut spread = vec![0.0; values.len()];
    deviations(input, n, &mut spread);
    for ((value, spread), x) in values.iter_mut().zip(spread).zip(input) {
        let mid = *value;
        let (upper, lower) = (mid + k * spread, mid - k * spread);
        *value = match BBANDS.outputs[output].name {
            "upper" => upper,
            "lower" => lower,
            "width" => (upper - lower) / mid,
            _ => (x - lower) / (upper - lower),
        };
    }
}
