//! Positions by instrument and by strategy, as claimed: a fold over FILL_CLAIM.

use super::cloid::{NO_STRATEGY, intent_of, strategy_of};
use super::log::Event;
use super::universe::Universe;
use super::words::execution_of;

/// Claimed positions, in lots.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Holdings {
    pub instrument_lot: Vec<i64>,
    pub strategy_lot: Vec<i64>,
    instrument_of: Vec<usize>,
}

impl Holdings {
    /// Nothing held.
    pub fn new(universe: &Universe) -> Self {
        Self {
            instrument_lot: vec![0; universe.market_seeds.len()],
            strategy_lot: vec![0; universe.strategies.len()],
            instrument_of: universe.strategies.iter().map(|row| row.instrument).collect(),
        }
    }

    /// Takes in a FILL_CLAIM.
    ///
    /// What the kill switch sold is taken from the strategies that hold the instrument, in the
    /// order of their numbers: it belongs to none of them.
    pub fn claim(&mut self, event: &Event) {
        let (_, instrument, _) = execution_of(event.data[0]);
        let signed_lot = event.data[1];
        self.instrument_lot[instrument] += signed_lot;
        let strategy = strategy_of(intent_of(event.subj));
        if strategy != NO_STRATEGY {
            self.strategy_lot[usize::from(strategy)] += signed_lot;
            return;
        }
        let mut left_lot = signed_lot;
        for (lot, home) in self.strategy_lot.iter_mut().zip(&self.instrument_of) {
            if *home == instrument && lot.signum() == -left_lot.signum() {
                let taken = left_lot.abs().min(lot.abs()) * left_lot.signum();
                *lot += taken;
                left_lot -= taken;
            }
        }
    }

    /// Sum of absolute positions at these marks.
    pub fn gross_uusd(&self, mark_tk: impl Fn(usize) -> i64) -> i64 {
        let positions = self.instrument_lot.iter().enumerate();
        positions.map(|(at, lot)| lot.abs() * mark_tk(at)).sum()
    }

    /// Sum of positions at these marks.
    pub fn net_uusd(&self, mark_tk: impl Fn(usize) -> i64) -> i64 {
        let positions = self.instrument_lot.iter().enumerate();
        positions.map(|(at, lot)| lot * mark_tk(at)).sum()
    }
}
