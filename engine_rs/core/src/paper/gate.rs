//! The last metre: the only way to the exchange, and every check on it.
//!
//! An order is checked and sent in one step, and its sending counts before the next one is checked.
//! The record of a sending is written before the request is on the wire.

use super::bus::{Link, Message, Ticket};
use super::cloid::{NO_STRATEGY, intent_of, key, strategy_of};
use super::code::{Agent, Deny, Kind, OrderType, Purpose, State, Truth};
use super::desk::{Desk, share};
use super::exchange::Request;
use super::holdings::Holdings;
use super::log::{Event, NONE};
use super::order::PROOFS;
use super::rates::Rates;
use super::words::instrument_side;
use std::collections::{BTreeMap, BTreeSet};

/// An order that may be open at the exchange.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Working {
    pub cloid: u128,
    pub instrument: usize,
    pub side: i8,
    pub purpose: Purpose,
    pub leaves_lot: i64,
    pub is_unknown: bool,
    /// Record of its last sending.
    pub sent_seq: u64,
    n_not_found: u32,
}

/// Why an order was not sent: the control, what it saw and what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Denial {
    pub code: Deny,
    pub got: i64,
    pub allowed: i64,
}

/// What a check found of an order that may go.
#[derive(Clone, Copy, Debug)]
struct Approval {
    permit_seq: u64,
    reduces: bool,
    worst_case_uusd: i64,
}

/// The gate.
#[derive(Clone, Debug)]
pub struct Gate {
    working: BTreeMap<u64, Working>,
    seen: BTreeSet<u64>,
    holdings: Holdings,
    confirmed_lot: Vec<i64>,
    rates: Rates,
}

impl Gate {
    /// A gate that has sent nothing.
    pub fn new(desk: &Desk) -> Self {
        Self {
            working: BTreeMap::new(),
            seen: BTreeSet::new(),
            holdings: Holdings::new(&desk.universe),
            confirmed_lot: vec![0; desk.universe.market_seeds.len()],
            rates: Rates::new(desk.universe.strategies.len()),
        }
    }

    /// Orders that may be open in an instrument.
    pub fn working_in(&self, instrument: usize) -> impl Iterator<Item = &Working> {
        self.working.values().filter(move |order| order.instrument == instrument)
    }

    /// The order of that name, if it may be open.
    pub fn working(&self, key: u64) -> Option<&Working> {
        self.working.get(&key)
    }

    /// Takes in a record.
    pub fn observe(&mut self, event: &Event) {
        match event.kind {
            Kind::FillClaim => {
                self.holdings.claim(event);
                if let Some(order) = self.working.get_mut(&event.subj) {
                    order.leaves_lot -= event.data[1].abs();
                    order.is_unknown = false;
                }
            }
            Kind::Pos => self.confirmed_lot[event.subj as usize] = event.data[1],
            Kind::Done => {
                self.working.remove(&event.subj);
            }
            Kind::Unknown | Kind::Ack | Kind::OrderTruth => {
                if let Some(order) = self.working.get_mut(&event.subj) {
                    order.learn(event);
                }
            }
            _ => {}
        }
    }

    /// Checks an order and sends it, or denies it.
    pub fn on_submit(&mut self, desk: &mut Desk, ticket: &Ticket) {
        let name = key(ticket.cloid);
        let epoch = i64::from(desk.scopes.assets[ticket.instrument].epoch);
        let approval = match self.check(desk, ticket) {
            Ok(approval) => approval,
            Err(denial) => {
                let code = i64::from(denial.code.code());
                let data = [code, denial.got, denial.allowed, epoch];
                desk.emit(Kind::RiskDeny, Agent::Gate, name, data);
                return;
            }
        };
        let mark_tk = desk.feed.mark_tk(ticket.instrument);
        let data = [mark_tk, approval.worst_case_uusd, i64::from(approval.reduces), epoch];
        desk.emit(Kind::RiskOk, Agent::Gate, name, data);
        let place = instrument_side(ticket.instrument, ticket.side);
        // Without a permit the word is −1, which is the absent number in two's complement.
        let data = [place, ticket.qty_lot, ticket.limit_tk, approval.permit_seq as i64];
        let sent = desk.emit(Kind::OrderSent, Agent::Gate, name, data);
        self.count(&sent, ticket);
        let request = Request {
            cloid: ticket.cloid,
            instrument: ticket.instrument,
            side: ticket.side,
            order_type: ticket.order_type,
            qty_lot: ticket.qty_lot,
            limit_tk: ticket.limit_tk,
            valid_until: desk.now + desk.universe.limits.valid_for_ns,
        };
        desk.send(Link::GateToVenue, name, Message::Place(request));
    }

    /// Lets a cancel through: it is logged and counted, never denied.
    pub fn on_cancel(&mut self, desk: &mut Desk, name: u64) {
        let Some(order) = self.working.get(&name) else {
            return;
        };
        let cloid = order.cloid;
        desk.emit(Kind::CancelSent, Agent::Gate, name, [0; 4]);
        self.rates.count_message(desk.now);
        desk.send(Link::GateToVenue, name, Message::CancelAt { cloid });
    }

    fn count(&mut self, sent: &Event, ticket: &Ticket) {
        let name = key(ticket.cloid);
        self.seen.insert(name);
        self.working.insert(
            name,
            Working {
                cloid: ticket.cloid,
                instrument: ticket.instrument,
                side: ticket.side,
                purpose: ticket.purpose,
                leaves_lot: ticket.qty_lot,
                is_unknown: false,
                sent_seq: sent.seq,
                n_not_found: 0,
            },
        );
        self.rates.count(sent.ts, ticket);
    }

    fn check(&mut self, desk: &Desk, ticket: &Ticket) -> Result<Approval, Denial> {
        let reduces = self.reduces(ticket);
        self.check_authority(desk, ticket, reduces)?;
        check_collar(desk, ticket)?;
        check_size(desk, ticket)?;
        let worst_case_uusd = self.check_caps(desk, ticket)?;
        self.rates.check(desk, ticket)?;
        self.check_identity(ticket)?;
        let is_entry = ticket.purpose == Purpose::Enter;
        let permit_seq =
            if is_entry { desk.scopes.assets[ticket.instrument].permit_seq } else { NONE };
        Ok(Approval { permit_seq, reduces, worst_case_uusd })
    }

    /// K01 permit, epoch and lease; K35 kills; K34 reduce-only.
    fn check_authority(&self, desk: &Desk, ticket: &Ticket, reduces: bool) -> Result<(), Denial> {
        let scope = &desk.scopes.assets[ticket.instrument];
        let is_flatten = ticket.purpose == Purpose::Flatten;
        if desk.scopes.is_killed(ticket.instrument) && !is_flatten {
            return Err(Denial {
                code: Deny::State,
                got: i64::from(scope.stage.code()),
                allowed: 0,
            });
        }
        if ticket.scope_epoch != scope.epoch && !is_flatten {
            let got = i64::from(ticket.scope_epoch);
            return Err(Denial { code: Deny::Permit, got, allowed: i64::from(scope.epoch) });
        }
        if ticket.purpose == Purpose::Enter {
            if desk.scopes.state != State::Trading && desk.scopes.state != State::Probation {
                let got = i64::from(desk.scopes.state.code());
                return Err(Denial { code: Deny::Reduce, got, allowed: 0 });
            }
            if !scope.is_permitted(desk.now) {
                let got = desk.now;
                return Err(Denial { code: Deny::Permit, got, allowed: scope.permit_expires });
            }
        } else if !reduces {
            let held = self.holdings.instrument_lot[ticket.instrument];
            return Err(Denial { code: Deny::Reduce, got: ticket.qty_lot, allowed: held });
        }
        Ok(())
    }

    /// Whether the order cannot but make the position smaller, whatever else fills first.
    fn reduces(&self, ticket: &Ticket) -> bool {
        let strategy = strategy_of(intent_of(key(ticket.cloid)));
        let side = i64::from(ticket.side);
        let same_side = |order: &&Working| order.side == ticket.side;
        if strategy == NO_STRATEGY {
            let held = self.holdings.instrument_lot[ticket.instrument];
            let confirmed = self.confirmed_lot[ticket.instrument];
            let open: i64 =
                self.working_in(ticket.instrument).filter(same_side).map(|o| o.leaves_lot).sum();
            let room = (-side * held).min(-side * confirmed) - open;
            return ticket.qty_lot <= room;
        }
        let held = self.holdings.strategy_lot[usize::from(strategy)];
        let own = |order: &&Working| {
            same_side(order) && strategy_of(intent_of(key(order.cloid))) == strategy
        };
        let open: i64 = self.working_in(ticket.instrument).filter(own).map(|o| o.leaves_lot).sum();
        ticket.qty_lot <= -side * held - open
    }

    /// K04: the worst that can come of everything sent and of this order. An order that cannot
    /// but reduce raises no worst case, and is let out of a book that is over its caps.
    fn check_caps(&self, desk: &Desk, ticket: &Ticket) -> Result<i64, Denial> {
        let n = self.confirmed_lot.len();
        let (mut buys_lot, mut sells_lot) = (vec![0; n], vec![0; n]);
        let strategy = strategy_of(intent_of(key(ticket.cloid)));
        let mut own_lot = 0;
        let this = (ticket.cloid, ticket.instrument, ticket.side, ticket.qty_lot);
        let others = (self.working.values())
            .filter(|order| order.cloid != ticket.cloid)
            .map(|order| (order.cloid, order.instrument, order.side, order.leaves_lot));
        for (cloid, instrument, side, lot) in others.chain([this]) {
            let sum = if side > 0 { &mut buys_lot } else { &mut sells_lot };
            sum[instrument] += lot;
            if side == ticket.side && strategy_of(intent_of(key(cloid))) == strategy {
                own_lot += lot;
            }
        }
        let worst = |at: usize| {
            let held = self.holdings.instrument_lot[at];
            let lot = (held + buys_lot[at]).abs().max((held - sells_lot[at]).abs());
            lot * desk.feed.mark_tk(at)
        };
        let instrument_uusd = worst(ticket.instrument);
        if ticket.purpose != Purpose::Enter {
            return Ok(instrument_uusd);
        }
        let mark_tk = desk.feed.mark_tk(ticket.instrument);
        let held_lot = self.holdings.strategy_lot[usize::from(strategy)];
        let strategy_uusd = (held_lot + i64::from(ticket.side) * own_lot).abs() * mark_tk;
        let gross_uusd: i64 = (0..n).map(worst).sum();
        let ends = [&buys_lot, &sells_lot].map(|sent| {
            let sign = if std::ptr::eq(sent, &buys_lot) { 1 } else { -1 };
            let lots = (0..n).map(|at| self.holdings.instrument_lot[at] + sign * sent[at]);
            lots.enumerate().map(|(at, lot)| lot * desk.feed.mark_tk(at)).sum::<i64>().abs()
        });
        let net_uusd = ends[0].max(ends[1]);
        let limits = &desk.universe.limits;
        let caps = [
            (strategy_uusd, limits.strategy_gross_ppm),
            (instrument_uusd, limits.instrument_net_ppm),
            (gross_uusd, limits.book_gross_ppm),
            (net_uusd, limits.book_net_ppm),
        ];
        for (got, ppm) in caps {
            let allowed = scaled_limit(desk, ticket.instrument, ppm);
            if got > allowed {
                return Err(Denial { code: Deny::Caps, got, allowed });
            }
        }
        Ok(instrument_uusd)
    }

    /// K07: an id goes out once, unless it was proven that it never arrived. K08: no second order
    /// of another intent on the side of one that may or may not exist.
    fn check_identity(&self, ticket: &Ticket) -> Result<(), Denial> {
        let name = key(ticket.cloid);
        if self.seen.contains(&name) {
            let proofs = self.working.get(&name).map_or(0, |order| order.n_not_found);
            if proofs < PROOFS {
                let (got, allowed) = (i64::from(proofs), i64::from(PROOFS));
                return Err(Denial { code: Deny::Duplicate, got, allowed });
            }
        }
        let unknown = self.working_in(ticket.instrument).find(|order| {
            order.is_unknown
                && order.side == ticket.side
                && intent_of(key(order.cloid)) != intent_of(name)
        });
        match unknown {
            Some(order) if ticket.purpose != Purpose::Flatten => {
                let got = order.leaves_lot;
                Err(Denial { code: Deny::Unknown, got, allowed: 0 })
            }
            _ => Ok(()),
        }
    }

    /// Worst-case exposure of an instrument at its mark.
    pub fn worst_case_uusd(&self, desk: &Desk, instrument: usize) -> i64 {
        let held = self.holdings.instrument_lot[instrument];
        let sum = |side: i8| -> i64 {
            let orders = self.working_in(instrument).filter(|order| order.side == side);
            orders.map(|order| order.leaves_lot).sum()
        };
        (held + sum(1)).abs().max((held - sum(-1)).abs()) * desk.feed.mark_tk(instrument)
    }
}

impl Working {
    fn learn(&mut self, event: &Event) {
        match event.kind {
            Kind::Unknown => {
                self.is_unknown = true;
                self.n_not_found = 0;
            }
            Kind::OrderTruth if event.data[0] == i64::from(Truth::NotFound.code()) => {
                self.n_not_found = event.data[3] as u32;
            }
            _ => self.is_unknown = false,
        }
    }
}

/// A share of equity, smaller while the instrument is on probation.
fn scaled_limit(desk: &Desk, instrument: usize, ppm: i64) -> i64 {
    let full = share(desk.equity_uusd, ppm);
    if desk.scopes.is_on_probation(instrument) {
        share(full, desk.universe.limits.probation_ppm)
    } else {
        full
    }
}

/// K03: a limit price stays near the mark.
fn check_collar(desk: &Desk, ticket: &Ticket) -> Result<(), Denial> {
    if ticket.order_type != OrderType::Limit {
        return Ok(());
    }
    let limits = &desk.universe.limits;
    let mark_tk = desk.feed.mark_tk(ticket.instrument);
    let got = (ticket.limit_tk - mark_tk).abs() * 1_000_000 / mark_tk;
    let wild_ppm = limits.collar_sigmas * desk.feed.sigma_ppb(ticket.instrument) / 1_000;
    let allowed = limits.collar_ppm.max(wild_ppm);
    if got > allowed {
        return Err(Denial { code: Deny::Collar, got, allowed });
    }
    Ok(())
}

/// K02: no order is large against the equity or against the market. What closes a position for the
/// kill switch need not be small against the equity.
fn check_size(desk: &Desk, ticket: &Ticket) -> Result<(), Denial> {
    let limits = &desk.universe.limits;
    let by_volume = share(desk.feed.volume_lot(ticket.instrument), limits.order_volume_ppm);
    if ticket.qty_lot <= 0 || ticket.qty_lot > by_volume {
        return Err(Denial { code: Deny::Size, got: ticket.qty_lot, allowed: by_volume });
    }
    let got = ticket.qty_lot * desk.feed.mark_tk(ticket.instrument);
    let allowed = scaled_limit(desk, ticket.instrument, limits.order_equity_ppm);
    if ticket.purpose == Purpose::Enter && got > allowed {
        return Err(Denial { code: Deny::Size, got, allowed });
    }
    Ok(())
}
