//! The whole catalogue of metrics for runs that are over: what the bar loop did not gather.

use super::ledger::{Journal, Trade};
use super::{Detail, Execution, RunResult, run_batch};
use crate::EngineError;
use crate::bars::BarsView;
use crate::metric::Flag;
use crate::metric::activity::{Activity, AmbiguityGap};
use crate::metric::study::{Columns, Rates, Study};
use crate::metric::sums::{Buffer, sums};
use crate::metric::trades::Traded;
use crate::program::Program;
use rayon::prelude::*;

/// What runs were asked for, as [`run_batch`] takes it.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Asked<'a> {
    pub execution: &'a Execution,
    pub bars: &'a [BarsView<'a>],
    pub runs: &'a [(usize, usize)],
    pub initial_cash_quote: f64,
    pub bars_per_year: &'a [f64],
    pub n_threads: Option<usize>,
}

/// Puts every metric of the catalogue in the place of those of the summary. The benchmark is run
/// once over each of the bars, with the same execution.
///
/// # Errors
///
/// `FIELD_INVALID` for runs in less detail than equity; what [`run_batch`] refuses of the
/// benchmark.
///
/// # Panics
///
/// If the results are not those of `asked`.
pub fn study(
    results: &mut [RunResult],
    asked: &Asked,
    benchmark: &Program,
) -> Result<(), EngineError> {
    assert_eq!(results.len(), asked.runs.len());
    if results.iter().any(|result| result.journal.is_none()) {
        return Err(EngineError::Field {
            path: "/detail".to_owned(),
            got: "summary".to_owned(),
            expected: "equity or full, to work out every metric".to_owned(),
        });
    }
    let mut used: Vec<usize> = asked.runs.iter().map(|(_, bars)| *bars).collect();
    used.sort_unstable();
    used.dedup();
    let runs: Vec<(usize, usize)> = used.iter().map(|bars| (0, *bars)).collect();
    let held = run_batch(
        std::slice::from_ref(benchmark),
        asked.execution,
        asked.bars,
        &runs,
        asked.initial_cash_quote,
        asked.bars_per_year,
        Detail::Equity,
        asked.n_threads,
    )?;
    let one = |(result, (_, bars)): (&mut RunResult, &(usize, usize))| {
        let view = &asked.bars[*bars];
        let place = used.binary_search(bars).expect("every one of the bars was run over");
        let market = held[place].journal.as_ref().expect("the detail says so");
        judge(result, view, market, asked.initial_cash_quote);
    };
    if results.len() < 2 {
        results.iter_mut().zip(asked.runs).for_each(one);
    } else {
        results.par_iter_mut().zip(asked.runs).for_each(one);
    }
    Ok(())
}

fn judge(result: &mut RunResult, bars: &BarsView, benchmark: &Journal, initial_quote: f64) {
    let journal = result.journal.as_ref().expect("the caller asked for it");
    let n_bars = result.record.n_bars;
    let equity = journal.equity_quote(bars);
    let equity = &equity[..n_bars];
    let mut returns = Buffer::with_capacity(n_bars);
    changes(initial_quote, equity, &mut returns);
    let mut market = Buffer::with_capacity(n_bars);
    changes(initial_quote, &benchmark.equity_quote(bars)[..n_bars], &mut market);
    let trades: Vec<Traded> = journal.closed().iter().map(traded).collect();
    let gap = AmbiguityGap {
        percent: result.ambiguity_gap,
        is_coarse: result.flags & Flag::BarResolutionTooCoarse.bit() != 0,
    };
    let activity = Activity { ambiguity_gap: Some(gap), ..activity(journal, bars, equity) };
    let known = Columns {
        returns: &returns,
        equity,
        initial: initial_quote,
        ts: Some(&bars.ts[..n_bars]),
        benchmark: Some(&market),
        trades: Some(&trades),
        activity: Some(&activity),
    };
    let study = Study::new(&result.record, known, Rates::default());
    (result.metrics, result.flags) = study.compute(|_| true);
}

/// Simple returns from value to value.
fn changes(initial: f64, values: &[f64], returns: &mut Vec<f64>) {
    if let Some(first) = values.first() {
        returns.push(first / initial - 1.0);
        returns.extend(values.windows(2).map(|pair| pair[1] / pair[0] - 1.0));
    }
}

fn traded(trade: &Trade) -> Traded {
    let (entry, exit) = (&trade.entry, &trade.exit);
    let quantity = trade.quantity_base;
    let slippage =
        (entry.price_quote - entry.raw_quote).abs() + (exit.price_quote - exit.raw_quote).abs();
    Traded {
        net_quote: trade.net_quote(),
        gross_quote: trade.side * quantity * (exit.raw_quote - entry.raw_quote),
        traded_quote: quantity * (entry.price_quote + exit.price_quote),
        cost_quote: entry.fee_quote + exit.fee_quote + quantity * slippage,
        risk_quote: if trade.risk_quote.is_finite() { trade.risk_quote } else { 0.0 },
        held_bars: exit.bar - entry.bar,
    }
}

/// Exposure and leverage at the closes. A close without equity has no leverage and counts as none.
fn activity(journal: &Journal, bars: &BarsView, equity: &[f64]) -> Activity {
    let mut leverage = Buffer::with_capacity(equity.len());
    let mut n_exposed = 0;
    for (span, step) in journal.spans(equity.len()) {
        if step.position_base == 0.0 {
            leverage.resize(span.end, 0.0);
            continue;
        }
        n_exposed += span.len();
        let size = step.position_base.abs();
        let pairs = bars.close[span.clone()].iter().zip(&equity[span]);
        leverage.extend(pairs.map(
            |(price, equity)| {
                if *equity > 0.0 { size * price / equity } else { 0.0 }
            },
        ));
    }
    let n_bars = equity.len().max(1) as f64;
    Activity {
        exposed_fraction: n_exposed as f64 / n_bars,
        leverage_mean: sums(&leverage, |value| [value])[0] / n_bars,
        leverage_largest: leverage.iter().copied().fold(0.0, f64::max),
        ambiguity_gap: None,
    }
}
