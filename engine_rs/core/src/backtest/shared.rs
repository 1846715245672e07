//! What the runs of a batch have in common is computed once: whatever several of them read over
//! the same bars, and the volatility that slippage needs.
//!
//! It changes no value; every column is what its run would have computed.

use super::cost::Volatility;
use crate::bars::BarsView;
use crate::program::column::{Find, Kept, Known, Pool};
use crate::program::evaluate;
use crate::program::{Op, Program, Slot};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Memory for shared columns; beyond it a run computes its own again.
const BUDGET_BYTES: usize = 64 << 20;
/// Fewer runs over the same bars ask for the volatility of too few bars to compute it of all.
const MIN_RUNS: usize = 8;

/// Number of what is computed: equal for what is equal, in whatever program, and larger than those
/// of what it reads.
type Number = usize;

/// A shared column that is to be computed, and by which slot of which program.
#[derive(Clone, Copy)]
struct Task {
    market: usize,
    number: Number,
    program: usize,
    slot: Slot,
    /// Tasks of a lower level come first.
    level: usize,
}

/// Shared columns, found by bars, program and slot.
pub struct Shared {
    /// Per program and slot.
    numbers: Vec<Vec<Option<Number>>>,
    columns: BTreeMap<(usize, Number), Kept>,
    volatilities: Vec<Option<Vec<f64>>>,
    /// Instructions that were computed to make them.
    #[cfg(test)]
    pub n_computed: usize,
}

impl Shared {
    /// Finds and computes what `runs` have in common; the volatility only if fills read it.
    pub fn new(
        programs: &[Program],
        bars: &[BarsView],
        runs: &[(usize, usize)],
        reads_volatility: bool,
    ) -> Self {
        let mut shared = Self {
            numbers: Vec::new(),
            columns: BTreeMap::new(),
            volatilities: vec![None; bars.len()],
            #[cfg(test)]
            n_computed: 0,
        };
        if runs.len() < 2 {
            return shared;
        }
        let mut known = BTreeMap::new();
        shared.numbers = programs.iter().map(|program| number(program, &mut known)).collect();

        let mut users: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new(); bars.len()];
        for &(program, market) in runs {
            *users[market].entry(program).or_default() += 1;
        }
        let mut left = BUDGET_BYTES;
        let mut tasks = Vec::new();
        let mut counts = vec![0; known.len()];
        for (market, users) in users.iter().enumerate() {
            let n_bars = bars[market].len();
            tasks.extend(shared.tasks(programs, market, n_bars, users, &mut counts, &mut left));
        }
        shared.compute(programs, bars, &mut tasks);
        shared.volatilities = bars
            .par_iter()
            .zip(&users)
            .map(|(bars, users)| {
                let n_runs: usize = users.values().sum();
                (reads_volatility && n_runs >= MIN_RUNS).then(|| Volatility::column(bars.close))
            })
            .collect();
        shared
    }

    /// What the users of one market, programs with their number of runs, have in common: the
    /// slots that more than one run computes and that something reads which is not shared itself.
    /// `counts` are zero, and are left so.
    fn tasks(
        &self,
        programs: &[Program],
        market: usize,
        n_bars: usize,
        users: &BTreeMap<usize, usize>,
        counts: &mut [usize],
        left: &mut usize,
    ) -> Vec<Task> {
        for (program, n_runs) in users {
            self.numbers[*program].iter().flatten().for_each(|number| counts[*number] += n_runs);
        }
        let is_shared = |number: Option<Number>| number.is_some_and(|number| counts[number] > 1);
        let mut found: BTreeMap<Number, Task> = BTreeMap::new();
        let mut refused = BTreeSet::new();
        for program in users.keys() {
            let numbers = &self.numbers[*program];
            // Read by a rule, by risk, or by what each run computes for itself.
            let mut is_read = vec![false; numbers.len()];
            programs[*program].roots().into_iter().for_each(|slot| is_read[slot] = true);
            for slot in (0..numbers.len()).rev().filter(|slot| !is_shared(numbers[*slot])) {
                let reads = programs[*program].instructions()[slot].op.reads();
                reads.into_iter().for_each(|slot| is_read[slot] = true);
            }
            for (slot, number) in numbers.iter().enumerate() {
                let Some(number) = number.filter(|number| is_read[slot] && counts[*number] > 1)
                else {
                    continue;
                };
                if found.contains_key(&number) || refused.contains(&number) {
                    continue;
                }
                let is_number = programs[*program].instructions()[slot].op.is_number();
                let bytes = if is_number { 8 * n_bars } else { n_bars.div_ceil(4) };
                if bytes > *left {
                    refused.insert(number);
                    continue;
                }
                *left -= bytes;
                found.insert(number, Task { market, number, program: *program, slot, level: 0 });
            }
        }
        for program in users.keys() {
            self.numbers[*program].iter().flatten().for_each(|number| counts[*number] = 0);
        }
        let mut tasks: Vec<Task> = found.values().copied().collect();
        tasks.iter_mut().for_each(|task| task.level = self.level(programs, task, &found));
        tasks
    }

    /// How many tasks, one within the other, must come before this one.
    fn level(&self, programs: &[Program], task: &Task, found: &BTreeMap<Number, Task>) -> usize {
        let instructions = programs[task.program].instructions();
        let mut levels = vec![0; task.slot + 1];
        for slot in 0..=task.slot {
            let below = instructions[slot].op.reads().iter().map(|slot| levels[*slot]).max();
            let number = self.numbers[task.program][slot];
            let is_task = number.is_some_and(|number| found.contains_key(&number));
            levels[slot] = below.unwrap_or(0) + usize::from(is_task);
        }
        levels[task.slot] - 1
    }

    /// Computes the tasks, level by level, with what is there already.
    fn compute(&mut self, programs: &[Program], bars: &[BarsView], tasks: &mut [Task]) {
        tasks.sort_by_key(|task| task.level);
        for tasks in tasks.chunk_by(|one, other| one.level == other.level) {
            let compute = |task: &Task| {
                let mut pool = Pool::default();
                let known = |slot| self.known(task.program, task.market, slot);
                let known: &Find = &known;
                let view = &bars[task.market];
                let kept =
                    evaluate::kept(&programs[task.program], view, task.slot, known, &mut pool);
                (((task.market, task.number), kept), pool.n_computed)
            };
            let made: Vec<_> = tasks.par_iter().map(compute).collect();
            for ((key, kept), n_computed) in made {
                self.columns.insert(key, kept);
                #[cfg(test)]
                {
                    self.n_computed += n_computed;
                }
                #[cfg(not(test))]
                let _ = n_computed;
            }
        }
    }

    /// Number of columns that are kept.
    #[cfg(test)]
    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// What one slot holds, if it is shared.
    pub fn known(&self, program: usize, market: usize, slot: Slot) -> Option<Known<'_>> {
        let number = (*self.numbers.get(program)?.get(slot)?)?;
        self.columns.get(&(market, number)).map(Kept::known)
    }

    /// The volatility of some bars, if it is shared.
    pub fn volatility(&self, market: usize) -> Option<&[f64]> {
        self.volatilities[market].as_deref()
    }
}

/// Gives every instruction of a program its number; None where there is nothing to compute, or
/// nothing before a run.
fn number(program: &Program, known: &mut BTreeMap<Vec<u64>, Number>) -> Vec<Option<Number>> {
    let mut numbers = Vec::with_capacity(program.instructions().len());
    for instruction in program.instructions() {
        let children: Vec<Number> =
            instruction.op.reads().iter().map(|slot| numbers[*slot]).collect();
        let next = known.len();
        numbers.push(*known.entry(identity(&instruction.op, &children)).or_insert(next));
    }
    let is_work = |(slot, number): (Slot, Number)| {
        let op = &program.instructions()[slot].op;
        let is_given = matches!(op, Op::Const(_) | Op::Price(_) | Op::Bool(_));
        (!is_given && !program.is_live(slot)).then_some(number)
    };
    numbers.into_iter().enumerate().map(is_work).collect()
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
        Op::Indicator { row, params, output, .. } => {
            let mut words = vec![5, *output as u64, row.name.len() as u64];
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
        Op::Series(series) => vec![12, *series as u64],
        Op::Account(account) => vec![13, *account as u64],
        Op::Function(function, _) => vec![14, *function as u64],
    };
    words.extend(children.iter().map(|child| *child as u64));
    words
}
