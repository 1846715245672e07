//! Several assets at once: moved by one common factor, or correlated by a matrix.
//!
//! Every other family makes one asset. The rows of several are sorted by (path, asset, t).

use super::correlation::{self, Correlated};
use super::document::{Choice, Given, Scenario, Structure, family, given};
use super::field::{object, only, refused, required, text};
use super::loading::Common;
use super::model::{BPS, Model};
use super::path::{PathFacts, Walker};
use super::rows::PathRows;
use super::trend::Trend;
use super::{Family, Market};
use crate::EngineError;
use crate::bars::Bars;
use serde_json::{Value, json};

/// Most assets of one path.
const ASSETS_MAX: usize = 256;

/// Address of the factor's draws, beyond that of every asset.
pub(super) const FACTOR_ASSET: usize = 1 << 16;

/// Largest loading on the factor, up or down.
const BETA_MAX: f64 = 10.0;
const SIGMA_MAX: f64 = 2000.0;
const DRIFT_MAX: f64 = 500.0;

/// Most pairs of assets whose correlation is promised.
pub(super) const PAIRS_MAX: usize = 10;

pub(super) const FACTOR: Family = Family {
    name: "factor",
    source: "Sharpe (1963), Management Science 9(2), for the factor; Samuelson (1965), IMR 6(2), \
             with correlated draws, for the matrix",
    params: &[],
    // `factor`: log returns of asset i are betas[i] times the factor's, and noise of its own.
    // `correlation`: each asset is a `trend`, with draws mixed by the factor of the matrix.
    choices: &[Choice { name: "form", values: &["factor", "correlation"] }],
    structures: &[
        Structure {
            name: "sigmas",
            shape: "a list with a number for each asset, above 0 to 2000 (bps per root bar)",
            is_optional: false,
            complete: |path, value| numbers(path, value, |x| x > 0.0 && x <= SIGMA_MAX),
        },
        Structure {
            name: "betas",
            shape: "with the form `factor`: a list with a number for each asset, -10 to 10",
            is_optional: true,
            complete: |path, value| numbers(path, value, |x| x.abs() <= BETA_MAX),
        },
        Structure {
            name: "factor",
            shape: "with the form `factor`: a table with `family` and `params` of one asset",
            is_optional: true,
            complete: common,
        },
        Structure {
            name: "drifts",
            shape: "with the form `correlation`: a list with a number for each asset, -500 to \
                    500 (bps per bar); 0 where it is left out",
            is_optional: true,
            complete: |path, value| {
                let drifts = numbers(path, value, |x| x.abs() <= DRIFT_MAX)?;
                // One spelling for one meaning, whatever the number of assets.
                Ok(if list(&drifts).iter().all(|x| *x == 0.0) { Value::Null } else { drifts })
            },
        },
        Structure {
            name: "correlation",
            shape: "with the form `correlation`: a list of rows, a symmetric matrix with ones on \
                    its diagonal that is positive definite",
            is_optional: true,
            complete: correlation::complete,
        },
    ],
    needs_source: false,
    keeps_length: false,
    assets_max: ASSETS_MAX,
    takes_student_t: false,
    prepare,
};

/// The list at `path`, whose numbers must all be ones that `is_allowed`; null where there is none.
pub(super) fn numbers(
    path: &str,
    value: Option<&Value>,
    is_allowed: impl Fn(f64) -> bool,
) -> Result<Value, EngineError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Value::Null) };
    let entries =
        value.as_array().ok_or_else(|| refused(path, value.to_string(), "a list of numbers"))?;
    for (index, entry) in entries.iter().enumerate() {
        if !entry.as_f64().is_some_and(&is_allowed) {
            let place = format!("{path}/{index}");
            let shape = FACTOR.structures.iter().find(|row| path.ends_with(row.name));
            let expected = shape.map_or("a correlation, -1 to 1", |row| row.shape);
            return Err(refused(&place, entry.to_string(), expected));
        }
    }
    Ok(json!(list(value)))
}

/// The numbers of a list that was checked; none of a null.
pub(super) fn list(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

/// Completes the family and the parameters of the common factor.
fn common(path: &str, value: Option<&Value>) -> Result<Value, EngineError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Value::Null) };
    let (family, given) = read_common(path, value)?;
    Ok(json!({"family": family.name, "params": given.to_json(family)}))
}

fn read_common(path: &str, value: &Value) -> Result<(&'static Family, Given), EngineError> {
    let fields = object(path, value)?;
    only(path, fields, &["family", "params"])?;
    let place = format!("{path}/family");
    let family =
        family(text(fields, &place, None)?).map_err(|error| error.placed(place.clone()))?;
    if family.needs_source || family.assets_max > 1 {
        return Err(refused(&place, family.name, "a family that draws one asset of its own"));
    }
    let place = format!("{path}/params");
    Ok((family, given(&place, required(fields, &place)?, family)?))
}

fn prepare(scenario: &Scenario, _source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    let form = scenario.choice("form");
    let (wanted, other) = match form {
        "factor" => (["betas", "factor"], ["drifts", "correlation"]),
        _ => (["sigmas", "correlation"], ["betas", "factor"]),
    };
    if let Some(name) = wanted.iter().find(|name| scenario.structure(name).is_null()) {
        return Err(refused(&format!("/params/{name}"), "nothing", format!("a value: {form}")));
    }
    if let Some(name) = other.iter().find(|name| !scenario.structure(name).is_null()) {
        let got = scenario.structure(name).to_string();
        return Err(refused(&format!("/params/{name}"), got, format!("nothing: {form}")));
    }
    let n = scenario.assets.len();
    for name in ["sigmas", "betas", "drifts", "correlation"] {
        let value = scenario.structure(name);
        let length = value.as_array().map_or(n, Vec::len);
        if length != n {
            let expected = format!("{n}, one for each of /assets");
            return Err(refused(&format!("/params/{name}"), format!("{length} entries"), expected));
        }
    }
    let scaled = |name| list(scenario.structure(name)).iter().map(|x| x * BPS).collect();
    let sigmas: Vec<f64> = scaled("sigmas");
    if form == "factor" {
        let (inner, market) = inner(scenario)?;
        let betas = list(scenario.structure("betas"));
        return Ok(Box::new(Common { betas, sigmas, inner, market }));
    }
    let rows = scenario.structure("correlation").as_array().into_iter().flatten();
    let matrix: Vec<Vec<f64>> = rows.map(list).collect();
    let lower = correlation::cholesky("/params/correlation", &matrix)?;
    let drifts = list(scenario.structure("drifts"));
    let drifts = if drifts.is_empty() { vec![0.0; n] } else { drifts };
    let assets: Vec<Trend> = drifts
        .iter()
        .zip(list(scenario.structure("sigmas")))
        .map(|(drift, sigma)| Trend::new(*drift, sigma, true))
        .collect();
    Ok(Box::new(Correlated { assets, sigmas, matrix, lower }))
}

/// The scenario of the factor alone, and its market.
fn inner(scenario: &Scenario) -> Result<(Scenario, Box<dyn Market>), EngineError> {
    let (family, given) = read_common("/params/factor", scenario.structure("factor"))?;
    let mut inner = scenario.clone();
    (inner.params, inner.choices, inner.structures) =
        (given.params, given.choices, given.structures);
    inner.assets.truncate(1);
    inner.family = family;
    inner.draws_at = (FACTOR.name, FACTOR_ASSET as u64);
    let market = (family.prepare)(&inner, None).map_err(|error| match error {
        EngineError::Field { path, got, expected } if path.starts_with("/params") => {
            EngineError::Field { path: format!("/params/factor{path}"), got, expected }
        }
        other => other,
    })?;
    Ok((inner, market))
}

/// The assets of one path as they are being written.
pub(super) struct Writing<'a> {
    pub rows: Vec<PathRows<'a>>,
    pub walkers: Vec<Walker<'a>>,
    /// What is known of the path; foresight is that of a portfolio of all assets.
    pub facts: PathFacts,
}

impl<'a> Writing<'a> {
    pub fn new(scenario: &'a Scenario, path: usize, rows: PathRows<'a>) -> Self {
        let rows = rows.by_asset(scenario.duration_bars);
        let walkers = (0..rows.len()).map(|asset| Walker::new(scenario, path, asset)).collect();
        Self { rows, walkers, facts: PathFacts::default() }
    }

    /// Writes a block of every asset, whose normals have been drawn.
    pub fn block<M: Model>(
        &mut self,
        (first, last): (usize, usize),
        mut model: impl FnMut(usize) -> M,
    ) -> Result<(), EngineError> {
        for (asset, (walker, rows)) in self.walkers.iter_mut().zip(&mut self.rows).enumerate() {
            walker.block(first, last, &mut model(asset), rows)?;
        }
        Ok(())
    }

    pub fn close(mut self) -> Result<PathFacts, EngineError> {
        for (walker, rows) in self.walkers.into_iter().zip(&mut self.rows) {
            let own = walker.close(rows)?;
            self.facts.max_abs_z = self.facts.max_abs_z.max(own.max_abs_z);
            self.facts.guard_events += own.guard_events;
            self.facts.jump_events += own.jump_events;
        }
        Ok(self.facts)
    }
}

/// Pairs of assets, neighbours first, up to ten.
pub(super) fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (1..n).flat_map(move |apart| (0..n - apart).map(move |i| (i, i + apart))).take(PAIRS_MAX)
}

#[cfg(test)]
mod tests {
    use crate::math::{ln, sum};
    use crate::scenario::{Generated, generate};
    use serde_json::{Value, json};

    fn document(n: usize, assets: usize, params: Value) -> Value {
        let names: Vec<String> = (0..assets).map(|asset| format!("A{asset}")).collect();
        json!({
            "family": "factor", "timeframe": "1h", "duration_bars": n, "seed": 4,
            "params": params, "volume_model": "coupled", "assets": names,
        })
    }

    fn of_factor() -> Value {
        json!({
            "betas": [1.0, 0.5, -0.8], "sigmas": [20.0, 40.0, 10.0],
            "factor": {"family": "trend", "params": {"drift": 2.0, "sigma": 30.0}},
        })
    }

    fn of_matrix() -> Value {
        json!({
            "form": "correlation", "sigmas": [20.0, 40.0, 10.0], "drifts": [1.0, 2.0, -0.5],
            "correlation": [[1.0, 0.6, -0.3], [0.6, 1.0, 0.1], [-0.3, 0.1, 1.0]],
        })
    }

    fn generated(document: &Value) -> Generated {
        generate(document, None, true).unwrap()
    }

    /// Log returns of one asset of path 0, in bps.
    fn returns(made: &Generated, n: usize, asset: usize) -> Vec<f64> {
        let rows = asset * n..(asset + 1) * n;
        let prices = made.bars.open[rows.clone()].iter().zip(&made.bars.close[rows]);
        prices.map(|(open, close)| ln(close / open) / 1e-4).collect()
    }

    fn covariance(a: &[f64], b: &[f64]) -> f64 {
        let mean = |values: &[f64]| sum(values.iter().copied()) / values.len() as f64;
        let (x, y) = (mean(a), mean(b));
        sum(a.iter().zip(b).map(|(a, b)| (a - x) * (b - y))) / a.len() as f64
    }

    fn is_correlated_as(made: &Generated, n: usize, expected: impl Fn(usize, usize) -> f64) {
        for i in 0..3 {
            for j in 0..i {
                let (a, b) = (returns(made, n, i), returns(made, n, j));
                let found = covariance(&a, &b) / (covariance(&a, &a) * covariance(&b, &b)).sqrt();
                assert!(
                    (found - expected(i, j)).abs() < 4.0 / (n as f64).sqrt(),
                    "{i} {j} {found}"
                );
            }
        }
    }

    #[test]
    fn one_factor_moves_every_asset_by_its_loading() {
        let n = 100_000;
        let made = generated(&document(n, 3, of_factor()));
        let (betas, sigmas) = ([1.0, 0.5, -0.8], [20.0, 40.0, 10.0]);
        let variance = |i: usize| betas[i] * betas[i] * 900.0 + sigmas[i] * sigmas[i];
        for i in 0..3 {
            let found = covariance(&returns(&made, n, i), &returns(&made, n, i));
            assert!((found / variance(i) - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt(), "{found}");
            let latent = made.latent.deviation[i * n] / 1e-4;
            assert!((latent * latent / variance(i) - 1.0).abs() < 1e-12, "{latent}");
        }
        is_correlated_as(&made, n, |i, j| {
            betas[i] * betas[j] * 900.0 / (variance(i) * variance(j)).sqrt()
        });
    }

    #[test]
    fn a_matrix_correlates_the_draws() {
        let n = 100_000;
        let made = generated(&document(n, 3, of_matrix()));
        let matrix = &of_matrix()["correlation"];
        is_correlated_as(&made, n, |i, j| matrix[i][j].as_f64().unwrap());
        let found = covariance(&returns(&made, n, 1), &returns(&made, n, 1));
        assert!((found / 1600.0 - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt(), "{found}");
    }

    /// x'A⁻¹x by elimination.
    fn quadratic(mut a: Vec<Vec<f64>>, x: &[f64]) -> f64 {
        let mut y = x.to_vec();
        for pivot in 0..x.len() {
            for row in pivot + 1..x.len() {
                let ratio = a[row][pivot] / a[pivot][pivot];
                let above = a[pivot].clone();
                a[row].iter_mut().zip(&above).for_each(|(entry, above)| *entry -= ratio * above);
                y[row] -= ratio * y[pivot];
            }
        }
        (0..x.len()).map(|row| y[row] * y[row] / a[row][row]).sum()
    }

    #[test]
    fn the_best_sharpe_ratio_is_that_of_the_best_portfolio() {
        let best = |params: Value| {
            let facts = generated(&document(100, 3, params)).facts;
            facts["sharpe_max_bar"].as_f64().unwrap()
        };
        let sigmas = [20e-4, 40e-4, 10e-4];
        let diagonal = |i: usize, j: usize| if i == j { sigmas[i] * sigmas[i] } else { 0.0 };
        let matrix = |entry: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
            (0..3).map(|i| (0..3).map(|j| entry(i, j)).collect()).collect()
        };
        let (betas, v) = ([1.0, 0.5, -0.8], 30e-4 * 30e-4);
        let covariances = matrix(&|i, j| betas[i] * betas[j] * v + diagonal(i, j));
        let log_mean = 2e-4 - 0.5 * v;
        let means: Vec<f64> =
            (0..3).map(|i| betas[i] * log_mean + 0.5 * covariances[i][i]).collect();
        let expected = quadratic(covariances, &means).sqrt();
        assert!((best(of_factor()) / expected - 1.0).abs() < 1e-9, "{expected}");

        let given = of_matrix();
        let covariances =
            matrix(&|i, j| given["correlation"][i][j].as_f64().unwrap() * sigmas[i] * sigmas[j]);
        let expected = quadratic(covariances, &[1e-4, 2e-4, -0.5e-4]).sqrt();
        assert!((best(of_matrix()) / expected - 1.0).abs() < 1e-9, "{expected}");
    }

    #[test]
    fn rows_are_sorted_by_path_asset_and_time_whatever_befalls_them() {
        for params in [of_factor(), of_matrix()] {
            let mut document = document(300, 3, params);
            document["paths"] = json!(2);
            document["calendar"] = json!("us_equity");
            document["overlays"] = json!([
                {"type": "bear", "at": 10, "bars": 50, "drift": -20.0},
                {"type": "mania", "at": 100, "bars": 50, "vol_mult": 3.0},
            ]);
            let bars = generated(&document).bars;
            for row in 0..1_800 {
                let place = (bars.path[row], bars.asset[row], bars.t[row]);
                let expected = (row / 900, row / 300 % 3, row % 300);
                assert_eq!(place, (expected.0 as u32, expected.1 as u16, expected.2 as u32));
            }
            assert_eq!(bars.ts[..300], bars.ts[300..600]);
            assert_ne!(bars.close[..300], bars.close[300..600]);
            assert_ne!(bars.close[..300], bars.close[900..1200]);
        }
    }

    #[test]
    fn nights_are_shared_as_days_are() {
        let n = 7 * 2_000;
        for (params, expected) in
            [(of_matrix(), 0.6), (of_factor(), 450.0 / 1300.0_f64.sqrt() / 1825.0_f64.sqrt())]
        {
            let mut document = document(n, 3, params);
            document["calendar"] = json!("us_equity");
            let jumps = generated(&document).latent.jump;
            let nights = |asset: usize| -> Vec<f64> {
                let gaps = jumps[asset * n..(asset + 1) * n].iter().copied();
                gaps.filter(|gap| *gap != 0.0).collect()
            };
            let (a, b) = (nights(0), nights(1));
            assert_eq!((a.len(), b.len()), (1_999, 1_999));
            let found = covariance(&a, &b) / (covariance(&a, &a) * covariance(&b, &b)).sqrt();
            assert!((found - expected).abs() < 4.0 / 2e3_f64.sqrt(), "{found} {expected}");
        }
    }

    #[test]
    fn an_asset_that_only_follows_remembers_what_its_factor_does() {
        let n = 100_000;
        let params = json!({
            "betas": [2.0, 0.0], "sigmas": [1.0, 50.0],
            "factor": {"family": "vol_cluster", "params": {"omega": 10.0, "alpha": 0.2, "beta": 0.7}},
        });
        let made = generated(&document(n, 2, params));
        let memory = |asset: usize| {
            let squares: Vec<f64> = returns(&made, n, asset).iter().map(|r| r * r).collect();
            covariance(&squares[1..], &squares[..n - 1]) / covariance(&squares, &squares)
        };
        assert!(memory(0) > 0.2, "{}", memory(0));
        assert!(memory(1).abs() < 4.0 / (n as f64).sqrt(), "{}", memory(1));
    }

    fn refusal(document: &Value) -> String {
        generate(document, None, false).unwrap_err().to_string()
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        let nearly = json!([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]]);
        let odd = json!([[1.0, 0.5, 0.0], [0.4, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        for (form, name, value, expected) in [
            ("correlation", "correlation", nearly, "/params/correlation/2: got a matrix that is"),
            ("correlation", "correlation", odd, "/params/correlation/1/0: got 0.4, expected 0.5"),
            ("correlation", "correlation", json!([[1.0]]), "/params/correlation: got 1 entries"),
            ("correlation", "correlation", json!(null), "/params/correlation: got nothing"),
            ("correlation", "betas", json!([1, 1, 1]), "/params/betas: got [1.0,1.0,1.0]"),
            ("correlation", "drifts", json!([1, 1, 501]), "/params/drifts/2: got 501"),
            ("factor", "betas", json!([1.0, 1.0]), "/params/betas: got 2 entries, expected 3"),
            ("factor", "sigmas", json!([1.0, 0.0, 1.0]), "/params/sigmas/1: got 0.0"),
            ("factor", "sigmas", json!("x"), "/params/sigmas: got \"x\""),
            ("factor", "betas", json!(null), "/params/betas: got nothing"),
            ("factor", "drifts", json!([1, 1, 1]), "/params/drifts: got [1.0,1.0,1.0]"),
        ] {
            let mut params = if form == "factor" { of_factor() } else { of_matrix() };
            params[name] = value;
            let found = refusal(&document(100, 3, params));
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn the_factor_is_checked_as_a_scenario_of_its_own() {
        for (factor, expected) in [
            (json!({"family": "replay", "params": {}}), "/params/factor/family: got replay"),
            (json!({"family": "factor", "params": {}}), "/params/factor/family: got factor"),
            (json!({"family": "trend"}), "/params/factor/params: got nothing"),
            (
                json!({"family": "trend", "params": {"drift": 0, "sigma": -1}}),
                "/params/factor/params/sigma: trend.sigma: got -1",
            ),
            (
                json!({"family": "vol_cluster", "params": {"omega": 1, "alpha": 0.5, "beta": 0.5}}),
                "/params/factor/params/alpha: got alpha 0.5 and beta 0.5",
            ),
            (json!({"family": "trend", "params": {}, "x": 1}), "/params/factor/x: got an unknown"),
        ] {
            let mut params = of_factor();
            params["factor"] = factor;
            let error = generate(&document(100, 3, params), None, false).unwrap_err();
            let path = error.path().unwrap().to_owned();
            let text = error.to_string();
            let found =
                format!("{path}: {}", text.strip_prefix(&format!("{path}: ")).unwrap_or(&text));
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn spelling_out_a_default_changes_no_hash() {
        let hash = |params: &Value| {
            generated(&document(100, 3, params.clone())).facts["scenario_hash"].clone()
        };
        let mut spelled = of_factor();
        spelled["factor"]["params"]["drift_convention"] = json!("ito");
        spelled["drifts"] = json!(null);
        assert_eq!(hash(&of_factor()), hash(&spelled));
        let (mut short, mut long) = (of_matrix(), of_matrix());
        short.as_object_mut().unwrap().remove("drifts");
        long["drifts"] = json!([0, 0.0, 0]);
        assert_eq!(hash(&short), hash(&long));
        assert_ne!(hash(&short), hash(&of_matrix()));
    }
}
