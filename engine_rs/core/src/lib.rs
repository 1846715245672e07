//! The deterministic core of Proving Ground: scenarios, programs, fills, metrics, resampling and
//! the paper-trading stack.
//!
//! It knows no Python, no files, no clock and no environment: documents come in as JSON, columns
//! go out. Whatever needs one of those does not belong here.

pub mod backtest;
pub mod bars;
pub mod canonical;
pub mod catalogue;
pub mod error;
pub mod indicator;
pub mod math;
pub mod metric;
pub mod paper;
pub mod parameter;
pub mod program;
pub mod random;
pub mod resample;
pub mod scenario;
pub mod self_test;
mod wide;

pub use error::EngineError;

/// Version of the crate and digest of its sources.
const SOURCE_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("PROVING_SOURCE_DIGEST"));

/// Version of the crate and digest of its sources, part of every result's provenance; on a
/// machine whose mathematics fail the self-test, marked so that no other shares it.
pub fn engine_version() -> String {
    self_test::libm_profile().mark(SOURCE_VERSION)
}
