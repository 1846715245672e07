//! Many runs at once: programs over bars, in parallel, with the same bytes for any thread count.

use super::score::{Market, scored};
use super::shared::Shared;
use super::{Detail, Execution, RunResult};
use crate::EngineError;
use crate::bars::{BarsView, FLAG_CLOSED};
use crate::metric;
use crate::program::Program;
use rayon::prelude::*;

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
            scored(program, execution, &market, &known, initial_cash_quote, detail)
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

/// Refuses what [`run_batch`] refuses before anything runs.
pub(super) fn check(
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
pub(super) fn check_volume(bars: &BarsView) -> Result<(), EngineError> {
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
