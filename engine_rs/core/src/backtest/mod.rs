//! Backtests: programs over bars to fills, a ledger and metrics, one run or many at a time.

mod account;
pub mod arena;
mod batch;
mod booking;
mod close;
mod cost;
mod day;
mod decide;
mod event;
mod fill;
mod ledger;
mod live;
mod open;
mod order;
mod pause;
mod position;
mod profile;
mod run;
mod score;
pub mod scripted;
mod shared;
mod signal;
mod study;
mod tally;
mod watch;
mod within;

pub use batch::{run_batch, run_batch_from};
pub use cost::{Costs, Financing, Impact};
pub use event::{EVENTS, Event, Events};
pub use ledger::{Columns, Journal, Leg, Step, Trade, Trades};
pub use order::{EXIT_REASONS, ExitReason};
pub use profile::{
    Conflict, Execution, Finalize, Intrabar, LimitFill, MarketFill, OnInsufficient, profiles,
};
pub use score::release;
pub use study::{Asked, study};

use crate::EngineError;
use crate::metric;
use serde_json::{Value, json};

/// How much of a run is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Metrics, flags, last equity and events.
    Summary,
    /// The same, and equity bar by bar and every trade.
    Equity,
    /// The same, and cash and position bar by bar.
    Full,
}

impl Detail {
    /// The detail of this name.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_NAME` for any other.
    pub fn named(name: &str) -> Result<Self, EngineError> {
        match name {
            "summary" => Ok(Self::Summary),
            "equity" => Ok(Self::Equity),
            "full" => Ok(Self::Full),
            _ => Err(EngineError::UnknownName {
                kind: "detail",
                name: name.to_owned(),
                known: vec!["summary", "equity", "full"],
            }),
        }
    }
}

/// What one run gives.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// In the order of `metric::METRICS`, those of the summary unless it was studied; NaN for null.
    pub metrics: Vec<f64>,
    /// What the metrics of the summary are made from.
    pub record: metric::Record,
    /// Bits of `metric::Flag`.
    pub flags: u32,
    /// Equity after the last bar.
    pub final_equity_quote: f64,
    /// Last equity if every bar that allows two outcomes had the better, less that if it had the
    /// worse, in percent of the initial cash; 0 when there is no such bar.
    pub ambiguity_gap: f64,
    /// What happened.
    pub events: Events,
    /// The account and the trades; None in a summary.
    pub journal: Option<Journal>,
}

/// The codes in results: `{"exit_reason": […], "metric_flags": […], "events": […]}`, each name at
/// its code or bit.
pub fn codes() -> Value {
    json!({"exit_reason": EXIT_REASONS, "metric_flags": metric::FLAGS, "events": EVENTS})
}

#[cfg(test)]
mod tests;
