//! One run from its program to its result, and both bounds of it where bars allow two outcomes.

use super::cost::Volatility;
use super::ledger::{Journal, Ledger};
use super::live::Live;
use super::profile::{Conflict, Execution, Intrabar};
use super::run::{Inputs, Run};
use super::signal::Signals;
use super::{Detail, Event, RunResult};
use crate::EngineError;
use crate::bars::{BarsView, FLAG_CLOSED, FLAG_WIDE_SPREAD};
use crate::metric;
use crate::program::Program;
use crate::program::column::{Find, Pool};
use crate::program::evaluate;
use crate::program::event::{self, Machine};
use std::cell::RefCell;

/// The market of one run.
pub(super) struct Market<'a> {
    pub bars: &'a BarsView<'a>,
    pub volatility_bps: Option<&'a [f64]>,
    pub bars_per_year: f64,
    /// Where the run begins.
    pub first_bar: usize,
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

/// Runs one program over one market; `known` gives columns of it that exist already.
pub(super) fn scored<'a>(
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
pub(super) fn marks<'a>(bars: &BarsView<'a>) -> &'a [u8] {
    let all = bars.flags.iter().fold(0, |all, flags| all | flags);
    if all & (FLAG_CLOSED | FLAG_WIDE_SPREAD) == 0 { &[] } else { bars.flags }
}

/// What the result of a run depends on beside the run.
pub(super) struct Score {
    pub initial_quote: f64,
    pub detail: Detail,
    pub first_bar: usize,
}

/// Runs, and where bars allowed two outcomes, runs again for the better and the worse of them.
pub(super) fn score_with_bounds(
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
