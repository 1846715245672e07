//! A program bar by bar: what depends on the account has no value before its bar comes.
//!
//! Every operation has its meaning here a second time, for one bar instead of a column of them;
//! the two agree bit for bit, and a test holds them to it over random programs.

use super::column::Columns;
use super::kernel::{applied, combined};
use super::series::Holding;
use super::{Comparison, Instruction, Op, Program, Slot};
use crate::bars::BarsView;
use crate::indicator::{Indicator, Memory, Step};
use crate::parameter::Params;

/// What a machine remembers of the bars that it took, without the bars.
#[derive(Debug, Default)]
pub struct Remembered {
    live: Vec<Slot>,
    values: Vec<Vec<f64>>,
    carried: Vec<Carried>,
    n_bars: usize,
}

/// What an indicator carries from bar to bar.
#[derive(Debug, Default)]
struct Carried {
    /// First bar since the last unknown input.
    since: usize,
    step: Option<Box<dyn Step>>,
}

/// The slots of a program that are evaluated bar by bar, up to the bar that was last taken.
#[derive(Debug)]
pub struct Machine<'a> {
    program: &'a Program,
    bars: BarsView<'a>,
    /// The slots that were evaluated by columns.
    given: &'a Columns<'a>,
    /// The others, in order.
    live: Vec<Slot>,
    /// Their values so far; 1 and 0 for true and false, NaN for unknown.
    values: Vec<Vec<f64>>,
    carried: Vec<Carried>,
    n_bars: usize,
}

impl<'a> Machine<'a> {
    /// Before the first bar. `live` are the slots to evaluate, in order; whatever else they read
    /// is in `given`.
    pub fn new(
        program: &'a Program,
        bars: BarsView<'a>,
        given: &'a Columns<'a>,
        live: Vec<Slot>,
    ) -> Self {
        let n_slots = program.instructions().len();
        let carried = (0..n_slots).map(|_| Carried::default()).collect();
        Self { program, bars, given, live, values: vec![Vec::new(); n_slots], carried, n_bars: 0 }
    }

    /// Puts the machine down, so that whoever owns the bars may write the next one.
    pub fn put_down(self) -> Remembered {
        let Self { live, values, carried, n_bars, .. } = self;
        Remembered { live, values, carried, n_bars }
    }

    /// Takes it up again, over bars of which those that it took are unchanged. What nobody
    /// remembers makes a machine that knows no slot and can be asked for none.
    pub fn taken_up(
        program: &'a Program,
        bars: BarsView<'a>,
        given: &'a Columns<'a>,
        remembered: Remembered,
    ) -> Self {
        let Remembered { live, values, carried, n_bars } = remembered;
        Self { program, bars, given, live, values, carried, n_bars }
    }

    /// Takes the next bar, at whose close `holding` is held.
    pub fn step(&mut self, holding: &Holding) {
        let t = self.n_bars;
        self.n_bars += 1;
        let program = self.program;
        for at in 0..self.live.len() {
            let slot = self.live[at];
            let Instruction { op, .. } = &program.instructions()[slot];
            let value = match op {
                Op::Indicator { row, inputs, params, output } => {
                    self.indicator(slot, row, inputs, (params, *output))
                }
                Op::Account(name) => holding.value(*name),
                _ => self.plain(op, t),
            };
            self.values[slot].push(value);
        }
    }

    /// Value of a slot on a bar that was taken: NaN while unknown, 1 or 0 for a truth value.
    pub fn value(&self, slot: Slot, t: usize) -> f64 {
        match self.values[slot].get(t) {
            Some(value) => *value,
            None => self.given.value(slot, t),
        }
    }

    /// Whether a truth slot was true on a bar.
    pub fn is_true(&self, slot: Slot, t: usize) -> bool {
        self.value(slot, t) == 1.0
    }

    /// Everything that carries nothing along.
    fn plain(&self, op: &Op, t: usize) -> f64 {
        let at = |slot: &Slot| self.value(*slot, t);
        match op {
            Op::Const(value) => *value,
            Op::Bool(value) => f64::from(u8::from(*value)),
            Op::Price(field) => self.bars.column(*field)[t],
            Op::Series(series) => series.value(&self.bars, t),
            Op::Neg(a) => -at(a),
            Op::Function(op, a) => applied(*op, at(a)),
            Op::Arithmetic(op, a, b) => combined(*op, at(a), at(b)),
            Op::Shift(a, k) => t.checked_sub(*k).map_or(f64::NAN, |t| self.value(*a, t)),
            Op::Compare(op, a, b) => compared(*op, at(a), at(b)),
            Op::Not(a) => 1.0 - at(a),
            Op::And(slots) => least(slots.iter().map(at)),
            Op::Or(slots) => 1.0 - least(slots.iter().map(|slot| 1.0 - at(slot))),
            Op::Cross { is_over, a, b } => {
                let Some(before) = t.checked_sub(1) else {
                    return f64::NAN;
                };
                let (old_a, old_b) = (self.value(*a, before), self.value(*b, before));
                let (now_a, now_b) = (at(a), at(b));
                if [old_a, old_b, now_a, now_b].iter().any(|value| value.is_nan()) {
                    return f64::NAN;
                }
                let crosses = if *is_over {
                    now_a > now_b && old_a <= old_b
                } else {
                    now_a < now_b && old_a >= old_b
                };
                f64::from(u8::from(crosses))
            }
            Op::Indicator { .. } | Op::Account(_) => unreachable!("these are not plain"),
        }
    }

    fn indicator(
        &mut self,
        slot: Slot,
        row: &Indicator,
        inputs: &[Slot],
        (params, output): (&Params, usize),
    ) -> f64 {
        let t = self.n_bars - 1;
        let is_between = matches!(row.memory, Memory::Ends);
        if !is_between && inputs.iter().any(|input| self.value(*input, t).is_nan()) {
            self.carried[slot] = Carried { since: t + 1, step: None };
            return f64::NAN;
        }
        let value = match row.memory {
            Memory::Series(make) => {
                let mut values: Vec<f64> = inputs.iter().map(|slot| self.value(*slot, t)).collect();
                values.extend(row.reads.iter().map(|field| self.bars.column(*field)[t]));
                let step = &mut self.carried[slot].step;
                step.get_or_insert_with(|| make(params, output)).next(&values)
            }
            Memory::Window | Memory::Ends => {
                let Some(from) = t.checked_sub(row.warmup.bars(params)) else {
                    return f64::NAN;
                };
                if from < self.carried[slot].since {
                    return f64::NAN;
                }
                let input = |slot: &Slot| (from..=t).map(|t| self.value(*slot, t)).collect();
                let inputs: Vec<Vec<f64>> = inputs.iter().map(input).collect();
                let mut columns: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
                columns.extend(row.reads.iter().map(|field| &self.bars.column(*field)[from..=t]));
                let mut values = vec![f64::NAN; t - from + 1];
                (row.compute)(&columns, params, output, &mut values);
                values[t - from]
            }
        };
        if value.is_finite() { value } else { f64::NAN }
    }
}

/// The slots that depend on the account and that rules or risk depend on, in order.
pub fn live_slots(program: &Program) -> Vec<Slot> {
    let mut is_read = vec![false; program.instructions().len()];
    program.roots().into_iter().for_each(|slot| is_read[slot] = true);
    for slot in (0..is_read.len()).rev().filter(|slot| program.is_live(*slot)) {
        if is_read[slot] {
            program.instructions()[slot].op.reads().into_iter().for_each(|at| is_read[at] = true);
        }
    }
    (0..is_read.len()).filter(|slot| is_read[*slot] && program.is_live(*slot)).collect()
}

/// The slots that rules or risk depend on, whether or not they depend on the account, in order.
pub fn read_slots(program: &Program) -> Vec<Slot> {
    let mut is_read = vec![false; program.instructions().len()];
    program.roots().into_iter().for_each(|slot| is_read[slot] = true);
    for slot in (0..is_read.len()).rev() {
        if is_read[slot] {
            program.instructions()[slot].op.reads().into_iter().for_each(|at| is_read[at] = true);
        }
    }
    (0..is_read.len()).filter(|slot| is_read[*slot]).collect()
}

/// Every slot of a program that does not depend on the account, bar by bar and as `column` gives
/// it: the witness that both ways agree.
pub fn bar_by_bar(program: &Program, bars: &BarsView) -> Vec<Vec<f64>> {
    let nothing = Columns::none();
    let slots = 0..program.instructions().len();
    let live: Vec<Slot> = slots.clone().filter(|slot| !program.is_live(*slot)).collect();
    let mut machine = Machine::new(program, *bars, &nothing, live.clone());
    (0..bars.len()).for_each(|_| machine.step(&Holding::FLAT));
    let value = |slot, t| machine.value(slot, t);
    let column = |slot| (0..bars.len()).map(|t| value(slot, t)).collect();
    slots.map(|slot| if live.contains(&slot) { column(slot) } else { Vec::new() }).collect()
}

/// The least of some truth values: false if one is, else unknown if one is.
fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(
        1.0,
        |so_far, value| {
            if so_far == 0.0 || value == 0.0 { 0.0 } else { so_far * value }
        },
    )
}

fn compared(op: Comparison, a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    let holds = match op {
        Comparison::Lt => a < b,
        Comparison::Le => a <= b,
        Comparison::Eq => a == b,
        Comparison::Ne => a != b,
    };
    f64::from(u8::from(holds))
}
