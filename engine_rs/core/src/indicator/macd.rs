//! Moving-average convergence and divergence.

use super::ema::Ema;
use super::{Indicator, Input, Memory, Output, Range, Step, Warmup, step_by_step, window};
use crate::parameter::Params;

/// Row of the convergence and divergence of moving averages.
pub const MACD: Indicator = Indicator {
    name: "macd",
    source: "Appel (1979), The Moving Average Convergence-Divergence Method; TA-Lib MACD",
    inputs: &[Input::Number],
    reads: &[],
    params: &[window("fast", 2.0), window("slow", 2.0), window("signal", 1.0)],
    outputs: &[
        Output { name: "line", range: Range::Any },
        Output { name: "signal", range: Range::Any },
        Output { name: "hist", range: Range::Any },
    ],
    warmup: Warmup { params: &[&["fast", "slow"], &["signal"]], plus_bars: -2 },
    compute: |columns, params, output, values| {
        step_by_step(Macd::new(params, output), columns, values);
    },
    memory: Memory::Series(|params, output| Box::new(Macd::new(params, output))),
};

/// The fast exponential average less the slow one, that line's own average, and the difference of
/// the two. The averages are seeded to begin on one bar; windows in the wrong order are exchanged,
/// as in the reference.
#[derive(Debug)]
struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    n_skipped: usize,
    output: usize,
}

impl Macd {
    fn new(params: &Params, output: usize) -> Self {
        let [one, other, signal] = ["fast", "slow", "signal"].map(|name| params.get(name) as usize);
        let (fast, slow) = (one.min(other), one.max(other));
        let [fast_mean, slow_mean, signal] = [fast, slow, signal].map(Ema::new);
        Self { fast: fast_mean, slow: slow_mean, signal, n_skipped: slow - fast, output }
    }
}

impl Step for Macd {
    fn next(&mut self, row: &[f64]) -> f64 {
        if self.n_skipped == 0 {
            self.fast.after(row[0]);
        } else {
            self.n_skipped -= 1;
        }
        let slow = self.slow.after(row[0]);
        if !self.slow.is_warm() {
            return f64::NAN;
        }
        let line = self.fast.mean() - slow;
        let signal = self.signal.after(line);
        if !self.signal.is_warm() {
            return f64::NAN;
        }
        match MACD.outputs[self.output].name {
            "line" => line,
            "signal" => signal,
            _ => line - signal,
        }
    }
}
