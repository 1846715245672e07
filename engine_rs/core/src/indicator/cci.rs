//! Commodity channel index.

use super::window::spreads;
use super::{Indicator, Memory, Output, Range, Warmup, window};
use crate::bars::Field;
use crate::parameter::Params;
use crate::wide::widest;

/// Row of the commodity channel index.
pub const CCI: Indicator = Indicator {
    name: "cci",
    source: "Lambert (1980), Commodities magazine; TA-Lib CCI",
    inputs: &[],
    reads: &[Field::High, Field::Low, Field::Close],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::Any),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

widest! {
    /// Distance of the typical price from its mean, in mean distances; unknown where it did not
    /// move.
    fn compute(
        columns: &[&[f64]],
        params: &Params,
        _output: usize,
        values: &mut [f64],
    ) {
        let [high, low, close] = columns else { unreachable!("the table names three columns") };
        let n = params.get("n");
        let prices = typical(high, low, close);
        let index = |gap: f64, total: f64| -gap / (0.015 * (total / n));
        spreads(&prices, n as usize, values, f64::abs, index);
    }
}

/// Mean of high, low and close of each bar.
pub fn typical(high: &[f64], low: &[f64], close: &[f64]) -> Vec<f64> {
    let rows = high.iter().zip(low).zip(close);
    rows.map(|((high, low), close)| (high + low + close) / 3.0).collect()
}
