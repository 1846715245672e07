//! What every component is handed when it takes a step: the time, the cause, the delivered market,
//! the limits, and the two ways to have an effect: a record in the log and a message on the bus.

use super::bus::{Bus, Link, Message, Way};
use super::clock::Priority;
use super::code::{Agent, Drop, Kind};
use super::draw::Draws;
use super::exchange::{CALM, Weather};
use super::log::{Event, Log};
use super::market::Feed;
use super::scope::Scopes;
use super::universe::Universe;

/// Context of a step.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Desk {
    pub now: i64,
    /// Record that caused the step; each record written becomes the cause of the next.
    pub cause: u64,
    pub log: Log,
    pub bus: Bus,
    pub feed: Feed,
    pub universe: Universe,
    pub draws: Draws,
    pub scopes: Scopes,
    pub weather: Weather,
    /// Equity at the last delivered marks.
    pub equity_uusd: i64,
    /// Life of the broker's crash domain.
    pub broker_epoch: u32,
}

impl Desk {
    /// The context before anything has happened.
    pub fn new(universe: Universe, feed: Feed) -> Self {
        let identity = universe.identity("system");
        Self {
            now: 0,
            cause: 0,
            log: Log::new(&identity),
            bus: Bus::default(),
            feed,
            draws: Draws::new(universe.run_seed),
            scopes: Scopes::new(universe.market_seeds.len()),
            weather: CALM,
            equity_uusd: universe.e0_uusd,
            broker_epoch: 1,
            universe,
        }
    }

    /// Writes a record caused by the last one of this step.
    pub fn emit(&mut self, kind: Kind, src: Agent, subj: u64, data: [i64; 4]) -> Event {
        let agent_epoch = if src == Agent::Broker { self.broker_epoch } else { 1 };
        self.emit_as(kind, src, agent_epoch, subj, data)
    }

    /// Writes a record that bears the life of another component.
    pub fn emit_as(
        &mut self,
        kind: Kind,
        src: Agent,
        agent_epoch: u32,
        subj: u64,
        data: [i64; 4],
    ) -> Event {
        let cause_seq = self.cause;
        let ts = self.now;
        let event = Event { seq: 0, ts, kind, src, subj, cause_seq, agent_epoch, data };
        let event = self.log.append(event);
        self.scopes.apply(&event);
        self.cause = event.seq;
        event
    }

    /// Sends a message about `entity`; a full mailbox is a record, never silence.
    pub fn send(&mut self, link: Link, entity: u64, message: Message) {
        let way = self.way(link, entity);
        if !self.bus.send(way, &self.draws, message) {
            let data = [link as i64, i64::from(Drop::MailboxFull.code()), 0, 0];
            self.emit(Kind::BusDrop, Agent::Kernel, entity, data);
        }
    }

    /// Sends a message that arrives at `at`, whatever was sent after it.
    pub fn send_late(&mut self, link: Link, entity: u64, at: i64, message: Message) {
        let way = self.way(link, entity);
        self.bus.send_late(way, at, message);
    }

    fn way(&self, link: Link, entity: u64) -> Way {
        let latency_mult = self.weather.latency_mult;
        Way { now: self.now, link, entity, latency_mult, cause: self.cause }
    }

    /// Sets a timer that falls due after `delay`.
    pub fn wake(&mut self, delay: i64, priority: Priority, message: Message) {
        self.bus.wake(self.now + delay, priority, self.cause, message);
    }
}

/// Part of an amount, rounded toward zero.
pub fn share(amount: i64, ppm: i64) -> i64 {
    (i128::from(amount) * i128::from(ppm) / 1_000_000) as i64
}
