//! Scenario families: `FAMILIES`, the table, and `generate`.
//!
//! A family is one file and one row. What several families share lies in `path`; what a document
//! may say, in `document`.

mod agents;
mod block_bootstrap;
pub mod calendar;
mod correlation;
pub mod document;
mod factor;
mod field;
pub mod guard;
mod heston;
mod history;
pub mod identity;
pub mod innovation;
pub mod law;
mod loading;
mod mean_revert;
mod model;
pub mod overlay;
pub mod path;
mod quality;
mod regime;
mod replay;
mod rows;
mod shock_mix;
mod trend;
mod vol_cluster;
pub mod volume;

#[cfg(test)]
mod tests;

use crate::EngineError;
use crate::bars::Bars;
use crate::parameter::Param;
use crate::self_test::libm_profile;
use document::{Choice, Scenario, Structure};
use field::refused;
use identity::GENERATOR_VERSION;
use law::{Fact, Law};
use model::Model;
use path::PathFacts;
use rayon::prelude::*;
use rows::{LatentRows, PathRows};
use serde_json::{Map, Value, json};

/// Reads what a family's own rules are about, and makes its market ready.
type Prepare = fn(&Scenario, Option<&Bars>) -> Result<Box<dyn Market>, EngineError>;

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
    /// Parameters that are lists or tables.
    pub structures: &'static [Structure],
    /// Whether it works on rows that the caller brings.
    pub needs_source: bool,
    /// Whether its scenarios are as long as their source, whatever they are asked for.
    pub keeps_length: bool,
    /// Most assets that one path may have.
    pub assets_max: usize,
    /// Whether its draws may be Student's instead of normal.
    pub takes_student_t: bool,
    /// Refuses what no range of a single parameter can, and makes the market ready to be walked.
    prepare: Prepare,
}

/// A family with its parameters, ready to write paths.
trait Market: Send + Sync {
    /// Writes one path, its assets one after the other; called once for each, from any thread.
    fn write_path(
        &self,
        scenario: &Scenario,
        path: usize,
        rows: PathRows<'_>,
    ) -> Result<PathFacts, EngineError>;

    /// The increments of one path, where another family may build on them.
    fn model(&self, _scenario: &Scenario, _path: usize) -> Option<Box<dyn Model>> {
        None
    }

    /// What must hold of many of its bars.
    fn laws(&self, scenario: &Scenario) -> Vec<Law>;

    /// Bars after which a path has forgotten where it began.
    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        0
    }

    /// The stylised facts that it shows, and those it may show or not.
    fn facts(&self, scenario: &Scenario) -> Facts;

    /// What its author may not have meant, though it can be made.
    fn warnings(&self, _scenario: &Scenario) -> Vec<String> {
        Vec::new()
    }

    /// What is odd about the rows of its source; null without one.
    fn quality(&self, _scenario: &Scenario) -> Value {
        Value::Null
    }
}

/// A family of one asset whose paths are walked through by a model.
trait Univariate: Send + Sync {
    /// The model of one path.
    type Model: Model + 'static;

    /// The model before the first bar of path number `path`.
    fn model(&self, scenario: &Scenario, path: usize) -> Self::Model;

    /// As [`Market::laws`].
    fn laws(&self, scenario: &Scenario) -> Vec<Law>;

    /// As [`Market::burn_in_bars`].
    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        0
    }

    /// As [`Market::facts`].
    fn facts(&self, scenario: &Scenario) -> Facts;

    /// As [`Market::warnings`].
    fn warnings(&self, _scenario: &Scenario) -> Vec<String> {
        Vec::new()
    }
}

impl<F: Univariate> Market for F {
    fn write_path(
        &self,
        scenario: &Scenario,
        path: usize,
        rows: PathRows<'_>,
    ) -> Result<PathFacts, EngineError> {
        path::walk(scenario, path, &mut Univariate::model(self, scenario, path), rows)
    }

    fn model(&self, scenario: &Scenario, path: usize) -> Option<Box<dyn Model>> {
        Some(Box::new(Univariate::model(self, scenario, path)))
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        Univariate::laws(self, scenario)
    }

    fn burn_in_bars(&self, scenario: &Scenario) -> usize {
        Univariate::burn_in_bars(self, scenario)
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        Univariate::facts(self, scenario)
    }

    fn warnings(&self, scenario: &Scenario) -> Vec<String> {
        Univariate::warnings(self, scenario)
    }
}

/// What is expected of the stylised facts of real markets; a fact in neither list must be absent.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
struct Facts {
    pub shown: Vec<Fact>,
    pub undecided: Vec<Fact>,
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
            "choices": choices,
            "structures": self.structures.iter().map(Structure::to_json).collect::<Vec<_>>(),
            "needs_source": self.needs_source, "keeps_length": self.keeps_length,
            "assets_max": self.assets_max,
            "takes_student_t": self.takes_student_t,
        })
    }
}

/// Every family there is.
pub const FAMILIES: &[&Family] = &[
    &trend::TREND,
    &mean_revert::MEAN_REVERT,
    &vol_cluster::VOL_CLUSTER,
    &shock_mix::SHOCK_MIX,
    &regime::REGIME,
    &factor::FACTOR,
    &heston::HESTON,
    &agents::AGENTS,
    &block_bootstrap::BLOCK_BOOTSTRAP,
    &replay::REPLAY,
];

/// What the generator knows of each bar and the bars do not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latent {
    /// Mean of the bar's log return, given the bars before.
    pub mean: Vec<f64>,
    /// Standard deviation of the same, but for jumps and opening gaps.
    pub deviation: Vec<f64>,
    /// Jump or gap at the open, a log return.
    pub jump: Vec<f64>,
    /// State of a family that has states, else 0.
    pub state: Vec<u8>,
}

/// A generated market.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The bars, sorted by (path, asset, t).
    pub bars: Bars,
    /// One value for each bar; empty unless it was asked for.
    pub latent: Latent,
    /// Hashes, bounds and counts of the manifest.
    pub facts: Value,
}

/// Generates the market of one scenario; `source` holds the rows of a family that needs
/// them.
///
/// Paths are written in parallel in whatever pool the caller runs in; the bytes are the same for
/// any number of threads.
///
/// # Errors
///
/// Those of [`Scenario::read`]; `FIELD_INVALID` for parameters that do not go together or a
/// source that does not fit; `SCENARIO_EXPLODED`, `GUARD_EXCEEDED` and the codes of
/// [`crate::bars::BarsView::check`] for what a path came to, the lowest path first.
pub fn generate(
    scenario: &Value,
    source: Option<&Bars>,
    wants_latent: bool,
) -> Result<Generated, EngineError> {
    let (scenario, market) = prepared(scenario, source)?;
    let rows = scenario.paths * scenario.rows_per_path();
    let mut bars = blank(rows);
    let mut latent = if wants_latent { blank_latent(rows) } else { Latent::default() };
    let facts = write_paths(&scenario, market.as_ref(), &mut bars, &mut latent)?;
    let found = inspect(&scenario, &bars)?;
    let mut facts = describe(&scenario, market.as_ref(), &bars, &facts, &found);
    facts["quality"] = market.quality(&scenario);
    Ok(Generated { bars, latent, facts })
}

/// What must hold of the scenario's bars, for whoever tests them: `laws`, after how many bars they
/// hold, and what each of the stylised `facts` is expected to be (null: either).
///
/// # Errors
///
/// Those of [`Scenario::read`] and of the family's own checks.
pub fn laws(scenario: &Value, source: Option<&Bars>) -> Result<Value, EngineError> {
    let (scenario, market) = prepared(scenario, source)?;
    let laws: Vec<Value> = market.laws(&scenario).iter().map(Law::to_json).collect();
    let expected = market.facts(&scenario);
    let facts: Map<String, Value> = law::FACTS
        .iter()
        .map(|fact| {
            let is_shown = expected.shown.contains(fact);
            let is_decided =
                !expected.undecided.contains(fact) && law::is_decided(&scenario, *fact, is_shown);
            let is_shown = is_decided.then_some(is_shown);
            (fact.name().to_owned(), json!(is_shown))
        })
        .collect();
    let burn_in_bars = market.burn_in_bars(&scenario);
    Ok(json!({"laws": laws, "facts": facts, "burn_in_bars": burn_in_bars}))
}

fn prepared(
    scenario: &Value,
    source: Option<&Bars>,
) -> Result<(Scenario, Box<dyn Market>), EngineError> {
    let scenario = Scenario::read(scenario)?;
    if source.is_some() && !scenario.family.needs_source {
        return Err(refused("/source", "bars", format!("none for {}", scenario.family.name)));
    }
    let market = (scenario.family.prepare)(&scenario, source)?;
    Ok((scenario, market))
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

fn blank_latent(rows: usize) -> Latent {
    Latent {
        mean: vec![0.0; rows],
        deviation: vec![0.0; rows],
        jump: vec![0.0; rows],
        state: vec![0; rows],
    }
}

/// Where each path writes what its bars do not say, if anyone asked.
fn latent_by_path<'a>(scenario: &Scenario, latent: &'a mut Latent) -> Vec<Option<LatentRows<'a>>> {
    if latent.mean.is_empty() {
        return (0..scenario.paths).map(|_| None).collect();
    }
    let n = scenario.rows_per_path();
    let columns = latent.mean.chunks_mut(n).zip(latent.deviation.chunks_mut(n));
    let others = latent.jump.chunks_mut(n).zip(latent.state.chunks_mut(n));
    columns
        .zip(others)
        .map(|((mean, deviation), (jump, state))| Some(LatentRows { mean, deviation, jump, state }))
        .collect()
}

/// Writes every path; the facts come in the order of the paths.
fn write_paths(
    scenario: &Scenario,
    market: &dyn Market,
    bars: &mut Bars,
    latent: &mut Latent,
) -> Result<Vec<PathFacts>, EngineError> {
    let n_bars = scenario.duration_bars;
    let n = scenario.rows_per_path();
    let mut hidden = latent_by_path(scenario, latent);
    let columns = (
        bars.path.par_chunks_mut(n),
        bars.asset.par_chunks_mut(n),
        bars.t.par_chunks_mut(n),
        bars.ts.par_chunks_mut(n),
        bars.known_at.par_chunks_mut(n),
        bars.open.par_chunks_mut(n),
        bars.high.par_chunks_mut(n),
        bars.low.par_chunks_mut(n),
        bars.close.par_chunks_mut(n),
        bars.volume.par_chunks_mut(n),
        bars.hl_order.par_chunks_mut(n),
        (bars.flags.par_chunks_mut(n), hidden.par_iter_mut()),
    );
    let written = columns.into_par_iter().enumerate().map(
        |(
            path,
            (
                paths,
                assets,
                t,
                ts,
                known_at,
                open,
                high,
                low,
                close,
                volume,
                hl_order,
                (flags, latent),
            ),
        )| {
            paths.fill(path as u32);
            let series = assets.chunks_exact_mut(n_bars).zip(t.chunks_exact_mut(n_bars));
            for (asset, (assets, t)) in (0_u16..).zip(series) {
                assets.fill(asset);
                t.iter_mut().zip(0_u32..).for_each(|(t, bar)| *t = bar);
            }
            let latent = latent.take();
            let rows =
                PathRows { ts, known_at, open, high, low, close, volume, hl_order, flags, latent };
            market.write_path(scenario, path, rows)
        },
    );
    let facts: Vec<Result<PathFacts, EngineError>> = written.collect();
    // Of several refusals the lowest path's is reported, whichever thread was first.
    facts.into_iter().collect()
}

/// What only all bars together tell.
struct Found {
    dataset_hash: String,
    min_price: f64,
    max_price: f64,
}

/// Refuses bars that no market can have made, the first of several; else hashes and bounds them.
fn inspect(scenario: &Scenario, bars: &Bars) -> Result<Found, EngineError> {
    let n_bars = scenario.duration_bars;
    let n_series = scenario.paths * scenario.assets.len();
    let bounds = |series: usize| {
        let rows = series * n_bars..(series + 1) * n_bars;
        bars.view(rows.clone()).check()?;
        let lowest = bars.low[rows.clone()].iter().copied().fold(f64::INFINITY, f64::min);
        Ok((lowest, bars.high[rows].iter().copied().fold(0.0, f64::max)))
    };
    // The hash is one stream, so it keeps one thread busy while the others check.
    let (dataset_hash, bounds) = rayon::join(
        || identity::dataset_hash(bars, scenario.paths, scenario.assets.len()),
        || (0..n_series).into_par_iter().map(bounds).collect::<Vec<Result<_, EngineError>>>(),
    );
    let mut found = Found { dataset_hash, min_price: f64::INFINITY, max_price: 0.0 };
    for bound in bounds {
        let (lowest, highest) = bound?;
        found.min_price = found.min_price.min(lowest);
        found.max_price = found.max_price.max(highest);
    }
    Ok(found)
}

fn describe(
    scenario: &Scenario,
    market: &dyn Market,
    bars: &Bars,
    facts: &[PathFacts],
    found: &Found,
) -> Value {
    let (bars_per_year, a_inferred) = scenario.bars_per_year(&bars.ts[..scenario.duration_bars]);
    json!({
        "scenario_hash": identity::scenario_hash(scenario),
        "dataset_hash": found.dataset_hash,
        "generator_version": GENERATOR_VERSION,
        "libm_profile": libm_profile().name,
        "bars": scenario.duration_bars,
        "paths": scenario.paths,
        "assets": scenario.assets.len(),
        "min_price": found.min_price,
        "max_price": found.max_price,
        "max_abs_z": facts.iter().map(|path| path.max_abs_z).fold(0.0, f64::max),
        "guard_events": facts.iter().map(|path| path.guard_events).sum::<u64>(),
        "jump_events": facts.iter().map(|path| path.jump_events).sum::<u64>(),
        "bars_per_year": bars_per_year,
        "a_inferred": a_inferred,
        "sharpe_max_bar": law::sharpe_max(facts),
        "warnings": market.warnings(scenario),
    })
}
