//! On-balance volume.

use super::{Indicator, Memory, Output, Range, Step, Warmup, step_by_step};
use crate::bars::Field;
use crate::parameter::Params;

/// Row of on-balance volume.
pub const OBV: Indicator = Indicator {
    name: "obv",
    source: "Granville (1963), Granville's New Key to Stock Market Profits; TA-Lib OBV",
    inputs: &[],
    reads: &[Field::Close, Field::Volume],
    params: &[],
    outputs: &Output::only(Range::Any),
    warmup: Warmup { params: &[], plus_bars: 0 },
    compute: |columns, _, _, values| step_by_step(Obv::default(), columns, values),
    memory: Memory::Series(|_: &Params, _| Box::new(Obv::default())),
};

/// Volume so far: the first bar's, more of it where the close rose, less where it fell.
#[derive(Debug, Default)]
struct Obv {
    last: Option<(f64, f64)>,
}

impl Step for Obv {
    fn next(&mut self, row: &[f64]) -> f64 {
        let (close, volume) = (row[0], row[1]);
        let total = match self.last {
            None => volume,
            Some((before, total)) if close > before => total + volume,
            Some((before, total)) if close < before => total - volume,
            Some((_, total)) => total,
        };
        self.last = Some((close, total));
        total
    }
}
