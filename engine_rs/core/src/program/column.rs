//! What the slots of a program hold over all bars, and the memory they hold it in.
//!
//! Columns are borrowed from a pool and go back to it after their last reader, so that a long
//! program needs few of them and a second run allocates nothing. What is computed into them stands
//! in `evaluate`.

use super::kernel::{Bits, Numbers, Order};
use super::{Op, Slot};
use crate::bars::BarsView;
use std::ops::Range;

/// Buffers that are used again.
#[derive(Debug, Default)]
pub struct Pool {
    numbers: Vec<Vec<f64>>,
    bits: Vec<Bits>,
    pub(super) order: Order,
    /// Two columns that are compared, a block at a time.
    pub(super) blocks: [Vec<f64>; 2],
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

    pub(super) fn recycle(&mut self, column: Column) {
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
pub(super) enum Column<'a> {
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
    pub(super) slots: Vec<Column<'a>>,
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

    pub(super) fn truth(&self, slot: Slot) -> (&Bits, &Bits) {
        match &self.slots[slot] {
            Column::Truth { is_true, is_false } => (is_true, is_false),
            Column::Known(Known::Truth { is_true, is_false }) => (is_true, is_false),
            _ => unreachable!("the verifier has seen to it that slot {slot} holds truth values"),
        }
    }

    /// Whether the slot holds a column of the bars or a constant.
    pub(super) fn is_given(&self, slot: Slot) -> bool {
        matches!(self.slots[slot], Column::Scalar(_) | Column::Price(_))
    }

    pub(super) fn numbers(&self, slot: Slot) -> Numbers<'_> {
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
    pub(super) fn block_bars(&self, slot: Slot, op: &Op) -> Option<usize> {
        match (&self.slots[slot], op) {
            (Column::Deferred(_), Op::Indicator { row, params, .. }) => {
                let n_bars = BLOCK_WARMUPS * row.warmup.bars(params);
                Some(n_bars.next_multiple_of(BLOCK_BARS).max(BLOCK_BARS))
            }
            _ => None,
        }
    }

    /// Numbers of some bars; those of a deferred column are made in `scratch`.
    pub(super) fn block<'b>(
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

pub(super) fn truth_value(is_true: &Bits, is_false: &Bits, t: usize) -> f64 {
    match (bit(is_true, t), bit(is_false, t)) {
        (true, _) => 1.0,
        (_, true) => 0.0,
        _ => f64::NAN,
    }
}

fn bit(bits: &Bits, t: usize) -> bool {
    bits[t / 64] >> (t % 64) & 1 == 1
}
