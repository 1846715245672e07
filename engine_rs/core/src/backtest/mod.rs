//! Backtests: programs over bars to fills, a ledger and metrics, one run or many at a time.

mod account;
mod booking;
mod cost;
mod day;
mod decide;
mod fill;
mod ledger;
mod live;
mod order;
mod profile;
mod run;
mod shared;
mod signal;
mod study;
mod tally;

pub use cost::Costs;
pub use ledger::{Columns, Journal, Leg, Step, Trade, Trades};
pub use order::{EXIT_REASONS, ExitReason};
pub use profile::{Execution, Finalize, Intrabar, OnInsufficient, profiles};
pub use study::{Asked, study};

use crate::EngineError;
use crate::bars::BarsView;
use crate::metric;
use crate::program::Program;
use crate::program::evaluate::{self, Pool};
use crate::program::event::{self, Machine};
use cost::Volatility;
use ledger::Ledger;
use live::Live;
use rayon::prelude::*;
use run::{Inputs, Run};
use serde_json::{Value, json};
use shared::Shared;
use signal::Signals;
use std::cell::RefCell;

/// How much of a run is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Metrics, flags, last equity and events.
    Summary,
    /// The same, and equity bar by bar and every trade.
    Equity,
    /// The same, and cash and position bar by bar.
    Full,
}

impl Detail {
    /// The detail of this name.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_NAME` for any other.
    pub fn named(name: &str) -> Result<Self, EngineError> {
        match name {
            "summary" => Ok(Self::Summary),
            "equity" => Ok(Self::Equity),
            "full" => Ok(Self::Full),
            _ => Err(EngineError::UnknownName {
                kind: "detail",
                name: name.to_owned(),
                known: vec!["summary", "equity", "full"],
            }),
        }
    }
}

/// What can happen in a run that its reader should know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Event {
    /// Buy and sell were asked for on one bar.
    RuntimeConflict = 0,
    /// A sale was asked for without a position, and may not be.
    ShortNotAllowed = 1,
    /// A bar allowed two outcomes.
    Ambiguous = 2,
    /// An entry was made smaller.
    Shrunk = 3,
    /// An entry could not be made.
    Rejected = 4,
    /// An entry had no level for its order or its stop, or a stop on the wrong side.
    NoLevel = 5,
    MarginCall = 6,
    DailyLoss = 7,
}

/// Names of the events, in order.
pub const EVENTS: [&str; 8] = [
    "RUNTIME_CONFLICT",
    "SHORT_NOT_ALLOWED",
    "AMBIGUOUS",
    "SHRUNK",
    "REJECTED",
    "NO_LEVEL",
    "MARGIN_CALL",
    "DAILY_LOSS",
];

/// How often each event happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    counts: [u64; EVENTS.len()],
}

impl Events {
    fn add(&mut self, event: Event, n: u64) {
        self.counts[event as usize] += n;
    }

    /// How often this one happened.
    pub fn count(&self, event: Event) -> u64 {
        self.counts[event as usize]
    }

    /// Name and count of those that happened.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EVENTS.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }
}

/// What one run gives.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// In the order of `metric::METRICS`, those of the summary unless it was studied; NaN for null.
    pub metrics: Vec<f64>,
    /// What the metrics of the summary are made from.
    pub record: metric::Record,
    /// Bits of `metric::Flag`.
    pub flags: u32,
    /// Equity after the last bar.
    pub final_equity_quote: f64,
    /// What happened.
    pub events: Events,
    /// The account and the trades; None in a summary.
    pub journal: Option<Journal>,
}

/// The codes in results: `{"exit_reason": […], "metric_flags": […], "events": […]}`, each name at
/// its code or bit.
pub fn codes() -> Value {
    json!({"exit_reason": EXIT_REASONS, "metric_flags": metric::FLAGS, "events": EVENTS})
}

/// Runs programs over bars; `runs` are pairs of a program and of bars, by number. The results are
/// in the order of `runs`, and their bytes do not depend on the number of threads.
///
/// # Errors
///
/// `FIELD_INVALID` for initial cash or a year that are none, or for a pair that names what is not
/// there; whatever is wrong with the bars; `WINDOW_EXCEEDS_SERIES` for bars too short for their
/// program; `EXECUTION_UNSUPPORTED` for what the language can say and the bar loop cannot do yet.
/// Nothing runs unless everything can.
#[allow(clippy::too_many_arguments)] // the operation of the boundary, as it is
pub fn run_batch(
    programs: &[Program],
    execution: &Execution,
    bars: &[BarsView],
    runs: &[(usize, usize)],
    initial_cash_quote: f64,
    bars_per_year: &[f64],
    detail: Detail,
    n_threads: Option<usize>,
) -> Result<Vec<RunResult>, EngineError> {
    check(programs, bars, runs, initial_cash_quote, bars_per_year)?;
    let batch = || {
        let shared = Shared::new(programs, bars, runs);
        let one = |&(program_index, bars_index): &(usize, usize)| {
            let known = |slot| shared.known(program_index, bars_index, slot);
            let market = Market {
                bars: &bars[bars_index],
                volatility_bps: shared.volatility(bars_index),
                bars_per_year: bars_per_year[bars_index],
            };
            let program = &programs[program_index];
            run(program, execution, &market, &known, initial_cash_quote, detail)
        };
        if runs.len() < 2 || rayon::current_num_threads() < 2 {
            runs.iter().map(one).collect()
        } else {
            runs.par_iter().map(one).collect()
        }
    };
    match n_threads {
        // Threads that are not needed are not made: they cost more than a short run.
        _ if runs.len() < 2 => Ok(batch()),
        None => Ok(batch()),
        Some(n_threads) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
            Ok(pool.expect("the system gives a process its threads").install(batch))
        }
    }
}

fn check(
    programs: &[Program],
    bars: &[BarsView],
    runs: &[(usize, usize)],
    initial_cash_quote: f64,
    bars_per_year: &[f64],
) -> Result<(), EngineError> {
    let field = |path: &str, got: String, expected: &str| EngineError::Field {
        path: path.to_owned(),
        got,
        expected: expected.to_owned(),
    };
    if !(initial_cash_quote > 0.0 && initial_cash_quote <= 1e15) {
        let got = initial_cash_quote.to_string();
        return Err(field("/initial_cash", got, "a number above 0 up to 1e15"));
    }
    if bars_per_year.len() != bars.len() {
        let got = format!("{} years", bars_per_year.len());
        return Err(field("/bars_per_year", got, &format!("one for each of {} bars", bars.len())));
    }
    programs.iter().try_for_each(Program::check_execution)?;
    for (view, bars_per_year) in bars.iter().zip(bars_per_year) {
        view.check()?;
        metric::check_bars_per_year(*bars_per_year)?;
    }
    for (at, &(program_index, bars_index)) in runs.iter().enumerate() {
        let (Some(program), Some(view)) = (programs.get(program_index), bars.get(bars_index))
        else {
            let got = format!("({program_index}, {bars_index})");
            return Err(field(&format!("/runs/{at}"), got, "a program and bars that are given"));
        };
        let needed = program.lookback_bars() + 1;
        if view.len() < needed {
            let owner = format!("program {program_index}");
            return Err(EngineError::TooShort { owner, got: view.len(), needed });
        }
    }
    Ok(())
}

/// The market of one run.
struct Market<'a> {
    bars: &'a BarsView<'a>,
    volatility_bps: Option<&'a [f64]>,
    bars_per_year: f64,
}

/// What a thread uses again from run to run.
#[derive(Default)]
struct Workspace {
    pool: Pool,
    ledger: Ledger,
}

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

fn run<'a>(
    program: &Program,
    execution: &Execution,
    market: &Market<'a>,
    known: &evaluate::Find<'a>,
    initial_quote: f64,
    detail: Detail,
) -> RunResult {
    WORKSPACE.with_borrow_mut(|Workspace { pool, ledger }| {
        let bars = market.bars;
        let is_live = program.reads_account();
        let columns = if is_live {
            evaluate::given(program, bars, known, pool)
        } else {
            evaluate::columns(program, bars, &program.roots(), known, pool)
        };
        let signals = if is_live {
            Signals::none()
        } else {
            Signals::new(program, &columns, bars.len(), pool)
        };
        let live = is_live.then(|| {
            let slots = event::live_slots(program);
            Live::new(Machine::new(program, *bars, &columns, slots))
        });
        let volatility = Volatility::new(bars.close, market.volatility_bps);
        let inputs = Inputs {
            bars: *bars,
            volatility,
            program,
            columns: &columns,
            signals: &signals,
            execution,
        };
        let score = Score { bars_per_year: market.bars_per_year, initial_quote, detail };
        let result = finish(&inputs, live, ledger, &score, !is_live);
        signals.release(pool);
        pool.give(columns);
        result
    })
}

/// What the result of a run depends on beside the run.
struct Score {
    bars_per_year: f64,
    initial_quote: f64,
    detail: Detail,
}

/// Runs to the end and scores what came of it.
fn finish(
    inputs: &Inputs,
    live: Option<Live>,
    ledger: &mut Ledger,
    score: &Score,
    is_skipping: bool,
) -> RunResult {
    let &Score { bars_per_year, initial_quote, detail } = score;
    let close = inputs.bars.close;
    ledger.begin(detail != Detail::Summary);
    let mut run = Run::new(*inputs, live, initial_quote, ledger);
    run.finish(is_skipping);
    let (events, ruin_bar) = (run.events, run.ruin_bar);
    let final_equity_quote = run.account.equity_quote(close[close.len() - 1]);
    let end = ruin_bar.map_or(close.len(), |bar| bar + 1);
    let record = ledger.record(close, end, initial_quote, bars_per_year, ruin_bar.is_some());
    let (metrics, flags) = metric::summary(&record);
    let journal = (detail != Detail::Summary).then(|| ledger.journal(initial_quote));
    RunResult { metrics, record, flags, final_equity_quote, events, journal }
}

#[cfg(test)]
mod tests;
