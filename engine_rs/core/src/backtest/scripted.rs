//! Runs without rules: positions whose bars, sides and sizes are given, through the same bar loop,
//! fills, costs and books as any other run.
//!
//! What a script does not have is what rules and risk would add: no stop, no target, no limit of a
//! day. Margin calls and ruin are the account's, and end its positions too.

use super::batch::check_volume;
use super::cost::Volatility;
use super::fill::whole_lots;
use super::ledger::{Ledger, Step};
use super::order::{Aim, Entry, ExitReason, Order, Protection, Protections, Trigger};
use super::profile::Execution;
use super::run::{Inputs, NEVER, Run};
use super::score::marks;
use super::signal::Signals;
use super::{Event, RunResult};
use crate::EngineError;
use crate::bars::BarsView;
use crate::metric;
use crate::program::Program;
use crate::program::column::Pool;
use crate::program::evaluate;
use rayon::prelude::*;
use serde_json::json;

/// One position of a script.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holding {
    /// Bar whose market it begins in.
    pub entry_bar: usize,
    /// Bar whose market it ends in: at the close of the entry's bar if they are one, with the
    /// bars if it is their number.
    pub exit_bar: usize,
    /// +1 long, −1 short.
    pub side: f64,
    /// Its value over the equity, both at the close on which it is decided.
    pub share: f64,
}

/// What all scripts of a batch share.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// How orders become fills.
    pub execution: &'a Execution,
    /// Largest value of a position over the equity.
    pub max_leverage: f64,
    /// Cash at the start.
    pub initial_quote: f64,
    /// Annualises the ratios.
    pub bars_per_year: f64,
}

/// Runs each script over the same bars, to its summary. The bytes do not depend on the number of
/// threads.
///
/// # Errors
///
/// `FIELD_INVALID` for terms that are none, and for a position that overlaps the one before it,
/// is decided before the first bar, or lies outside the bars; whatever is wrong with the bars.
pub fn run_scripts(
    bars: &BarsView,
    terms: &Terms,
    scripts: &[&[Holding]],
    n_threads: Option<usize>,
) -> Result<Vec<RunResult>, EngineError> {
    bars.check()?;
    metric::check_bars_per_year(terms.bars_per_year)?;
    for (name, value) in
        [("initial_cash", terms.initial_quote), ("max_leverage", terms.max_leverage)]
    {
        if !(value > 0.0 && value <= 1e15) {
            return Err(refusal(&format!("/{name}"), value.to_string(), "above 0 up to 1e15"));
        }
    }
    for (at, script) in scripts.iter().enumerate() {
        check(bars.len(), terms.execution.bar_delay, script, at)?;
    }
    if terms.execution.reads_volume() {
        check_volume(bars)?;
    }
    let program = idle_program(terms.max_leverage)?;
    let mut pool = Pool::default();
    let columns = evaluate::columns(&program, bars, &program.roots(), &|_| None, &mut pool);
    let conflict = terms.execution.conflict;
    let signals = Signals::new(&program, conflict, &columns, bars.len(), &mut pool);
    let volatility = Volatility::column(bars.close);
    let inputs = Inputs {
        bars: *bars,
        volatility: Volatility::new(bars.close, Some(&volatility)),
        program: &program,
        columns: &columns,
        signals: &signals,
        execution: terms.execution,
        marks: marks(bars),
        bars_per_year: terms.bars_per_year,
    };
    let one = |script: &&[Holding]| run_script(inputs, terms.initial_quote, script);
    let batch = || scripts.par_iter().map(one).collect();
    Ok(match n_threads {
        None => batch(),
        Some(n_threads) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
            pool.expect("the system gives a process its threads").install(batch)
        }
    })
}

/// A program that asks for nothing, with room for any position of so much leverage.
fn idle_program(max_leverage: f64) -> Result<Program, EngineError> {
    let document = json!({
        "schema": "program/0.1",
        "timeframe": "1h",
        "code": [{"op": "bool", "value": false, "w": 0, "dep": null}],
        "rules": [{"if": 0, "then": "hold", "order": {"type": "market"}}],
        "risk": {
            "sizing": {"type": "fixed_qty", "qty": 1.0},
            "allow_short": true,
            "max_leverage": max_leverage,
        },
        "output": null,
    });
    Program::decode(&document.to_string())
}

fn refusal(path: &str, got: String, expected: &str) -> EngineError {
    EngineError::Field { path: path.to_owned(), got, expected: expected.to_owned() }
}

fn check(
    n_bars: usize,
    bar_delay: usize,
    script: &[Holding],
    at: usize,
) -> Result<(), EngineError> {
    let mut free_from = bar_delay;
    for (number, holding) in script.iter().enumerate() {
        let Holding { entry_bar, exit_bar, side, share } = *holding;
        let is_placed = free_from <= entry_bar && entry_bar <= exit_bar && entry_bar < n_bars;
        let is_sized = side.abs() == 1.0 && share >= 0.0 && share.is_finite();
        if !is_placed || exit_bar > n_bars || !is_sized {
            let path = format!("/scripts/{at}/{number}");
            let expected = format!("bars {free_from} to {n_bars}, side 1 or -1, share 0 or more");
            return Err(refusal(&path, format!("{holding:?}"), &expected));
        }
        // A position that ends at a close leaves the next bar's open free, and not its own.
        free_from = exit_bar.max(entry_bar + 1);
    }
    Ok(())
}

/// Runs one script to the last bar or to ruin.
fn run_script(inputs: Inputs, initial_quote: f64, script: &[Holding]) -> RunResult {
    let mut ledger = Ledger::default();
    ledger.begin(false);
    let mut run = Run::new(inputs, None, initial_quote, &mut ledger);
    let last = inputs.bars.len() - 1;
    let mut left = script.iter().peekable();
    let mut current: Option<&Holding> = None;
    let mut t = 0;
    loop {
        if let Some(holding) = left.next_if(|holding| holding.entry_bar == t) {
            send(&mut run, holding);
            current = Some(holding);
        }
        run.step(t);
        if t == last || run.ruin_bar.is_some() {
            break;
        }
        if let Some(holding) = current {
            limit_time(&mut run, t, holding.exit_bar);
        }
        let next = left.peek().map_or(last, |holding| holding.entry_bar);
        t = run.next_bar(t).min(next.max(t + 1));
    }
    let close = inputs.bars.close;
    let open_value =
        run.position.map_or(0.0, |held| held.side * held.quantity_base * held.entry.price_quote);
    run.account.check(close[t], open_value);
    let (events, ruin_bar) = (run.events, run.ruin_bar);
    let final_equity_quote = run.account.equity_quote(close[last]);
    let end = ruin_bar.map_or(close.len(), |bar| bar + 1);
    let is_ruined = ruin_bar.is_some();
    let record = ledger.record(close, end, initial_quote, inputs.bars_per_year, is_ruined);
    let (metrics, flags) = metric::summary(&record);
    let (ambiguity_gap, journal) = (0.0, None);
    RunResult { metrics, record, flags, final_equity_quote, ambiguity_gap, events, journal }
}

/// Sends the order of a position, so that it is active in the bar of its entry.
fn send(run: &mut Run, holding: &Holding) {
    let Holding { entry_bar, side, share, .. } = *holding;
    let Inputs { bars, execution, .. } = run.inputs;
    let decided_bar = entry_bar - execution.bar_delay;
    let close = bars.close[decided_bar];
    let wanted_base = share * run.account.equity_quote(close) / close;
    let quantity_base = whole_lots(wanted_base, execution.lot_base);
    if quantity_base == 0.0 {
        run.events.add(Event::Rejected, 1);
        return;
    }
    let protections = Protections {
        stop: Protection::None,
        target: Protection::None,
        trail_quote: f64::INFINITY,
    };
    let entry = Entry {
        side,
        trigger: Trigger::Market,
        quantity_base,
        protections,
        rule: 0,
        decided_bar,
        tif_bars: None,
        aim: Aim::Open,
    };
    run.queue.push(entry_bar, Order::Entry(entry));
}

/// Limits the time of a position that has just begun; one that is over already ends at the close.
fn limit_time(run: &mut Run, t: usize, exit_bar: usize) {
    let Some(held) = run.position.as_mut().filter(|held| held.time_exit_bar == NEVER) else {
        return;
    };
    if exit_bar > t {
        held.time_exit_bar = exit_bar;
        return;
    }
    run.end(t, ExitReason::Time);
    run.has_filled = false;
    let (cash_quote, position_base) = (run.account.cash_quote, run.account.position_base);
    run.ledger.step(Step { bar: t, cash_quote, position_base });
}
