//! Bars since a condition was true.

use super::{Indicator, Input, Memory, Output, Range, Step, Warmup, step_by_step};
use crate::parameter::Params;

/// Row of the bars since a condition was true.
pub const BARSSINCE: Indicator = Indicator {
    name: "barssince",
    source: "TradingView ta.barssince",
    inputs: &[Input::Truth],
    reads: &[],
    params: &[],
    outputs: &Output::only(Range::POSITIVE),
    warmup: Warmup { params: &[], plus_bars: 0 },
    compute: |columns, _, _, values| step_by_step(BarsSince::default(), columns, values),
    memory: Memory::Series(|_: &Params, _| Box::new(BarsSince::default())),
};

/// Bars since the condition was last true: 0 where it is, unknown until it first was. Where the
/// condition itself is unknown it may have been true, so the count begins anew.
#[derive(Debug, Default)]
struct BarsSince {
    n_bars: Option<f64>,
}

impl Step for BarsSince {
    fn next(&mut self, row: &[f64]) -> f64 {
        self.n_bars = if row[0] == 1.0 { Some(0.0) } else { self.n_bars.map(|n| n + 1.0) };
        self.n_bars.unwrap_or(f64::NAN)
    }
}
