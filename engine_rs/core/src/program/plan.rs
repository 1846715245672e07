//! What an evaluation must compute, and until when.

use super::column::Find;
use super::{Op, Program, Slot};

/// Which slots are needed at all, which of them must also say where they are false, and which
/// have had their last reader.
pub struct Plan {
    /// Last reader of each slot, None where there is none; the number of slots where the caller is.
    pub last_read: Vec<Option<Slot>>,
    /// Which slots must also say where they are false.
    pub needs_false: Vec<bool>,
    /// The slots whose last reader each slot is.
    pub dead_after: Vec<Vec<Slot>>,
    /// Which slots are read by one comparison alone, or by crosses with the same other slot.
    pub is_compared_once: Vec<bool>,
}

impl Plan {
    /// The plan for `roots`; what is known already is not computed, nor what only it reads.
    pub fn new(program: &Program, roots: &[Slot], known: &Find, with_false: bool) -> Self {
        let instructions = program.instructions();
        let n_slots = instructions.len();
        let mut last_read: Vec<Option<Slot>> = vec![None; n_slots];
        let mut needs_false = vec![false; n_slots];
        let mut readers: Vec<Vec<Slot>> = vec![Vec::new(); n_slots];
        for root in roots {
            last_read[*root] = Some(n_slots);
            needs_false[*root] = with_false;
        }
        for slot in (0..n_slots).rev() {
            if last_read[slot].is_none() || known(slot).is_some() {
                continue;
            }
            // What counts or turns round a condition must know where it is false.
            let op = &instructions[slot].op;
            let is_needed = needs_false[slot] || matches!(op, Op::Not(_) | Op::Indicator { .. });
            for read in instructions[slot].op.reads() {
                last_read[read] = last_read[read].max(Some(slot));
                readers[read].push(slot);
                needs_false[read] |= is_needed;
            }
        }
        let mut dead_after = vec![Vec::new(); n_slots];
        for (slot, reader) in last_read.iter().enumerate() {
            if let Some(reader) = reader.filter(|reader| *reader < n_slots) {
                dead_after[reader].push(slot);
            }
        }
        let crossed = |slot: &Slot| match instructions[*slot].op {
            Op::Cross { a, b, .. } => Some((a, b)),
            _ => None,
        };
        let is_once = |readers: &Vec<Slot>| match readers.as_slice() {
            [] => false,
            [only] if matches!(instructions[*only].op, Op::Compare(..)) => true,
            [first, ..] => {
                let pair = crossed(first);
                pair.is_some() && readers.iter().all(|reader| crossed(reader) == pair)
            }
        };
        let is_inner = last_read.iter().map(|reader| reader.is_some_and(|slot| slot < n_slots));
        let is_compared_once =
            readers.iter().zip(is_inner).map(|(readers, is_inner)| is_inner && is_once(readers));
        let is_compared_once = is_compared_once.collect();
        Self { last_read, needs_false, dead_after, is_compared_once }
    }
}
