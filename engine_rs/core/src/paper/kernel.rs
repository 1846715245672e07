//! The event loop: what is due first happens first, and every record reaches whoever folds it.
//!
//! Bars come by a cursor and everything else through the heap; equal times are settled by urgency
//! and then by the order of scheduling. There is no thread, no clock and no other order.

use super::broker::Broker;
use super::bus::{self, Asker, Link, Message, Scheduled, Way};
use super::clock::{DAY, MINUTE, MINUTES_PER_DAY, Priority, SECOND};
use super::cloid::key;
use super::code::{Agent, Drop, Kind, State, Truth};
use super::desk::Desk;
use super::exchange::{Exchange, Request, Trade};
use super::fault::{Fate, Injector};
use super::gate::Gate;
use super::kill_switch::KillSwitch;
use super::log::{Event, XLog, day_of};
use super::market::{Bar, Feed, Market};
use super::officer::{Decision, Officer};
use super::portfolio::Portfolio;
use super::reconcile::Reconciler;
use super::record::Recorder;
use super::strategy::Strategies;
use super::supervisor;
use super::universe::Universe;

/// A crash that finds its target already dead waits so long.
const CRASH_AGAIN: i64 = 10 * SECOND;
const EQUITY_EVERY_MINUTES: i64 = 60;

/// One universe, running.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Kernel {
    pub desk: Desk,
    pub market: Market,
    pub exchange: Exchange,
    /// Absent while its crash domain is down.
    pub broker: Option<Broker>,
    pub gate: Gate,
    pub portfolio: Portfolio,
    pub injector: Injector,
    pub recorder: Recorder,
    strategies: Strategies,
    officer: Officer,
    kill_switch: KillSwitch,
    reconciler: Reconciler,
    /// Records that have reached their readers.
    n_folded: usize,
    /// Record of the last whole day of the market.
    digest_seq: u64,
    /// The cause of what the marks bring about: that day, or the fault that moves them.
    market_seq: u64,
    /// Digests of the undisturbed days so far.
    pub market_digests: Vec<[u8; 32]>,
}

impl Kernel {
    /// A universe before its first moment.
    pub fn new(universe: Universe, market: Market) -> Self {
        let log = XLog::new(&universe.identity("exchange"));
        let exchange = Exchange::new(market.n_instruments(), universe.e0_uusd, log);
        let injector = Injector::new(&universe.injections);
        let strategies = Strategies::new(&universe);
        let portfolio = Portfolio::new(&universe);
        let officer = Officer::new(universe.e0_uusd);
        let (e0_uusd, days) = (universe.e0_uusd, universe.days);
        let (n_assets, n_strategies) = (universe.market_seeds.len(), universe.strategies.len());
        let mut desk = Desk::new(universe, Feed::new(&market));
        let data = [days, e0_uusd, n_assets as i64, n_strategies as i64];
        desk.emit(Kind::Boot, Agent::Kernel, 0, data);
        officer.declare(&mut desk, State::Reconciling);
        let reconciler = Reconciler::begin(&mut desk);
        let gate = Gate::new(&desk);
        Self {
            market,
            exchange,
            broker: Some(Broker::default()),
            gate,
            portfolio,
            injector,
            recorder: Recorder::default(),
            strategies,
            officer,
            kill_switch: KillSwitch::default(),
            reconciler,
            n_folded: 0,
            digest_seq: 0,
            market_seq: 0,
            market_digests: Vec::new(),
            desk,
        }
    }

    /// Runs the universe to its end.
    pub fn run(&mut self) {
        self.fold();
        let n_minutes = self.desk.universe.n_minutes();
        for minute in 0..n_minutes {
            let opens_at = minute * MINUTE;
            if minute > 0 {
                self.drain(opens_at - 1, Priority::Exchange);
                self.close_minute(minute - 1, opens_at - 1);
                self.drain(opens_at, Priority::Clock);
            }
            if minute > 0 && minute % MINUTES_PER_DAY == 0 {
                self.anchor(opens_at);
            }
            self.begin_minute(opens_at);
            self.drain(opens_at, Priority::Exchange);
            // What the last minute traded could not be reported any more before the end.
            if minute + 1 < n_minutes {
                self.open_minute(minute, opens_at);
            }
            if minute > 0 {
                let at = opens_at + self.feed_delay(opens_at);
                self.drain(at, Priority::Wire);
                self.deliver(minute - 1, at);
            }
        }
        self.finish(n_minutes);
    }

    fn drain(&mut self, ts: i64, priority: Priority) {
        while let Some(due) = self.desk.bus.pop_before(ts, priority) {
            self.dispatch(due);
            self.fold();
        }
    }

    /// Begins a step at `now` that the record `cause` brought about.
    fn step(&mut self, now: i64, cause: u64) {
        self.desk.now = now;
        self.desk.cause = cause;
    }

    fn bars(&self, minute: i64) -> Vec<Bar> {
        (0..self.market.n_instruments()).map(|at| self.market.bar(at, minute)).collect()
    }

    fn close_minute(&mut self, minute: i64, now: i64) {
        self.step(now, self.market_seq);
        let trades = self.exchange.close_minute(now, &self.bars(minute));
        self.report(&trades);
        if (minute + 1) % MINUTES_PER_DAY == 0 {
            self.end_day(minute / MINUTES_PER_DAY);
        }
        self.fold();
    }

    fn end_day(&mut self, day: i64) {
        let digest = self.market.digest(day);
        let word = |at: usize| {
            i64::from_le_bytes(
                digest[at..at + 8].try_into().expect("a SHA-256 digest has 32 bytes"),
            )
        };
        self.market_digests.push(digest);
        self.desk.cause = 0; // the undisturbed market has no cause but the universe itself
        let data = [word(0), word(8), word(16), word(24)];
        let event = self.desk.emit(Kind::MarketDigest, Agent::Market, day as u64, data);
        self.digest_seq = event.seq;
        self.market_seq = self.injector.market_cause().unwrap_or(self.digest_seq);
        self.desk.cause = self.market_seq;
        self.portfolio.write_equity(&mut self.desk);
        self.exchange.write_positions(self.desk.now);
    }

    /// The page of the day that ended is closed before anything of the new day is written.
    fn anchor(&mut self, midnight: i64) {
        let day = day_of(midnight - 1);
        self.desk.log.anchor(day);
        self.exchange.anchor(day);
    }

    fn begin_minute(&mut self, now: i64) {
        self.step(now, self.market_seq);
        let gross_uusd = self.portfolio.holdings().gross_uusd(|at| self.desk.feed.mark_tk(at));
        self.injector.on_minute(&mut self.desk, &mut self.market, gross_uusd);
        self.market_seq = self.injector.market_cause().unwrap_or(self.digest_seq);
        self.fold();
    }

    fn open_minute(&mut self, minute: i64, now: i64) {
        self.step(now, self.market_seq);
        let bars = self.bars(minute);
        let trades = self.exchange.open_minute(now, &bars, &self.desk.weather);
        self.report(&trades);
        self.fold();
    }

    /// Sends the reports of executions on their way.
    fn report(&mut self, trades: &[Trade]) {
        for trade in trades {
            let name = key(trade.cloid);
            let sent_seq = self.gate.working(name).map(|order| order.sent_seq);
            self.desk.cause = sent_seq.unwrap_or(self.market_seq);
            self.desk.send(Link::VenueToBroker, name, Message::Filled(*trade));
        }
        self.desk.cause = self.market_seq;
    }

    fn feed_delay(&self, now: i64) -> i64 {
        let latency_mult = self.desk.weather.latency_mult;
        let way = Way { now, link: Link::Feed, entity: 0, latency_mult, cause: 0 };
        bus::delay(&way, &self.desk.draws)
    }

    /// The bar of a minute reaches everyone: the books, the injector's eye, the officer, and last
    /// those who trade.
    fn deliver(&mut self, minute: i64, now: i64) {
        self.step(now, self.market_seq);
        self.value(minute);
        self.injector.on_marks(&mut self.desk, &self.market, minute);
        self.fold();
        self.step(now, self.market_seq);
        for decision in self.officer.on_marks(&mut self.desk) {
            self.desk.cause = self.market_seq;
            self.obey(decision);
            self.fold();
        }
        self.fold();
        self.recorder.record_equity(&self.desk, &self.portfolio, &self.exchange, minute);
        self.desk.cause = self.market_seq;
        self.portfolio.write_wild(&mut self.desk);
        self.fold();
        if (minute + 1) % EQUITY_EVERY_MINUTES == 0 {
            self.desk.cause = self.market_seq;
            self.portfolio.write_equity(&mut self.desk);
        }
        self.desk.cause = self.market_seq;
        self.strategies.on_marks(&mut self.desk, self.portfolio.holdings());
        self.fold();
    }

    fn value(&mut self, minute: i64) {
        self.desk.feed.take(&self.market, minute);
        self.portfolio.value(&mut self.desk);
    }

    fn obey(&mut self, decision: Decision) {
        let desk = &mut self.desk;
        match decision {
            Decision::Kill { scope, cause, got, allowed } => {
                self.kill_switch.trip(desk, scope, cause, got, allowed);
            }
            Decision::Rearm { scope } => self.kill_switch.rearm(desk, scope),
            Decision::EndProbation { scope } => self.kill_switch.end_probation(desk, scope),
        }
    }

    fn finish(&mut self, n_minutes: i64) {
        let last = n_minutes * MINUTE - 1;
        self.drain(last, Priority::Exchange);
        self.step(last, self.market_seq);
        self.value(n_minutes - 1);
        self.recorder.record_equity(&self.desk, &self.portfolio, &self.exchange, n_minutes - 1);
        self.end_day(n_minutes / MINUTES_PER_DAY - 1);
        self.fold();
        self.anchor(n_minutes * MINUTE);
        let days = (n_minutes * MINUTE / DAY) as u32;
        self.desk.log.anchor(days);
        self.exchange.anchor(days);
    }

    /// Lets every new record reach its readers, and the records that these write in turn.
    fn fold(&mut self) {
        while let Some(event) = self.desk.log.events().get(self.n_folded).copied() {
            self.n_folded += 1;
            self.gate.observe(&event);
            if let Some(broker) = &mut self.broker {
                self.desk.cause = event.seq;
                broker.observe(&mut self.desk, &event);
            }
            self.desk.cause = event.seq;
            self.fold_rest(&event);
        }
    }

    fn fold_rest(&mut self, event: &Event) {
        match event.kind {
            Kind::FillClaim => {
                if event.src != Agent::Reconciler {
                    self.portfolio.observe_claim(&mut self.desk, event);
                }
                self.reconciler.on_claim(&mut self.desk);
            }
            Kind::Pos => {
                self.recorder.record_position(
                    &self.desk,
                    &self.portfolio,
                    &self.exchange,
                    &self.gate,
                    event,
                );
            }
            // What a fault finds is written down, so that what it changes can be measured.
            Kind::Inject => self.portfolio.write_positions(&mut self.desk),
            Kind::Done => self.strategies.observe(event),
            Kind::KillTrip => {
                self.strategies.observe(event);
                self.recorder.record_trip(&self.market, &self.injector, &self.desk, event);
            }
            Kind::OrderSent | Kind::Crashed | Kind::Unknown => {
                self.injector.observe(&mut self.desk, &self.exchange, event);
            }
            _ => {}
        }
    }

    fn dispatch(&mut self, due: Scheduled) {
        self.step(due.ts, due.cause);
        match due.message {
            Message::Submit(ticket) => {
                self.officer.renew(&mut self.desk, ticket.instrument);
                self.desk.cause = due.cause;
                self.gate.on_submit(&mut self.desk, &ticket);
            }
            Message::Cancel { key } => self.gate.on_cancel(&mut self.desk, key),
            Message::Place(request) => self.place(&request),
            Message::CancelAt { cloid } => self.cancel_at(cloid),
            Message::AskOrder { cloid, issued } => self.answer(cloid, issued),
            Message::AskSnapshot { asker, first_exec } => {
                let snapshot = Box::new(self.exchange.snapshot(due.ts, first_exec));
                let message = Message::Snapshot { asker, snapshot };
                self.desk.send(Link::VenueToQuery, 0, message);
            }
            Message::Snapshot { asker: Asker::Reconciler, snapshot } => {
                let portfolio = &mut self.portfolio;
                self.reconciler.on_snapshot(&mut self.desk, portfolio, &snapshot);
            }
            Message::Snapshot { asker: Asker::KillSwitch(scope), snapshot } => {
                self.kill_switch.on_snapshot(&mut self.desk, &self.gate, scope, &snapshot);
            }
            Message::ReconDue { is_regular } => {
                self.reconciler.on_due(&mut self.desk, &self.portfolio, is_regular);
            }
            Message::KillPoll { scope } => self.kill_switch.on_poll(&mut self.desk, scope),
            Message::Crash { row } => self.crash(row),
            Message::Restart { row } => self.restart(row),
            message => self.tell_broker(message, due.link),
        }
    }

    /// A request reaches the venue: it is answered, answered late, or was never there.
    fn place(&mut self, request: &Request) {
        let name = key(request.cloid);
        let fate = self.injector.fate(&self.desk.draws, name, self.desk.now);
        if fate == Fate::Lost {
            return;
        }
        let desk = &mut self.desk;
        let placed = self.exchange.place(desk.now, request, &desk.weather, &desk.draws);
        let reply = match placed {
            Ok(()) => Message::Accepted { key: name },
            Err(reason) => Message::Refused { key: name, reason },
        };
        self.reply(name, fate, reply);
    }

    fn cancel_at(&mut self, cloid: u128) {
        let name = key(cloid);
        let fate = self.injector.fate(&self.desk.draws, name, self.desk.now);
        if fate == Fate::Lost {
            return;
        }
        let reply = match self.exchange.cancel(self.desk.now, cloid) {
            Ok(filled_lot) => Message::Cancelled { key: name, filled_lot },
            Err(_) => Message::CancelRefused { key: name },
        };
        self.reply(name, fate, reply);
    }

    fn reply(&mut self, name: u64, fate: Fate, message: Message) {
        match fate {
            Fate::AnsweredLate(delay) => {
                let at = self.desk.now + delay;
                self.desk.send_late(Link::VenueToBroker, name, at, message);
            }
            _ => self.desk.send(Link::VenueToBroker, name, message),
        }
    }

    fn answer(&mut self, cloid: u128, issued: i64) {
        let known = self.exchange.known(cloid);
        let (truth, filled_lot) =
            known.map_or((Truth::NotFound, 0), |known| (known.truth, known.filled_lot));
        let message = Message::Answer { key: key(cloid), truth, filled_lot, issued };
        self.desk.send(Link::VenueToQuery, key(cloid), message);
    }

    fn tell_broker(&mut self, message: Message, link: Option<Link>) {
        let Some(broker) = &mut self.broker else {
            if message.is_for_broker() {
                let link = link.map_or(-1, |link| link as i64);
                let data = [link, i64::from(Drop::ReceiverDown.code()), 0, 0];
                self.desk.emit(Kind::BusDrop, Agent::Kernel, 0, data);
            }
            return;
        };
        let desk = &mut self.desk;
        let current = desk.broker_epoch;
        if let Message::AckDue { key, .. } | Message::CancelDue { key, .. } = message {
            // Silence has no sender: where a fault made it, the fault is its cause.
            desk.cause = self.injector.silenced(key).unwrap_or(desk.cause);
        }
        match message {
            Message::Intent { intent_id } => broker.on_intent(desk, intent_id),
            Message::Withdraw { intent_id } => broker.on_withdraw(desk, intent_id),
            Message::Accepted { key } => broker.on_accepted(desk, key),
            Message::Refused { key, reason } => broker.on_refused(desk, key, reason),
            Message::Cancelled { key, filled_lot } => broker.on_cancelled(desk, key, filled_lot),
            Message::CancelRefused { key } => broker.on_cancel_refused(desk, key),
            // Reported before, or found by the reconciler: a resend never books twice.
            Message::Filled(trade) if self.portfolio.has_claim(trade.exec_id) => {}
            Message::Filled(trade) => broker.on_filled(desk, &trade),
            Message::Answer { key, truth, filled_lot, issued } => {
                broker.on_answer(desk, key, truth, filled_lot, issued);
            }
            Message::AckDue { key, n_sent, epoch } if epoch == current => {
                broker.on_ack_due(desk, key, n_sent);
            }
            Message::CancelDue { key, epoch } if epoch == current => {
                broker.on_cancel_due(desk, key);
            }
            Message::QueryDue { key, epoch } if epoch == current => {
                broker.on_query_due(desk, key);
            }
            Message::ShelfLife { key, epoch } if epoch == current => {
                broker.on_shelf_life(desk, key);
            }
            // A timer of an earlier life: its owner is dead.
            _ => {}
        }
    }

    fn crash(&mut self, row: usize) {
        let Some(broker) = self.broker.take() else {
            self.desk.wake(CRASH_AGAIN, Priority::Clock, Message::Crash { row });
            return;
        };
        self.injector.on_crash(&mut self.desk, row);
        supervisor::crash(&mut self.desk, &broker, row);
    }

    fn restart(&mut self, row: usize) {
        let mut broker = supervisor::restart(&mut self.desk);
        let restarted = self.desk.cause;
        broker.resume(&mut self.desk);
        self.broker = Some(broker);
        self.desk.cause = restarted;
        self.reconciler.demand(&mut self.desk);
        self.injector.on_restart(&mut self.desk, row);
    }
}
