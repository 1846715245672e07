//! K05: how many orders and messages went out lately, in sliding windows.

use super::bus::Ticket;
use super::clock::{HOUR, SECOND};
use super::cloid::{intent_of, key, strategy_of};
use super::code::{Deny, Purpose};
use super::desk::Desk;
use super::gate::Denial;
use std::collections::VecDeque;

/// What was sent lately.
#[derive(Clone, Debug)]
pub struct Rates {
    orders: VecDeque<i64>,
    messages: VecDeque<i64>,
    /// By strategy: sendings of a second, and entries of an hour.
    own: Vec<VecDeque<i64>>,
    entries: Vec<VecDeque<i64>>,
}

impl Rates {
    /// Nothing sent yet.
    pub fn new(n_strategies: usize) -> Self {
        Self {
            orders: VecDeque::new(),
            messages: VecDeque::new(),
            own: vec![VecDeque::new(); n_strategies],
            entries: vec![VecDeque::new(); n_strategies],
        }
    }

    /// Counts a sending.
    pub fn count(&mut self, now: i64, ticket: &Ticket) {
        self.orders.push_back(now);
        self.count_message(now);
        let strategy = usize::from(strategy_of(intent_of(key(ticket.cloid))));
        if strategy < self.own.len() {
            self.own[strategy].push_back(now);
            if ticket.purpose == Purpose::Enter {
                self.entries[strategy].push_back(now);
            }
        }
    }

    /// Counts a message that is no order.
    pub fn count_message(&mut self, now: i64) {
        self.messages.push_back(now);
    }

    /// Whether one more order is within every rate.
    pub fn check(&mut self, desk: &Desk, ticket: &Ticket) -> Result<(), Denial> {
        let limits = &desk.universe.limits;
        let now = desk.now;
        room(&mut self.orders, now, SECOND, limits.orders_per_second)?;
        room(&mut self.messages, now, SECOND, limits.messages_per_second)?;
        let strategy = usize::from(strategy_of(intent_of(key(ticket.cloid))));
        if strategy < self.own.len() {
            room(&mut self.own[strategy], now, SECOND, limits.strategy_orders_per_second)?;
            if ticket.purpose == Purpose::Enter {
                let entries = &mut self.entries[strategy];
                room(entries, now, HOUR, limits.strategy_entries_per_hour)?;
            }
        }
        Ok(())
    }
}

/// Whether one more fits into a sliding window.
fn room(times: &mut VecDeque<i64>, now: i64, window: i64, allowed: i64) -> Result<(), Denial> {
    while times.front().is_some_and(|first| *first <= now - window) {
        times.pop_front();
    }
    let got = times.len() as i64;
    if got >= allowed {
        return Err(Denial { code: Deny::Rates, got, allowed });
    }
    Ok(())
}
