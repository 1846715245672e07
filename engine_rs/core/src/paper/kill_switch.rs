//! The kill switch: cancels what the exchange lists, flattens what the exchange holds, and believes
//! nothing but the exchange about being flat.
//!
//! It knows no portfolio, no strategy and no score.

use super::bus::{Asker, Link, Message, Ticket};
use super::clock::{Priority, SECOND};
use super::cloid::{NO_STRATEGY, cloid, intent_id, key};
use super::code::{Agent, Cause, Kind, OrderType, Purpose, Stage, Truth};
use super::desk::{Desk, share};
use super::exchange::Snapshot;
use super::gate::Gate;
use super::scope::{GLOBAL, asset, instrument_of};
use super::words::{intent_words, packed};
use std::collections::BTreeMap;

/// How soon the exchange is asked again while orders are being cancelled.
const CANCEL_POLL: i64 = SECOND;
/// How soon while positions are being closed: fills come once a minute.
const FLATTEN_POLL: i64 = 5 * SECOND;
/// Shortest time between the two snapshots that prove flat.
pub const PROOF_GAP: i64 = SECOND;
/// Orders of the kill switch bear the life of a component that never dies here.
const EPOCH: u32 = 1;

/// One kill that has not come to its end.
#[derive(Clone, Copy, Debug)]
struct Kill {
    /// When the exchange first showed the scope flat.
    flat_since: Option<i64>,
}

/// The kill switch.
#[derive(Clone, Debug, Default)]
pub struct KillSwitch {
    kills: BTreeMap<u64, Kill>,
    n_flattens: u64,
}

impl KillSwitch {
    /// Trips: raises the epochs of everything in the scope, so that orders under way die at the
    /// gate, and begins to cancel.
    pub fn trip(&mut self, desk: &mut Desk, scope: u64, cause: Cause, got: i64, allowed: i64) {
        let data = [i64::from(cause.code()), got, allowed, 0];
        desk.emit(Kind::KillTrip, Agent::KillSwitch, scope, data);
        fence(desk, scope);
        self.kills.insert(scope, Kill { flat_since: None });
        stage(desk, scope, Stage::Cancelling);
        ask(desk, scope);
    }

    /// Asks the exchange where the scope stands.
    pub fn on_poll(&self, desk: &mut Desk, scope: u64) {
        if self.kills.contains_key(&scope) {
            ask(desk, scope);
        }
    }

    /// The exchange showed its account.
    pub fn on_snapshot(&mut self, desk: &mut Desk, gate: &Gate, scope: u64, shown: &Snapshot) {
        let Some(kill) = self.kills.get(&scope).copied() else {
            return;
        };
        let root = desk.cause;
        let foreign = shown.open.iter().filter(|open| {
            is_within(scope, open.instrument) && (open.cloid >> 112) as u16 != NO_STRATEGY
        });
        let keys: Vec<u64> = foreign.map(|open| key(open.cloid)).collect();
        for key in &keys {
            desk.cause = root;
            desk.send(Link::KillSwitchToGate, *key, Message::Cancel { key: *key });
        }
        desk.cause = root;
        if current_stage(desk, scope) == Stage::Cancelling {
            if !keys.is_empty() {
                desk.wake(CANCEL_POLL, Priority::Guard, Message::KillPoll { scope });
                return;
            }
            stage(desk, scope, Stage::Flattening);
        }
        if self.is_flat(gate, scope, shown) {
            self.prove_flat(desk, scope, kill, shown);
        } else {
            self.kills.insert(scope, Kill { flat_since: None });
            self.flatten(desk, gate, scope, shown);
            desk.wake(FLATTEN_POLL, Priority::Guard, Message::KillPoll { scope });
        }
    }

    /// Flat is: no position and no order at the exchange, and no order whose fate is open.
    fn is_flat(&self, gate: &Gate, scope: u64, shown: &Snapshot) -> bool {
        let instruments = (0..shown.position_lot.len()).filter(|at| is_within(scope, *at));
        let mut is_flat = !shown.open.iter().any(|open| is_within(scope, open.instrument));
        for at in instruments {
            is_flat &= shown.position_lot[at] == 0 && gate.working_in(at).next().is_none();
        }
        is_flat
    }

    fn prove_flat(&mut self, desk: &mut Desk, scope: u64, kill: Kill, shown: &Snapshot) {
        let data = [i64::from(Truth::Snapshot.code()), 0, shown.ts, 0];
        desk.emit(Kind::OrderTruth, Agent::KillSwitch, scope, data);
        match kill.flat_since {
            Some(first) if shown.ts - first >= PROOF_GAP => {
                desk.emit(Kind::FlatConfirmed, Agent::KillSwitch, scope, [first, shown.ts, 0, 0]);
                stage(desk, scope, Stage::FlatConfirmed);
                stage(desk, scope, Stage::Cooldown);
                self.kills.remove(&scope);
            }
            Some(_) => desk.wake(PROOF_GAP, Priority::Guard, Message::KillPoll { scope }),
            None => {
                self.kills.insert(scope, Kill { flat_since: Some(shown.ts) });
                desk.wake(PROOF_GAP, Priority::Guard, Message::KillPoll { scope });
            }
        }
    }

    /// Sends what closes the positions of the snapshot and is not yet under way.
    fn flatten(&mut self, desk: &mut Desk, gate: &Gate, scope: u64, shown: &Snapshot) {
        let root = desk.cause;
        for (instrument, held_lot) in shown.position_lot.iter().enumerate() {
            let side: i8 = if *held_lot > 0 { -1 } else { 1 };
            // While anything else may still fill, a flattening order could open a position.
            let others = gate.working_in(instrument);
            let is_busy = others.into_iter().next().is_some();
            if !is_within(scope, instrument) || *held_lot == 0 || is_busy {
                continue;
            }
            let volume_lot = desk.feed.volume_lot(instrument);
            let slice_lot = share(volume_lot, desk.universe.limits.order_volume_ppm);
            let qty_lot = held_lot.abs().min(slice_lot);
            if qty_lot > 0 {
                desk.cause = root;
                self.close(desk, instrument, side, qty_lot);
            }
        }
        desk.cause = root;
    }

    fn close(&mut self, desk: &mut Desk, instrument: usize, side: i8, qty_lot: i64) {
        self.n_flattens += 1;
        let intent = intent_id(NO_STRATEGY, self.n_flattens);
        let words = intent_words(NO_STRATEGY, instrument, side, qty_lot, Purpose::Flatten);
        desk.emit(Kind::Intent, Agent::KillSwitch, intent, words);
        let id = cloid(EPOCH, intent, 0);
        let pack = packed(OrderType::Market, Purpose::Flatten, None);
        let words = [intent as i64, pack, qty_lot, 0];
        desk.emit(Kind::OrderNew, Agent::KillSwitch, key(id), words);
        let ticket = Ticket {
            cloid: id,
            instrument,
            side,
            order_type: OrderType::Market,
            purpose: Purpose::Flatten,
            qty_lot,
            limit_tk: 0,
            scope_epoch: desk.scopes.assets[instrument].epoch,
        };
        desk.send(Link::KillSwitchToGate, key(id), Message::Submit(ticket));
    }

    /// Rearms a scope: the officer has waited long enough and the market is calm.
    pub fn rearm(&mut self, desk: &mut Desk, scope: u64) {
        fence(desk, scope);
        let epoch = i64::from(current_epoch(desk, scope));
        desk.emit(Kind::Rearm, Agent::Officer, scope, [epoch, 0, 0, 0]);
        stage(desk, scope, Stage::Probation);
    }

    /// Ends a scope's probation.
    pub fn end_probation(&mut self, desk: &mut Desk, scope: u64) {
        stage(desk, scope, Stage::Armed);
    }
}

/// Whether a scope covers the instrument.
pub fn is_within(scope: u64, instrument: usize) -> bool {
    scope == GLOBAL || instrument_of(scope) == Some(instrument)
}

fn ask(desk: &mut Desk, scope: u64) {
    let asker = Asker::KillSwitch(scope);
    let message = Message::AskSnapshot { asker, first_exec: u64::MAX };
    desk.send(Link::QueryToVenue, scope, message);
}

/// Raises the epoch of a scope and of every scope within it.
fn fence(desk: &mut Desk, scope: u64) {
    let within = (0..desk.scopes.assets.len()).filter(|at| is_within(scope, *at)).map(asset);
    let scopes: Vec<u64> = (scope == GLOBAL).then_some(GLOBAL).into_iter().chain(within).collect();
    for scope in scopes {
        let epoch = i64::from(current_epoch(desk, scope)) + 1;
        desk.emit(Kind::Epoch, Agent::Officer, scope, [epoch, 0, 0, 0]);
    }
}

fn current_epoch(desk: &Desk, scope: u64) -> u32 {
    instrument_of(scope).map_or(desk.scopes.book, |at| desk.scopes.assets[at]).epoch
}

fn current_stage(desk: &Desk, scope: u64) -> Stage {
    instrument_of(scope).map_or(desk.scopes.book, |at| desk.scopes.assets[at]).stage
}

fn stage(desk: &mut Desk, scope: u64, stage: Stage) {
    let data = [i64::from(stage.code()), 0, 0, 0];
    desk.emit(Kind::KillStage, Agent::KillSwitch, scope, data);
}
