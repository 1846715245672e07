//! Columns to and from NumPy, and engine errors to Python exceptions, in one place.

use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1};
use proving_core::EngineError;
use proving_core::backtest::arena::Arena;
use proving_core::backtest::scripted::Holding;
use proving_core::backtest::{Detail, RunResult, Trades, release};
use proving_core::bars::{Bars, BarsView};
use proving_core::paper::{Column, Table};
use proving_core::scenario::Latent;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pyo3::create_exception!(
    _engine,
    RefusalError,
    PyException,
    "The engine refused what it was given; `args` are a stable code, a sentence, and the JSON pointer of the\n     field that is wrong, empty where there is none."
);

/// The one way an engine error becomes a Python exception.
pub fn refusal(error: EngineError) -> PyErr {
    let path = error.path().unwrap_or_default().to_owned();
    RefusalError::new_err((error.code(), error.to_string(), path))
}

/// A JSON text that came from Python.
pub fn json(text: &str) -> PyResult<serde_json::Value> {
    serde_json::from_str(text).map_err(|error| refusal(error.into()))
}

/// Moves a column into a NumPy array without copying it.
fn set<T: Element>(dict: &Bound<'_, PyDict>, name: &str, column: Vec<T>) -> PyResult<()> {
    dict.set_item(name, PyArray1::from_vec(dict.py(), column))
}

/// Borrows the column `name` of a dictionary of NumPy arrays.
fn get<'py, T: Element>(
    dict: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<PyReadonlyArray1<'py, T>> {
    let Some(value) = dict.get_item(name)? else {
        return Err(PyTypeError::new_err(format!("bars: got no column `{name}`")));
    };
    value.extract().map_err(|_| {
        PyTypeError::new_err(format!("bars: column `{name}` is not an array of the right type"))
    })
}

/// Generated bars as a dictionary of columns.
pub fn bars_to_columns<'py>(py: Python<'py>, bars: Bars) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    set(&dict, "path", bars.path)?;
    set(&dict, "asset", bars.asset)?;
    set(&dict, "t", bars.t)?;
    set(&dict, "ts", bars.ts)?;
    set(&dict, "known_at", bars.known_at)?;
    set(&dict, "open", bars.open)?;
    set(&dict, "high", bars.high)?;
    set(&dict, "low", bars.low)?;
    set(&dict, "close", bars.close)?;
    set(&dict, "volume", bars.volume)?;
    set(&dict, "hl_order", bars.hl_order)?;
    set(&dict, "flags", bars.flags)?;
    Ok(dict)
}

/// What bars do not say as a dictionary of columns, which are empty unless it was asked for.
pub fn latent_to_columns<'py>(py: Python<'py>, latent: Latent) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    set(&dict, "mean", latent.mean)?;
    set(&dict, "deviation", latent.deviation)?;
    set(&dict, "jump", latent.jump)?;
    set(&dict, "state", latent.state)?;
    Ok(dict)
}

/// The column `name`, or an empty one where there is none.
fn optional<T: Element + Clone>(dict: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<T>> {
    if !dict.contains(name)? {
        return Ok(Vec::new());
    }
    Ok(get::<T>(dict, name)?.to_vec()?)
}

/// Rows of a source, copied out of Python; it may leave `known_at` and `hl_order` out.
pub fn source_bars(dict: &Bound<'_, PyDict>) -> PyResult<Bars> {
    let floats = |name: &str| Ok::<_, PyErr>(get::<f64>(dict, name)?.to_vec()?);
    Ok(Bars {
        ts: get::<i64>(dict, "ts")?.to_vec()?,
        open: floats("open")?,
        high: floats("high")?,
        low: floats("low")?,
        close: floats("close")?,
        volume: floats("volume")?,
        known_at: optional(dict, "known_at")?,
        hl_order: optional(dict, "hl_order")?,
        ..Bars::default()
    })
}

/// Columns of one path of one asset, held while the engine reads them.
pub struct HeldBars<'py> {
    ts: PyReadonlyArray1<'py, i64>,
    open: PyReadonlyArray1<'py, f64>,
    high: PyReadonlyArray1<'py, f64>,
    low: PyReadonlyArray1<'py, f64>,
    close: PyReadonlyArray1<'py, f64>,
    volume: PyReadonlyArray1<'py, f64>,
    hl_order: PyReadonlyArray1<'py, i8>,
    flags: Option<PyReadonlyArray1<'py, u8>>,
}

impl<'py> HeldBars<'py> {
    /// Takes hold of the columns in `dict`.
    pub fn new(dict: &Bound<'py, PyDict>) -> PyResult<Self> {
        Ok(Self {
            ts: get(dict, "ts")?,
            open: get(dict, "open")?,
            high: get(dict, "high")?,
            low: get(dict, "low")?,
            close: get(dict, "close")?,
            volume: get(dict, "volume")?,
            hl_order: get(dict, "hl_order")?,
            flags: dict.contains("flags")?.then(|| get(dict, "flags")).transpose()?,
        })
    }

    /// The columns as the engine reads them; they must be contiguous.
    pub fn view(&self) -> PyResult<BarsView<'_>> {
        Ok(BarsView {
            ts: self.ts.as_slice()?,
            open: self.open.as_slice()?,
            high: self.high.as_slice()?,
            low: self.low.as_slice()?,
            close: self.close.as_slice()?,
            volume: self.volume.as_slice()?,
            hl_order: self.hl_order.as_slice()?,
            flags: match &self.flags {
                None => &[],
                Some(flags) => flags.as_slice()?,
            },
        })
    }
}

/// The positions of all scripts, one after the other; the columns have one length.
pub fn holdings(
    entry_bar: &PyReadonlyArray1<'_, u64>,
    exit_bar: &PyReadonlyArray1<'_, u64>,
    side: &PyReadonlyArray1<'_, f64>,
    share: &PyReadonlyArray1<'_, f64>,
) -> PyResult<Vec<Holding>> {
    let bars = entry_bar.as_slice()?.iter().zip(exit_bar.as_slice()?);
    let sizes = side.as_slice()?.iter().zip(share.as_slice()?);
    let holding = |((entry, exit), (side, share)): ((&u64, &u64), (&f64, &f64))| Holding {
        entry_bar: *entry as usize,
        exit_bar: *exit as usize,
        side: *side,
        share: *share,
    };
    Ok(bars.zip(sizes).map(holding).collect())
}

/// Cut at `starts`, each the first of a piece, into as many pieces.
pub fn pieces<'a>(all: &'a [Holding], starts: &[usize]) -> Result<Vec<&'a [Holding]>, EngineError> {
    let ends = starts.iter().skip(1).copied().chain([all.len()]);
    let cut = |(start, end): (&usize, usize)| all.get(*start..end);
    starts.iter().zip(ends).map(cut).collect::<Option<_>>().ok_or_else(|| EngineError::Field {
        path: "/starts".to_owned(),
        got: format!("{starts:?}"),
        expected: format!("rising numbers up to {}", all.len()),
    })
}

/// One run as a dictionary: metrics, flags, and with full detail columns and trades.
pub fn run_to_dict<'py>(
    py: Python<'py>,
    run: RunResult,
    bars: &BarsView,
    detail: Detail,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    set(&dict, "metrics", run.metrics)?;
    dict.set_item("flags", run.flags)?;
    dict.set_item("final_equity_quote", run.final_equity_quote)?;
    dict.set_item("ambiguity_gap", run.ambiguity_gap)?;
    let events = PyDict::new(py);
    for (name, count) in run.events.iter() {
        events.set_item(name, count)?;
    }
    dict.set_item("events", events)?;
    if let Some(journal) = run.journal {
        set(&dict, "equity_quote", journal.equity_quote(bars))?;
        dict.set_item("trades", trades_to_columns(py, journal.trades(bars))?)?;
        if detail == Detail::Full {
            set(&dict, "cash_quote", journal.cash_quote(bars.len()))?;
            set(&dict, "position_base", journal.position_base(bars.len()))?;
        }
        release(journal);
    }
    Ok(dict)
}

/// What came of an arena as a dictionary of columns.
pub fn arena_to_columns<'py>(py: Python<'py>, arena: Arena) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    set(&dict, "open", arena.open)?;
    set(&dict, "high", arena.high)?;
    set(&dict, "low", arena.low)?;
    set(&dict, "close", arena.close)?;
    set(&dict, "volume", arena.volume)?;
    set(&dict, "displacement", arena.displacement)?;
    set(&dict, "book_base", arena.book_base)?;
    set(&dict, "dealer_base", arena.dealer_base)?;
    let [one, other] = arena.position_base;
    set(&dict, "position_base_a", one)?;
    set(&dict, "position_base_b", other)?;
    Ok(dict)
}

fn trades_to_columns<'py>(py: Python<'py>, trades: Trades) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    set(&dict, "id", trades.id)?;
    set(&dict, "entry_bar", trades.entry_bar)?;
    set(&dict, "exit_bar", trades.exit_bar)?;
    set(&dict, "side", trades.side)?;
    set(&dict, "qty", trades.qty)?;
    set(&dict, "entry_px", trades.entry_px)?;
    set(&dict, "exit_px", trades.exit_px)?;
    set(&dict, "entry_raw_px", trades.entry_raw_px)?;
    set(&dict, "exit_raw_px", trades.exit_raw_px)?;
    set(&dict, "fees", trades.fees)?;
    set(&dict, "slippage_cost", trades.slippage_cost)?;
    set(&dict, "gross_pnl", trades.gross_pnl)?;
    set(&dict, "net_pnl", trades.net_pnl)?;
    set(&dict, "ret_bps", trades.ret_bps)?;
    set(&dict, "mae_bps", trades.mae_bps)?;
    set(&dict, "mfe_bps", trades.mfe_bps)?;
    set(&dict, "bars_held", trades.bars_held)?;
    set(&dict, "entry_tag", trades.entry_tag)?;
    set(&dict, "exit_reason", trades.exit_reason)?;
    set(&dict, "ambiguous", trades.ambiguous)?;
    Ok(dict)
}
/// One table of the paper-trading stack as a dictionary of columns.
pub fn table_to_columns<'py>(py: Python<'py>, table: Table) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, column) in table.columns {
        match column {
            Column::U8(values) => set(&dict, name, values)?,
            Column::U16(values) => set(&dict, name, values)?,
            Column::U32(values) => set(&dict, name, values)?,
            Column::U64(values) => set(&dict, name, values)?,
            Column::I8(values) => set(&dict, name, values)?,
            Column::I32(values) => set(&dict, name, values)?,
            Column::I64(values) => set(&dict, name, values)?,
            Column::F64(values) => set(&dict, name, values)?,
            Column::Bool(values) => set(&dict, name, values)?,
            Column::Text(values) => dict.set_item(name, values)?,
            Column::Bytes16(values) => {
                let rows: Vec<&[u8]> = values.iter().map(<[u8; 16]>::as_slice).collect();
                dict.set_item(name, rows)?;
            }
        }
    }
    Ok(dict)
}
