//! The rules of a program that looks at its own account: evaluated at each close, one by one.

use super::Event;
use super::profile::Conflict;
use super::run::Run;
use super::signal::{self, Wishes};
use crate::program::event::{Machine, Remembered};
use crate::program::series::Holding;
use crate::program::{Action, Program, Slot};

/// A program under way and what its rules ask for at the last close.
#[derive(Debug)]
pub struct Live<'a> {
    machine: Machine<'a>,
    /// What the rules ask for.
    pub wishes: Wishes,
    /// Whether both buy and sell were asked for.
    pub is_conflict: bool,
}

impl<'a> Live<'a> {
    /// Before the first close.
    pub fn new(machine: Machine<'a>) -> Self {
        Self { machine, wishes: Wishes::default(), is_conflict: false }
    }

    /// What it remembers of the bars that it has looked at.
    pub fn put_down(self) -> Remembered {
        self.machine.put_down()
    }

    /// Looks at so many closes without an account, and asks for nothing.
    pub fn learn(&mut self, n_bars: usize) {
        (0..n_bars).for_each(|_| self.machine.step(&Holding::FLAT));
    }

    /// Looks at the close of bar `t`, the next one.
    pub fn look(&mut self, program: &Program, conflict: Conflict, t: usize, holding: &Holding) {
        self.machine.step(holding);
        let is_true = |slot| self.machine.is_true(slot, t);
        let fired = |action| {
            let of_action = |(_, rule): &(usize, &crate::program::Rule)| rule.action == action;
            let mut rules = program.rules().iter().enumerate().filter(of_action);
            rules.find(|(_, rule)| is_true(rule.condition)).map(|(at, _)| at)
        };
        let (buyer, seller) = (fired(Action::Buy), fired(Action::Sell));
        self.is_conflict = buyer.is_some() && seller.is_some();
        let (side, rule) = signal::entry(buyer, seller, conflict);
        self.wishes = Wishes {
            side,
            rule,
            is_close: fired(Action::Close).is_some(),
            is_hold: fired(Action::Hold).is_some(),
        };
    }

    /// Value of a number slot at the close of bar `t`; NaN while it is unknown.
    pub fn number(&self, slot: Slot, t: usize) -> f64 {
        self.machine.value(slot, t)
    }
}

impl Run<'_> {
    /// Lets rules that look at the account look at it, and counts what the others have in bits.
    pub(super) fn look(&mut self, t: usize) {
        let Some(live) = &mut self.live else {
            return;
        };
        let holding = match &self.position {
            None => Holding::FLAT,
            Some(held) => Holding {
                position_base: held.side * held.quantity_base,
                n_bars: t - held.entry.bar + 1,
                entry_quote: held.entry.price_quote,
            },
        };
        live.look(self.inputs.program, self.inputs.execution.conflict, t, &holding);
        self.events.add(Event::RuntimeConflict, u64::from(live.is_conflict));
        if live.is_conflict {
            self.conflict_bar = self.conflict_bar.or(Some(t));
        }
        let is_refused = live.wishes.side < 0 && !live.wishes.is_hold && !self.risk.allow_short;
        if is_refused && self.position.is_none() {
            self.events.add(Event::ShortNotAllowed, 1);
        }
    }
}
