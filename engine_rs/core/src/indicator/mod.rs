//! Indicators: `INDICATORS`, the table.

use crate::parameter::Param;
use serde_json::{Value, json};

/// One indicator; a row of the table.
pub struct Indicator {
    /// Name in rule text.
    pub name: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// Constant parameters.
    pub params: &'static [Param],
}

impl Indicator {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({"name": self.name, "source": self.source,
            "params": self.params.iter().map(Param::to_json).collect::<Vec<_>>()})
    }
}

/// Every indicator there is.
pub const INDICATORS: &[&Indicator] = &[];
