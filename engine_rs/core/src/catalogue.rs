//! Every open set of the crate as JSON, for Python to read; no set is written down twice.

use serde_json::{Value, json};

/// Families, indicators, named series, metrics and execution profiles, each with its parameters,
/// units, ranges and source; the names behind the codes in results.
pub fn catalogue() -> Value {
    let [series, account] = crate::program::series::catalogue();
    json!({
        "families": crate::scenario::FAMILIES.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
        "overlays": crate::scenario::overlay::OVERLAYS
            .iter()
            .map(crate::scenario::overlay::Overlay::to_json)
            .collect::<Vec<_>>(),
        "stylised_facts":
            crate::scenario::law::FACTS.iter().map(|fact| fact.name()).collect::<Vec<_>>(),
        "indicators":
            crate::indicator::INDICATORS.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
        "series": series,
        "account": account,
        "metrics": crate::metric::METRICS.iter().map(|row| row.to_json()).collect::<Vec<_>>(),
        "executions": crate::backtest::profiles(),
        "codes": crate::backtest::codes(),
        "libm_profile": crate::self_test::libm_profile().name,
        "paper": crate::paper::codes(),
    })
}
