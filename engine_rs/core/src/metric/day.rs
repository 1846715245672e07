//! Metrics of calendar days: equity at the last bar of each day, UTC.

use super::returns::{Shape, flat};
use super::study::Study;
use super::sums::Buffer;
use super::tail::Tail;
use super::{Compute, Flag, Metric, Outcome, is_still};

/// Row of `sharpe_day`.
pub const SHARPE_DAY: Metric = Metric {
    name: "sharpe_day",
    unit: "1/sqrt(year)",
    better: "higher",
    basis: "day",
    needs: "dates",
    formula: "as sharpe, on daily returns and days a year",
    null: "absent without dates, FEW_DAYS below twenty days, ZERO_DISPERSION",
    source: "Sharpe (1994), J. Portfolio Management 21(1); empyrical sharpe_ratio",
    compute: Compute::Study(|study| {
        by_days(study, |days| {
            let shape = &days.shape;
            // The riskless rate of a bar, compounded over the bars of a day.
            let rf = crate::math::pow(1.0 + study.rates.rf, days.bars_per_day) - 1.0;
            let mean = shape.mean - rf;
            let largest = (shape.lowest - rf).abs().max((shape.highest - rf).abs());
            if is_still(shape.deviation, largest) {
                return flat(mean);
            }
            let days_per_year = study.record.bars_per_year / days.bars_per_day;
            Outcome::Value(mean / shape.deviation * days_per_year.sqrt())
        })
    }),
};

/// Row of `p5_day`.
pub const P5_DAY: Metric = Metric {
    name: "p5_day",
    unit: "fraction",
    better: "higher",
    basis: "day",
    needs: "dates",
    formula: "5 % quantile of the daily returns, linear between neighbours",
    null: "absent without dates, FEW_DAYS below twenty days",
    source: "empyrical value_at_risk",
    compute: Compute::Study(|study| by_days(study, |days| Outcome::Value(days.tail.p5))),
};

/// Row of `es_1`.
pub const ES_1: Metric = Metric {
    name: "es_1",
    unit: "fraction",
    better: "higher",
    basis: "day",
    needs: "dates",
    formula: "mean of the worst 1 % of the daily returns",
    null: "absent without dates, FEW_DAYS below twenty days",
    source: "empyrical conditional_value_at_risk",
    compute: Compute::Study(|study| by_days(study, |days| Outcome::Value(days.tail.es_1))),
};

/// Row of `es_5`.
pub const ES_5: Metric = Metric {
    name: "es_5",
    unit: "fraction",
    better: "higher",
    basis: "day",
    needs: "dates",
    formula: "mean of the worst 5 % of the daily returns",
    null: "absent without dates, FEW_DAYS below twenty days",
    source: "empyrical conditional_value_at_risk",
    compute: Compute::Study(|study| by_days(study, |days| Outcome::Value(days.tail.es_5))),
};

/// Row of `worst_day`.
pub const WORST_DAY: Metric = Metric {
    name: "worst_day",
    unit: "fraction",
    better: "higher",
    basis: "day",
    needs: "dates",
    formula: "smallest daily return",
    null: "absent without dates, FEW_DAYS below twenty days",
    source: "extremum",
    compute: Compute::Study(|study| by_days(study, |days| Outcome::Value(days.shape.lowest))),
};

/// Row of `best_day`.
pub const BEST_DAY: Metric = Metric {
    name: "best_day",
    unit: "fraction",
    better: "higher",
    basis: "day",
    needs: "dates",
    formula: "largest daily return",
    null: "absent without dates, FEW_DAYS below twenty days",
    source: "extremum",
    compute: Compute::Study(|study| by_days(study, |days| Outcome::Value(days.shape.highest))),
};

/// Fewer days than this say nothing.
const FEW_DAYS: usize = 20;
const DAY_NS: i64 = 86_400_000_000_000;

/// Returns from day to day.
#[derive(Debug)]
pub struct Days {
    /// Number of days with a bar.
    pub n: usize,
    /// Most bars of any day: those of a whole one.
    pub bars_per_day: f64,
    /// Moments and extremes of the daily returns.
    pub shape: Shape,
    /// Their two ends.
    pub tail: Tail,
}

impl Days {
    /// Of equity at the closes of bars that open at `ts`; the first day's return is from
    /// `initial`.
    pub fn new(ts: &[i64], equity: &[f64], initial: f64) -> Self {
        assert_eq!(ts.len(), equity.len());
        let mut returns = Buffer::with_capacity(64);
        let (mut before, mut first, mut most) = (initial, 0, 0);
        while let Some(start) = ts.get(first) {
            let next_ns = (start.div_euclid(DAY_NS) + 1).saturating_mul(DAY_NS);
            let n_bars = ts[first..].iter().take_while(|at| **at < next_ns).count().max(1);
            let last = equity[first + n_bars - 1];
            returns.push(last / before - 1.0);
            before = last;
            first += n_bars;
            most = most.max(n_bars);
        }
        let (shape, tail) = (Shape::new(&returns), Tail::new(&returns));
        Self { n: returns.len(), bars_per_day: most.max(1) as f64, shape, tail }
    }
}

fn by_days(study: &Study, value: impl FnOnce(&Days) -> Outcome) -> Outcome {
    match study.days() {
        None => Outcome::Absent,
        Some(days) if days.n < FEW_DAYS => Outcome::Null(Flag::FewDays),
        Some(days) => value(days),
    }
}
