//! What must hold of a decoded program: types, look-back, and no read of the future.
//!
//! The compiler proves the same things; this is the other half of that pair of assertions.

use super::{Op, Program, Slot};
use crate::EngineError;
use crate::indicator::Input;

/// Refuses a program that a compiler could not have made.
pub fn program(program: &Program) -> Result<(), EngineError> {
    for at in 0..program.instructions.len() {
        types(program, at)?;
        bounds(program, at)?;
    }
    for rule in &program.rules {
        expect(program, rule.condition, false)?;
    }
    for slot in program.order_slots().chain(program.risk.slots()) {
        expect(program, slot, true)?;
    }
    let n_slots = program.instructions.len();
    match program.roots().into_iter().find(|slot| *slot >= n_slots) {
        None => Ok(()),
        Some(slot) => Err(refuse(slot, "there is no such slot".to_owned())),
    }
}

fn types(program: &Program, at: Slot) -> Result<(), EngineError> {
    let op = &program.instructions[at].op;
    let wants_number = |k: usize| match op {
        Op::And(_) | Op::Or(_) | Op::Not(_) => false,
        Op::Indicator { row, .. } => row.inputs[k] == Input::Number,
        _ => true,
    };
    for (k, slot) in op.reads().into_iter().enumerate() {
        if program.instructions[slot].op.is_number() != wants_number(k) {
            let kind = if wants_number(k) { "numbers" } else { "truth values" };
            return Err(refuse(at, format!("slot {slot} does not hold {kind}")));
        }
    }
    if matches!(op, Op::And(slots) | Op::Or(slots) if slots.is_empty()) {
        return Err(refuse(at, "has no operands".to_owned()));
    }
    Ok(())
}

fn bounds(program: &Program, at: Slot) -> Result<(), EngineError> {
    let instruction = &program.instructions[at];
    let reads = instruction.op.reads();
    let children = || reads.iter().map(|slot| &program.instructions[*slot]);
    let lookback = children().map(|child| child.lookback_bars).max().unwrap_or(0);
    let latest = children().filter_map(|child| child.latest_read_bars).max();
    let (lookback, latest) = match &instruction.op {
        Op::Price(_) | Op::Series(_) | Op::Account(_) => (0, Some(0)),
        Op::Shift(_, k) => (lookback + k, latest.map(|bars| bars - *k as i64)),
        Op::Indicator { row, params, .. } => {
            let latest = if row.reads.is_empty() { latest } else { Some(0) };
            (lookback + row.warmup.bars(params), latest)
        }
        Op::Cross { .. } => (lookback + 1, latest),
        _ => (lookback, latest),
    };
    if instruction.lookback_bars != lookback {
        let said = instruction.lookback_bars;
        return Err(refuse(at, format!("says a look-back of {said} bars and has {lookback}")));
    }
    if instruction.latest_read_bars != latest {
        let said = instruction.latest_read_bars;
        return Err(refuse(at, format!("says its latest read is {said:?} and it is {latest:?}")));
    }
    if latest.is_some_and(|bars| bars > 0) {
        return Err(refuse(at, "reads the future".to_owned()));
    }
    Ok(())
}

fn expect(program: &Program, slot: Slot, is_number: bool) -> Result<(), EngineError> {
    match program.instructions.get(slot) {
        Some(instruction) if instruction.op.is_number() == is_number => Ok(()),
        _ => {
            let kind = if is_number { "a number" } else { "a truth value" };
            Err(refuse(slot, format!("does not hold {kind}")))
        }
    }
}

fn refuse(at: usize, message: String) -> EngineError {
    EngineError::Program { at, message }
}
