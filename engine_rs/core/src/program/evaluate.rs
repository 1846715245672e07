//! A program over bars: each instruction once, over all bars, into a column of its own.
//!
//! Columns are borrowed from a pool and go back to it after their last reader, so that a long
//! program needs few of them and a second run allocates nothing.

use super::event;
use super::kernel::{self, Bits, Numbers, Order};
use super::plan::Plan;
use super::{Op, Program, Slot};
use crate::EngineError;
use crate::bars::BarsView;
use crate::indicator::{Input, Memory};
use std::ops::Range;

/// Buffers that are used again.
#[derive(Debug, Default)]
pub struct Pool {
    numbers: Vec<Vec<f64>>,
    bits: Vec<Bits>,
    order: Order,
    /// Two columns that are compared, a block at a time.
    blocks: [Vec<f64>; 2],
    /// Columns that were computed with it; for tests that count work.
    pub n_computed: usize,
}

/// Bars of a column that is made where it is read: few enough for the second cache, as whole
/// columns would be written to memory and read back, twice. Whole words of bits.
const BLOCK_BARS: usize = 4_096;
/// A block is so many times as long as the warm-up before it, if that is more.
const BLOCK_WARMUPS: usize = 4;

/// Memory that a pool keeps for the next run; more than a year of minutes in eight columns.
const KEPT_BYTES: usize = 64 << 20;

impl Pool {
    /// A column with `n_bars` values, of which nothing is promised.
    pub fn numbers(&mut self, n_bars: usize) -> Vec<f64> {
        let mut column = self.numbers.pop().unwrap_or_default();
        column.resize(n_bars, 0.0);
        column
    }

    /// An empty column of bits.
    pub fn bits(&mut self) -> Bits {
        let mut bits = self.bits.pop().unwrap_or_default();
        bits.clear();
        bits
    }

    /// Takes back the bits.
    pub fn give_bits(&mut self, bits: Bits) {
        self.bits.push(bits);
    }

    /// Takes back the columns of a run, unless they would hold too much memory.
    pub fn give(&mut self, columns: Columns) {
        columns.slots.into_iter().for_each(|column| self.recycle(column));
        let mut kept = 0;
        self.numbers.retain(|column| {
            kept += 8 * column.capacity();
            kept <= KEPT_BYTES
        });
    }

    fn recycle(&mut self, column: Column) {
        match column {
            Column::Owned(column) => self.numbers.push(column),
            Column::Truth { is_true, is_false } => self.bits.extend([is_true, is_false]),
            Column::Absent
            | Column::Scalar(_)
            | Column::Price(_)
            | Column::Known(_)
            | Column::Deferred(_) => {}
        }
    }
}

/// What one slot holds.
#[derive(Debug)]
enum Column<'a> {
    Absent,
    Scalar(f64),
    /// A column of the bars.
    Price(&'a [f64]),
    /// A column that was computed before.
    Known(Known<'a>),
    Owned(Vec<f64>),
    /// An indicator of these columns, made block by block where it is compared.
    Deferred(Vec<&'a [f64]>),
    Truth {
        is_true: Bits,
        is_false: Bits,
    },
}

/// What the slots that rules and risk read hold, for every bar.
#[derive(Debug)]
pub struct Columns<'a> {
    slots: Vec<Column<'a>>,
}

impl Columns<'_> {
    /// No slot at all.
    pub fn none() -> Self {
        Self { slots: Vec::new() }
    }

    /// Value of a number slot on one bar; NaN while it is unknown.
    pub fn number(&self, slot: Slot, t: usize) -> f64 {
        match self.numbers(slot) {
            Numbers::Scalar(value) => value,
            Numbers::Column(column) => column[t],
        }
    }

    /// What a slot holds on every bar, if that is a column of numbers.
    pub fn column(&self, slot: Slot) -> Option<&[f64]> {
        match &self.slots[slot] {
            Column::Price(column) | Column::Known(Known::Numbers(column)) => Some(column),
            Column::Owned(column) => Some(column),
            _ => None,
        }
    }

    /// Value of a slot on one bar: NaN while unknown, and 1 or 0 for true or false.
    pub fn value(&self, slot: Slot, t: usize) -> f64 {
        match &self.slots[slot] {
            Column::Truth { .. } | Column::Known(Known::Truth { .. }) => {
                let (is_true, is_false) = self.truth(slot);
                truth_value(is_true, is_false, t)
            }
            _ => self.number(slot, t),
        }
    }

    /// Bits of the bars on which a truth slot is true.
    pub fn is_true(&self, slot: Slot) -> &Bits {
        self.truth(slot).0
    }

    fn truth(&self, slot: Slot) -> (&Bits, &Bits) {
        match &self.slots[slot] {
            Column::Truth { is_true, is_false } => (is_true, is_false),
            Column::Known(Known::Truth { is_true, is_false }) => (is_true, is_false),
            _ => unreachable!("the verifier has seen to it that slot {slot} holds truth values"),
        }
    }

    /// Whether the slot holds a column of the bars or a constant.
    fn is_given(&self, slot: Slot) -> bool {
        matches!(self.slots[slot], Column::Scalar(_) | Column::Price(_))
    }

    fn numbers(&self, slot: Slot) -> Numbers<'_> {
        match &self.slots[slot] {
            Column::Scalar(value) => Numbers::Scalar(*value),
            Column::Price(column) | Column::Known(Known::Numbers(column)) => {
                Numbers::Column(column)
            }
            Column::Owned(column) => Numbers::Column(column),
            _ => unreachable!("the verifier has seen to it that slot {slot} holds numbers"),
        }
    }

    /// Bars that a deferred slot with this instruction is made of at a time.
    fn block_bars(&self, slot: Slot, op: &Op) -> Option<usize> {
        match (&self.slots[slot], op) {
            (Column::Deferred(_), Op::Indicator { row, params, .. }) => {
                let n_bars = BLOCK_WARMUPS * row.warmup.bars(params);
                Some(n_bars.next_multiple_of(BLOCK_BARS).max(BLOCK_BARS))
            }
            _ => None,
        }
    }

    /// Numbers of some bars; those of a deferred column are made in `scratch`.
    fn block<'b>(
        &'b self,
        (slot, op): (Slot, &Op),
        bars: &BarsView,
        range: Range<usize>,
        scratch: &'b mut Vec<f64>,
    ) -> Numbers<'b> {
        match (&self.slots[slot], op) {
            (Column::Deferred(inputs), Op::Indicator { row, params, output, .. }) => {
                let first = range.start.saturating_sub(row.warmup.bars(params));
                let inputs: Vec<&[f64]> =
                    inputs.iter().map(|column| &column[first..range.end]).collect();
                scratch.resize(range.end - first, 0.0);
                row.column(&inputs, true, bars, (params, *output), scratch);
                Numbers::Column(&scratch[range.start - first..])
            }
            _ => self.numbers(slot).of(range),
        }
    }
}

/// What a slot holds that was computed before.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// One number a bar.
    Numbers(&'a [f64]),
    /// The bars on which it is true and on which it is false.
    Truth {
        /// Bits of the first.
        is_true: &'a Bits,
        /// Bits of the second.
        is_false: &'a Bits,
    },
}

/// Finds what was computed before by the number of its slot.
pub type Find<'a> = dyn Fn(Slot) -> Option<Known<'a>> + 'a;

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

/// A column that outlives the evaluation it was made in.
#[derive(Debug)]
#[allow(missing_docs)] // as `Known`, which borrows it
pub enum Kept {
    Numbers(Vec<f64>),
    Truth { is_true: Bits, is_false: Bits },
}

impl Kept {
    /// The same, borrowed.
    pub fn known(&self) -> Known<'_> {
        match self {
            Self::Numbers(column) => Known::Numbers(column),
            Self::Truth { is_true, is_false } => Known::Truth { is_true, is_false },
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

fn truth_value(is_true: &Bits, is_false: &Bits, t: usize) -> f64 {
    match (bit(is_true, t), bit(is_false, t)) {
        (true, _) => 1.0,
        (_, true) => 0.0,
        _ => f64::NAN,
    }
}

fn bit(bits: &Bits, t: usize) -> bool {
    bits[t / 64] >> (t % 64) & 1 == 1
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
