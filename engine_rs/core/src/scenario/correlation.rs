//! The form `correlation` of the family `factor`: trends whose draws are mixed by a matrix.

use super::document::Scenario;
use super::factor::{PAIRS_MAX, Writing, list, numbers, pairs};
use super::field::refused;
use super::law::{self, Law};
use super::model::{BarDraws, Model, Outlook, Steps};
use super::path::{PathFacts, Walker, blocks};
use super::rows::PathRows;
use super::trend::Trend;
use super::{Facts, Market};
use crate::EngineError;
use crate::random::Purpose;
use serde_json::{Value, json};

/// Smallest pivot of a correlation matrix: below it an asset is the shadow of others, and
/// rounding decides of which.
const PIVOT_MIN: f64 = 1e-10;

/// Completes the matrix at `path`, or refuses it.
pub(super) fn complete(path: &str, value: Option<&Value>) -> Result<Value, EngineError> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Value::Null) };
    let rows =
        value.as_array().ok_or_else(|| refused(path, value.to_string(), "a list of rows"))?;
    let n = rows.len();
    for (i, row) in rows.iter().enumerate() {
        let place = format!("{path}/{i}");
        let length = list(&numbers(&place, Some(row), |x| x.abs() <= 1.0)?).len();
        if length != n {
            return Err(refused(&place, format!("{length} numbers"), format!("{n}")));
        }
    }
    let matrix: Vec<Vec<f64>> = rows.iter().map(list).collect();
    for (i, row) in matrix.iter().enumerate() {
        for (j, got) in row.iter().enumerate().take(i + 1) {
            let (got, expected) = (*got, if i == j { 1.0 } else { matrix[j][i] });
            if got != expected {
                let why = if i == j { "on the diagonal" } else { "as above the diagonal" };
                let place = format!("{path}/{i}/{j}");
                return Err(refused(&place, got.to_string(), format!("{expected}, {why}")));
            }
        }
    }
    cholesky(path, &matrix)?;
    Ok(json!(matrix))
}

/// The lower triangle L with L·Lᵀ the matrix, its rows one after the other.
///
/// Source: Golub and Van Loan (2013), "Matrix computations", 4th edition, 4.2.
pub(super) fn cholesky(path: &str, matrix: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, EngineError> {
    let mut lower: Vec<Vec<f64>> = Vec::with_capacity(matrix.len());
    for (i, entries) in matrix.iter().enumerate() {
        let mut row = Vec::with_capacity(i + 1);
        for j in 0..=i {
            let before = if j < i { &lower[j] } else { &row };
            let rest = row.iter().zip(before).take(j).fold(entries[j], |rest, (a, b)| rest - a * b);
            if j < i {
                row.push(rest / lower[j][j]);
            } else if rest >= PIVOT_MIN {
                row.push(rest.sqrt());
            } else {
                let got = format!("a matrix that is not positive definite: pivot {rest:e} there");
                return Err(refused(&format!("{path}/{i}"), got, format!("{PIVOT_MIN:e} or more")));
            }
        }
        lower.push(row);
    }
    Ok(lower)
}

/// Assets whose draws are correlated.
pub(super) struct Correlated {
    pub assets: Vec<Trend>,
    /// Their deviations, decimals.
    pub sigmas: Vec<f64>,
    pub matrix: Vec<Vec<f64>>,
    /// Its Cholesky factor.
    pub lower: Vec<Vec<f64>>,
}

impl Correlated {
    /// Replaces independent normals by correlated ones; `drawn` is scratch.
    fn mix(&self, walkers: &mut [Walker<'_>], drawn: &mut Vec<f64>) {
        drawn.clear();
        walkers.iter_mut().for_each(|walker| drawn.extend_from_slice(walker.normals()));
        for (walker, row) in walkers.iter_mut().zip(&self.lower) {
            let mixed = walker.normals();
            let steps = mixed.len();
            mixed.fill(0.0);
            for (weight, z) in row.iter().zip(drawn.chunks_exact(steps)) {
                mixed.iter_mut().zip(z).for_each(|(mixed, z)| *mixed += weight * z);
            }
        }
    }

    /// Correlated gaps of every asset at the opening of a session.
    fn gaps(&self, walkers: &[Walker<'_>], bar_index: usize) -> Vec<f64> {
        let z: Vec<f64> = walkers.iter().map(|walker| walker.gap_normal(bar_index)).collect();
        let scaled = self.sigmas.iter().zip(walkers).zip(&self.lower);
        scaled
            .map(|((sigma, walker), row)| {
                let mixed = row.iter().zip(&z).fold(0.0, |sum, (weight, z)| sum + weight * z);
                walker.overnight_deviation(*sigma) * mixed
            })
            .collect()
    }

    /// μ'Σ⁻¹μ of the simple returns of one bar: the length of L⁻¹ times μ over the deviations.
    fn square(&self, edge: f64, drift: f64, length: f64, scale: f64) -> f64 {
        let mut solved: Vec<f64> = Vec::with_capacity(self.assets.len());
        for ((asset, sigma), row) in self.assets.iter().zip(&self.sigmas).zip(&self.lower) {
            let mean = edge * asset.drift() * length + drift;
            let known = row.iter().zip(&solved).fold(0.0, |sum, (weight, y)| sum + weight * y);
            solved.push((mean / (sigma * scale) - known) / row[row.len() - 1]);
        }
        solved.iter().fold(0.0, |sum, y| sum + y * y)
    }
}

/// An asset whose draws come mixed, and so does its overnight gap.
struct Member<'a> {
    trend: Trend,
    /// Bars of the block that have a gap, with it.
    gaps: &'a [(usize, Vec<f64>)],
    asset: usize,
}

impl Model for Member<'_> {
    fn deviation(&self) -> f64 {
        0.0
    }

    fn shared_gap(&self, bar_index: usize) -> f64 {
        let found = self.gaps.iter().find(|(known, _)| *known == bar_index);
        found.map_or(0.0, |(_, gaps)| gaps[self.asset])
    }

    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        self.trend.bar(bar, steps)
    }
}

impl Market for Correlated {
    fn write_path(
        &self,
        scenario: &Scenario,
        path: usize,
        rows: PathRows<'_>,
    ) -> Result<PathFacts, EngineError> {
        let mut writing = Writing::new(scenario, path, rows);
        let events = scenario.stream(path, Purpose::JumpEvent);
        let mut drawn = Vec::new();
        // Most bars foresee what the one before did, so that few are solved for.
        let mut last_square = ([f64::NAN; 4], 0.0);
        for block in blocks(scenario) {
            let walkers = &mut writing.walkers;
            walkers.iter_mut().for_each(|walker| walker.draw(block.0, block.1));
            self.mix(walkers, &mut drawn);
            let mut gaps = Vec::new();
            for bar_index in block.0..block.1 {
                let time = walkers[0].time(bar_index);
                if time.opens_session && bar_index > 0 {
                    gaps.push((bar_index, self.gaps(walkers, bar_index)));
                }
                let weather = scenario.overlays.weather(bar_index, &events);
                let key = [weather.edge, weather.drift, time.length, weather.volatility];
                if key != last_square.0 {
                    let scale = weather.volatility * time.length.sqrt();
                    let square = self.square(weather.edge, weather.drift, time.length, scale);
                    last_square = (key, square);
                }
                writing.facts.foresee_square(last_square.1);
            }
            writing.block(block, |asset| Member {
                trend: self.assets[asset],
                gaps: &gaps,
                asset,
            })?;
        }
        writing.close()
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let bend = self.assets.iter().map(Trend::bend).fold(0.0, f64::max);
        let mut laws = law::of_ranges(scenario, bend);
        for (i, (asset, sigma)) in self.assets.iter().zip(&self.sigmas).enumerate().take(PAIRS_MAX)
        {
            laws.push(Law::near("asset_mean", &[i as f64], asset.log_mean()));
            laws.push(Law::near("asset_variance", &[i as f64], sigma * sigma));
        }
        laws.extend(
            pairs(self.assets.len())
                .map(|(i, j)| Law::near("correlation", &[i as f64, j as f64], self.matrix[i][j])),
        );
        laws
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        law::facts_of_independent_returns(scenario)
    }
}
