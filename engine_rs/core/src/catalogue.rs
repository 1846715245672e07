//! Every open set of the crate as JSON, for Python to read; no set is written down twice.

use serde_json::{Value, json};

/// Families, indicators and metrics, each with its parameters, units, ranges and source.
pub fn catalogue() -> Value {
    json!({
        "families": crate::scenario::FAMILIES.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
        "indicators":
            crate::indicator::INDICATORS.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
        "metrics": crate::metric::METRICS.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
    })
}
