//! What the metrics beyond the first ones look at: columns of a run or of bare returns, and the
//! sums over them, each worked out when the first metric asks for it.

use super::activity::Activity;
use super::benchmark::Relation;
use super::day::Days;
use super::drawdown::Falls;
use super::growth::Logs;
use super::returns::Shape;
use super::significance::Serial;
use super::tail::Tail;
use super::trades::{TradeShape, Traded};
use super::{Compute, METRICS, Metric};
use super::{Record, judged};
use std::cell::OnceCell;

/// Rates per bar.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Least acceptable return.
    pub mar: f64,
    /// Riskless return.
    pub rf: f64,
}

/// What is known of a run or of a series of returns, up to the bar that ruined it.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// Simple returns, one a bar.
    pub returns: &'a [f64],
    /// Equity at every close, in any unit; as long as `returns`.
    pub equity: &'a [f64],
    /// Equity before the first bar, in the same unit.
    pub initial: f64,
    /// When each bar opened, ns UTC, rising; as long as `returns`. None where it is not known.
    pub ts: Option<&'a [i64]>,
    /// Returns of the benchmark, as long as `returns`.
    pub benchmark: Option<&'a [f64]>,
    /// The closed trades of a run.
    pub trades: Option<&'a [Traded]>,
    /// What the run did beside its trades.
    pub activity: Option<&'a Activity>,
}

/// Columns, and what was worked out of them so far.
#[derive(Debug)]
pub struct Study<'a> {
    /// The sums that every run has.
    pub record: &'a Record,
    /// What is known.
    pub known: Columns<'a>,
    /// Rates per bar.
    pub rates: Rates,
    shape: OnceCell<Shape>,
    logs: OnceCell<Logs>,
    tail: OnceCell<Tail>,
    falls: OnceCell<Falls>,
    serial: OnceCell<Serial>,
    days: OnceCell<Option<Days>>,
    relation: OnceCell<Option<Relation>>,
    trade_shape: OnceCell<Option<TradeShape>>,
}

impl<'a> Study<'a> {
    /// Nothing worked out yet.
    pub fn new(record: &'a Record, known: Columns<'a>, rates: Rates) -> Self {
        assert_eq!(known.returns.len(), known.equity.len());
        Self {
            record,
            known,
            rates,
            shape: OnceCell::new(),
            logs: OnceCell::new(),
            tail: OnceCell::new(),
            falls: OnceCell::new(),
            serial: OnceCell::new(),
            days: OnceCell::new(),
            relation: OnceCell::new(),
            trade_shape: OnceCell::new(),
        }
    }

    /// Every metric that `wanted` selects, NaN for null, and the flags.
    pub fn compute(&self, wanted: impl Fn(&Metric) -> bool) -> (Vec<f64>, u32) {
        let outcomes =
            METRICS.iter().filter(|metric| wanted(metric)).map(|metric| match metric.compute {
                Compute::Summary(compute) => compute(self.record),
                Compute::Study(compute) => compute(self),
            });
        judged(self.record, outcomes)
    }

    /// Moments and extremes of the returns.
    pub fn shape(&self) -> &Shape {
        self.shape.get_or_init(|| Shape::new(self.known.returns))
    }

    /// Logarithms of the growth.
    pub fn logs(&self) -> &Logs {
        self.logs.get_or_init(|| Logs::new(self.known.returns))
    }

    /// The two ends of the returns, sorted.
    pub fn tail(&self) -> &Tail {
        self.tail.get_or_init(|| Tail::new(self.known.returns))
    }

    /// Falls of equity below its peak.
    pub fn falls(&self) -> &Falls {
        self.falls.get_or_init(|| Falls::new(self.known.initial, self.known.equity))
    }

    /// Autocorrelations of the returns.
    pub fn serial(&self) -> &Serial {
        self.serial.get_or_init(|| Serial::new(self.known.returns, self.shape().mean))
    }

    /// The same by calendar days; None where no dates are known.
    pub fn days(&self) -> Option<&Days> {
        self.days
            .get_or_init(|| {
                let ts = self.known.ts?;
                Some(Days::new(ts, self.known.equity, self.known.initial))
            })
            .as_ref()
    }

    /// The returns beside those of the benchmark; None without one.
    pub fn relation(&self) -> Option<&Relation> {
        self.relation
            .get_or_init(|| Some(Relation::new(self.known.returns, self.known.benchmark?)))
            .as_ref()
    }

    /// Sums over the closed trades; None without a run.
    pub fn trade_shape(&self) -> Option<&TradeShape> {
        self.trade_shape.get_or_init(|| Some(TradeShape::new(self.known.trades?))).as_ref()
    }
}
