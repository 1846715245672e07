//! Moving-average strategies: long while the fast average is above the slow one, flat otherwise.
//!
//! A table drives them; they see delivered marks and their own position, and utter intents.

use super::bus::{Link, Message};
use super::clock::MINUTE;
use super::cloid::{intent_id, strategy_of};
use super::code::{Agent, Kind, Purpose, State, Status};
use super::desk::{Desk, share};
use super::holdings::Holdings;
use super::kill_switch::is_within;
use super::log::Event;
use super::universe::{StrategyRow, Universe};
use super::words::intent_words;

/// Share of its capital that a strategy puts to work: with five of them on an instrument the sum
/// stays under the instrument's cap of 15 % of equity with room for one order that may exist twice.
const USE_PPM: i64 = 675_000;
/// A gap between wish and position below this share of the wish is left alone.
const GAP_PPM: i64 = 50_000;
/// Wait after an intent that came to nothing.
const WAIT: i64 = 5 * MINUTE;
/// No intent is uttered this close to the end, so that nothing is left open there.
pub const QUIET: i64 = 10 * MINUTE;

#[derive(Clone, Copy, Debug)]
struct Active {
    intent_id: u64,
    side: i8,
    is_withdrawn: bool,
}

#[derive(Clone, Debug)]
struct Strategy {
    row: StrategyRow,
    is_above: Option<bool>,
    target_lot: i64,
    active: Option<Active>,
    n_intents: u64,
    wait_until: i64,
}

/// Every strategy of the universe.
#[derive(Clone, Debug)]
pub struct Strategies {
    rows: Vec<Strategy>,
}

impl Strategies {
    /// Strategies that have seen nothing yet.
    pub fn new(universe: &Universe) -> Self {
        let idle = |row: &StrategyRow| Strategy {
            row: *row,
            is_above: None,
            target_lot: 0,
            active: None,
            n_intents: 0,
            wait_until: 0,
        };
        Self { rows: universe.strategies.iter().map(idle).collect() }
    }

    /// Takes in a record: what became of an intent, and what was killed.
    pub fn observe(&mut self, event: &Event) {
        match event.kind {
            // The end of an intent; an order's end bears a far larger number.
            Kind::Done if event.data[2] == 1 => {
                let strategy = usize::from(strategy_of(event.subj));
                let Some(own) = self.rows.get_mut(strategy) else {
                    return;
                };
                own.active = None;
                let was_denied = event.data[0] == i64::from(Status::Denied.code());
                own.wait_until = if was_denied { event.ts + WAIT } else { 0 };
            }
            Kind::KillTrip => {
                for own in &mut self.rows {
                    if is_within(event.subj, own.row.instrument) {
                        own.target_lot = 0;
                    }
                }
            }
            _ => {}
        }
    }

    /// A minute was delivered: each strategy compares its averages and its position.
    pub fn on_marks(&mut self, desk: &mut Desk, holdings: &Holdings) {
        let root = desk.cause;
        for (number, own) in self.rows.iter_mut().enumerate() {
            own.watch(desk);
            desk.cause = root;
            own.act(desk, number as u16, holdings.strategy_lot[number]);
        }
        desk.cause = root;
    }
}

impl Strategy {
    fn watch(&mut self, desk: &Desk) {
        let row = &self.row;
        let fast = desk.feed.sum_of_closes(row.instrument, row.fast_bars);
        let slow = desk.feed.sum_of_closes(row.instrument, row.slow_bars);
        let (Some(fast), Some(slow)) = (fast, slow) else {
            return;
        };
        // The averages are compared without dividing: fast / n > slow / m.
        let is_above = fast * row.slow_bars as i64 > slow * row.fast_bars as i64;
        let was_above = self.is_above.replace(is_above);
        if desk.scopes.is_killed(row.instrument) {
            return; // what is crossed meanwhile is not entered afterwards
        }
        if was_above == Some(false) && is_above {
            let limits = &desk.universe.limits;
            // What was lost is not there to be risked again.
            let equity_uusd = desk.equity_uusd.min(desk.universe.e0_uusd);
            let capital_uusd = share(equity_uusd, row.capital_ppm);
            let small_ppm = if desk.scopes.is_on_probation(row.instrument) {
                limits.probation_ppm
            } else {
                1_000_000
            };
            let wish_uusd = share(share(capital_uusd, USE_PPM), small_ppm);
            self.target_lot = wish_uusd / desk.feed.mark_tk(row.instrument);
        } else if was_above == Some(true) && !is_above {
            self.target_lot = 0;
        }
    }

    fn act(&mut self, desk: &mut Desk, number: u16, held_lot: i64) {
        if let Some(active) = &mut self.active {
            let is_wrong = (active.side > 0) != (self.target_lot > 0);
            if is_wrong && !active.is_withdrawn {
                active.is_withdrawn = true;
                let intent_id = active.intent_id;
                let message = Message::Withdraw { intent_id };
                desk.send(Link::StrategyToBroker, intent_id, message);
            }
            return;
        }
        let is_late = desk.now >= desk.universe.end() - QUIET;
        if is_late || desk.now < self.wait_until || desk.scopes.is_killed(self.row.instrument) {
            return;
        }
        let gap_lot = self.target_lot - held_lot;
        let may_enter = matches!(desk.scopes.state, State::Trading | State::Probation);
        if may_enter && self.target_lot > 0 && gap_lot > share(self.target_lot, GAP_PPM) {
            self.utter(desk, number, 1, gap_lot, Purpose::Enter);
        } else if self.target_lot == 0 && held_lot > 0 {
            self.utter(desk, number, -1, held_lot, Purpose::Exit);
        }
    }

    fn utter(&mut self, desk: &mut Desk, number: u16, side: i8, qty_lot: i64, purpose: Purpose) {
        self.n_intents += 1;
        let intent_id = intent_id(number, self.n_intents);
        let words = intent_words(number, self.row.instrument, side, qty_lot, purpose);
        desk.emit(Kind::Intent, Agent::Strategy, intent_id, words);
        self.active = Some(Active { intent_id, side, is_withdrawn: false });
        desk.send(Link::StrategyToBroker, intent_id, Message::Intent { intent_id });
    }
}
