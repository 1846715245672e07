//! No random program sees the future: with every bar after t replaced, or cut off, all that was
//! known and decided by t is the same bit for bit.

#![allow(clippy::unwrap_used)] // a test may panic; that is how it fails

mod programs;

use programs::{Dice, SEED, execution, market, sound};
use proving_core::backtest::{Columns, Detail, Execution, run_batch};
use proving_core::bars::Bars;
use proving_core::program::{Program, evaluate};

const N_PROGRAMS: u64 = 1_000;

fn bits(values: &[f64]) -> Vec<u64> {
    let one = |value: &f64| if value.is_nan() { u64::MAX } else { value.to_bits() };
    values.iter().map(one).collect()
}

/// The bars up to `t`, and then others that go on from there.
fn with_another_future(bars: &Bars, t: usize, dice: &mut Dice) -> Bars {
    let mut seen = bars.clone();
    let mut price = seen.close[t];
    for at in t + 1..seen.close.len() {
        let open = price;
        price *= 0.7 + 0.6 * dice.real();
        seen.open[at] = open;
        seen.close[at] = price;
        seen.high[at] = open.max(price) * (1.0 + 0.1 * dice.real());
        seen.low[at] = open.min(price) * (1.0 - 0.1 * dice.real());
        seen.volume[at] = 1e5 * dice.real();
        seen.hl_order[at] = dice.below(3) as i8 - 1;
        // The calendar goes on at another pace.
        seen.ts[at] += 1_800_000_000_000;
    }
    seen
}

fn run(program: &Program, execution: &Execution, bars: &Bars) -> Option<Columns> {
    let view = bars.view(0..bars.close.len());
    let programs = std::slice::from_ref(program);
    let runs = &[(0, 0)];
    let made = run_batch(programs, execution, &[view], runs, 1e4, &[365.0], Detail::Full, None);
    Some(made.ok()?.remove(0).journal.unwrap().columns(&view))
}

/// The trades that ended by bar `t`, as text: bit for bit, as the shortest spelling of a number.
fn ended_by(columns: &Columns, t: usize) -> Vec<String> {
    let trades = &columns.trades;
    let ended = |k: &usize| (trades.exit_bar[*k] as usize) <= t;
    let row = |k: usize| {
        let exit = (trades.exit_bar[k], trades.exit_px[k], trades.exit_reason[k]);
        format!("{} {:?} {} {exit:?}", trades.entry_bar[k], trades.entry_px[k], trades.qty[k])
    };
    (0..trades.len()).filter(ended).map(row).collect()
}

#[test]
fn another_future_changes_nothing_that_was_known_or_done() {
    let (mut n_columns, mut n_runs, mut n_trades) = (0, 0, 0);
    for lane in 0..N_PROGRAMS {
        let mut dice = Dice::new(lane);
        let program = Program::decode(&sound(&mut dice).to_string()).unwrap();
        let bars = market(&mut dice);
        let execution = execution(&mut dice);
        let n_bars = bars.close.len();
        let t = 20 + dice.below(n_bars - 22);
        let seen = with_another_future(&bars, t, &mut dice);
        if seen.view(0..n_bars).check().is_err() {
            continue; // of a market at the edge of numbers there is no wilder one
        }
        for slot in (0..program.instructions().len()).filter(|slot| !program.is_live(*slot)) {
            let whole = evaluate::column(&program, &bars.view(0..n_bars), slot);
            let other = evaluate::column(&program, &seen.view(0..n_bars), slot);
            let prefix = evaluate::column(&program, &bars.view(0..t + 1), slot);
            assert_eq!(bits(&whole[..=t]), bits(&other[..=t]), "seed {SEED}, {lane}, slot {slot}");
            assert_eq!(bits(&whole[..=t]), bits(&prefix), "seed {SEED}, {lane}, slot {slot}");
            n_columns += 1;
        }
        let pair = (run(&program, &execution, &bars), run(&program, &execution, &seen));
        let (Some(whole), Some(other)) = pair else {
            continue;
        };
        let kept = |columns: &Columns| {
            (bits(&columns.equity_quote[..=t]), bits(&columns.position_base[..=t]))
        };
        assert_eq!(kept(&whole), kept(&other), "seed {SEED}, {lane}");
        assert_eq!(ended_by(&whole, t), ended_by(&other, t), "seed {SEED}, {lane}");
        n_trades += ended_by(&whole, t).len();
        n_runs += 1;
    }
    // Were hardly anything computed or traded, the test would prove nothing.
    println!("{n_columns} columns, {n_runs} runs, {n_trades} trades");
    assert!(n_columns > 10_000 && n_runs > 500 && n_trades > 200, "{n_runs} {n_trades}");
}
