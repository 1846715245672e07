//! The chain of a regime: its matrix of transitions, the shares of the long run, a draw of a state.

use crate::EngineError;
use crate::scenario::field::refused;
use serde_json::{Value, json};

pub(super) const STATES_MIN: usize = 2;
pub(super) const STATES_MAX: usize = 6;

/// How far the sum of a row of probabilities may lie from 1.
const ROW_SLACK: f64 = 1e-12;

/// A pivot below this, of rows of probabilities, is a zero that rounding left.
const PIVOT_MIN: f64 = 1e-13;

/// One number for each state; 0 beyond the last.
pub(super) type Shares = [f64; STATES_MAX];

/// The vector π with πP = π and sum 1, by elimination; None where there are several.
///
/// Source: Kemeny and Snell (1960), "Finite Markov chains", chapter 4.
pub(super) fn stationary(transition: &[Shares; STATES_MAX], n: usize) -> Option<Shares> {
    // Row `to` says that as much comes to that state as leaves it; the last one, that all is 1.
    let mut system = [[0.0; STATES_MAX + 1]; STATES_MAX];
    for (to, row) in system[..n].iter_mut().enumerate() {
        for from in 0..n {
            row[from] = transition[from][to] - f64::from(u8::from(from == to));
        }
    }
    system[n - 1][..n].fill(1.0);
    system[n - 1][n] = 1.0;
    for column in 0..n {
        let size = |row: &usize| system[*row][column].abs();
        let pivot = (column..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        system.swap(column, pivot);
        if system[column][column].abs() < PIVOT_MIN {
            return None;
        }
        let lead = system[column];
        for (at, row) in system[..n].iter_mut().enumerate() {
            if at != column {
                let factor = row[column] / lead[column];
                (column..=n).for_each(|k| row[k] -= factor * lead[k]);
            }
        }
    }
    let mut shares = [0.0; STATES_MAX];
    for (state, share) in shares[..n].iter_mut().enumerate() {
        // Rounding may leave a hair below zero.
        *share = (system[state][n] / system[state][state]).max(0.0);
    }
    Some(shares)
}

/// Gives back the matrix at `path`, each of whose rows must be of probabilities that sum to 1.
pub(super) fn transition(path: &str, given: Option<&Value>) -> Result<Value, EngineError> {
    let expected = format!("a square list of {STATES_MIN} to {STATES_MAX} rows");
    let rows =
        given.and_then(Value::as_array).ok_or_else(|| refused(path, "no list", &expected))?;
    if !(STATES_MIN..=STATES_MAX).contains(&rows.len()) {
        return Err(refused(path, format!("{} rows", rows.len()), expected));
    }
    for (index, row) in rows.iter().enumerate() {
        let place = format!("{path}/{index}");
        let cells = row.as_array().filter(|cells| cells.len() == rows.len()).ok_or_else(|| {
            refused(&place, row.to_string(), format!("a list of {} probabilities", rows.len()))
        })?;
        let mut sum = 0.0;
        for (to, cell) in cells.iter().enumerate() {
            let share = cell.as_f64().filter(|share| (0.0..=1.0).contains(share));
            sum += share.ok_or_else(|| {
                refused(&format!("{place}/{to}"), cell.to_string(), "a probability, 0 to 1")
            })?;
        }
        if (sum - 1.0_f64).abs() > ROW_SLACK {
            let got = format!("probabilities that sum to {sum}");
            return Err(refused(&place, got, format!("a sum of 1, give or take {ROW_SLACK:e}")));
        }
    }
    Ok(json!(rows))
}

/// The state that a draw falls on, of probabilities in their order.
pub(super) fn drawn(shares: &Shares, n: usize, u: f64) -> usize {
    let mut sum = 0.0;
    for (state, share) in shares[..n].iter().enumerate() {
        sum += share;
        if u < sum {
            return state;
        }
    }
    // The sum may end a hair below 1; the last state that can be has the rest.
    shares[..n].iter().rposition(|share| *share > 0.0).unwrap_or(0)
}
