//! A run that is put down between two bars, so that the next bar may be written while nobody looks
//! at it, and taken up again.
//!
//! Only what the bar loop carries from bar to bar is here; what was written down stays with the
//! ledger, and events are counted anew.

use super::account::Account;
use super::day::Day;
use super::ledger::Ledger;
use super::live::Live;
use super::order::Queue;
use super::position::Position;
use super::run::{Inputs, Resting, Run};

/// What a run carries from one bar to the next.
#[derive(Clone, Debug)]
pub struct Paused {
    account: Account,
    position: Option<Position>,
    resting: Option<Resting>,
    queue: Queue,
    day: Option<Day>,
    first_entry_bar: usize,
    flat_since_bar: usize,
    ruin_bar: Option<usize>,
}

impl Paused {
    /// Puts down a run, and its rules apart from it.
    pub fn of(run: Run) -> (Self, Option<Live>) {
        let paused = Self {
            account: run.account,
            position: run.position,
            resting: run.resting,
            queue: run.queue,
            day: run.day,
            first_entry_bar: run.first_entry_bar,
            flat_since_bar: run.flat_since_bar,
            ruin_bar: run.ruin_bar,
        };
        (paused, run.live)
    }

    /// Takes it up again, over bars of which those that it worked through are unchanged.
    pub fn taken_up<'a>(
        self,
        inputs: Inputs<'a>,
        live: Option<Live<'a>>,
        ledger: &'a mut Ledger,
    ) -> Run<'a> {
        let mut run = Run::new(inputs, live, self.account.cash_quote, ledger);
        run.account = self.account;
        run.position = self.position;
        run.resting = self.resting;
        run.queue = self.queue;
        run.day = self.day;
        run.first_entry_bar = self.first_entry_bar;
        run.flat_since_bar = self.flat_since_bar;
        run.ruin_bar = self.ruin_bar;
        run
    }

    /// Position; negative when short.
    pub fn position_base(&self) -> f64 {
        self.account.position_base
    }

    /// Whether nothing is held and nothing on its way: the next bar fills nothing.
    pub fn is_idle(&self) -> bool {
        self.position.is_none() && self.resting.is_none() && self.queue.is_empty()
    }

    /// Whether the run is over.
    pub fn is_ruined(&self) -> bool {
        self.ruin_bar.is_some()
    }
}
