//! Backtests: programs over bars to fills, a ledger and metrics, one run or many at a time.

mod account;
pub mod arena;
mod booking;
mod close;
mod cost;
mod day;
mod decide;
mod fill;
mod ledger;
mod live;
mod open;
mod order;
mod pause;
mod position;
mod profile;
mod run;
pub mod scripted;
mod shared;
mod signal;
mod study;
mod tally;
mod watch;
mod within;

pub use cost::{Costs, Financing, Impact};
pub use ledger::{Columns, Journal, Leg, Step, Trade, Trades};
pub use order::{EXIT_REASONS, ExitReason};
pub use profile::{
    Conflict, Execution, Finalize, Intrabar, LimitFill, MarketFill, OnInsufficient, profiles,
};
pub use study::{Asked, study};

use crate::EngineError;
use crate::bars::{BarsView, FLAG_CLOSED, FLAG_WIDE_SPREAD};
use crate::metric;
use crate::program::Program;
use crate::program::column::{Find, Pool};
use crate::program::evaluate;
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
    /// Last equity if every bar that allows two outcomes had the better, less that if it had the
    /// worse, in percent of the initial cash; 0 when there is no such bar.
    pub ambiguity_gap: f64,
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
/// program; `ZERO_VOLUME` for bars without volume where fills depend on it. Nothing runs unless
/// everything can. `RUNTIME_CONFLICT` where rules contradict each other and the execution forbids
/// it. `NON_FINITE` for an account that grows beyond every number.
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
    let (initial, year) = (initial_cash_quote, bars_per_year);
    run_batch_from(0, programs, execution, bars, runs, initial, year, detail, n_threads)
}

/// Does what `run_batch` does, and every run begins at bar `first_bar`: what is decided, booked
/// and scored is that of a run over the bars from there on, whose indicators have seen the bars
/// before. Results count their bars from there.
///
/// # Errors
///
/// Those of `run_batch`; `FIELD_INVALID` for a first bar behind the last of any bars.
#[allow(clippy::too_many_arguments)] // the operation of the boundary, as it is
pub fn run_batch_from(
    first_bar: usize,
    programs: &[Program],
    execution: &Execution,
    bars: &[BarsView],
    runs: &[(usize, usize)],
    initial_cash_quote: f64,
    bars_per_year: &[f64],
    detail: Detail,
    n_threads: Option<usize>,
) -> Result<Vec<RunResult>, EngineError> {
    check(programs, execution, bars, runs, initial_cash_quote, bars_per_year)?;
    check_first_bar(first_bar, bars)?;
    let batch = || {
        let shared = Shared::new(programs, bars, runs, execution.costs.reads_volatility());
        let one = |&(program_index, bars_index): &(usize, usize)| {
            let known = |slot| shared.known(program_index, bars_index, slot);
            let market = Market {
                bars: &bars[bars_index],
                volatility_bps: shared.volatility(bars_index),
                bars_per_year: bars_per_year[bars_index],
                first_bar,
            };
            let program = &programs[program_index];
            run(program, execution, &market, &known, initial_cash_quote, detail)
        };
        if runs.len() < 2 || rayon::current_num_threads() < 2 {
            runs.iter().map(one).collect()
        } else {
            // Which refusal is given must not depend on which thread is first.
            let results: Vec<Result<RunResult, EngineError>> = runs.par_iter().map(one).collect();
            results.into_iter().collect()
        }
    };
    match n_threads {
        // Threads that are not needed are not made: they cost more than a short run.
        _ if runs.len() < 2 => batch(),
        None => batch(),
        Some(n_threads) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
            pool.expect("the system gives a process its threads").install(batch)
        }
    }
}

fn check(
    programs: &[Program],
    execution: &Execution,
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
    for (view, bars_per_year) in bars.iter().zip(bars_per_year) {
        view.check()?;
        metric::check_bars_per_year(*bars_per_year)?;
        if execution.reads_volume() {
            check_volume(view)?;
        }
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

/// Refuses bars that trade and have no volume, where fills depend on it.
fn check_volume(bars: &BarsView) -> Result<(), EngineError> {
    let is_closed = |t: usize| bars.flags.get(t).is_some_and(|flags| flags & FLAG_CLOSED != 0);
    match (0..bars.len()).find(|t| bars.volume[*t] == 0.0 && !is_closed(*t)) {
        None => Ok(()),
        Some(row) => Err(EngineError::Bars {
            code: "ZERO_VOLUME",
            row,
            got: "volume 0".to_owned(),
            expected: "a volume above 0, which participation and impact divide by",
        }),
    }
}

fn check_first_bar(first_bar: usize, bars: &[BarsView]) -> Result<(), EngineError> {
    match bars.iter().map(BarsView::len).min() {
        Some(n_bars) if first_bar >= n_bars => Err(EngineError::Field {
            path: "/first_bar".to_owned(),
            got: first_bar.to_string(),
            expected: format!("one of {n_bars} bars, counted from 0"),
        }),
        _ => Ok(()),
    }
}

/// The market of one run.
struct Market<'a> {
    bars: &'a BarsView<'a>,
    volatility_bps: Option<&'a [f64]>,
    bars_per_year: f64,
    /// Where the run begins.
    first_bar: usize,
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

/// Gives the memory of a journal that has been read to the next run on this thread.
pub fn release(journal: Journal) {
    WORKSPACE.with_borrow_mut(|workspace| workspace.ledger.take_back(journal));
}

fn run<'a>(
    program: &Program,
    execution: &Execution,
    market: &Market<'a>,
    known: &Find<'a>,
    initial_quote: f64,
    detail: Detail,
) -> Result<RunResult, EngineError> {
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
            Signals::new(program, execution.conflict, &columns, bars.len(), pool)
        };
        let inputs = Inputs {
            bars: *bars,
            volatility: Volatility::new(bars.close, market.volatility_bps),
            program,
            columns: &columns,
            signals: &signals,
            execution,
            marks: marks(bars),
            bars_per_year: market.bars_per_year,
        };
        let score = Score { initial_quote, detail, first_bar: market.first_bar };
        let result = score_with_bounds(&inputs, ledger, &score, !is_live);
        signals.release(pool);
        pool.give(columns);
        result
    })
}

/// The marks of bars, or none where no bar has one that changes a fill.
fn marks<'a>(bars: &BarsView<'a>) -> &'a [u8] {
    let all = bars.flags.iter().fold(0, |all, flags| all | flags);
    if all & (FLAG_CLOSED | FLAG_WIDE_SPREAD) == 0 { &[] } else { bars.flags }
}

/// What the result of a run depends on beside the run.
struct Score {
    initial_quote: f64,
    detail: Detail,
    first_bar: usize,
}

/// Runs, and where bars allowed two outcomes, runs again for the better and the worse of them.
fn score_with_bounds(
    inputs: &Inputs,
    ledger: &mut Ledger,
    score: &Score,
    is_skipping: bool,
) -> Result<RunResult, EngineError> {
    let mut result = finish(inputs, ledger, score, is_skipping)?;
    if result.events.count(Event::Ambiguous) == 0 {
        return Ok(result);
    }
    let summary = Score { detail: Detail::Summary, ..*score };
    let mut last_equity = |intrabar| -> Result<f64, EngineError> {
        if intrabar == inputs.execution.intrabar {
            return Ok(result.final_equity_quote);
        }
        let execution = Execution { intrabar, ..inputs.execution.clone() };
        let bound = Inputs { execution: &execution, ..*inputs };
        Ok(finish(&bound, ledger, &summary, is_skipping)?.final_equity_quote)
    };
    let gap_quote = last_equity(Intrabar::Optimistic)? - last_equity(Intrabar::Pessimistic)?;
    result.ambiguity_gap = 100.0 * gap_quote / score.initial_quote;
    let profit_quote = result.final_equity_quote - score.initial_quote;
    if gap_quote.abs() > COARSE_SHARE * profit_quote.abs() {
        result.flags |= metric::Flag::BarResolutionTooCoarse.bit();
    }
    Ok(result)
}

/// An ambiguity gap above this share of the profit says that the bars are too long for the
/// strategy.
const COARSE_SHARE: f64 = 0.1;

/// Runs to the end and scores what came of it.
fn finish(
    inputs: &Inputs,
    ledger: &mut Ledger,
    score: &Score,
    is_skipping: bool,
) -> Result<RunResult, EngineError> {
    let &Score { initial_quote, detail, first_bar } = score;
    let Inputs { bars, bars_per_year, program, .. } = *inputs;
    let live = program.reads_account().then(|| {
        let slots = event::live_slots(program);
        Live::new(Machine::new(program, bars, inputs.columns, slots))
    });
    ledger.begin(detail != Detail::Summary);
    let mut run = Run::new(*inputs, live, initial_quote, ledger);
    run.begin_at(first_bar);
    run.finish(is_skipping);
    let (events, ruin_bar) = (run.events, run.ruin_bar);
    if let Some(bar) = run.conflict_bar
        && inputs.execution.conflict == Conflict::Error
    {
        return Err(EngineError::Conflict { bar });
    }
    let close = bars.from(first_bar).close;
    let final_equity_quote = run.account.equity_quote(close[close.len() - 1]);
    ledger.count_from(first_bar);
    let end = ruin_bar.map_or(close.len(), |bar| bar + 1 - first_bar);
    let record = ledger.record(close, end, initial_quote, bars_per_year, ruin_bar.is_some());
    if !(record.growth.is_finite() && record.mean_growth.is_finite()) {
        return Err(EngineError::Bars {
            code: "NON_FINITE",
            row: first_bar + end - 1,
            got: format!("equity {final_equity_quote}"),
            expected: "an account that a number can hold",
        });
    }
    let (metrics, flags) = metric::summary(&record);
    let journal = (detail != Detail::Summary).then(|| ledger.journal(initial_quote));
    Ok(RunResult {
        metrics,
        record,
        flags,
        final_equity_quote,
        ambiguity_gap: 0.0,
        events,
        journal,
    })
}

#[cfg(test)]
mod tests;
