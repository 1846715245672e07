//! The paper-trading stack: runs one seeded universe and gives back its two logs and their views.
//!
//! One thread, one event queue, no clock, no I/O. Each component is a state machine that is handed
//! a [`desk::Desk`] and has effects only through it; what a component must not lose in a crash is
//! a fold over the log. Trading logic never knows that a fault is planned.

pub mod broker;
pub mod bus;
pub mod clock;
pub mod cloid;
pub mod code;
pub mod desk;
pub mod draw;
pub mod exchange;
pub mod fault;
pub mod fields;
pub mod gate;
pub mod holdings;
pub mod kernel;
pub mod kill_switch;
pub mod log;
pub mod market;
pub mod officer;
pub mod order;
pub mod portfolio;
pub mod projection;
pub mod rates;
pub mod reconcile;
pub mod record;
pub mod scope;
pub mod strategy;
pub mod supervisor;
pub mod table;
pub mod universe;
mod views;
pub mod words;

#[cfg(test)]
mod tests;

use crate::EngineError;
use crate::canonical::{hex, jcs, sha256_hex};
use kernel::Kernel;
use market::Market;
use projection::Projection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
pub use table::{Column, Table};
use universe::{Limits, Universe};

/// What a run leaves behind.
#[derive(Clone, Debug, PartialEq)]
pub struct PaperResult {
    /// Columns of the two logs and their views.
    pub tables: Vec<Table>,
    /// Roots, identity and counts.
    pub facts: Value,
}

impl PaperResult {
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// Runs the universe that the document describes.
///
/// # Errors
///
/// `FIELD_INVALID` for a document that is not of the form it must have, and whatever the scenario
/// engine refuses.
pub fn run(universe: &Value) -> Result<PaperResult, EngineError> {
    let universe = Universe::read(universe)?;
    let market = Market::generate(&universe)?;
    let mut kernel = Kernel::new(universe, market);
    kernel.run();
    Ok(result(&kernel))
}

fn result(kernel: &Kernel) -> PaperResult {
    let (log, exchange) = (&kernel.desk.log, &kernel.exchange);
    let views = Projection::of(log.events());
    let tables = vec![
        views::event_table(log),
        views::xlog_table(exchange.log()),
        views::anchor_table(log, exchange.log()),
        views.intent_table(),
        views.permit_table(),
        views.kill_table(&kernel.recorder),
        views.order_table(exchange),
        views.fill_table(),
        kernel.recorder.position_table(),
        kernel.recorder.equity_table(),
        views::injection_table(kernel.injector.rows()),
    ];
    PaperResult { tables, facts: facts(kernel) }
}

fn facts(kernel: &Kernel) -> Value {
    let universe = &kernel.desk.universe;
    let identity = jcs(&universe.identity("system"));
    let root = |anchors: &[log::Anchor]| anchors.last().map(|anchor| anchor.hash.clone());
    let mut market = Sha256::new();
    for digest in &kernel.market_digests {
        market.update(digest);
    }
    json!({
        "log_root": root(kernel.desk.log.anchors()),
        "xlog_root": root(kernel.exchange.log().anchors()),
        "run_id": &sha256_hex(identity.as_bytes())[..32],
        "universe_sha256": universe.sha256,
        "events": kernel.desk.log.events().len(),
        "sim_s": universe.end() / clock::SECOND,
        "market_digest": hex(&market.finalize()),
    })
}

/// Names and numbers of every closed set, and the limits of a universe, for the catalogue.
pub fn codes() -> Value {
    let mut sets = code::codes();
    sets["limits"] = Limits::table();
    sets["schema"] = json!(universe::SCHEMA);
    sets
}
