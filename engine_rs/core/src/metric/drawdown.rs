//! Metrics of the fall below the running peak.

use super::{Flag, Metric, Outcome, Record};

/// Row of the deepest drawdown.
pub const MAX_DRAWDOWN: Metric = Metric {
    name: "max_drawdown",
    unit: "fraction",
    better: "higher",
    basis: "returns",
    source: "Magdon-Ismail and Atiya (2004), Risk 17(10); empyrical max_drawdown",
    compute: |record| Outcome::Value(record.max_drawdown),
};

/// Row of the Calmar ratio.
pub const CALMAR: Metric = Metric {
    name: "calmar",
    unit: "1/year",
    better: "higher",
    basis: "returns",
    source: "Young (1991), Futures 20(1); empyrical calmar_ratio",
    compute: |record| {
        if record.max_drawdown == 0.0 {
            return Outcome::Null(Flag::NoDrawdown);
        }
        Outcome::Value(annual_growth(record) / record.max_drawdown.abs())
    },
};

/// Compound growth per year, as a fraction; −1 when nothing is left.
fn annual_growth(record: &Record) -> f64 {
    if record.growth <= 0.0 {
        return -1.0;
    }
    crate::math::pow(record.growth, record.bars_per_year / record.n_bars as f64) - 1.0
}

/// The running peak and the deepest fall below it.
#[derive(Clone, Copy, Debug)]
pub struct Drawdown {
    peak: f64,
    /// Smallest quotient of a value and the peak before it.
    lowest: f64,
    /// Nothing above this can be deeper: quotient and product round differently.
    suspect: f64,
}

impl Drawdown {
    /// A series that begins at `start`, which must be positive.
    pub fn new(start: f64) -> Self {
        Self { peak: start, lowest: 1.0, suspect: start }
    }

    /// Adds one value.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if value > self.peak {
            self.peak = value;
            self.watch();
        } else if value < self.suspect {
            self.lowest = self.lowest.min(value / self.peak);
            self.watch();
        }
    }

    /// Adds several values.
    #[inline(always)]
    pub fn add_all(&mut self, values: &[f64]) {
        // Most stretches reach neither a new peak nor a new depth. Four at a time, as none waits
        // for another.
        let (mut low, mut high) = ([self.peak; 4], [self.suspect; 4]);
        let (fours, rest) = values.as_chunks::<4>();
        for four in fours {
            for k in 0..4 {
                low[k] = if four[k] < low[k] { four[k] } else { low[k] };
                high[k] = if four[k] > high[k] { four[k] } else { high[k] };
            }
        }
        let is_within = |value: &f64| *value <= self.peak && *value >= self.suspect;
        if !low.iter().chain(&high).chain(rest).all(is_within) {
            values.iter().for_each(|value| self.add(*value));
        }
    }

    fn watch(&mut self) {
        self.suspect = self.peak * self.lowest * (1.0 + 1e-12);
        // Below zero the margin must point the other way.
        if self.lowest < 0.0 {
            self.suspect = self.peak * self.lowest * (1.0 - 1e-12);
        }
    }

    /// Deepest fall so far, as a fraction of the peak, 0 or negative.
    pub fn deepest(&self) -> f64 {
        self.lowest - 1.0
    }
}
