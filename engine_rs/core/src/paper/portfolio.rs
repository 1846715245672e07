//! The books: a double-entry ledger in whole micro-units, and the claimed and confirmed positions.
//!
//! Every change of an account is a POST record, and the records of one set sum to zero: whatever
//! is posted, the accounts add up to the opening equity.

use super::cloid::key;
use super::code::{Account, Agent, Kind, Liquidity};
use super::desk::Desk;
use super::exchange::{Trade, fee_uusd};
use super::holdings::Holdings;
use super::log::Event;
use super::universe::Universe;
use super::words::{execution_of, execution_words};
use std::collections::BTreeMap;

/// The ledger and the positions.
#[derive(Clone, Debug)]
pub struct Portfolio {
    e0_uusd: i64,
    cash_uusd: i64,
    fees_uusd: i64,
    suspense_uusd: i64,
    inventory_uusd: Vec<i64>,
    realised_uusd: Vec<i64>,
    holdings: Holdings,
    confirmed_lot: Vec<i64>,
    /// Claims that nothing has confirmed yet, with the record of each.
    pending: BTreeMap<u64, u64>,
    /// Every execution before this one is confirmed.
    cursor: u64,
    n_sets: i64,
    peak_uusd: i64,
}

impl Portfolio {
    /// Books that hold the opening equity in cash.
    pub fn new(universe: &Universe) -> Self {
        let n = universe.market_seeds.len();
        Self {
            e0_uusd: universe.e0_uusd,
            cash_uusd: universe.e0_uusd,
            fees_uusd: 0,
            suspense_uusd: 0,
            inventory_uusd: vec![0; n],
            realised_uusd: vec![0; n],
            holdings: Holdings::new(universe),
            confirmed_lot: vec![0; n],
            pending: BTreeMap::new(),
            cursor: 0,
            n_sets: 0,
            peak_uusd: universe.e0_uusd,
        }
    }

    /// Whether an execution has been claimed: a second report of it changes nothing.
    pub fn has_claim(&self, exec_id: u64) -> bool {
        exec_id < self.cursor || self.pending.contains_key(&exec_id)
    }

    /// First execution that is not confirmed.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Whether some claim waits for its confirmation.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Books a claimed execution; one that the reconciler found goes through suspense.
    pub fn observe_claim(&mut self, desk: &mut Desk, event: &Event) {
        let (exec_id, instrument, liquidity) = execution_of(event.data[0]);
        let (signed_lot, px_tk) = (event.data[1], event.data[2]);
        let liquidity = Liquidity::from_code(i64::from(liquidity));
        let liquidity = liquidity.expect("a side of the book is logged");
        let fee_uusd = fee_uusd(signed_lot.abs() * px_tk, liquidity);
        self.pending.insert(exec_id, event.seq);
        let held_lot = self.holdings.instrument_lot[instrument];
        self.holdings.claim(event);
        let paid_uusd = -signed_lot * px_tk;
        let stored_uusd = self.stored_uusd(instrument, held_lot, signed_lot, px_tk);
        let realised_uusd = -(paid_uusd + stored_uusd);
        let is_repair = event.src == Agent::Reconciler;
        desk.cause = event.seq;
        if is_repair {
            let lump_uusd = fee_uusd - paid_uusd;
            self.post(
                desk,
                &[(Account::Cash, -lump_uusd, None), (Account::Suspense, lump_uusd, None)],
            );
        }
        let (source, amount_uusd) = if is_repair {
            (Account::Suspense, paid_uusd - fee_uusd)
        } else {
            (Account::Cash, paid_uusd - fee_uusd)
        };
        self.post(
            desk,
            &[
                (source, amount_uusd, None),
                (Account::Inventory, stored_uusd, Some(instrument)),
                (Account::Fees, fee_uusd, None),
                (Account::Realised, realised_uusd, Some(instrument)),
            ],
        );
        self.write_position(desk, instrument);
    }

    /// Change of the inventory account: what is closed leaves at its share of the cost, rounded
    /// down, and what is opened enters at its price.
    fn stored_uusd(&self, instrument: usize, held_lot: i64, signed_lot: i64, px_tk: i64) -> i64 {
        let cost_uusd = self.inventory_uusd[instrument];
        if held_lot == 0 || held_lot.signum() == signed_lot.signum() {
            return signed_lot * px_tk;
        }
        let closed_lot = signed_lot.abs().min(held_lot.abs());
        let released_uusd = if closed_lot == held_lot.abs() {
            cost_uusd.abs()
        } else {
            let part = i128::from(cost_uusd.abs()) * i128::from(closed_lot);
            (part / i128::from(held_lot.abs())) as i64
        };
        let opened_lot = signed_lot.abs() - closed_lot;
        -held_lot.signum() * released_uusd + signed_lot.signum() * opened_lot * px_tk
    }

    /// Posts one set: its rows stand together in the log and sum to zero.
    fn post(&mut self, desk: &mut Desk, rows: &[(Account, i64, Option<usize>)]) {
        assert_eq!(rows.iter().map(|row| row.1).sum::<i64>(), 0, "a set of postings balances");
        let root = desk.cause;
        for (account, amount_uusd, instrument) in rows.iter().filter(|row| row.1 != 0) {
            match (account, instrument) {
                (Account::Cash, _) => self.cash_uusd += amount_uusd,
                (Account::Fees, _) => self.fees_uusd += amount_uusd,
                (Account::Suspense, _) => self.suspense_uusd += amount_uusd,
                (Account::Inventory, Some(at)) => self.inventory_uusd[*at] += amount_uusd,
                (Account::Realised, Some(at)) => self.realised_uusd[*at] += amount_uusd,
                _ => unreachable!("no other account is posted to"),
            }
            let place = instrument.map_or(-1, |at| at as i64);
            let data = [i64::from(account.code()), *amount_uusd, place, self.n_sets];
            desk.cause = root;
            desk.emit(Kind::Post, Agent::Portfolio, 0, data);
        }
        self.n_sets += 1;
        desk.cause = root;
        let inventory: i64 = self.inventory_uusd.iter().sum();
        let realised: i64 = self.realised_uusd.iter().sum();
        let sum = self.cash_uusd + self.fees_uusd + self.suspense_uusd + inventory + realised;
        assert_eq!(sum, self.e0_uusd, "the accounts add up to the opening equity");
    }

    /// A second source agrees with the claim of this execution, the first that was open.
    pub fn confirm(&mut self, desk: &mut Desk, trade: &Trade) {
        assert_eq!(trade.exec_id, self.cursor, "executions are confirmed in their order");
        let claim_seq = self.pending.remove(&trade.exec_id).expect("only a claim is confirmed");
        self.cursor += 1;
        self.confirmed_lot[trade.instrument] += i64::from(trade.side) * trade.qty_lot;
        let [execution, signed_lot] = execution_words(trade);
        let root = desk.cause;
        desk.cause = claim_seq;
        let data = [execution, signed_lot, trade.fee_uusd, trade.ts];
        desk.emit(Kind::FillConfirmed, Agent::Reconciler, key(trade.cloid), data);
        desk.cause = root;
    }

    /// Writes the position of an instrument.
    pub fn write_position(&self, desk: &mut Desk, instrument: usize) {
        let data = [
            self.holdings.instrument_lot[instrument],
            self.confirmed_lot[instrument],
            self.inventory_uusd[instrument],
            desk.feed.mark_tk(instrument),
        ];
        desk.emit(Kind::Pos, Agent::Portfolio, instrument as u64, data);
    }

    /// Writes the position of every instrument.
    pub fn write_positions(&self, desk: &mut Desk) {
        let root = desk.cause;
        for instrument in 0..self.confirmed_lot.len() {
            desk.cause = root;
            self.write_position(desk, instrument);
        }
    }

    /// Writes the position of every instrument that moved far in the last five minutes, so that a
    /// wild market stands in the log minute by minute.
    pub fn write_wild(&self, desk: &mut Desk) {
        let root = desk.cause;
        for instrument in 0..self.confirmed_lot.len() {
            let move_ppm = desk.feed.return_5m_ppm(instrument).map_or(0, i64::abs);
            if move_ppm >= desk.universe.limits.asset_rearm_ppm {
                desk.cause = root;
                self.write_position(desk, instrument);
            }
        }
        desk.cause = root;
    }

    /// Values the book at the delivered marks.
    pub fn value(&mut self, desk: &mut Desk) {
        let net_uusd = self.holdings.net_uusd(|at| desk.feed.mark_tk(at));
        desk.equity_uusd = self.cash_uusd + net_uusd;
        self.peak_uusd = self.peak_uusd.max(desk.equity_uusd);
    }

    /// Writes the equity of the book.
    pub fn write_equity(&self, desk: &mut Desk) {
        let state = i64::from(desk.scopes.state.code());
        let data = [self.cash_uusd, desk.equity_uusd, self.peak_uusd, state];
        desk.emit(Kind::Equity, Agent::Portfolio, 0, data);
    }

    /// Claimed positions.
    pub fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// Confirmed position of an instrument.
    pub fn confirmed_lot(&self, instrument: usize) -> i64 {
        self.confirmed_lot[instrument]
    }

    /// Cash.
    pub fn cash_uusd(&self) -> i64 {
        self.cash_uusd
    }

    /// Highest equity so far.
    pub fn peak_uusd(&self) -> i64 {
        self.peak_uusd
    }

    /// Cost of the position of an instrument.
    pub fn cost_uusd(&self, instrument: usize) -> i64 {
        self.inventory_uusd[instrument]
    }

    /// Realised profit of an instrument, fees left out: the account's credit.
    pub fn realised_uusd(&self, instrument: usize) -> i64 {
        -self.realised_uusd[instrument]
    }
}
