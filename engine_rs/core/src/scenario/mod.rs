//! Scenario families: `FAMILIES`, the table, and `generate`.
//!
//! A family is one file and one row. What several families share lies in `path`; what a document
//! may say, in `document`.

pub mod calendar;
pub mod document;
mod field;
pub mod identity;
pub mod path;
mod replay;
mod trend;
mod vol_cluster;
pub mod volume;

use crate::EngineError;
use crate::bars::Bars;
use crate::math::LIBM_PROFILE;
use crate::parameter::Param;
use document::{Choice, Scenario};
use field::refused;
use identity::GENERATOR_VERSION;
use path::{PathFacts, PathRows};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

/// One way of making a market; a row of the table.
#[derive(Debug)]
pub struct Family {
    /// Name in documents.
    pub name: &'static str,
    /// Where the model comes from.
    pub source: &'static str,
    /// Numeric parameters.
    pub params: &'static [Param],
    /// Parameters that take one of a few words.
    pub choices: &'static [Choice],
    /// Whether it works on rows that the caller brings.
    pub needs_source: bool,
    /// Refuses what no range of a single parameter can.
    check: fn(&Scenario, Option<&Bars>) -> Result<(), EngineError>,
    /// Writes one path; called once for each, from any thread.
    write_path: fn(&Scenario, Option<&Bars>, usize, PathRows<'_>) -> Result<PathFacts, EngineError>,
}

impl Family {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        let choices: Map<String, Value> = self
            .choices
            .iter()
            .map(|choice| (choice.name.to_owned(), json!(choice.values)))
            .collect();
        json!({
            "name": self.name, "source": self.source,
            "params": self.params.iter().map(Param::to_json).collect::<Vec<_>>(),
            "choices": choices, "needs_source": self.needs_source,
        })
    }
}

/// Every family there is.
pub const FAMILIES: &[&Family] = &[&trend::TREND, &vol_cluster::VOL_CLUSTER, &replay::REPLAY];

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
/// Paths are written in parallel in whatever pool the caller runs in; the bytes are the same for
/// any number of threads.
///
/// # Errors
///
/// Those of [`Scenario::read`]; `FIELD_INVALID` for parameters that do not go together or a
/// source that does not fit; `SCENARIO_EXPLODED`, `GUARD_EXCEEDED` and the codes of
/// [`crate::bars::BarsView::check`] for what a path came to, the lowest path first.
pub fn generate(scenario: &Value, source: Option<&Bars>) -> Result<Generated, EngineError> {
    let scenario = Scenario::read(scenario)?;
    if source.is_some() && !scenario.family.needs_source {
        return Err(refused("/source", "bars", format!("none for {}", scenario.family.name)));
    }
    (scenario.family.check)(&scenario, source)?;
    let mut bars = blank(scenario.paths * scenario.duration_bars);
    let facts = write_paths(&scenario, source, &mut bars)?;
    let facts = describe(&scenario, &bars, &facts);
    Ok(Generated { bars, facts })
}

/// The check of a family whose parameters are free of one another.
fn no_further_check(_scenario: &Scenario, _source: Option<&Bars>) -> Result<(), EngineError> {
    Ok(())
}

fn blank(rows: usize) -> Bars {
    Bars {
        path: vec![0; rows],
        asset: vec![0; rows],
        t: vec![0; rows],
        ts: vec![0; rows],
        known_at: vec![0; rows],
        open: vec![0.0; rows],
        high: vec![0.0; rows],
        low: vec![0.0; rows],
        close: vec![0.0; rows],
        volume: vec![0.0; rows],
        hl_order: vec![0; rows],
        flags: vec![0; rows],
    }
}

/// Writes and checks every path; the facts come in the order of the paths.
fn write_paths(
    scenario: &Scenario,
    source: Option<&Bars>,
    bars: &mut Bars,
) -> Result<Vec<PathFacts>, EngineError> {
    let n = scenario.duration_bars;
    let columns = (
        bars.path.par_chunks_mut(n),
        bars.t.par_chunks_mut(n),
        bars.ts.par_chunks_mut(n),
        bars.known_at.par_chunks_mut(n),
        bars.open.par_chunks_mut(n),
        bars.high.par_chunks_mut(n),
        bars.low.par_chunks_mut(n),
        bars.close.par_chunks_mut(n),
        bars.volume.par_chunks_mut(n),
        bars.hl_order.par_chunks_mut(n),
        bars.flags.par_chunks_mut(n),
    );
    let written = columns.into_par_iter().enumerate().map(
        |(path, (paths, t, ts, known_at, open, high, low, close, volume, hl_order, flags))| {
            paths.fill(path as u32);
            for (bar, slot) in t.iter_mut().enumerate() {
                *slot = bar as u32;
            }
            let rows = PathRows { ts, known_at, open, high, low, close, volume, hl_order, flags };
            (scenario.family.write_path)(scenario, source, path, rows)
        },
    );
    let facts: Vec<Result<PathFacts, EngineError>> = written.collect();
    // Of several refusals the lowest path's is reported, whichever thread was first.
    let facts = facts.into_iter().collect::<Result<Vec<_>, _>>()?;
    let checks: Vec<Result<(), EngineError>> = (0..scenario.paths)
        .into_par_iter()
        .map(|path| bars.view(path * n..(path + 1) * n).check())
        .collect();
    checks.into_iter().collect::<Result<(), _>>()?;
    Ok(facts)
}

fn describe(scenario: &Scenario, bars: &Bars, facts: &[PathFacts]) -> Value {
    let (bars_per_year, a_inferred) = scenario.bars_per_year(&bars.ts);
    json!({
        "scenario_hash": identity::scenario_hash(scenario),
        "dataset_hash": identity::dataset_hash(bars, scenario.paths, scenario.assets.len()),
        "generator_version": GENERATOR_VERSION,
        "libm_profile": LIBM_PROFILE,
        "bars": scenario.duration_bars,
        "paths": scenario.paths,
        "assets": scenario.assets.len(),
        "min_price": bars.low.iter().copied().fold(f64::INFINITY, f64::min),
        "max_price": bars.high.iter().copied().fold(0.0, f64::max),
        "max_abs_z": facts.iter().map(|path| path.max_abs_z).fold(0.0, f64::max),
        "guard_events": facts.iter().map(|path| path.guard_events).sum::<u64>(),
        "bars_per_year": bars_per_year,
        "a_inferred": a_inferred,
    })
}
