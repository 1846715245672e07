//! A program over bars: each instruction once, over all bars, into a column of its own.

use super::column::{Column, Columns, Find, Kept, Known, Pool, truth_value};
use super::event;
use super::kernel::{self, Numbers};
use super::plan::Plan;
use super::{Op, Program, Slot};
use crate::EngineError;
use crate::bars::BarsView;
use crate::indicator::{Input, Memory};

/// Evaluates what the slots `roots` depend on; `known` gives columns that exist already. Of truth
/// values only the bars on which they are true.
pub fn columns<'a>(
    program: &Program,
    bars: &BarsView<'a>,
    roots: &[Slot],
    known: &Find<'a>,
    pool: &mut Pool,
) -> Columns<'a> {
    by_plan(program, bars, &Plan::new(program, roots, known, false), known, pool)
}

/// Evaluates what can be known before a run of a program that depends on the account: the slots
/// that do not, as far as rules, risk or the others read them.
pub fn given<'a>(
    program: &Program,
    bars: &BarsView<'a>,
    known: &Find<'a>,
    pool: &mut Pool,
) -> Columns<'a> {
    let mut roots = program.roots();
    for slot in event::live_slots(program) {
        roots.extend(program.instructions()[slot].op.reads());
    }
    roots.retain(|slot| !program.is_live(*slot));
    by_plan(program, bars, &Plan::new(program, &roots, known, true), known, pool)
}

fn by_plan<'a>(
    program: &Program,
    bars: &BarsView<'a>,
    plan: &Plan,
    known: &Find<'a>,
    pool: &mut Pool,
) -> Columns<'a> {
    let mut columns = Columns { slots: Vec::with_capacity(plan.last_read.len()) };
    // Which two slots `pool.order` compares.
    let mut compared = None;
    for (slot, instruction) in program.instructions().iter().enumerate() {
        let column = match (plan.last_read[slot], known(slot)) {
            (None, _) => Column::Absent,
            (Some(_), Some(column)) => Column::Known(column),
            (Some(_), None) if instruction.op.is_number() => {
                let inputs = deferred(&instruction.op, &columns);
                match inputs.filter(|_| plan.is_compared_once[slot]) {
                    Some(inputs) => {
                        pool.n_computed += 1;
                        Column::Deferred(inputs)
                    }
                    None => numbers(&instruction.op, &columns, bars, pool),
                }
            }
            (Some(_), None) => {
                pool.n_computed += 1;
                if let Op::Cross { a, b, .. } = &instruction.op
                    && compared != Some((*a, *b))
                {
                    let Pool { order, blocks, .. } = pool;
                    order.clear();
                    each_block(program, &columns, (*a, *b), bars, blocks, |a, b, n_bars| {
                        order.extend(a, b, n_bars);
                    });
                    compared = Some((*a, *b));
                }
                truth(program, slot, &columns, bars, plan.needs_false[slot], pool)
            }
        };
        columns.slots.push(column);
        for dead in &plan.dead_after[slot] {
            let column = std::mem::replace(&mut columns.slots[*dead], Column::Absent);
            pool.recycle(column);
        }
    }
    columns
}

/// The columns of an indicator that may be made block by block: of prices alone, with values that
/// depend on the bars of its warm-up and no others.
fn deferred<'a>(op: &Op, columns: &Columns<'a>) -> Option<Vec<&'a [f64]>> {
    let Op::Indicator { row, inputs, .. } = op else { return None };
    let price = |slot: &Slot| match columns.slots[*slot] {
        Column::Price(column) => Some(column),
        _ => None,
    };
    let is_windowed = matches!(row.memory, Memory::Window) && row.reads.is_empty();
    if is_windowed { inputs.iter().map(price).collect() } else { None }
}

/// Calls `read` with what two slots hold, block by block, and the number of bars of each block.
fn each_block(
    program: &Program,
    columns: &Columns,
    (a, b): (Slot, Slot),
    bars: &BarsView,
    [first, second]: &mut [Vec<f64>; 2],
    mut read: impl FnMut(Numbers, Numbers, usize),
) {
    let [a, b] = [a, b].map(|slot| (slot, &program.instructions()[slot].op));
    let block_bars = columns.block_bars(a.0, a.1).max(columns.block_bars(b.0, b.1));
    let block_bars = block_bars.unwrap_or(bars.len());
    let mut start = 0;
    while start < bars.len() {
        let end = (start + block_bars).min(bars.len());
        let left = columns.block(a, bars, start..end, first);
        let right = columns.block(b, bars, start..end, second);
        read(left, right, end - start);
        start = end;
    }
}

/// The output slot as numbers: NaN while unknown, and 1 or 0 for true or false.
///
/// # Errors
///
/// `FIELD_INVALID` for a program that names no output; whatever is wrong with the bars.
pub fn output(program: &Program, bars: &BarsView) -> Result<Vec<f64>, EngineError> {
    bars.check()?;
    let slot = program.output().ok_or_else(|| EngineError::Field {
        path: "/output".to_owned(),
        got: "null".to_owned(),
        expected: "the slot to give".to_owned(),
    })?;
    if program.is_live(slot) {
        return Err(EngineError::Field {
            path: "/output".to_owned(),
            got: "a slot that depends on the account".to_owned(),
            expected: "one that has a value without a run".to_owned(),
        });
    }
    Ok(column(program, bars, slot))
}

/// One slot as numbers, as in [`output`]; it must not depend on the account.
pub fn column(program: &Program, bars: &BarsView, slot: Slot) -> Vec<f64> {
    let n_bars = bars.len();
    match kept(program, bars, slot, &|_| None, &mut Pool::default()) {
        Kept::Numbers(column) => column,
        Kept::Truth { is_true, is_false } => {
            (0..n_bars).map(|t| truth_value(&is_true, &is_false, t)).collect()
        }
    }
}

/// What one slot holds on every bar; `known` gives columns that exist already.
pub fn kept<'a>(
    program: &Program,
    bars: &BarsView<'a>,
    slot: Slot,
    known: &Find<'a>,
    pool: &mut Pool,
) -> Kept {
    let plan = Plan::new(program, &[slot], known, true);
    let mut columns = by_plan(program, bars, &plan, known, pool);
    let kept = match std::mem::replace(&mut columns.slots[slot], Column::Absent) {
        Column::Owned(column) => Kept::Numbers(column),
        Column::Price(column) | Column::Known(Known::Numbers(column)) => {
            Kept::Numbers(column.to_vec())
        }
        Column::Scalar(value) => Kept::Numbers(vec![value; bars.len()]),
        Column::Truth { is_true, is_false } => Kept::Truth { is_true, is_false },
        Column::Known(Known::Truth { is_true, is_false }) => {
            Kept::Truth { is_true: is_true.clone(), is_false: is_false.clone() }
        }
        Column::Absent | Column::Deferred(_) => unreachable!("a root is evaluated"),
    };
    pool.give(columns);
    kept
}

fn numbers<'a>(op: &Op, columns: &Columns<'a>, bars: &BarsView<'a>, pool: &mut Pool) -> Column<'a> {
    let n_bars = bars.len();
    match op {
        Op::Const(value) => return Column::Scalar(*value),
        Op::Price(field) => return Column::Price(bars.column(*field)),
        _ => {}
    }
    let mut output = pool.numbers(n_bars);
    pool.n_computed += 1;
    match op {
        Op::Series(series) => series.column(bars, &mut output),
        Op::Function(op, a) => kernel::function(*op, columns.numbers(*a), &mut output),
        Op::Neg(a) => kernel::negate(columns.numbers(*a), &mut output),
        Op::Shift(a, k) => kernel::shift(columns.numbers(*a), *k, &mut output),
        Op::Arithmetic(op, a, b) => {
            kernel::arithmetic(*op, columns.numbers(*a), columns.numbers(*b), &mut output);
        }
        Op::Indicator { row, inputs: slots, params, output: which } => {
            let given = |slot: &Slot, kind| match kind {
                Input::Truth => {
                    let (is_true, is_false) = columns.truth(*slot);
                    Some((0..n_bars).map(|t| truth_value(is_true, is_false, t)).collect())
                }
                Input::Number => match columns.numbers(*slot) {
                    Numbers::Scalar(value) => Some(vec![value; n_bars]),
                    Numbers::Column(_) => None,
                },
            };
            let pairs = || slots.iter().zip(row.inputs);
            let made: Vec<Option<Vec<f64>>> =
                pairs().map(|(slot, kind)| given(slot, *kind)).collect();
            let inputs: Vec<&[f64]> = made
                .iter()
                .zip(slots)
                .map(|(made, slot)| match made {
                    Some(made) => made.as_slice(),
                    None => match columns.numbers(*slot) {
                        Numbers::Column(column) => column,
                        Numbers::Scalar(_) => unreachable!("a column was made for it"),
                    },
                })
                .collect();
            // The bars were checked: what was not computed has no unknown value.
            let is_clean = slots.iter().all(|slot| columns.is_given(*slot));
            row.column(&inputs, is_clean, bars, (params, *which), &mut output);
        }
        _ => unreachable!("all others hold truth values or are not computed"),
    }
    Column::Owned(output)
}

/// Sets the bits of the bars on which a truth value is true and, if `needs_false`, on which it is
/// false; of what it reads the second are there if it needs them.
fn truth<'a>(
    program: &Program,
    slot: Slot,
    columns: &Columns,
    bars: &BarsView,
    needs_false: bool,
    pool: &mut Pool,
) -> Column<'a> {
    let mut is_true = pool.bits();
    let mut is_false = pool.bits();
    let n_bars = bars.len();
    match &program.instructions()[slot].op {
        Op::Bool(value) => {
            kernel::all(n_bars, if *value { &mut is_true } else { &mut is_false });
            (if *value { &mut is_false } else { &mut is_true }).resize(kernel::words(n_bars), 0);
        }
        Op::Compare(op, a, b) => {
            each_block(program, columns, (*a, *b), bars, &mut pool.blocks, |a, b, n_bars| {
                let is_false = needs_false.then_some(&mut is_false);
                kernel::compare(*op, a, b, n_bars, &mut is_true, is_false);
            });
        }
        Op::Cross { is_over, .. } => {
            pool.order.cross(*is_over, &mut is_true, needs_false.then_some(&mut is_false));
        }
        Op::Not(a) => {
            let (yes, no) = columns.truth(*a);
            is_true.extend_from_slice(no);
            is_false.extend_from_slice(yes);
        }
        op @ (Op::And(slots) | Op::Or(slots)) => {
            let (yes, no) = columns.truth(slots[0]);
            is_true.extend_from_slice(yes);
            is_false.extend_from_slice(no);
            for slot in &slots[1..] {
                let (yes, no) = columns.truth(*slot);
                let (all, any) = if matches!(op, Op::And(_)) {
                    ((&mut is_true, yes), (&mut is_false, no))
                } else {
                    ((&mut is_false, no), (&mut is_true, yes))
                };
                kernel::and(all.0, all.1);
                kernel::or(any.0, any.1);
            }
        }
        _ => unreachable!("all others hold numbers"),
    }
    Column::Truth { is_true, is_false }
}
