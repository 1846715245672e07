//! What orders, fills, intents, permits and kills were: read off the system's log in one pass,
//! after the run. The tables made of it stand in `views`.

use super::cloid::{child_of, cloid};
use super::code::{Kind, Reason, Stage, Status, Truth};
use super::exchange::Exchange;
use super::log::{Event, NONE};
use super::words::execution_of;
use std::collections::BTreeMap;

/// An absent moment.
pub(super) const NEVER: i64 = -1;

/// Every view.
#[derive(Debug, Default)]
pub struct Projection {
    pub(super) intents: Vec<Intent>,
    pub(super) intent_at: BTreeMap<u64, usize>,
    pub(super) orders: Vec<Order>,
    pub(super) order_at: BTreeMap<u64, usize>,
    pub(super) fills: Vec<Fill>,
    pub(super) fill_at: BTreeMap<u64, usize>,
    pub(super) permits: Vec<Event>,
    pub(super) kills: Vec<Kill>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Intent {
    pub(super) id: u64,
    pub(super) ts: i64,
    pub(super) place: i64,
    pub(super) qty_lot: i64,
    pub(super) cause_seq: u64,
    pub(super) status: u8,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) cloid: u128,
    pub(super) intent: usize,
    pub(super) order_type: u8,
    pub(super) purpose: u8,
    pub(super) qty_lot: i64,
    pub(super) limit_tk: i64,
    pub(super) permit_seq: u64,
    pub(super) scope_epoch: u32,
    pub(super) sent_seq: u64,
    pub(super) reduces: bool,
    pub(super) mid_tk: i64,
    pub(super) ts_gate: i64,
    pub(super) ts_sent: i64,
    pub(super) ts_ack: i64,
    pub(super) ts_done: i64,
    pub(super) status: u8,
    pub(super) unknown_since: i64,
    pub(super) unknown_ns: i64,
    pub(super) deny_code: u16,
    pub(super) filled_lot: i64,
    pub(super) n_sent: u8,
    pub(super) wc_exposure_uusd: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub(super) exec_id: u64,
    pub(super) order: usize,
    pub(super) instrument: u16,
    pub(super) signed_lot: i64,
    pub(super) px_tk: i64,
    pub(super) fee_uusd: i64,
    pub(super) liquidity: u8,
    pub(super) ts_trade: i64,
    pub(super) ts_claim: i64,
    pub(super) ts_confirmed: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    pub(super) scope: u64,
    pub(super) cause: u16,
    pub(super) trip: (u64, i64),
    pub(super) cancel_done: (u64, i64),
    pub(super) flat: (u64, i64),
    pub(super) rearm: (u64, i64),
}

impl Projection {
    /// Reads the system's log.
    pub fn of(events: &[Event]) -> Self {
        let mut views = Self::default();
        for event in events {
            views.apply(event);
        }
        views
    }

    fn apply(&mut self, event: &Event) {
        match event.kind {
            Kind::Intent => self.add_intent(event),
            Kind::OrderNew => self.add_order(event),
            Kind::Permit => self.permits.push(*event),
            Kind::KillTrip | Kind::KillStage | Kind::FlatConfirmed | Kind::Rearm => {
                self.follow_kill(event);
            }
            Kind::FillClaim => self.add_fill(event),
            Kind::FillConfirmed => {
                let (exec_id, _, _) = execution_of(event.data[0]);
                let fill = &mut self.fills[self.fill_at[&exec_id]];
                fill.ts_confirmed = event.ts;
                fill.fee_uusd = event.data[2];
            }
            Kind::Done if event.data[2] == 1 => {
                self.intents[self.intent_at[&event.subj]].status = event.data[0] as u8;
            }
            _ => {
                if let Some(at) = self.order_at.get(&event.subj) {
                    self.orders[*at].apply(event);
                }
            }
        }
    }

    fn add_intent(&mut self, event: &Event) {
        self.intent_at.insert(event.subj, self.intents.len());
        self.intents.push(Intent {
            id: event.subj,
            ts: event.ts,
            place: event.data[1],
            qty_lot: event.data[2],
            cause_seq: event.cause_seq,
            status: Status::Intent.code(),
        });
    }

    fn add_order(&mut self, event: &Event) {
        let [intent_id, pack, qty_lot, limit_tk] = event.data;
        self.order_at.insert(event.subj, self.orders.len());
        self.orders.push(Order {
            cloid: cloid(event.agent_epoch, intent_id as u64, child_of(event.subj)),
            intent: self.intent_at[&(intent_id as u64)],
            order_type: (pack & 0xFF) as u8,
            purpose: (pack >> 8 & 0xFF) as u8,
            qty_lot,
            limit_tk,
            permit_seq: NONE,
            scope_epoch: 0,
            sent_seq: NONE,
            reduces: false,
            mid_tk: 0,
            ts_gate: NEVER,
            ts_sent: NEVER,
            ts_ack: NEVER,
            ts_done: NEVER,
            status: Status::PendingSend.code(),
            unknown_since: NEVER,
            unknown_ns: 0,
            deny_code: 0,
            filled_lot: 0,
            n_sent: 0,
            wc_exposure_uusd: 0,
        });
    }

    fn add_fill(&mut self, event: &Event) {
        let (exec_id, instrument, liquidity) = execution_of(event.data[0]);
        let order = self.order_at[&event.subj];
        self.orders[order].fill(event);
        self.fill_at.insert(exec_id, self.fills.len());
        self.fills.push(Fill {
            exec_id,
            order,
            instrument: instrument as u16,
            signed_lot: event.data[1],
            px_tk: event.data[2],
            fee_uusd: 0,
            liquidity,
            ts_trade: event.data[3],
            ts_claim: event.ts,
            ts_confirmed: NEVER,
        });
    }

    fn follow_kill(&mut self, event: &Event) {
        let moment = (event.seq, event.ts);
        let none = (NONE, NEVER);
        if event.kind == Kind::KillTrip {
            self.kills.push(Kill {
                scope: event.subj,
                cause: event.data[0] as u16,
                trip: moment,
                cancel_done: none,
                flat: none,
                rearm: none,
            });
            return;
        }
        let last = self.kills.iter_mut().rev().find(|kill| kill.scope == event.subj);
        let Some(kill) = last else { return };
        match event.kind {
            Kind::FlatConfirmed => kill.flat = moment,
            Kind::Rearm => kill.rearm = moment,
            _ if event.data[0] == i64::from(Stage::Flattening.code()) => kill.cancel_done = moment,
            _ => {}
        }
    }
}

impl Intent {
    pub(super) fn instrument(&self) -> u16 {
        (self.place / 2) as u16
    }

    pub(super) fn side(&self) -> i8 {
        if self.place % 2 == 1 { 1 } else { -1 }
    }
}

impl Fill {
    /// What the fill cost against the mark at the sending, hundredths of a basis point.
    pub(super) fn slippage_cbp(&self, order: &Order) -> i32 {
        let worse_tk = (self.px_tk - order.mid_tk) * self.signed_lot.signum();
        (worse_tk * 1_000_000 / order.mid_tk.max(1)) as i32
    }
}

impl Order {
    fn apply(&mut self, event: &Event) {
        let before = self.status;
        match event.kind {
            Kind::RiskOk => {
                self.ts_gate = event.ts;
                self.mid_tk = event.data[0];
                self.wc_exposure_uusd = event.data[1];
                self.reduces = event.data[2] == 1;
                self.scope_epoch = event.data[3] as u32;
            }
            Kind::RiskDeny => {
                self.ts_gate = event.ts;
                self.deny_code = event.data[0] as u16;
                if self.n_sent == 0 {
                    self.scope_epoch = event.data[3] as u32;
                    self.status = Status::Denied.code();
                }
            }
            Kind::OrderSent => self.send(event),
            Kind::Ack => {
                self.ts_ack = event.ts;
                self.status =
                    if self.filled_lot > 0 { Status::Partial } else { Status::Acked }.code();
            }
            Kind::Rej => {
                self.ts_ack = event.ts;
                if event.data[0] != i64::from(Reason::DupCloid.code()) {
                    self.status = Status::Rejected.code();
                }
            }
            Kind::Unknown => {
                self.unknown_since = event.ts;
                self.status = Status::Unknown.code();
            }
            Kind::OrderTruth => self.learn(event),
            Kind::CancelSent
                if before == Status::Acked.code() || before == Status::Partial.code() =>
            {
                self.status = Status::CancelPending.code();
            }
            Kind::CancelAck => self.status = Status::Cancelled.code(),
            Kind::Done => {
                self.ts_done = event.ts;
                self.status = event.data[0] as u8;
            }
            _ => {}
        }
        self.clock_unknown(event.ts);
    }

    fn fill(&mut self, event: &Event) {
        self.filled_lot += event.data[1].abs();
        let is_whole = self.filled_lot == self.qty_lot;
        self.status = if is_whole { Status::Filled } else { Status::Partial }.code();
        self.clock_unknown(event.ts);
    }

    /// Ends the time in UNKNOWN once the status is another.
    fn clock_unknown(&mut self, now: i64) {
        if self.unknown_since != NEVER && self.status != Status::Unknown.code() {
            self.unknown_ns += now - self.unknown_since;
            self.unknown_since = NEVER;
        }
    }

    fn send(&mut self, event: &Event) {
        self.n_sent += 1;
        self.status = Status::Sent.code();
        if self.sent_seq == NONE {
            self.sent_seq = event.seq;
            self.ts_sent = event.ts;
            // −1, the absent number in two's complement, for what needs no permit.
            self.permit_seq = event.data[3] as u64;
        }
    }

    fn learn(&mut self, event: &Event) {
        let status = match Truth::from_code(event.data[0]) {
            Some(Truth::Open) if self.filled_lot > 0 => Status::Partial,
            Some(Truth::Open) => Status::Acked,
            Some(Truth::Filled) => Status::Partial,
            Some(Truth::Cancelled) => Status::Cancelled,
            Some(Truth::Rejected) => Status::Rejected,
            Some(Truth::NotFound) if event.data[3] >= 2 => Status::NeverExisted,
            _ => return,
        };
        self.status = status.code();
    }

    /// Status, filled quantity and arrival as the exchange has them.
    pub(super) fn truth(&self, exchange: &Exchange) -> (u8, i64, i64) {
        let Some(known) = exchange.known(self.cloid) else {
            return (Status::NeverExisted.code(), 0, NEVER);
        };
        let status = match known.truth {
            Truth::Filled => Status::Filled,
            Truth::Cancelled => Status::Cancelled,
            Truth::Rejected => Status::Rejected,
            _ if known.filled_lot > 0 => Status::Partial,
            _ => Status::Acked,
        };
        (status.code(), known.filled_lot, known.arrived)
    }
}
