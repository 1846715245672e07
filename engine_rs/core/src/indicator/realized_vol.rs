//! Realised volatility.

use super::window::{after_warmup, spreads};
use super::{Indicator, Memory, Output, Range, Warmup, window};
use crate::bars::Field;
use crate::parameter::Params;
use crate::wide::widest;

/// Row of realised volatility.
pub const REALIZED_VOL: Indicator = Indicator {
    name: "realized_vol",
    source: "Andersen and Bollerslev (1998), Int. Economic Review 39(4); sample deviation",
    inputs: &[],
    reads: &[Field::Close],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::POSITIVE),
    warmup: Warmup::n(0),
    compute,
    memory: Memory::Window,
};

widest! {
    /// Standard deviation of the last `n` logarithmic returns, per bar, with `n - 1` in the
    /// divisor.
    fn compute(
        columns: &[&[f64]],
        params: &Params,
        _output: usize,
        values: &mut [f64],
    ) {
        let n = params.get("n");
        let close = columns[0];
        let returns: Vec<f64> =
            close.windows(2).map(|pair| crate::math::ln(pair[1] / pair[0])).collect();
        let known = after_warmup(values, 1);
        let deviation = |_: f64, total: f64| (total / (n - 1.0)).sqrt();
        spreads(&returns, n as usize, known, |way| way * way, deviation);
    }
}
