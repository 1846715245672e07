//! The injector: arms planned faults, lets them strike when their precondition holds, witnesses
//! their effect, and takes them away without residue.
//!
//! It may look at everything and change only what a fault changes: the market's path, the venue's
//! weather, the fate of a request, the life of a process. At severity zero each is the identity.

use super::bus::Message;
use super::clock::{HOUR, MILLISECOND, MINUTE, Priority};
use super::code::{Agent, Doubt, Kind};
use super::desk::Desk;
use super::draw::{Draws, Purpose};
use super::exchange::{CALM, Exchange, Weather};
use super::log::{Event, NONE};
use super::market::{Fall, Market};
use super::universe::{HarmParams, Injection};
use std::collections::BTreeMap;

/// A fault strikes only while the book is exposed to it: gross exposure, share of equity.
const EXPOSED_PPM: i64 = 200_000;
/// A fault that could not strike for so long does not strike at all.
const GIVE_UP_AFTER: i64 = 24 * HOUR;
/// A crash waits so long for an entry to be in flight.
const PREFER_FOR: i64 = HOUR;
/// Between the sending and the crash that strikes before its answer.
const CRASH_DELAY: i64 = MILLISECOND;
/// Part of the planned fall that must be seen.
const WITNESS_PPM: i64 = 950_000;
const BPS_TO_PPM: i64 = 100;

/// Where a planned fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// A crash that has been scheduled.
    Falling,
    Active,
    Over,
}

/// A planned fault and what came of it.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Row {
    pub plan: Injection,
    phase: Phase,
    pub t0: i64,
    pub t_clear: i64,
    /// Record that witnesses the effect.
    pub witness_seq: u64,
    /// Seen so far by a venue that does not answer: unknown orders that exist, that do not.
    saw: [bool; 2],
    /// Falls that had struck before this one.
    n_falls_before: usize,
    inject_seq: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Fate {
    Answered,
    /// Executed; the answer comes after so long.
    AnsweredLate(i64),
    Lost,
}

/// The injector.
#[derive(Clone, Debug)]
pub struct Injector {
    rows: Vec<Row>,
    is_exposed: bool,
    /// Orders about which a request was left unanswered, with the fault's record.
    silenced: BTreeMap<u64, u64>,
}

impl Injector {
    /// An injector with these plans.
    pub fn new(plans: &[Injection]) -> Self {
        let wait = |plan: &Injection| Row {
            plan: plan.clone(),
            phase: Phase::Waiting,
            t0: -1,
            t_clear: -1,
            witness_seq: NONE,
            saw: [false; 2],
            n_falls_before: 0,
            inject_seq: 0,
        };
        Self {
            rows: plans.iter().map(wait).collect(),
            is_exposed: false,
            silenced: BTreeMap::new(),
        }
    }

    /// Every planned fault.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A minute begins: strikes what is due and clears what is over.
    pub fn on_minute(&mut self, desk: &mut Desk, market: &mut Market, gross_uusd: i64) {
        let scaled = i128::from(gross_uusd) * 1_000_000;
        self.is_exposed = scaled >= i128::from(desk.equity_uusd) * i128::from(EXPOSED_PPM);
        for row in 0..self.rows.len() {
            match self.rows[row].phase {
                Phase::Waiting => self.try_strike(desk, market, row),
                Phase::Active => self.try_clear(desk, row),
                Phase::Falling | Phase::Over => {}
            }
        }
    }

    fn is_due(&self, row: usize, now: i64) -> bool {
        let waited = now - self.rows[row].plan.t_arm;
        (0..GIVE_UP_AFTER).contains(&waited) && self.is_exposed
    }

    fn try_strike(&mut self, desk: &mut Desk, market: &mut Market, row: usize) {
        if !self.is_due(row, desk.now) {
            return;
        }
        match self.rows[row].plan.harm.clone() {
            HarmParams::FlashCrash {
                lead,
                drop_bps,
                others_bps,
                down_minutes,
                recover_minutes,
                recover_fraction_ppm,
                ..
            } => {
                let drops = (0..market.n_instruments()).map(|at| {
                    if at == lead { drop_bps } else { self.drop_of(desk, row, others_bps, at) }
                });
                let drop_bps = drops.collect();
                self.rows[row].n_falls_before = market.n_falls();
                market.strike(Fall {
                    start_minute: desk.now / MINUTE,
                    drop_bps,
                    down_minutes,
                    recover_minutes,
                    recover_fraction_ppm,
                });
                self.begin(desk, row);
            }
            HarmParams::ApiTimeout { .. } => self.begin(desk, row),
            HarmParams::ProcessCrash => {
                if desk.now - self.rows[row].plan.t_arm >= PREFER_FOR {
                    self.fall(desk, row, 0);
                }
            }
        }
    }

    fn drop_of(&self, desk: &Desk, row: usize, (low, high): (i64, i64), at: usize) -> i64 {
        let entity = u64::from(self.rows[row].plan.inj_id);
        desk.draws.between(low, high, Purpose::InjectionDetails, entity, at as u64)
    }

    fn begin(&mut self, desk: &mut Desk, row: usize) {
        let own = &mut self.rows[row];
        own.phase = Phase::Active;
        own.t0 = desk.now;
        let kind = i64::from(own.plan.harm.kind().code());
        let data = [kind, i64::from(own.plan.intensity.code()), 0, own.plan.t_arm];
        let id = u64::from(own.plan.inj_id);
        own.inject_seq = desk.emit(Kind::Inject, Agent::Injector, id, data).seq;
        desk.weather = self.weather();
    }

    fn fall(&mut self, desk: &mut Desk, row: usize, delay: i64) {
        self.rows[row].phase = Phase::Falling;
        desk.wake(delay, Priority::Clock, Message::Crash { row });
    }

    /// The crash strikes; the caller lets the process die.
    pub fn on_crash(&mut self, desk: &mut Desk, row: usize) {
        self.begin(desk, row);
    }

    /// The process is back.
    pub fn on_restart(&mut self, desk: &mut Desk, row: usize) {
        self.clear(desk, row);
    }

    fn try_clear(&mut self, desk: &mut Desk, row: usize) {
        let own = &self.rows[row];
        let age = desk.now - own.t0;
        let is_over = match own.plan.harm {
            HarmParams::FlashCrash { down_minutes, recover_minutes, .. } => {
                age >= (down_minutes + recover_minutes) * MINUTE
            }
            HarmParams::ApiTimeout { max_duration_ns, .. } => age >= max_duration_ns,
            HarmParams::ProcessCrash => false,
        };
        if is_over {
            self.clear(desk, row);
        }
    }

    fn clear(&mut self, desk: &mut Desk, row: usize) {
        let own = &mut self.rows[row];
        own.phase = Phase::Over;
        own.t_clear = desk.now;
        desk.cause = own.inject_seq;
        let kind = i64::from(own.plan.harm.kind().code());
        let id = u64::from(own.plan.inj_id);
        desk.emit(Kind::Clear, Agent::Injector, id, [kind, 0, 0, 0]);
        desk.weather = self.weather();
    }

    /// The venue's weather: the worst of what is active, and calm when nothing is.
    fn weather(&self) -> Weather {
        let mut weather = CALM;
        for row in self.rows.iter().filter(|row| row.phase == Phase::Active) {
            if let HarmParams::FlashCrash {
                depth_ppm,
                spread_mult,
                latency_mult,
                reject_ppm,
                drop_bps,
                ..
            } = row.plan.harm
            {
                if drop_bps == 0 {
                    continue; // a fall of no depth is no fault at all
                }
                weather.depth_ppm = weather.depth_ppm.min(depth_ppm);
                weather.spread_mult = weather.spread_mult.max(spread_mult);
                weather.latency_mult = weather.latency_mult.max(latency_mult);
                weather.reject_ppm = weather.reject_ppm.max(reject_ppm);
            }
        }
        weather
    }

    /// Record of the fault that moves the market at present.
    pub fn market_cause(&self) -> Option<u64> {
        let moving = self.rows.iter().filter(|row| {
            row.phase == Phase::Active && matches!(row.plan.harm, HarmParams::FlashCrash { .. })
        });
        moving.map(|row| row.inject_seq).next_back()
    }

    /// Record of the fault that left a request about the order unanswered.
    pub fn silenced(&self, name: u64) -> Option<u64> {
        self.silenced.get(&name).copied()
    }

    /// What becomes of a request about the order `name` that reaches the venue now.
    pub fn fate(&mut self, draws: &Draws, name: u64, now: i64) -> Fate {
        let (fate, cause) = self.drawn_fate(draws, name, now);
        if fate != Fate::Answered {
            self.silenced.insert(name, cause);
        }
        fate
    }

    fn drawn_fate(&self, draws: &Draws, name: u64, now: i64) -> (Fate, u64) {
        for row in self.rows.iter().filter(|row| row.phase == Phase::Active) {
            if let HarmParams::ApiTimeout { unanswered_ppm, executed_ppm, late_answer_ns, .. } =
                row.plan.harm
            {
                let index = now as u64 * 4;
                let purpose = Purpose::InjectionDetails;
                if !draws.happens(unanswered_ppm, purpose, name, index) {
                    continue;
                }
                if !draws.happens(executed_ppm, purpose, name, index + 1) {
                    return (Fate::Lost, row.inject_seq);
                }
                let (low, high) = late_answer_ns;
                let delay = draws.between(low, high, purpose, name, index + 2);
                return (Fate::AnsweredLate(delay), row.inject_seq);
            }
        }
        (Fate::Answered, 0)
    }

    /// A minute was delivered: is the fall in the marks, against what they would have been?
    pub fn on_marks(&mut self, desk: &mut Desk, market: &Market, minute: i64) {
        for row in 0..self.rows.len() {
            let own = &self.rows[row];
            let HarmParams::FlashCrash { lead, drop_bps, .. } = own.plan.harm else {
                continue;
            };
            if own.phase != Phase::Active || own.witness_seq != NONE || drop_bps == 0 {
                continue;
            }
            let would_be_tk = market.bar_before(lead, minute, own.n_falls_before).close_tk;
            let mark_tk = desk.feed.mark_tk(lead);
            let got_ppm = (would_be_tk - mark_tk) * 1_000_000 / would_be_tk;
            let target_ppm = drop_bps * BPS_TO_PPM;
            if got_ppm * 1_000_000 >= target_ppm * WITNESS_PPM {
                self.witness(desk, row, [got_ppm, target_ppm, 0, 0]);
            }
        }
    }

    fn witness(&mut self, desk: &mut Desk, row: usize, data: [i64; 4]) {
        let id = u64::from(self.rows[row].plan.inj_id);
        desk.cause = desk.cause.max(self.rows[row].inject_seq);
        let event = desk.emit(Kind::Effect, Agent::Injector, id, data);
        self.rows[row].witness_seq = event.seq;
    }

    /// Watches the log: a sending that a crash waits for, a crash, an order gone unknown.
    pub fn observe(&mut self, desk: &mut Desk, exchange: &Exchange, event: &Event) {
        match event.kind {
            Kind::OrderSent => self.on_sent(desk, event),
            Kind::Crashed => {
                let active = self.rows.iter().position(|row| {
                    row.phase == Phase::Active && matches!(row.plan.harm, HarmParams::ProcessCrash)
                });
                if let Some(row) = active {
                    desk.cause = event.seq;
                    self.witness(desk, row, event.data);
                }
            }
            Kind::Unknown if event.data[0] == i64::from(Doubt::AckTimeout.code()) => {
                self.on_unknown(desk, exchange, event);
            }
            _ => {}
        }
    }

    fn on_sent(&mut self, desk: &mut Desk, event: &Event) {
        let is_entry = event.data[3] >= 0; // only an entry is sent under a permit
        let waiting = (0..self.rows.len()).find(|row| {
            self.rows[*row].phase == Phase::Waiting
                && matches!(self.rows[*row].plan.harm, HarmParams::ProcessCrash)
                && self.is_due(*row, desk.now)
        });
        if let (true, Some(row)) = (is_entry, waiting) {
            desk.cause = event.seq;
            self.fall(desk, row, CRASH_DELAY);
        }
    }

    /// An order whose sending was not answered: the exchange has it, or does not. The fault has had
    /// its effect once both have been seen.
    fn on_unknown(&mut self, desk: &mut Desk, exchange: &Exchange, event: &Event) {
        let sent = desk.log.events()[..event.seq as usize].iter().rev();
        let mut sent = sent.filter(|e| e.kind == Kind::OrderSent && e.subj == event.subj);
        let Some(sent) = sent.next().copied() else {
            return;
        };
        for row in 0..self.rows.len() {
            let own = &mut self.rows[row];
            let is_silent = matches!(own.plan.harm, HarmParams::ApiTimeout { .. });
            if own.phase != Phase::Active || !is_silent || sent.ts < own.t0 {
                continue;
            }
            own.saw[usize::from(exchange.knows(event.subj))] = true;
            if own.saw == [true, true] && own.witness_seq == NONE {
                desk.cause = event.seq;
                self.witness(desk, row, [1, 1, 0, 0]);
                self.clear(desk, row);
            }
        }
    }
}
