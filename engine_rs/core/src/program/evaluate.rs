//! A program over bars: each instruction once, over all bars, into a column of its own.
//!
//! Columns are borrowed from a pool and go back to it after their last reader, so that a long
//! program needs few of them and a second run allocates nothing.

use super::kernel::{self, Bits, Numbers, Order};
use super::{Op, Program, Slot};
use crate::EngineError;
use crate::bars::BarsView;

/// Buffers that are used again.
#[derive(Debug, Default)]
pub struct Pool {
    numbers: Vec<Vec<f64>>,
    bits: Vec<Bits>,
    order: Order,
}

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
            Column::Absent | Column::Scalar(_) | Column::Price(_) | Column::Known(_) => {}
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
    Known(&'a [f64]),
    Owned(Vec<f64>),
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
    /// Value of a number slot on one bar; NaN while it is unknown.
    pub fn number(&self, slot: Slot, t: usize) -> f64 {
        match self.numbers(slot) {
            Numbers::Scalar(value) => value,
            Numbers::Column(column) => column[t],
        }
    }

    /// Bits of the bars on which a truth slot is true.
    pub fn is_true(&self, slot: Slot) -> &Bits {
        self.truth(slot).0
    }

    fn truth(&self, slot: Slot) -> (&Bits, &Bits) {
        match &self.slots[slot] {
            Column::Truth { is_true, is_false } => (is_true, is_false),
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
            Column::Price(column) | Column::Known(column) => Numbers::Column(column),
            Column::Owned(column) => Numbers::Column(column),
            _ => unreachable!("the verifier has seen to it that slot {slot} holds numbers"),
        }
    }
}

/// Columns that were computed before, found by the number of their slot.
pub type Known<'a> = dyn Fn(Slot) -> Option<&'a [f64]> + 'a;

/// Evaluates what the slots `roots` depend on; `known` gives columns that exist already. Of truth
/// values only the bars on which they are true.
pub fn columns<'a>(
    program: &Program,
    bars: &BarsView<'a>,
    roots: &[Slot],
    known: &Known<'a>,
    pool: &mut Pool,
) -> Columns<'a> {
    by_plan(program, bars, &Plan::new(program, roots, known, false), known, pool)
}

fn by_plan<'a>(
    program: &Program,
    bars: &BarsView<'a>,
    plan: &Plan,
    known: &Known<'a>,
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
                numbers(&instruction.op, &columns, bars, pool)
            }
            (Some(_), None) => {
                if let Op::Cross { a, b, .. } = &instruction.op
                    && compared != Some((*a, *b))
                {
                    let (first, second) = (columns.numbers(*a), columns.numbers(*b));
                    pool.order.read(first, second, bars.len());
                    compared = Some((*a, *b));
                }
                truth(&instruction.op, &columns, bars.len(), plan.needs_false[slot], pool)
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
    Ok(column(program, bars, slot))
}

/// One slot as numbers, as in [`output`].
pub fn column(program: &Program, bars: &BarsView, slot: Slot) -> Vec<f64> {
    let n_bars = bars.len();
    let plan = Plan::new(program, &[slot], &|_| None, true);
    let mut columns = by_plan(program, bars, &plan, &|_| None, &mut Pool::default());
    match columns.slots.swap_remove(slot) {
        Column::Owned(column) => column,
        Column::Price(column) | Column::Known(column) => column.to_vec(),
        Column::Scalar(value) => vec![value; n_bars],
        Column::Truth { is_true, is_false } => (0..n_bars)
            .map(|t| match (bit(&is_true, t), bit(&is_false, t)) {
                (true, _) => 1.0,
                (_, true) => 0.0,
                _ => f64::NAN,
            })
            .collect(),
        Column::Absent => unreachable!("a root is evaluated"),
    }
}

fn bit(bits: &Bits, t: usize) -> bool {
    bits[t / 64] >> (t % 64) & 1 == 1
}

/// Which slots are needed at all, which of them must also say where they are false, and which
/// have had their last reader.
struct Plan {
    last_read: Vec<Option<Slot>>,
    needs_false: Vec<bool>,
    dead_after: Vec<Vec<Slot>>,
}

impl Plan {
    fn new(program: &Program, roots: &[Slot], known: &Known, with_false: bool) -> Self {
        let instructions = program.instructions();
        let n_slots = instructions.len();
        let mut last_read: Vec<Option<Slot>> = vec![None; n_slots];
        let mut needs_false = vec![false; n_slots];
        for root in roots {
            last_read[*root] = Some(n_slots);
            needs_false[*root] = with_false;
        }
        for slot in (0..n_slots).rev() {
            if last_read[slot].is_none() || known(slot).is_some() {
                continue;
            }
            let is_needed = needs_false[slot] || matches!(instructions[slot].op, Op::Not(_));
            for read in instructions[slot].op.reads() {
                last_read[read] = last_read[read].max(Some(slot));
                needs_false[read] |= is_needed;
            }
        }
        let mut dead_after = vec![Vec::new(); n_slots];
        for (slot, reader) in last_read.iter().enumerate() {
            if let Some(reader) = reader.filter(|reader| *reader < n_slots) {
                dead_after[reader].push(slot);
            }
        }
        Self { last_read, needs_false, dead_after }
    }
}

fn numbers<'a>(op: &Op, columns: &Columns<'a>, bars: &BarsView<'a>, pool: &mut Pool) -> Column<'a> {
    let n_bars = bars.len();
    match op {
        Op::Const(value) => return Column::Scalar(*value),
        Op::Price(field) => return Column::Price(bars.column(*field)),
        _ => {}
    }
    let mut output = pool.numbers(n_bars);
    match op {
        Op::Neg(a) => kernel::negate(columns.numbers(*a), &mut output),
        Op::Shift(a, k) => kernel::shift(columns.numbers(*a), *k, &mut output),
        Op::Arithmetic(op, a, b) => {
            kernel::arithmetic(*op, columns.numbers(*a), columns.numbers(*b), &mut output);
        }
        Op::Indicator { row, inputs: slots, params } => {
            let mut scalars = Vec::new();
            for slot in slots {
                if let Numbers::Scalar(value) = columns.numbers(*slot) {
                    scalars.push(vec![value; n_bars]);
                }
            }
            let mut rest = scalars.iter();
            let inputs: Vec<&[f64]> = slots
                .iter()
                .map(|slot| match columns.numbers(*slot) {
                    Numbers::Column(column) => column,
                    Numbers::Scalar(_) => rest.next().expect("one was made for each"),
                })
                .collect();
            // The bars were checked: what was not computed has no unknown value.
            let is_clean = slots.iter().all(|slot| columns.is_given(*slot));
            row.column(&inputs, is_clean, bars, params, &mut output);
        }
        _ => unreachable!("all others hold truth values or are not computed"),
    }
    Column::Owned(output)
}

/// Sets the bits of the bars on which a truth value is true and, if `needs_false`, on which it is
/// false; of what it reads the second are there if it needs them.
fn truth<'a>(
    op: &Op,
    columns: &Columns,
    n_bars: usize,
    needs_false: bool,
    pool: &mut Pool,
) -> Column<'a> {
    let mut is_true = pool.bits();
    let mut is_false = pool.bits();
    match op {
        Op::Bool(value) => {
            kernel::all(n_bars, if *value { &mut is_true } else { &mut is_false });
            (if *value { &mut is_false } else { &mut is_true }).resize(kernel::words(n_bars), 0);
        }
        Op::Compare(op, a, b) => {
            let (a, b) = (columns.numbers(*a), columns.numbers(*b));
            let is_false = needs_false.then_some(&mut is_false);
            kernel::compare(*op, a, b, n_bars, &mut is_true, is_false);
        }
        Op::Cross { is_over, .. } => {
            pool.order.cross(*is_over, &mut is_true, needs_false.then_some(&mut is_false));
        }
        Op::Not(a) => {
            let (yes, no) = columns.truth(*a);
            is_true.extend_from_slice(no);
            is_false.extend_from_slice(yes);
        }
        Op::And(slots) | Op::Or(slots) => {
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
