//! Average directional movement index.

use super::{Indicator, Memory, Output, Range, Step, Warmup, step_by_step, window};
use crate::bars::Field;
use crate::parameter::Params;

/// Row of the average directional movement index.
pub const ADX: Indicator = Indicator {
    name: "adx",
    source: "Wilder (1978), New Concepts in Technical Trading Systems; TA-Lib ADX",
    inputs: &[],
    reads: &[Field::High, Field::Low, Field::Close],
    params: &[window("n", 2.0)],
    outputs: &Output::only(Range::Between(0.0, 100.0)),
    warmup: Warmup { params: &[&["n"], &["n"]], plus_bars: -1 },
    compute: |columns, params, _, values| step_by_step(Adx::new(params), columns, values),
    memory: Memory::Series(|params, _| Box::new(Adx::new(params))),
};

/// How one-sided the movement of highs and lows is, in percent, smoothed twice after Wilder. A bar
/// that has moved in no direction at all leaves the average as it is.
#[derive(Debug)]
struct Adx {
    n: f64,
    /// Bars so far.
    n_bars: f64,
    /// High, low and close of the bar before.
    last: [f64; 3],
    up: f64,
    down: f64,
    range: f64,
    /// The sum of the first `n` indices, then their average.
    average: f64,
}

impl Adx {
    fn new(params: &Params) -> Self {
        let n = params.get("n");
        let last = [f64::NAN; 3];
        Self { n, n_bars: 0.0, last, up: 0.0, down: 0.0, range: 0.0, average: 0.0 }
    }

    /// Carries the movement on by one bar, given its high, low and close.
    fn carry(&mut self, high: f64, low: f64, close: f64) {
        let [last_high, last_low, last_close] = self.last;
        self.last = [high, low, close];
        let (rise, fall) = (high - last_high, last_low - low);
        // From bar n on each sum first gives up its n-th part.
        let is_full = self.n_bars >= self.n;
        let kept = |sum: f64, n: f64| if is_full { sum - sum / n } else { sum };
        self.up = kept(self.up, self.n) + if rise > fall && rise > 0.0 { rise } else { 0.0 };
        self.down = kept(self.down, self.n) + if fall > rise && fall > 0.0 { fall } else { 0.0 };
        self.range = kept(self.range, self.n) + (high.max(last_close) - low.min(last_close));
    }

    /// The index of this bar, unless nothing has moved.
    fn index(&self) -> Option<f64> {
        let (up, down) = (100.0 * (self.up / self.range), 100.0 * (self.down / self.range));
        let index = 100.0 * ((up - down).abs() / (up + down));
        // Without a range, or without a direction, this is no number.
        (!index.is_nan()).then_some(index)
    }
}

impl Step for Adx {
    fn next(&mut self, row: &[f64]) -> f64 {
        let &[high, low, close] = row else { unreachable!("the table names three columns") };
        if self.n_bars == 0.0 {
            self.last = [high, low, close];
        } else {
            self.carry(high, low, close);
        }
        let t = self.n_bars;
        self.n_bars += 1.0;
        if t < self.n {
            return f64::NAN;
        }
        let index = self.index();
        if t < 2.0 * self.n {
            // The n indices of bars n to 2 n - 1 seed the average.
            self.average += index.unwrap_or(0.0);
            if t < 2.0 * self.n - 1.0 {
                return f64::NAN;
            }
            self.average /= self.n;
        } else if let Some(index) = index {
            self.average = (self.average * (self.n - 1.0) + index) / self.n;
        }
        self.average
    }
}
