//! Module `simcore._engine`: one function an operation. It decodes, releases the GIL, calls the
//! core and converts; what a value means is decided elsewhere.

mod convert;

use convert::{HeldBars, RefusalError, refusal};
use numpy::{PyArray1, PyReadonlyArray1};
use proving_core::backtest::arena::{self as arenas, Book, Pairing};
use proving_core::backtest::scripted::{Terms, run_scripts};
use proving_core::backtest::{self as backtests, Asked, Detail, Execution};
use proving_core::metric::series;
use proving_core::metric::study::Rates;
use proving_core::program::{Program, evaluate};
use proving_core::{
    EngineError, bars, catalogue as tables, engine_version, paper as stack, random, resample,
    scenario,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Crate version, digest of its sources, and a mark where this machine computes otherwise.
#[pyfunction]
fn version() -> String {
    engine_version()
}

/// Every open set of the engine, as JSON text.
#[pyfunction]
fn catalogue() -> String {
    tables::catalogue().to_string()
}

/// Bars of one scenario, what they do not say, and the facts of its manifest; see
/// `simcore.engine.generate`.
#[pyfunction]
#[pyo3(signature = (scenario_json, source=None, wants_latent=false))]
fn generate<'py>(
    py: Python<'py>,
    scenario_json: &str,
    source: Option<&Bound<'py, PyDict>>,
    wants_latent: bool,
) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>, String)> {
    let document = convert::json(scenario_json)?;
    let source = source.map(convert::source_bars).transpose()?;
    let made = py
        .detach(|| scenario::generate(&document, source.as_ref(), wants_latent))
        .map_err(refusal)?;
    let latent = convert::latent_to_columns(py, made.latent)?;
    Ok((convert::bars_to_columns(py, made.bars)?, latent, made.facts.to_string()))
}

/// What must hold of a scenario's bars; see `simcore.engine.scenario_laws`.
#[pyfunction]
#[pyo3(signature = (scenario_json, source=None))]
fn scenario_laws(
    py: Python<'_>,
    scenario_json: &str,
    source: Option<&Bound<'_, PyDict>>,
) -> PyResult<String> {
    let document = convert::json(scenario_json)?;
    let source = source.map(convert::source_bars).transpose()?;
    let laws = py.detach(|| scenario::laws(&document, source.as_ref())).map_err(refusal)?;
    Ok(laws.to_string())
}

/// The output column of a program over bars; see `simcore.engine.indicator`.
#[pyfunction]
fn indicator<'py>(
    py: Python<'py>,
    program_json: &str,
    bars: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let program = Program::decode(program_json).map_err(refusal)?;
    let held = HeldBars::new(bars)?;
    let view = held.view()?;
    let column = py.detach(|| evaluate::output(&program, &view)).map_err(refusal)?;
    Ok(PyArray1::from_vec(py, column))
}

/// Whether at least half of the times are so far apart; see `simcore.engine.are_mostly_apart`.
#[pyfunction]
fn are_mostly_apart(ts: PyReadonlyArray1<'_, i64>, distance_ns: i64) -> PyResult<bool> {
    Ok(bars::are_mostly_apart(ts.as_slice()?, distance_ns))
}

/// Runs programs over bars; see `simcore.engine.backtest`.
#[pyfunction]
#[pyo3(signature = (
    programs, execution_json, bars, runs, initial_cash, bars_per_year, detail, n_threads=None,
    benchmark=None, first_bar=0
))]
#[allow(clippy::too_many_arguments)] // the operation of the boundary, as it is
fn backtest<'py>(
    py: Python<'py>,
    programs: Vec<String>,
    execution_json: &str,
    bars: Vec<Bound<'py, PyDict>>,
    runs: Vec<(usize, usize)>,
    initial_cash: f64,
    bars_per_year: Vec<f64>,
    detail: &str,
    n_threads: Option<usize>,
    benchmark: Option<&str>,
    first_bar: usize,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let execution = Execution::read(&convert::json(execution_json)?).map_err(refusal)?;
    let held = bars.iter().map(HeldBars::new).collect::<PyResult<Vec<_>>>()?;
    let views = held.iter().map(HeldBars::view).collect::<PyResult<Vec<_>>>()?;
    let detail = Detail::named(detail).map_err(refusal)?;
    let results = py.detach(|| {
        let programs = Program::decode_all(&programs, n_threads)?;
        let mut results = backtests::run_batch_from(
            first_bar,
            &programs,
            &execution,
            &views,
            &runs,
            initial_cash,
            &bars_per_year,
            detail,
            n_threads,
        )?;
        if let Some(text) = benchmark {
            let late: Vec<_> = views.iter().map(|bars| bars.from(first_bar)).collect();
            let asked = Asked {
                execution: &execution,
                bars: &late,
                runs: &runs,
                initial_cash_quote: initial_cash,
                bars_per_year: &bars_per_year,
                n_threads,
            };
            backtests::study(&mut results, &asked, &Program::decode(text)?)?;
        }
        Ok::<_, EngineError>(results)
    });
    let pairs = results.map_err(refusal)?.into_iter().zip(&runs);
    let to_dict = |(run, (_, bars)): (_, &(usize, usize))| {
        convert::run_to_dict(py, run, &views[*bars].from(first_bar), detail)
    };
    pairs.map(to_dict).collect()
}

/// Runs positions that are given; see `simcore.engine.scripted`.
#[pyfunction]
#[pyo3(signature = (
    execution_json, bars, entry_bar, exit_bar, side, share, starts, max_leverage, initial_cash,
    bars_per_year, n_threads=None
))]
#[allow(clippy::too_many_arguments)] // the operation of the boundary, as it is
fn scripted<'py>(
    py: Python<'py>,
    execution_json: &str,
    bars: &Bound<'py, PyDict>,
    entry_bar: PyReadonlyArray1<'py, u64>,
    exit_bar: PyReadonlyArray1<'py, u64>,
    side: PyReadonlyArray1<'py, f64>,
    share: PyReadonlyArray1<'py, f64>,
    starts: Vec<usize>,
    max_leverage: f64,
    initial_cash: f64,
    bars_per_year: f64,
    n_threads: Option<usize>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let execution = Execution::read(&convert::json(execution_json)?).map_err(refusal)?;
    let held = HeldBars::new(bars)?;
    let view = held.view()?;
    let holdings = convert::holdings(&entry_bar, &exit_bar, &side, &share)?;
    let scripts = convert::pieces(&holdings, &starts).map_err(refusal)?;
    let terms =
        Terms { execution: &execution, max_leverage, initial_quote: initial_cash, bars_per_year };
    let results = py.detach(|| run_scripts(&view, &terms, &scripts, n_threads));
    let runs = results.map_err(refusal)?.into_iter();
    runs.map(|run| convert::run_to_dict(py, run, &view, Detail::Summary)).collect()
}

/// Lets pairs of programs trade in one book; see `simcore.engine.arenas`.
#[pyfunction]
#[pyo3(signature = (
    programs, execution_json, book_json, bars, pairings, initial_cash, bars_per_year,
    n_threads=None
))]
#[allow(clippy::too_many_arguments)] // the operation of the boundary, as it is
fn arena<'py>(
    py: Python<'py>,
    programs: Vec<String>,
    execution_json: &str,
    book_json: &str,
    bars: Vec<Bound<'py, PyDict>>,
    pairings: Vec<(usize, usize, usize)>,
    initial_cash: f64,
    bars_per_year: Vec<f64>,
    n_threads: Option<usize>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let execution = Execution::read(&convert::json(execution_json)?).map_err(refusal)?;
    let book = Book::read(&convert::json(book_json)?).map_err(refusal)?;
    let held = bars.iter().map(HeldBars::new).collect::<PyResult<Vec<_>>>()?;
    let views = held.iter().map(HeldBars::view).collect::<PyResult<Vec<_>>>()?;
    let pairing = |&(one, other, bars): &_| Pairing { programs: [one, other], bars };
    let pairings: Vec<Pairing> = pairings.iter().map(pairing).collect();
    let made = py.detach(|| {
        let programs = Program::decode_all(&programs, n_threads)?;
        let terms = arenas::Terms {
            execution: &execution,
            book: &book,
            initial_quote: initial_cash,
            bars_per_year: &bars_per_year,
        };
        arenas::meet(&programs, &views, &pairings, &terms, n_threads)
    });
    let made = made.map_err(refusal)?.into_iter();
    made.map(|arena| convert::arena_to_columns(py, arena)).collect()
}

/// The metrics that need no run; see `simcore.engine.metrics`.
#[pyfunction]
#[pyo3(signature = (returns, bars_per_year, mar, rf, benchmark=None, ts=None, only=None))]
#[allow(clippy::too_many_arguments)] // the operation of the boundary, as it is
fn metrics<'py>(
    py: Python<'py>,
    returns: PyReadonlyArray1<'py, f64>,
    bars_per_year: f64,
    mar: f64,
    rf: f64,
    benchmark: Option<PyReadonlyArray1<'py, f64>>,
    ts: Option<PyReadonlyArray1<'py, i64>>,
    only: Option<Vec<String>>,
) -> PyResult<(Bound<'py, PyDict>, u32)> {
    let values = returns.as_slice()?;
    let options = series::Options {
        bars_per_year,
        rates: Rates { mar, rf },
        benchmark: benchmark.as_ref().map(PyReadonlyArray1::as_slice).transpose()?,
        ts: ts.as_ref().map(PyReadonlyArray1::as_slice).transpose()?,
        only: only.as_deref(),
    };
    let scores = py.detach(|| series::of_returns(values, &options)).map_err(refusal)?;
    let dict = PyDict::new(py);
    for (name, value) in scores.metrics {
        dict.set_item(name, value)?;
    }
    Ok((dict, scores.flags))
}

/// What resampled paths of a series of returns score; see `simcore.engine.bootstrap`.
#[pyfunction]
#[pyo3(signature = (
    returns, seed, method, block_bars, first_path, n_paths, bars_per_year, n_threads=None
))]
#[allow(clippy::too_many_arguments)] // the operation of the boundary, as it is
fn bootstrap<'py>(
    py: Python<'py>,
    returns: PyReadonlyArray1<'py, f64>,
    seed: u64,
    method: &str,
    block_bars: f64,
    first_path: u64,
    n_paths: usize,
    bars_per_year: f64,
    n_threads: Option<usize>,
) -> PyResult<Bound<'py, PyDict>> {
    let values = returns.as_slice()?;
    let method = resample::Method::named(method).map_err(refusal)?;
    let request =
        resample::Request { seed, method, block_bars, first_path, n_paths, bars_per_year };
    let columns =
        py.detach(|| resample::bootstrap(values, &request, n_threads)).map_err(refusal)?;
    let dict = PyDict::new(py);
    for (name, column) in resample::STATISTICS.into_iter().zip(columns) {
        dict.set_item(name, PyArray1::from_vec(py, column))?;
    }
    Ok(dict)
}

/// How long blocks of a series should be; see `simcore.engine.optimal_block_bars`.
#[pyfunction]
fn optimal_block_bars(py: Python<'_>, values: PyReadonlyArray1<'_, f64>) -> PyResult<(f64, f64)> {
    let values = values.as_slice()?;
    py.detach(|| resample::optimal_block_bars(values)).map_err(refusal)
}

/// Runs one universe of the paper-trading stack; see `simcore.engine.paper`.
#[pyfunction]
fn paper<'py>(py: Python<'py>, universe_json: &str) -> PyResult<(Bound<'py, PyDict>, String)> {
    let universe = convert::json(universe_json)?;
    let result = py.detach(|| stack::run(&universe)).map_err(refusal)?;
    let tables = PyDict::new(py);
    for table in result.tables {
        tables.set_item(table.name, convert::table_to_columns(py, table)?)?;
    }
    Ok((tables, result.facts.to_string()))
}

/// Draws in (0, 1) at an address; see `simcore.engine.uniforms`.
#[pyfunction]
fn uniforms<'py>(
    py: Python<'py>,
    seed: u64,
    purpose: &str,
    lane: u64,
    start: u64,
    n: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let draws = py.detach(|| random::uniforms(seed, purpose, lane, start, n)).map_err(refusal)?;
    Ok(PyArray1::from_vec(py, draws))
}

/// The same draws as standard normals; see `simcore.engine.normals`.
#[pyfunction]
fn normals<'py>(
    py: Python<'py>,
    seed: u64,
    purpose: &str,
    lane: u64,
    start: u64,
    n: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let draws = py.detach(|| random::normals(seed, purpose, lane, start, n)).map_err(refusal)?;
    Ok(PyArray1::from_vec(py, draws))
}

/// The compiled engine; import it through `simcore.engine`.
#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("RefusalError", module.py().get_type::<RefusalError>())?;
    module.add_function(wrap_pyfunction!(version, module)?)?;
    module.add_function(wrap_pyfunction!(catalogue, module)?)?;
    module.add_function(wrap_pyfunction!(generate, module)?)?;
    module.add_function(wrap_pyfunction!(scenario_laws, module)?)?;
    module.add_function(wrap_pyfunction!(indicator, module)?)?;
    module.add_function(wrap_pyfunction!(are_mostly_apart, module)?)?;
    module.add_function(wrap_pyfunction!(backtest, module)?)?;
    module.add_function(wrap_pyfunction!(scripted, module)?)?;
    module.add_function(wrap_pyfunction!(arena, module)?)?;
    module.add_function(wrap_pyfunction!(metrics, module)?)?;
    module.add_function(wrap_pyfunction!(bootstrap, module)?)?;
    module.add_function(wrap_pyfunction!(optimal_block_bars, module)?)?;
    module.add_function(wrap_pyfunction!(paper, module)?)?;
    module.add_function(wrap_pyfunction!(uniforms, module)?)?;
    module.add_function(wrap_pyfunction!(normals, module)?)?;
    Ok(())
}
