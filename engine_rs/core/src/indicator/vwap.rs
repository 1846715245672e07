//! Volume-weighted average price.

use super::cci::typical;
use super::window::means;
use super::{Indicator, Memory, Output, Range, Warmup, window};
use crate::bars::Field;
use crate::parameter::Params;

/// Row of the volume-weighted average price.
pub const VWAP: Indicator = Indicator {
    name: "vwap",
    source: "Berkowitz, Logue and Noser (1988), J. Finance 43(1), over a rolling window",
    inputs: &[],
    reads: &[Field::High, Field::Low, Field::Close, Field::Volume],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::POSITIVE),
    warmup: Warmup::n(-1),
    compute,
    memory: Memory::Window,
};

/// Mean of the typical price over `n` bars, each bar as often as it was traded; unknown where
/// nothing was.
fn compute(columns: &[&[f64]], params: &Params, _: usize, values: &mut [f64]) {
    let [high, low, close, volume] = columns else { unreachable!("the table names four columns") };
    let n = params.get("n") as usize;
    let mut traded = typical(high, low, close);
    traded.iter_mut().zip(*volume).for_each(|(price, volume)| *price *= volume);
    let mut volumes = vec![0.0; volume.len()];
    means(&traded, n, values);
    means(volume, n, &mut volumes);
    values.iter_mut().zip(volumes).for_each(|(value, volume)| *value /= volume);
}
