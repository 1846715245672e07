//! The broker (crash domain P3): slices intents into orders, follows each to its end, and never
//! takes silence for an answer.
//!
//! Its state is the fold in `order`; timers are all that a crash loses for good, and they are set
//! anew from the state.

use super::bus::{Link, Message, Ticket};
use super::clock::{MILLISECOND, MINUTE, Priority, SECOND};
use super::cloid::{NO_STRATEGY, child_of, cloid, key};
use super::code::{Agent, Doubt, Kind, OrderType, Purpose, Reason, Status, Truth};
use super::desk::{Desk, share};
use super::exchange::Trade;
use super::log::Event;
use super::order::{Order, OrderBook, PROOFS};
use super::words::{claim, packed};

/// A not-found answer counts only if it was asked this long after the request had lapsed.
pub const MAX_SKEW: i64 = 500 * MILLISECOND;
/// A limit order older than this is cancelled.
pub const SHELF_LIFE: i64 = 3 * MINUTE;
/// Distance of an entry's limit from the mark.
const LIMIT_PPM: i64 = 1_000;
/// Part of a size limit that is used, so that the next mark does not break it.
const HEADROOM_PPM: i64 = 900_000;
const MAX_CHILDREN: i64 = 4;
const MAX_SENDS: u32 = 3;
/// An intent older than this is not worth another try.
const RETRY_WITHIN: i64 = MINUTE;

/// The broker and execution agent.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    book: OrderBook,
}

impl Broker {
    /// A broker that knows what `events` say.
    pub fn rebuilt(events: &[Event]) -> Self {
        Self { book: OrderBook::replay(events) }
    }

    /// What it knows.
    pub fn book(&self) -> &OrderBook {
        &self.book
    }

    /// Takes in a record that another component wrote, and reacts.
    pub fn observe(&mut self, desk: &mut Desk, event: &Event) {
        if event.src == Agent::Broker {
            return; // applied when it was written
        }
        let was_ready = self.book.is_ready;
        self.book.apply(event);
        match event.kind {
            Kind::OrderSent => self.on_sent(desk, event.subj),
            Kind::CancelSent => {
                let epoch = desk.broker_epoch;
                let due = Message::CancelDue { key: event.subj, epoch };
                desk.wake(desk.universe.limits.ack_timeout_ns, Priority::Broker, due);
            }
            Kind::RiskDeny => self.on_denied(desk, event.subj),
            Kind::FillClaim => self.settle(desk, event.subj),
            Kind::ReconOk if !was_ready => self.on_ready(desk),
            _ => {}
        }
    }

    fn emit(&mut self, desk: &mut Desk, kind: Kind, subj: u64, data: [i64; 4]) {
        let event = desk.emit(kind, Agent::Broker, subj, data);
        self.book.apply(&event);
    }

    /// Works a new intent, unless the books have yet to be reconciled.
    pub fn on_intent(&mut self, desk: &mut Desk, intent_id: u64) {
        let Some(parent) = self.book.parents.get(&intent_id).copied() else {
            return;
        };
        if !self.book.is_ready || parent.n_children > 0 {
            return;
        }
        let limit_tk = if parent.purpose == Purpose::Enter {
            let mark_tk = desk.feed.mark_tk(parent.instrument);
            mark_tk + i64::from(parent.side) * share(mark_tk, LIMIT_PPM)
        } else {
            0
        };
        let root = desk.cause;
        for qty_lot in slices(desk, parent.instrument, parent.qty_lot) {
            desk.cause = root;
            self.offer(desk, intent_id, qty_lot, limit_tk, None);
        }
        self.close_parent(desk, intent_id);
    }

    /// Makes a child order and hands it to the gate.
    fn offer(
        &mut self,
        desk: &mut Desk,
        intent_id: u64,
        qty_lot: i64,
        limit_tk: i64,
        replaces: Option<u32>,
    ) {
        let parent = self.book.parents[&intent_id];
        let id = cloid(desk.broker_epoch, intent_id, parent.n_children);
        let order_type = if limit_tk > 0 { OrderType::Limit } else { OrderType::Market };
        let pack = packed(order_type, parent.purpose, replaces);
        self.emit(desk, Kind::OrderNew, key(id), [intent_id as i64, pack, qty_lot, limit_tk]);
        self.submit(desk, key(id));
    }

    fn submit(&self, desk: &mut Desk, key: u64) {
        let order = self.book.open[&key];
        let ticket = Ticket {
            cloid: order.cloid,
            instrument: order.instrument,
            side: order.side,
            order_type: order.order_type,
            purpose: order.purpose,
            qty_lot: order.qty_lot,
            limit_tk: order.limit_tk,
            scope_epoch: desk.scopes.assets[order.instrument].epoch,
        };
        desk.send(Link::BrokerToGate, key, Message::Submit(ticket));
    }

    /// Withdraws an intent: cancels what is open of it and starts nothing new.
    pub fn on_withdraw(&mut self, desk: &mut Desk, intent_id: u64) {
        let Some(parent) = self.book.parents.get(&intent_id) else {
            return;
        };
        if parent.is_revoked {
            return;
        }
        let leaves_lot = parent.qty_lot - parent.filled_lot;
        self.emit(desk, Kind::Revoked, intent_id, [0, leaves_lot, 0, 0]);
        let root = desk.cause;
        for key in self.open_of(intent_id) {
            desk.cause = root;
            if self.book.open[&key].is_live() {
                desk.send(Link::BrokerToGate, key, Message::Cancel { key });
            }
        }
        self.close_parent(desk, intent_id);
    }

    fn open_of(&self, intent_id: u64) -> Vec<u64> {
        let own = self.book.open.iter().filter(|(_, order)| order.intent_id == intent_id);
        own.map(|(key, _)| *key).collect()
    }

    fn on_sent(&mut self, desk: &mut Desk, key: u64) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        let epoch = desk.broker_epoch;
        let due = Message::AckDue { key, n_sent: order.n_sent, epoch };
        let is_limit = order.order_type == OrderType::Limit;
        desk.wake(desk.universe.limits.ack_timeout_ns, Priority::Broker, due);
        if is_limit {
            desk.wake(SHELF_LIFE, Priority::Broker, Message::ShelfLife { key, epoch });
        }
    }

    fn on_denied(&mut self, desk: &mut Desk, key: u64) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        if order.status == Status::NeverExisted {
            self.finish(desk, key);
        } else {
            self.settle(desk, key);
        }
    }

    /// The exchange took the order in.
    pub fn on_accepted(&mut self, desk: &mut Desk, key: u64) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        if matches!(order.status, Status::Sent | Status::Unknown) {
            self.emit(desk, Kind::Ack, key, [0; 4]);
            self.cancel_if_unwanted(desk, key);
        }
    }

    /// The exchange refused the order.
    pub fn on_refused(&mut self, desk: &mut Desk, key: u64, reason: Reason) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        if !matches!(order.status, Status::Sent | Status::Unknown) {
            return;
        }
        let was_sent = order.status == Status::Sent;
        self.emit(desk, Kind::Rej, key, [i64::from(reason.code()), 0, 0, 0]);
        if reason == Reason::DupCloid {
            if was_sent {
                self.doubt(desk, key, Doubt::DupCloid);
            }
        } else {
            self.settle(desk, key);
        }
    }

    /// The exchange reports an execution; the caller has seen to it that it is new.
    pub fn on_filled(&mut self, desk: &mut Desk, trade: &Trade) {
        let key = key(trade.cloid);
        let event = desk.emit(Kind::FillClaim, Agent::Broker, key, claim(trade));
        self.book.apply(&event);
        self.settle(desk, key);
    }

    /// The exchange cancelled the order after `filled_lot` had been filled.
    pub fn on_cancelled(&mut self, desk: &mut Desk, key: u64, filled_lot: i64) {
        if self.book.open.contains_key(&key) {
            self.emit(desk, Kind::CancelAck, key, [filled_lot, 0, 0, 0]);
            self.settle(desk, key);
        }
    }

    /// The exchange would not cancel: the order may be over, which only an answer can tell.
    pub fn on_cancel_refused(&mut self, desk: &mut Desk, key: u64) {
        if self.book.open.contains_key(&key) {
            self.emit(desk, Kind::CancelRej, key, [0; 4]);
            if self.book.open[&key].status == Status::CancelPending {
                self.doubt(desk, key, Doubt::CancelRefused);
            }
        }
    }

    /// The time for an answer to a sending is over.
    pub fn on_ack_due(&mut self, desk: &mut Desk, key: u64, n_sent: u32) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        if order.status == Status::Sent && order.n_sent == n_sent {
            self.doubt(desk, key, Doubt::AckTimeout);
            self.replace_blindly(desk, key);
        }
    }

    /// The time for an answer to a cancel is over.
    pub fn on_cancel_due(&mut self, desk: &mut Desk, key: u64) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        if order.status == Status::CancelPending {
            self.doubt(desk, key, Doubt::CancelTimeout);
        }
    }

    fn doubt(&mut self, desk: &mut Desk, key: u64, doubt: Doubt) {
        self.emit(desk, Kind::Unknown, key, [i64::from(doubt.code()), 0, 0, 0]);
        self.await_query(desk, key);
    }

    /// Asks 2, 4 and 8 seconds after the order became unknown, then every 15 seconds.
    fn await_query(&self, desk: &mut Desk, key: u64) {
        let order = &self.book.open[&key];
        let offset = match order.n_queries {
            0 => 2 * SECOND,
            1 => 4 * SECOND,
            2 => 8 * SECOND,
            n => 8 * SECOND + i64::from(n - 2) * 15 * SECOND,
        };
        let delay = (order.unknown_since + offset - desk.now).max(0);
        let epoch = desk.broker_epoch;
        desk.wake(delay, Priority::Broker, Message::QueryDue { key, epoch });
    }

    /// Asks the exchange about an order that is still unknown.
    pub fn on_query_due(&mut self, desk: &mut Desk, key: u64) {
        let Some(order) = self.book.open.get(&key).copied() else {
            return;
        };
        if order.status != Status::Unknown {
            return;
        }
        self.emit(desk, Kind::Query, key, [i64::from(order.n_queries), 0, 0, 0]);
        let ask = Message::AskOrder { cloid: order.cloid, issued: desk.now };
        desk.send(Link::QueryToVenue, key, ask);
        self.await_query(desk, key);
    }

    /// The exchange answered a question about an order.
    pub fn on_answer(
        &mut self,
        desk: &mut Desk,
        key: u64,
        truth: Truth,
        filled_lot: i64,
        issued: i64,
    ) {
        let Some(order) = self.book.open.get(&key).copied() else {
            return;
        };
        if order.status != Status::Unknown {
            return;
        }
        let lapsed = order.sent_at + desk.universe.limits.valid_for_ns + MAX_SKEW;
        let is_proof = truth == Truth::NotFound && issued >= lapsed;
        let n_not_found = order.n_not_found + u32::from(is_proof);
        let data = [i64::from(truth.code()), filled_lot, issued, i64::from(n_not_found)];
        self.emit(desk, Kind::OrderTruth, key, data);
        if n_not_found >= PROOFS && is_proof {
            self.retry_or_finish(desk, key);
        } else {
            self.settle(desk, key);
            self.cancel_if_unwanted(desk, key);
        }
    }

    /// An order that never existed is sent again under its own id, if it is still wanted.
    fn retry_or_finish(&mut self, desk: &mut Desk, key: u64) {
        let order = self.book.open[&key];
        let parent = self.book.parents.get(&order.intent_id);
        let is_wanted = parent.is_some_and(|p| {
            !p.is_revoked && p.strategy != NO_STRATEGY && desk.now - p.ts <= RETRY_WITHIN
        });
        let may_retry = is_wanted && !order.wants_cancel && order.n_sent < MAX_SENDS;
        if may_retry && !order.is_replaced && desk.universe.keeps_cloid {
            self.submit(desk, key);
        } else {
            self.finish(desk, key);
        }
    }

    /// With K07 off: takes silence for a failure and sends the same again under another id.
    fn replace_blindly(&mut self, desk: &mut Desk, key: u64) {
        let order = self.book.open[&key];
        let is_ours = order.purpose != Purpose::Flatten && !order.wants_cancel;
        let parent = self.book.parents.get(&order.intent_id);
        let is_wanted = parent.is_some_and(|parent| !parent.is_revoked);
        if desk.universe.keeps_cloid || order.is_replaced || !is_ours || !is_wanted {
            return;
        }
        let child = child_of(key);
        self.offer(desk, order.intent_id, order.leaves_lot(), order.limit_tk, Some(child));
    }

    /// A limit order has lain long enough.
    pub fn on_shelf_life(&mut self, desk: &mut Desk, key: u64) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        match order.status {
            Status::Acked | Status::Partial => {
                desk.send(Link::BrokerToGate, key, Message::Cancel { key });
            }
            Status::Sent | Status::Unknown => {
                let epoch = desk.broker_epoch;
                desk.wake(15 * SECOND, Priority::Broker, Message::ShelfLife { key, epoch });
            }
            _ => {}
        }
    }

    /// Cancels an order that turned out to be alive although nobody wants it any more.
    fn cancel_if_unwanted(&mut self, desk: &mut Desk, key: u64) {
        let Some(order) = self.book.open.get(&key) else {
            return;
        };
        let parent = self.book.parents.get(&order.intent_id);
        let is_revoked = parent.is_some_and(|parent| parent.is_revoked);
        let is_waiting = matches!(order.status, Status::Acked | Status::Partial);
        if is_waiting && (order.wants_cancel || is_revoked) && order.final_lot.is_none() {
            desk.send(Link::BrokerToGate, key, Message::Cancel { key });
        }
    }

    fn settle(&mut self, desk: &mut Desk, key: u64) {
        if self.book.open.get(&key).is_some_and(Order::is_over) {
            self.finish(desk, key);
        }
    }

    fn finish(&mut self, desk: &mut Desk, key: u64) {
        let order = self.book.open[&key];
        let status = i64::from(order.status.code());
        self.emit(desk, Kind::Done, key, [status, order.filled_lot, 0, 0]);
        self.close_parent(desk, order.intent_id);
    }

    fn close_parent(&mut self, desk: &mut Desk, intent_id: u64) {
        let Some(parent) = self.book.parents.get(&intent_id) else {
            return;
        };
        if parent.n_open > 0 {
            return;
        }
        let status = if parent.filled_lot >= parent.qty_lot {
            Status::Filled
        } else if parent.is_revoked || parent.n_children == 0 {
            Status::Revoked
        } else if parent.filled_lot > 0 {
            Status::Partial
        } else {
            parent.last_status
        };
        let data = [i64::from(status.code()), parent.filled_lot, 1, 0];
        self.emit(desk, Kind::Done, intent_id, data);
    }

    /// After a restart: whatever was not answered is unknown, and every timer is set again.
    pub fn resume(&mut self, desk: &mut Desk) {
        let root = desk.cause;
        let keys: Vec<u64> = self.book.open.keys().copied().collect();
        for key in keys {
            desk.cause = root;
            let epoch = desk.broker_epoch;
            match self.book.open[&key].status {
                Status::Sent | Status::CancelPending => self.doubt(desk, key, Doubt::Crash),
                Status::Unknown => self.await_query(desk, key),
                Status::NeverExisted | Status::PendingSend => self.finish(desk, key),
                Status::Acked | Status::Partial => {
                    desk.wake(SHELF_LIFE, Priority::Broker, Message::ShelfLife { key, epoch });
                }
                _ => self.settle(desk, key),
            }
        }
    }

    /// The books agree with the exchange's: intents that waited are worked or given up.
    fn on_ready(&mut self, desk: &mut Desk) {
        let root = desk.cause;
        let unknown: Vec<u64> = (self.book.open.iter())
            .filter(|(_, order)| order.status == Status::Unknown && order.doubt == Doubt::Crash)
            .map(|(key, _)| *key)
            .collect();
        for key in unknown {
            desk.cause = root;
            self.replace_blindly(desk, key);
        }
        let waiting: Vec<u64> = (self.book.parents.iter())
            .filter(|(_, parent)| parent.n_children == 0)
            .map(|(intent_id, _)| *intent_id)
            .collect();
        for intent_id in waiting {
            desk.cause = root;
            if desk.now - self.book.parents[&intent_id].ts <= RETRY_WITHIN {
                self.on_intent(desk, intent_id);
            } else {
                self.close_parent(desk, intent_id);
            }
        }
    }
}

/// Quantities of the children of an intent; fewer lots than asked for where the limits on one
/// order and the number of children do not hold all of it.
fn slices(desk: &Desk, instrument: usize, qty_lot: i64) -> Vec<i64> {
    let limits = &desk.universe.limits;
    let probation_ppm =
        if desk.scopes.is_on_probation(instrument) { limits.probation_ppm } else { 1_000_000 };
    let size_uusd = share(share(desk.equity_uusd, limits.order_equity_ppm), probation_ppm);
    let by_equity = size_uusd / desk.feed.mark_tk(instrument);
    let by_volume = share(desk.feed.volume_lot(instrument), limits.order_volume_ppm);
    let largest_lot = share(by_equity.min(by_volume), HEADROOM_PPM);
    if largest_lot <= 0 {
        return Vec::new();
    }
    let n_children = ((qty_lot + largest_lot - 1) / largest_lot).min(MAX_CHILDREN);
    let total_lot = qty_lot.min(n_children * largest_lot);
    (0..n_children)
        .map(|child| total_lot / n_children + i64::from(child < total_lot % n_children))
        .collect()
}
