//! Orders and intents as the broker knows them: a fold over the log, and nothing that is not in it.
//!
//! A crash loses this state and a replay of the log restores it, bit for bit.

use super::cloid::{child_of, cloid, intent_of, strategy_of};
use super::code::{Agent, Doubt, Kind, OrderType, Purpose, Reason, Status, Truth};
use super::log::Event;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Two answers of "not found" prove that an order never existed.
pub const PROOFS: u32 = 2;

/// One open client order id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Order {
    pub cloid: u128,
    pub intent_id: u64,
    pub instrument: usize,
    pub side: i8,
    pub order_type: OrderType,
    pub purpose: Purpose,
    pub qty_lot: i64,
    pub limit_tk: i64,
    pub status: Status,
    pub filled_lot: i64,
    /// When it was last sent, and how often.
    pub sent_at: i64,
    pub n_sent: u32,
    pub unknown_since: i64,
    pub doubt: Doubt,
    pub n_queries: u32,
    pub n_not_found: u32,
    pub wants_cancel: bool,
    /// What the exchange says was filled of an order that is over.
    pub final_lot: Option<i64>,
    /// Whether another client order id took its place without proof (K07 off).
    pub is_replaced: bool,
}

/// One intent that is being worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Parent {
    pub strategy: u16,
    pub instrument: usize,
    pub side: i8,
    pub purpose: Purpose,
    pub qty_lot: i64,
    pub ts: i64,
    pub is_revoked: bool,
    pub n_children: u32,
    pub n_open: u32,
    pub filled_lot: i64,
    /// Status of the child that ended last.
    pub last_status: Status,
}

/// What the broker knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrderBook {
    pub open: BTreeMap<u64, Order>,
    pub parents: BTreeMap<u64, Parent>,
    /// Whether the books have been reconciled since the start.
    pub is_ready: bool,
}

impl OrderBook {
    /// The state that a log leads to.
    pub fn replay(events: &[Event]) -> Self {
        let mut book = Self::default();
        for event in events {
            book.apply(event);
        }
        book
    }

    /// Takes in a record.
    pub fn apply(&mut self, event: &Event) {
        match event.kind {
            Kind::Intent => self.begin(event),
            Kind::OrderNew => self.add(event),
            Kind::Revoked => {
                if let Some(parent) = self.parents.get_mut(&event.subj) {
                    parent.is_revoked = true;
                }
            }
            Kind::Done => self.end(event),
            Kind::Crashed | Kind::Restarted => self.is_ready = false,
            Kind::ReconOk => self.is_ready = true,
            Kind::FillClaim => {
                let qty_lot = event.data[1].abs();
                if let Some(parent) = self.parents.get_mut(&intent_of(event.subj)) {
                    parent.filled_lot += qty_lot;
                }
                if let Some(order) = self.open.get_mut(&event.subj) {
                    order.fill(qty_lot);
                }
            }
            _ => {
                if let Some(order) = self.open.get_mut(&event.subj) {
                    order.apply(event);
                }
            }
        }
    }

    fn begin(&mut self, event: &Event) {
        let [_, where_to, qty_lot, purpose] = event.data;
        let parent = Parent {
            strategy: strategy_of(event.subj),
            instrument: (where_to / 2) as usize,
            side: if where_to % 2 == 1 { 1 } else { -1 },
            purpose: Purpose::from_code(purpose).expect("a purpose of the set is logged"),
            qty_lot,
            ts: event.ts,
            is_revoked: false,
            n_children: 0,
            n_open: 0,
            filled_lot: 0,
            last_status: Status::Intent,
        };
        self.parents.insert(event.subj, parent);
    }

    fn add(&mut self, event: &Event) {
        let [intent, pack, qty_lot, limit_tk] = event.data;
        let intent_id = intent as u64;
        let parent = self.parents.get_mut(&intent_id).expect("an order has an intent");
        parent.n_children += 1;
        parent.n_open += 1;
        let order = Order {
            cloid: cloid(event.agent_epoch, intent_id, child_of(event.subj)),
            intent_id,
            instrument: parent.instrument,
            side: parent.side,
            order_type: OrderType::from_code(pack & 0xFF).expect("a type of the set is logged"),
            purpose: Purpose::from_code(pack >> 8 & 0xFF).expect("a purpose of the set is logged"),
            qty_lot,
            limit_tk,
            status: Status::PendingSend,
            filled_lot: 0,
            sent_at: 0,
            n_sent: 0,
            unknown_since: 0,
            doubt: Doubt::AckTimeout,
            n_queries: 0,
            n_not_found: 0,
            wants_cancel: false,
            final_lot: None,
            is_replaced: false,
        };
        let replaced = (pack >> 16) - 1;
        let siblings = self.open.iter_mut().filter(|(key, _)| intent_of(**key) == intent_id);
        for (key, sibling) in siblings {
            sibling.is_replaced |= i64::from(child_of(*key)) == replaced;
        }
        self.open.insert(event.subj, order);
    }

    fn end(&mut self, event: &Event) {
        if let Some(order) = self.open.remove(&event.subj) {
            if let Some(parent) = self.parents.get_mut(&order.intent_id) {
                parent.n_open -= 1;
                parent.last_status = order.status;
            }
        } else {
            self.parents.remove(&event.subj);
        }
    }

    /// Digest of everything in it.
    pub fn digest(&self) -> u64 {
        // The derived text names every field, so none can be forgotten here.
        let digest = Sha256::digest(format!("{self:?}").as_bytes());
        u64::from_le_bytes(digest[..8].try_into().expect("a SHA-256 digest has 32 bytes"))
    }
}

impl Order {
    /// Quantity that may still fill.
    pub fn leaves_lot(&self) -> i64 {
        self.qty_lot - self.filled_lot
    }

    /// Whether the exchange is believed to work it.
    pub fn is_live(&self) -> bool {
        matches!(self.status, Status::Acked | Status::Partial | Status::CancelPending)
    }

    /// Whether it is over and everything about it is known.
    pub fn is_over(&self) -> bool {
        match self.status {
            Status::Filled | Status::Rejected | Status::Expired | Status::Denied => true,
            Status::Cancelled => self.final_lot.is_none_or(|lot| self.filled_lot >= lot),
            _ => false,
        }
    }

    fn working(&self) -> Status {
        if self.filled_lot > 0 { Status::Partial } else { Status::Acked }
    }

    fn fill(&mut self, qty_lot: i64) {
        self.filled_lot += qty_lot;
        assert!(self.filled_lot <= self.qty_lot, "no claim beyond the order");
        if self.filled_lot == self.qty_lot {
            self.status = Status::Filled;
        } else if !matches!(self.status, Status::Cancelled | Status::CancelPending) {
            self.status = Status::Partial;
        }
    }

    fn apply(&mut self, event: &Event) {
        match event.kind {
            Kind::RiskDeny if self.status == Status::PendingSend => self.status = Status::Denied,
            Kind::OrderSent => {
                self.status = Status::Sent;
                self.sent_at = event.ts;
                self.n_sent += 1;
                self.n_not_found = 0;
            }
            Kind::Ack => {
                if matches!(self.status, Status::Sent | Status::Unknown) {
                    self.status = self.working();
                }
            }
            Kind::Rej => self.refuse(event.data[0]),
            Kind::Unknown => {
                self.status = Status::Unknown;
                self.unknown_since = event.ts;
                self.n_queries = 0;
                self.doubt = Doubt::from_code(event.data[0]).expect("a doubt of the set is logged");
            }
            Kind::Query => self.n_queries += 1,
            Kind::OrderTruth if event.src == Agent::Broker => self.learn(event),
            Kind::CancelSent => {
                self.wants_cancel = true;
                if self.is_live() {
                    self.status = Status::CancelPending;
                }
            }
            Kind::CancelAck => {
                self.status = Status::Cancelled;
                self.final_lot = Some(event.data[0]);
            }
            _ => {}
        }
    }

    fn refuse(&mut self, reason: i64) {
        let reason = Reason::from_code(reason).expect("a reason of the set is logged");
        match reason {
            // It exists, so this refusal says nothing about it.
            Reason::DupCloid => {}
            Reason::ExpiredRequest => self.status = Status::Expired,
            _ => self.status = Status::Rejected,
        }
    }

    /// Only evidence leaves UNKNOWN: an answer of the exchange about this very order.
    fn learn(&mut self, event: &Event) {
        let [truth, filled_lot, _, n_not_found] = event.data;
        match Truth::from_code(truth).expect("a truth of the set is logged") {
            Truth::NotFound => {
                self.n_not_found = n_not_found as u32;
                if self.n_not_found >= PROOFS {
                    self.status = Status::NeverExisted;
                }
            }
            Truth::Open => self.status = self.working(),
            Truth::Filled => {
                self.final_lot = Some(filled_lot);
                let is_claimed = self.filled_lot == self.qty_lot;
                self.status = if is_claimed { Status::Filled } else { Status::Partial };
            }
            Truth::Cancelled => {
                self.final_lot = Some(filled_lot);
                self.status = Status::Cancelled;
            }
            Truth::Rejected => self.status = Status::Rejected,
            Truth::Snapshot => {}
        }
    }
}
