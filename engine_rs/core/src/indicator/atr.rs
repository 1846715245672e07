//! Average true range.

use super::{Indicator, Memory, Output, Range, Step, Warmup, window};
use crate::bars::Field;
use crate::parameter::Params;

/// Row of the average true range.
pub const ATR: Indicator = Indicator {
    name: "atr",
    source: "Wilder (1978), New Concepts in Technical Trading Systems; TA-Lib ATR",
    inputs: &[],
    reads: &[Field::High, Field::Low, Field::Close],
    params: &[window("n", 1.0)],
    outputs: &Output::only(Range::POSITIVE),
    warmup: Warmup::n(0),
    compute,
    memory: Memory::Series(|params, _| Box::new(Atr::new(params))),
};

/// Range of a bar with the close before it, smoothed after Wilder. The first bar has no close
/// before it and therefore no range.
fn compute(columns: &[&[f64]], params: &Params, _: usize, output: &mut [f64]) {
    let [high, low, close] = columns else { unreachable!("the table names three columns") };
    let n = params.get("n") as usize;
    if close.len() <= n {
        output.fill(f64::NAN);
        return;
    }
    let share = 1.0 / n as f64;
    let keep = (n as f64 - 1.0) * share;
    let range = |t: usize| high[t].max(close[t - 1]) - low[t].min(close[t - 1]);
    let mut mean = crate::math::sum((1..=n).map(range)) * share;
    output[..n].fill(f64::NAN);
    output[n] = mean;
    for (t, slot) in output.iter_mut().enumerate().skip(n + 1) {
        mean = mean * keep + range(t) * share;
        *slot = mean;
    }
}

/// The same, bar by bar.
#[derive(Debug)]
struct Atr {
    n: usize,
    last_close: Option<f64>,
    first: Vec<f64>,
    mean: f64,
}

impl Atr {
    fn new(params: &Params) -> Self {
        Self { n: params.get("n") as usize, last_close: None, first: Vec::new(), mean: f64::NAN }
    }
}

impl Step for Atr {
    fn next(&mut self, row: &[f64]) -> f64 {
        let &[high, low, close] = row else { unreachable!("the table names three columns") };
        let Some(last_close) = self.last_close.replace(close) else {
            return f64::NAN;
        };
        let range = high.max(last_close) - low.min(last_close);
        let share = 1.0 / self.n as f64;
        if self.first.len() == self.n {
            let keep = (self.n as f64 - 1.0) * share;
            self.mean = self.mean * keep + range * share;
        } else {
            self.first.push(range);
            if self.first.len() == self.n {
                self.mean = crate::math::sum(self.first.iter().copied()) * share;
            }
        }
        self.mean
    }
}
