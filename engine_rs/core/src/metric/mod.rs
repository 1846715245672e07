//! Metrics: `METRICS`, the table.

use serde_json::{Value, json};

/// One metric; a row of the table.
pub struct Metric {
    /// Name of the column.
    pub name: &'static str,
    /// Unit, in words.
    pub unit: &'static str,
}

impl Metric {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({"name": self.name, "unit": self.unit})
    }
}

/// Every metric there is.
pub const METRICS: &[&Metric] = &[];
