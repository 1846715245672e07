//! Reconciliation: compares the books with the exchange's account, confirms what agrees, and
//! repairs what two sources say is missing.
//!
//! A question that is not answered changes nothing.

use super::bus::{Asker, Link, Message};
use super::clock::{HOUR, Priority, SECOND};
use super::cloid::key;
use super::code::{Agent, Kind};
use super::desk::Desk;
use super::exchange::Snapshot;
use super::portfolio::Portfolio;
use super::words::claim;

const EVERY: i64 = 30 * SECOND;
/// How soon after a claim the exchange is asked to confirm it.
const SOON: i64 = 2 * SECOND;
/// An execution this old whose report has not come will not come: the longest report takes less.
const REPORT_LOST_AFTER: i64 = 3 * SECOND;
/// An agreement is written to the log at least this often.
const WRITTEN_EVERY: i64 = HOUR;

/// Classes of difference, as DIFF records them.
pub const MISSING_FILL: i64 = 1;

/// The reconciler.
#[derive(Clone, Debug)]
pub struct Reconciler {
    is_soon_set: bool,
    /// Whether the next agreement must be written.
    is_owed: bool,
    written_at: i64,
}

impl Reconciler {
    /// Begins: asks at once, and then every 30 seconds.
    pub fn begin(desk: &mut Desk) -> Self {
        desk.wake(0, Priority::Books, Message::ReconDue { is_regular: true });
        Self { is_soon_set: false, is_owed: true, written_at: 0 }
    }

    /// A report of an execution came in: it wants a second source.
    pub fn on_claim(&mut self, desk: &mut Desk) {
        if !self.is_soon_set {
            self.is_soon_set = true;
            desk.wake(SOON, Priority::Books, Message::ReconDue { is_regular: false });
        }
    }

    /// Someone needs an agreement in the log before going on.
    pub fn demand(&mut self, desk: &mut Desk) {
        self.is_owed = true;
        desk.emit(Kind::ReconStart, Agent::Reconciler, 0, [0; 4]);
        desk.wake(0, Priority::Books, Message::ReconDue { is_regular: false });
    }

    /// Time to ask.
    pub fn on_due(&mut self, desk: &mut Desk, portfolio: &Portfolio, is_regular: bool) {
        if is_regular {
            desk.wake(EVERY, Priority::Books, Message::ReconDue { is_regular: true });
        } else {
            self.is_soon_set = false;
        }
        let ask = Message::AskSnapshot { asker: Asker::Reconciler, first_exec: portfolio.cursor() };
        desk.send(Link::QueryToVenue, 0, ask);
    }

    /// The exchange showed its account.
    pub fn on_snapshot(&mut self, desk: &mut Desk, portfolio: &mut Portfolio, shown: &Snapshot) {
        let root = desk.cause;
        let mut changed = vec![false; shown.position_lot.len()];
        let mut is_complete = true;
        for trade in &shown.trades {
            if trade.exec_id < portfolio.cursor() {
                continue;
            }
            desk.cause = root;
            if !portfolio.has_claim(trade.exec_id) {
                if shown.ts - trade.ts < REPORT_LOST_AFTER {
                    is_complete = false;
                    break;
                }
                self.repair(desk, portfolio, shown, trade.exec_id);
            }
            portfolio.confirm(desk, trade);
            changed[trade.instrument] = true;
        }
        desk.cause = root;
        for (instrument, _) in changed.iter().enumerate().filter(|(_, is_changed)| **is_changed) {
            desk.cause = root;
            portfolio.write_position(desk, instrument);
        }
        desk.cause = root;
        if !is_complete || portfolio.has_pending() {
            self.on_claim(desk);
        } else {
            self.agree(desk, portfolio, shown);
        }
    }

    /// The trade ledger and the position of the same account both show an execution that was never
    /// reported: it is claimed on their evidence and booked through suspense.
    fn repair(
        &mut self,
        desk: &mut Desk,
        portfolio: &mut Portfolio,
        shown: &Snapshot,
        exec_id: u64,
    ) {
        let missing = shown.trades.iter().find(|trade| trade.exec_id == exec_id);
        let trade = missing.expect("what is repaired stands in the trade ledger");
        let held_lot = portfolio.holdings().instrument_lot[trade.instrument];
        let shown_lot = shown.position_lot[trade.instrument];
        let subj = trade.instrument as u64;
        let data = [MISSING_FILL, held_lot, shown_lot, exec_id as i64];
        desk.emit(Kind::Diff, Agent::Reconciler, subj, data);
        desk.emit(Kind::Repair, Agent::Reconciler, subj, data);
        let event = desk.emit(Kind::FillClaim, Agent::Reconciler, key(trade.cloid), claim(trade));
        portfolio.observe_claim(desk, &event);
        self.is_owed = true;
    }

    /// Nothing is open: the three positions must be one, and now and then that is written down.
    fn agree(&mut self, desk: &mut Desk, portfolio: &Portfolio, shown: &Snapshot) {
        for (instrument, shown_lot) in shown.position_lot.iter().enumerate() {
            let claimed_lot = portfolio.holdings().instrument_lot[instrument];
            let confirmed_lot = portfolio.confirmed_lot(instrument);
            assert_eq!(claimed_lot, confirmed_lot, "no claim is open");
            assert_eq!(*shown_lot, confirmed_lot, "every execution of the account is confirmed");
        }
        if self.is_owed || desk.now - self.written_at >= WRITTEN_EVERY {
            self.is_owed = false;
            self.written_at = desk.now;
            let data = [shown.ts, portfolio.cursor() as i64, 0, 0];
            desk.emit(Kind::ReconOk, Agent::Reconciler, 0, data);
        }
    }
}
