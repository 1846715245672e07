//! The flat program a strategy is compiled to: instructions that read earlier slots and write
//! the next one, rules over their results, and the limits of risk.
//!
//! A program comes from outside and is trusted in nothing: types, look-back and the absence of
//! look-ahead are computed again here and compared with what it says of itself.

pub mod column;
mod decode;
pub mod evaluate;
pub mod event;
pub mod field;
pub mod kernel;
mod plan;
pub mod risk;
#[cfg(test)]
pub(crate) mod sample;
pub mod series;
mod verify;

use crate::EngineError;
use crate::bars::Field;
use crate::indicator::Indicator;
use crate::parameter::Params;
use rayon::prelude::*;
use risk::Risk;
use series::{Account, Series};

/// Most instructions a program may have: twice the nodes that a strategy may.
pub const MAX_INSTRUCTIONS: usize = 8_192;
/// Most rules a program may have.
pub const MAX_RULES: usize = 64;
/// Longest shift into the past, and longest window.
pub const MAX_WINDOW_BARS: usize = 5_000;

/// Number of an instruction and of what it writes.
pub type Slot = usize;

/// Arithmetic on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
}

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Function {
    Abs,
    Sqrt,
    Log,
    Exp,
}

/// Comparison of two numbers; greater is less with the operands swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Comparison {
    Lt,
    Le,
    Eq,
    Ne,
}

/// What an instruction does.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Op {
    Const(f64),
    Price(Field),
    /// What follows from the bar alone.
    Series(Series),
    /// What the account holds at the close of the bar.
    Account(Account),
    Neg(Slot),
    Function(Function, Slot),
    Arithmetic(Arithmetic, Slot, Slot),
    /// The value that many bars ago.
    Shift(Slot, usize),
    Indicator {
        row: &'static Indicator,
        inputs: Vec<Slot>,
        params: Params,
        /// Number of the output.
        output: usize,
    },
    Compare(Comparison, Slot, Slot),
    And(Vec<Slot>),
    Or(Vec<Slot>),
    Not(Slot),
    Bool(bool),
    /// The first passes the second on this bar; upwards when `is_over`.
    Cross {
        is_over: bool,
        a: Slot,
        b: Slot,
    },
}

impl Op {
    /// The slots it reads.
    pub fn reads(&self) -> Vec<Slot> {
        match self {
            Self::Const(_)
            | Self::Price(_)
            | Self::Series(_)
            | Self::Account(_)
            | Self::Bool(_) => Vec::new(),
            Self::Neg(a) | Self::Function(_, a) | Self::Shift(a, _) | Self::Not(a) => vec![*a],
            Self::Arithmetic(_, a, b) | Self::Compare(_, a, b) | Self::Cross { a, b, .. } => {
                vec![*a, *b]
            }
            Self::Indicator { inputs: slots, .. } | Self::And(slots) | Self::Or(slots) => {
                slots.clone()
            }
        }
    }

    /// Whether it writes numbers (otherwise true, false or unknown).
    pub fn is_number(&self) -> bool {
        !matches!(
            self,
            Self::Compare(..)
                | Self::And(_)
                | Self::Or(_)
                | Self::Not(_)
                | Self::Bool(_)
                | Self::Cross { .. }
        )
    }
}

/// One instruction with what has been proven of it.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// Index of the first bar with a value.
    pub lookback_bars: usize,
    /// Latest bar it reads, counted from the bar it is evaluated on: never above 0. None: it
    /// reads no bar.
    pub latest_read_bars: Option<i64>,
}

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Buy,
    Sell,
    Close,
    /// No entries on this bar.
    Hold,
}

/// How a rule enters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OrderKind {
    /// At the next open.
    Market,
    /// When the price passes the level, against the trade.
    Stop(Level),
    /// At the level or better.
    Limit(Level),
    /// When the price passes the level, and then no worse than so many basis points beyond it.
    StopLimit(Level, f64),
}

impl OrderKind {
    /// The slot its level is read from, if it is.
    pub fn slot(&self) -> Option<Slot> {
        match self {
            Self::Stop(Level::Price(slot))
            | Self::Limit(Level::Price(slot))
            | Self::StopLimit(Level::Price(slot), _) => Some(*slot),
            _ => None,
        }
    }
}

/// Where an order waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// At the value that the slot has on the decision bar.
    Price(Slot),
    /// At the close of the decision bar, moved by so many basis points: up for a buy stop and a
    /// sell limit, down for the others.
    OffsetBps(f64),
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Slot of its condition; it fires only on true.
    pub condition: Slot,
    /// What it asks for.
    pub action: Action,
    /// How it enters, if it does.
    pub order: OrderKind,
    /// Bars that a resting order lives; None: until it is cancelled.
    pub tif_bars: Option<usize>,
}

/// A program, decoded and verified.
#[derive(Clone, Debug)]
pub struct Program {
    instructions: Vec<Instruction>,
    rules: Vec<Rule>,
    risk: Risk,
    output: Option<Slot>,
    /// Which slots depend on the account, and so have a value only while a run is under way.
    is_live: Vec<bool>,
}

impl Program {
    /// Reads and verifies a program.
    ///
    /// # Errors
    ///
    /// `NOT_JSON`, `FIELD_INVALID`, `UNKNOWN_NAME`, `PARAM_RANGE`, or `PROGRAM_INVALID` for one
    /// that a compiler could not have made: types that do not fit, slots read before they are
    /// written, a look-back or a latest read that is not what it says, or a read of the future.
    pub fn decode(text: &str) -> Result<Self, EngineError> {
        let program = decode::program(&serde_json::from_str(text)?)?;
        verify::program(&program)?;
        Ok(program)
    }

    /// Reads and verifies many programs, several at a time unless there is to be one thread only.
    ///
    /// # Errors
    ///
    /// As [`Program::decode`], of the first that is refused.
    pub fn decode_all(
        texts: &[String],
        n_threads: Option<usize>,
    ) -> Result<Vec<Self>, EngineError> {
        let read: Vec<_> = if texts.len() < 2 || n_threads == Some(1) {
            texts.iter().map(|text| Self::decode(text)).collect()
        } else {
            texts.par_iter().map(|text| Self::decode(text)).collect()
        };
        read.into_iter().collect()
    }

    /// What it does, in order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Its rules, in the order of the document.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Its limits of risk.
    pub fn risk(&self) -> &Risk {
        &self.risk
    }

    /// The slot that `evaluate::output` gives, if one is named.
    pub fn output(&self) -> Option<Slot> {
        self.output
    }

    /// Index of the first bar on which everything that rules and risk read is known.
    pub fn lookback_bars(&self) -> usize {
        let roots = self.roots();
        roots.into_iter().map(|slot| self.instructions[slot].lookback_bars).max().unwrap_or(0)
    }

    /// The slots that rules, orders, stops and the output read, each once, in order.
    pub fn roots(&self) -> Vec<Slot> {
        let mut roots: Vec<Slot> = self.rules.iter().map(|rule| rule.condition).collect();
        roots.extend(self.order_slots());
        roots.extend(self.risk.slots());
        roots.extend(self.output);
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// Whether the slot depends on the account.
    pub fn is_live(&self, slot: Slot) -> bool {
        self.is_live[slot]
    }

    /// Whether anything that rules and risk read depends on the account, so that the program has
    /// to be evaluated bar by bar.
    pub fn reads_account(&self) -> bool {
        self.roots().into_iter().any(|slot| self.is_live[slot])
    }

    fn order_slots(&self) -> impl Iterator<Item = Slot> {
        self.rules.iter().filter_map(|rule| rule.order.slot())
    }
}

/// Which instructions depend on the account.
fn live(instructions: &[Instruction]) -> Vec<bool> {
    let mut is_live: Vec<bool> = Vec::with_capacity(instructions.len());
    for Instruction { op, .. } in instructions {
        let reads_live = op.reads().iter().any(|slot| is_live[*slot]);
        is_live.push(reads_live || matches!(op, Op::Account(_)));
    }
    is_live
}

#[cfg(test)]
mod tests;
