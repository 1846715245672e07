//! Runs that begin behind the first bar.

use super::*;

fn from(first_bar: usize, program: &Program, execution: &Execution, bars: &Bars) -> Outcome {
    let view = bars.view(0..bars.close.len());
    let programs = std::slice::from_ref(program);
    let (runs, year, detail) = (&[(0, 0)], &[8_760.0], Detail::Full);
    let made =
        run_batch_from(first_bar, programs, execution, &[view], runs, 1_000.0, year, detail, None);
    let RunResult { metrics, flags, final_equity_quote, events, journal, .. } =
        made.unwrap().remove(0);
    let columns = journal.map(|journal| journal.columns(&view.from(first_bar)));
    Outcome { columns, metrics, flags, final_equity_quote, events }
}

fn rest(bars: &Bars, first_bar: usize) -> Bars {
    Bars {
        ts: bars.ts[first_bar..].to_vec(),
        open: bars.open[first_bar..].to_vec(),
        high: bars.high[first_bar..].to_vec(),
        low: bars.low[first_bar..].to_vec(),
        close: bars.close[first_bar..].to_vec(),
        volume: bars.volume[first_bar..].to_vec(),
        hl_order: bars.hl_order[first_bar..].to_vec(),
        ..Bars::default()
    }
}

#[test]
fn a_run_that_begins_later_is_a_run_over_the_bars_from_there() {
    // Nothing here looks back, so history cannot be told from no history.
    let risk = json!({
        "sizing": {"type": "pct_equity", "value": 90.0}, "allow_short": true,
        "on_opposite": "reverse", "cooldown_bars": 2, "max_daily_loss_pct": 2.0,
        "max_holding_bars": 9,
    });
    let program = puppet(market(), risk);
    let mut n_trades = 0;
    for seed in 0..8 {
        let market = storm(seed, 400, 0.3);
        for first_bar in [0, 1, 63, 64, 137, 398, 399] {
            let late = from(first_bar, &program, &free(json!({})), &market);
            let whole = go(&program, &free(json!({})), &rest(&market, first_bar));
            let bits = |outcome: &Outcome| {
                outcome.metrics.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(late.columns, whole.columns, "seed {seed} from bar {first_bar}");
            assert_eq!(bits(&late), bits(&whole));
            assert_eq!((late.flags, late.events), (whole.flags, whole.events));
            assert_eq!(late.final_equity_quote, whole.final_equity_quote);
            n_trades += late.columns.unwrap().trades.len();
        }
    }
    assert!(n_trades > 500, "the storm trades, or nothing is shown: {n_trades}");
}

#[test]
fn indicators_of_a_run_that_begins_later_have_seen_the_bars_before() {
    let risk = with(one_unit(), json!({"stop": {"type": "atr", "slot": ATR_SLOT, "mult": 2.0}}));
    let mut market = storm(3, 40, 0.0);
    market.volume[20] = 1.0;
    let program = puppet(super::market(), risk);
    let late = from(20, &program, &free(json!({})), &market);
    assert_eq!(late.events.count(Event::NoLevel), 0);
    assert_eq!(late.columns.unwrap().trades.entry_bar, [1]);
    let cut = go(&program, &free(json!({})), &rest(&market, 20));
    assert_eq!(cut.events.count(Event::NoLevel), 1);
}

#[test]
fn a_first_bar_behind_the_last_is_refused() {
    let market = storm(1, 10, 0.0);
    let view = market.view(0..10);
    let programs = [puppet(super::market(), one_unit())];
    let (runs, year, detail) = (&[(0, 0)], &[1.0], Detail::Summary);
    let begin = |bar| {
        let execution = free(json!({}));
        run_batch_from(bar, &programs, &execution, &[view], runs, 1.0, year, detail, None)
    };
    assert!(begin(9).is_ok());
    assert_eq!(begin(10).unwrap_err().code(), "FIELD_INVALID");
}
