//! What the runs of a batch have in common is computed once: indicators that several programs
//! read over the same bars, and the volatility that slippage needs.
//!
//! It changes no value; every column is what its run would have computed.

use super::cost::Volatility;
use crate::bars::BarsView;
use crate::program::{Op, Program, Slot, evaluate};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Memory for shared columns; beyond it a run computes its own again.
const BUDGET_BYTES: usize = 64 << 20;
/// Fewer runs over the same bars ask for the volatility of too few bars to compute it of all.
const MIN_RUNS: usize = 8;

/// A column of a batch: number of the bars and number of what is computed.
type Key = (usize, usize);

/// Shared columns, found by bars, program and slot.
pub struct Shared {
    /// Per program and slot: the number of what it computes, equal for what is equal.
    numbers: Vec<Vec<Option<usize>>>,
    columns: BTreeMap<Key, Vec<f64>>,
    volatilities: Vec<Option<Vec<f64>>>,
}

impl Shared {
    /// Finds and computes what `runs` have in common.
    pub fn new(programs: &[Program], bars: &[BarsView], runs: &[(usize, usize)]) -> Self {
        if runs.len() < 2 {
            let volatilities = vec![None; bars.len()];
            return Self { numbers: Vec::new(), columns: BTreeMap::new(), volatilities };
        }
        let mut known = BTreeMap::new();
        let numbers: Vec<_> = programs.iter().map(|program| number(program, &mut known)).collect();

        // First user and number of users of each column, in the order of first use.
        let mut users: BTreeMap<Key, (usize, Slot, usize)> = BTreeMap::new();
        let mut order = Vec::new();
        let mut n_runs = vec![0; bars.len()];
        for &(program, market) in runs {
            n_runs[market] += 1;
            for (slot, number) in numbers[program].iter().enumerate() {
                let Some(number) = number else { continue };
                let user = users.entry((market, *number)).or_insert_with(|| {
                    order.push((market, *number));
                    (program, slot, 0)
                });
                user.2 += 1;
            }
        }
        let mut left = BUDGET_BYTES;
        order.retain(|key| {
            let bytes = 8 * bars[key.0].len();
            let is_kept = users[key].2 > 1 && bytes <= left;
            left -= if is_kept { bytes } else { 0 };
            is_kept
        });
        let compute = |key: &Key| {
            let (program, slot, _) = users[key];
            (*key, evaluate::column(&programs[program], &bars[key.0], slot))
        };
        let columns = order.par_iter().map(compute).collect();
        let volatilities = bars
            .par_iter()
            .zip(&n_runs)
            .map(|(bars, n_runs)| (*n_runs >= MIN_RUNS).then(|| Volatility::column(bars.close)))
            .collect();
        Self { numbers, columns, volatilities }
    }

    /// The column of one slot, if it is shared.
    pub fn column(&self, program: usize, market: usize, slot: Slot) -> Option<&[f64]> {
        let number = (*self.numbers.get(program)?.get(slot)?)?;
        self.columns.get(&(market, number)).map(Vec::as_slice)
    }

    /// The volatility of some bars, if it is shared.
    pub fn volatility(&self, market: usize) -> Option<&[f64]> {
        self.volatilities[market].as_deref()
    }
}

/// Gives every indicator of a program a number; equal ones, in whatever program, the same.
fn number(program: &Program, known: &mut BTreeMap<Vec<u64>, usize>) -> Vec<Option<usize>> {
    let mut numbers = Vec::with_capacity(program.instructions().len());
    for instruction in program.instructions() {
        let children: Vec<usize> =
            instruction.op.reads().iter().map(|slot| numbers[*slot]).collect();
        let next = known.len();
        numbers.push(*known.entry(identity(&instruction.op, &children)).or_insert(next));
    }
    let is_indicator = |op: &Op| matches!(op, Op::Indicator { .. });
    let pairs = program.instructions().iter().zip(numbers);
    pairs.map(|(instruction, number)| is_indicator(&instruction.op).then_some(number)).collect()
}

/// Words that are equal for two instructions if, and only if, they compute the same.
fn identity(op: &Op, children: &[usize]) -> Vec<u64> {
    let text = |text: &str| text.bytes().map(u64::from).collect::<Vec<_>>();
    let mut words = match op {
        Op::Const(value) => vec![0, value.to_bits()],
        Op::Price(field) => vec![1, *field as u64],
        Op::Neg(_) => vec![2],
        Op::Arithmetic(op, ..) => vec![3, *op as u64],
        Op::Shift(_, k) => vec![4, *k as u64],
        Op::Indicator { row, params, .. } => {
            let mut words = vec![5, row.name.len() as u64];
            words.extend(text(row.name));
            words.extend(params.values().map(f64::to_bits));
            words
        }
        Op::Compare(op, ..) => vec![6, *op as u64],
        Op::And(_) => vec![7],
        Op::Or(_) => vec![8],
        Op::Not(_) => vec![9],
        Op::Bool(value) => vec![10, u64::from(*value)],
        Op::Cross { is_over, .. } => vec![11, u64::from(*is_over)],
    };
    words.extend(children.iter().map(|child| *child as u64));
    words
}
