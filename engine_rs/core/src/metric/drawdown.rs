//! Metrics of the fall below the running peak.

use super::returns::{from_one, from_two};
use super::sums::{Buffer, extremes, sums};
use super::tail::lowest_mean;
use super::{Compute, Flag, Metric, Outcome, PIECE_BARS, Record};
use crate::math::Sum;

/// Row of the deepest drawdown.
pub const MAX_DRAWDOWN: Metric = Metric {
    name: "max_drawdown",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "smallest of equity over its running peak, less 1; the peak begins at the initial cash",
    null: "never",
    source: "Magdon-Ismail and Atiya (2004), Risk 17(10); empyrical max_drawdown",
    compute: Compute::Summary(|record| Outcome::Value(record.max_drawdown)),
};

/// Row of the Calmar ratio.
pub const CALMAR: Metric = Metric {
    name: "calmar",
    unit: "1/year",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "cagr over max_drawdown without sign",
    null: "NO_DRAWDOWN",
    source: "Young (1991), Futures 20(1); empyrical calmar_ratio",
    compute: Compute::Summary(|record| {
        if record.max_drawdown == 0.0 {
            return Outcome::Null(Flag::NoDrawdown);
        }
        Outcome::Value(annual_growth(record) / record.max_drawdown.abs())
    }),
};

/// Row of `time_to_recovery`.
pub const TIME_TO_RECOVERY: Metric = Metric {
    name: "time_to_recovery",
    unit: "bars",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "bars from the peak before the deepest drawdown to the first equity not below it; to the last bar, with CENSORED, if there is none",
    null: "NO_DRAWDOWN",
    source: "Magdon-Ismail and Atiya (2004), Risk 17(10)",
    compute: Compute::Study(|study| {
        let falls = study.falls();
        match falls.recovery_bar {
            _ if falls.deepest == 0.0 => Outcome::Null(Flag::NoDrawdown),
            Some(bar) => Outcome::Value((bar - falls.peak_bar) as f64),
            None => Outcome::Marked((study.record.n_bars - falls.peak_bar) as f64, Flag::Censored),
        }
    }),
};

/// Row of `longest_underwater`.
pub const LONGEST_UNDERWATER: Metric = Metric {
    name: "longest_underwater",
    unit: "bars",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "most bars in a row with equity below its peak",
    null: "never",
    source: "extremum",
    compute: Compute::Study(|study| Outcome::Value(study.falls().longest_bars as f64)),
};

/// Row of `avg_drawdown`.
pub const AVG_DRAWDOWN: Metric = Metric {
    name: "avg_drawdown",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean depth of the drawdowns, each from a peak to the next",
    null: "NO_DRAWDOWN",
    source: "mean over episodes",
    compute: Compute::Study(|study| {
        let falls = study.falls();
        if falls.n_episodes == 0 {
            return Outcome::Null(Flag::NoDrawdown);
        }
        Outcome::Value(falls.depths / falls.n_episodes as f64)
    }),
};

/// Row of `ulcer`.
pub const ULCER: Metric = Metric {
    name: "ulcer",
    unit: "fraction",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "root of the mean square of the drawdowns at the closes",
    null: "LOW_SAMPLE without a return",
    source: "Martin and McCann (1989), The Investor's Guide to Fidelity Funds",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            Outcome::Value((study.falls().squares / study.record.n_bars as f64).sqrt())
        })
    }),
};

/// Row of `ulcer_qs`.
pub const ULCER_QS: Metric = Metric {
    name: "ulcer_qs",
    unit: "fraction",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "the same over one bar less",
    null: "LOW_SAMPLE below two returns",
    source: "quantstats ulcer_index",
    compute: Compute::Study(|study| {
        from_two(study, |study| {
            Outcome::Value((study.falls().squares / (study.record.n_bars - 1) as f64).sqrt())
        })
    }),
};

/// Row of `pain`.
pub const PAIN: Metric = Metric {
    name: "pain",
    unit: "fraction",
    better: "lower",
    basis: "bar",
    needs: "returns",
    formula: "mean drawdown at the closes, without sign",
    null: "LOW_SAMPLE without a return",
    source: "Becker (2006), Zephyr Associates",
    compute: Compute::Study(|study| {
        from_one(study, |study| Outcome::Value(study.falls().total / study.record.n_bars as f64))
    }),
};

/// Row of `cdar_95`.
pub const CDAR_95: Metric = Metric {
    name: "cdar_95",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean of the worst 5 % of the drawdowns at the closes",
    null: "LOW_SAMPLE without a return",
    source: "Chekhlov, Uryasev and Zabarankin (2005), Int. J. Theoretical and Applied Finance 8(1)",
    compute: Compute::Study(|study| {
        from_one(study, |study| Outcome::Value(study.falls().worst_mean))
    }),
};

/// Row of `recovery_factor`.
pub const RECOVERY_FACTOR: Metric = Metric {
    name: "recovery_factor",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "total_return over max_drawdown without sign",
    null: "NO_DRAWDOWN",
    source: "signed, unlike quantstats recovery_factor",
    compute: Compute::Study(|study| {
        let record = study.record;
        if record.max_drawdown == 0.0 {
            return Outcome::Null(Flag::NoDrawdown);
        }
        let total = if record.is_ruined { -1.0 } else { record.growth - 1.0 };
        Outcome::Value(total / record.max_drawdown.abs())
    }),
};

/// Compound growth per year, as a fraction; −1 when nothing is left.
pub(super) fn annual_growth(record: &Record) -> f64 {
    if record.growth <= 0.0 {
        return -1.0;
    }
    crate::math::pow(record.growth, record.bars_per_year / record.n_bars as f64) - 1.0
}

/// The running peak and the deepest fall below it.
///
/// The quotient of a value and its peak is rounded, but never against the order of the values: so
/// that of the lowest value since a peak is the lowest quotient, and one division a peak will do.
#[derive(Clone, Copy, Debug)]
pub struct Drawdown {
    peak: f64,
    /// Smallest value since the peak.
    low: f64,
    /// Smallest quotient of a value and its peak, of the peaks before this one.
    lowest: f64,
}

impl Drawdown {
    /// A series that begins at `start`, which must be positive.
    pub fn new(start: f64) -> Self {
        Self { peak: start, low: start, lowest: 1.0 }
    }

    /// The smallest value since the peak, and the peak.
    #[inline(always)]
    pub fn bounds(&self) -> (f64, f64) {
        (self.low, self.peak)
    }

    /// Adds one value.
    #[inline(always)]
    pub fn add(&mut self, value: f64) {
        if value > self.peak {
            if self.low < self.peak {
                self.lowest = self.lowest.min(self.low / self.peak);
            }
            self.peak = value;
            self.low = value;
        } else if value < self.low {
            self.low = value;
        }
    }

    /// Adds several values.
    #[inline(always)]
    pub fn add_all(&mut self, values: &[f64]) {
        // Eight at a time, as none waits for another.
        let (mut low, mut high) = ([self.low; 8], [self.peak; 8]);
        let (eights, rest) = values.as_chunks::<8>();
        for eight in eights {
            for k in 0..8 {
                low[k] = if eight[k] < low[k] { eight[k] } else { low[k] };
                high[k] = if eight[k] > high[k] { eight[k] } else { high[k] };
            }
        }
        if rest.iter().any(|value| *value > self.peak) || !self.add_below_peak(&low, &high) {
            values.iter().for_each(|value| self.add(*value));
        } else {
            rest.iter().for_each(|value| self.add(*value));
        }
    }

    /// Adds values of which these are among the lowest and the highest, unless there is a new
    /// peak among them: then the order matters, which these do not tell.
    #[inline(always)]
    pub fn add_below_peak(&mut self, low: &[f64], high: &[f64]) -> bool {
        let mut is_below = true;
        for value in high {
            is_below &= *value <= self.peak;
        }
        if is_below {
            for low in low {
                self.low = if *low < self.low { *low } else { self.low };
            }
        }
        is_below
    }

    /// Deepest fall so far, as a fraction of the peak, 0 or negative.
    pub fn deepest(&self) -> f64 {
        self.lowest.min(self.low / self.peak) - 1.0
    }
}

/// Every fall of a series below its running peak.
#[derive(Clone, Copy, Debug, Default)]
pub struct Falls {
    /// Deepest fall, as a fraction of the peak, 0 or negative.
    pub deepest: f64,
    /// Last value at the peak before the deepest fall, counted from the initial one.
    pub peak_bar: usize,
    /// First value that reaches that peak again; None if none does.
    pub recovery_bar: Option<usize>,
    /// Most values in a row below the peak.
    pub longest_bars: usize,
    /// Number of falls, each from a peak to the next.
    pub n_episodes: usize,
    /// Sum of their depths, 0 or negative.
    pub depths: f64,
    /// Sum of the squares of the falls at every value.
    pub squares: f64,
    /// Sum of the falls at every value, without sign.
    pub total: f64,
    /// Mean of the deepest 5 % of the falls at every value.
    pub worst_mean: f64,
}

impl Falls {
    /// Of equity that begins at `initial`; nothing of none.
    pub fn new(initial: f64, equity: &[f64]) -> Self {
        let mut found = Self::default();
        let mut depth_sum = Sum::default();
        let mut falls = Buffer::with_capacity(equity.len());
        let mut walk = Walk { peak: initial, top: 0, low: 0.0 };
        for (piece, values) in equity.chunks(PIECE_BARS).enumerate() {
            let start = piece * PIECE_BARS;
            let peak = walk.peak;
            falls.extend(values.iter().map(|value| value / peak - 1.0));
            // Most stretches reach no peak: then only the deepest of their falls can matter.
            let stretch = &mut falls[start..];
            let (low, high) = extremes(stretch);
            if high < 0.0 && low >= walk.low {
                continue;
            }
            for (fall, (index, value)) in stretch.iter_mut().zip(values.iter().enumerate()) {
                *fall = walk.step(&mut found, start + index + 1, *value, &mut depth_sum);
            }
        }
        if walk.low < 0.0 {
            found.end_episode(walk.low, equity.len() - walk.top, &mut depth_sum);
        }
        found.depths = depth_sum.value();
        [found.squares, found.total] = sums(&falls, |fall| [fall * fall, -fall]);
        if !falls.is_empty() {
            found.worst_mean = lowest_mean(&falls, 0.05);
        }
        found
    }

    /// Ends a fall of that depth after so many values below the peak.
    fn end_episode(&mut self, depth: f64, n_bars: usize, depths: &mut Sum) {
        self.n_episodes += 1;
        self.longest_bars = self.longest_bars.max(n_bars);
        depths.add(depth);
    }
}

/// How far one has come: the peak, the last place at it, and the deepest fall since.
struct Walk {
    peak: f64,
    top: usize,
    low: f64,
}

impl Walk {
    /// The fall at the value of that place.
    fn step(&mut self, found: &mut Falls, place: usize, value: f64, depths: &mut Sum) -> f64 {
        if value >= self.peak {
            if self.low < 0.0 {
                found.end_episode(self.low, place - self.top - 1, depths);
                if found.peak_bar == self.top && self.low == found.deepest {
                    found.recovery_bar = Some(place);
                }
                self.low = 0.0;
            }
            (self.peak, self.top) = (value, place);
            return 0.0;
        }
        let fall = value / self.peak - 1.0;
        if fall < self.low {
            self.low = fall;
            if fall < found.deepest {
                (found.deepest, found.peak_bar, found.recovery_bar) = (fall, self.top, None);
            }
        }
        fall
    }
}
