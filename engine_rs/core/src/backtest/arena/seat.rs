//! One of the two who trade in an arena: a program under way, bar by bar, over bars that are not
//! all written yet.

use crate::backtest::cost::Volatility;
use crate::backtest::ledger::Ledger;
use crate::backtest::live::Live;
use crate::backtest::pause::Paused;
use crate::backtest::profile::Execution;
use crate::backtest::run::{Inputs, Run};
use crate::backtest::signal::Signals;
use crate::bars::BarsView;
use crate::program::Program;
use crate::program::column::Columns;
use crate::program::event::{self, Machine, Remembered};

/// What both seats look at beside the bars.
pub struct Rules<'a> {
    /// How orders become fills.
    pub execution: &'a Execution,
    /// Marks of the bars; none when no bar has one that matters.
    pub marks: &'a [u8],
    /// Bars in a year of the market.
    pub bars_per_year: f64,
    /// Of a program that is evaluated bar by bar: no columns, …
    pub columns: Columns<'a>,
    /// … and no signals.
    pub signals: Signals<'a>,
}

/// Up to where a bar is worked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The fills at its open.
    Open,
    /// All its fills, but nothing is decided.
    Close,
    /// All of it; of the last bar.
    End,
}

/// What a seat traded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traded {
    /// Bought less sold.
    pub net_base: f64,
    /// Bought and sold.
    pub gross_base: f64,
}

/// A program under way.
pub struct Seat<'p> {
    program: &'p Program,
    paused: Paused,
    remembered: Remembered,
    /// Of runs that are put down at once, where nobody reads what they write down.
    scratch: Ledger,
}

impl<'p> Seat<'p> {
    /// Before the first bar.
    pub fn new(program: &'p Program, bars: BarsView, rules: &Rules, initial_quote: f64) -> Self {
        let mut scratch = Ledger::default();
        let run = Run::new(inputs(program, bars, rules), None, initial_quote, &mut scratch);
        let (paused, _) = Paused::of(run);
        let slots = event::read_slots(program);
        let remembered = Machine::new(program, bars, &rules.columns, slots).put_down();
        Self { program, paused, remembered, scratch }
    }

    /// Position; negative when short.
    pub fn position_base(&self) -> f64 {
        self.paused.position_base()
    }

    /// Whether the next bar fills nothing, whatever its prices.
    pub fn is_idle(&self) -> bool {
        self.paused.is_ruined() || self.paused.is_idle()
    }

    /// What would be traded in bar `t` as it is written now.
    pub fn would_trade(&mut self, t: usize, until: Until, bars: BarsView, rules: &Rules) -> Traded {
        if self.is_idle() {
            return Traded::default();
        }
        let held_base = self.position_base();
        self.scratch.begin(false);
        // Nothing is decided, so rules that know nothing do.
        let blank = Remembered::default();
        let live = Live::new(Machine::taken_up(self.program, bars, &rules.columns, blank));
        let inputs = inputs(self.program, bars, rules);
        let mut run = self.paused.clone().taken_up(inputs, Some(live), &mut self.scratch);
        match until {
            Until::Open => run.open(t),
            Until::Close => run.trade(t),
            Until::End => run.step(t),
        }
        Traded { net_base: run.account.position_base - held_base, gross_base: run.filled_base }
    }

    /// Works through bar `t`, which is written for good.
    pub fn step(&mut self, t: usize, bars: BarsView, rules: &Rules) {
        if self.paused.is_ruined() {
            return;
        }
        self.scratch.begin(false);
        let remembered = std::mem::take(&mut self.remembered);
        let live = Live::new(Machine::taken_up(self.program, bars, &rules.columns, remembered));
        let inputs = inputs(self.program, bars, rules);
        let mut run = self.paused.clone().taken_up(inputs, Some(live), &mut self.scratch);
        run.step(t);
        let (paused, live) = Paused::of(run);
        self.paused = paused;
        self.remembered = live.expect("it was given").put_down();
    }
}

fn inputs<'a>(program: &'a Program, bars: BarsView<'a>, rules: &'a Rules<'a>) -> Inputs<'a> {
    Inputs {
        bars,
        volatility: Volatility::new(bars.close, None),
        program,
        columns: &rules.columns,
        signals: &rules.signals,
        execution: rules.execution,
        marks: rules.marks,
        bars_per_year: rules.bars_per_year,
    }
}
