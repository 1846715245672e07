//! Module `simcore._engine`: one function an operation. It decodes, releases the GIL, calls the
//! core and converts; what a value means is decided elsewhere.

mod convert;

use convert::{EngineRefusal, refusal};
use proving_core::{ENGINE_VERSION, catalogue as tables, scenario};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Crate version and digest of its sources.
#[pyfunction]
fn version() -> &'static str {
    ENGINE_VERSION
}

/// Every open set of the engine, as JSON text.
#[pyfunction]
fn catalogue() -> String {
    tables::catalogue().to_string()
}

/// Bars of one scenario and the facts of its manifest; see `simcore.engine.generate`.
#[pyfunction]
fn generate<'py>(
    py: Python<'py>,
    scenario_json: &str,
    source: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Bound<'py, PyDict>, String)> {
    let document = convert::json(scenario_json)?;
    let source = source.map(convert::source_bars).transpose()?;
    let made = py.detach(|| scenario::generate(&document, source.as_ref())).map_err(refusal)?;
    Ok((convert::bars_to_columns(py, made.bars)?, made.facts.to_string()))
}

/// The compiled engine; import it through `simcore.engine`.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EngineRefusal", module.py().get_type::<EngineRefusal>())?;
    module.add_function(wrap_pyfunction!(version, module)?)?;
    module.add_function(wrap_pyfunction!(catalogue, module)?)?;
    module.add_function(wrap_pyfunction!(generate, module)?)?;
    Ok(())
}
