//! Scenario families: `FAMILIES`, the table, and `generate`.

use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;
use serde_json::{Value, json};

/// One way of making a market; a row of the table.
pub struct Family {
    /// Name in documents.
    pub name: &'static str,
    /// Where the model comes from.
    pub source: &'static str,
    /// Numeric parameters.
    pub params: &'static [Param],
}

impl Family {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name, "source": self.source,
            "params": self.params.iter().map(Param::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Every family there is.
pub const FAMILIES: &[&Family] = &[];

/// A generated market.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The bars, sorted by (path, asset, t).
    pub bars: Bars,
    /// Hashes, bounds and counts of the manifest.
    pub facts: Value,
}

/// Generates the market of one scenario; `source` holds the rows of a replay.
///
/// # Errors
///
/// Whatever is wrong with the document or with the path it leads to.
pub fn generate(scenario: &Value, source: Option<&Bars>) -> Result<Generated, EngineError> {
    let _ = (scenario, source);
    Err(EngineError::Json { message: String::new() })
}
