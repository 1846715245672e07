//! Laws that hold of every run, tried on random markets and random wishes.

use super::*;
use crate::metric::series::{Options, of_returns};
use crate::program::risk::{OnOpposite, Sizing};

const YEAR: f64 = 8_760.0;

/// Markets and stops to enter, and stops to leave.
fn plain_variants() -> Vec<(Value, Value)> {
    let market = json!({"type": "market"});
    let stop = json!({"type": "stop", "offset_bps": 40.0});
    let brief = json!({"type": "stop", "offset_bps": 60.0, "tif_bars": 3});
    let at_low = json!({"type": "stop", "price": LOW_SLOT});
    let all = |value: f64| json!({"type": "pct_equity", "value": value});
    let atr = json!({"type": "atr", "slot": ATR_SLOT, "mult": 1.5});
    let short = |policy: &str| {
        json!({"sizing": all(60.0), "allow_short": true,
        "on_opposite": policy})
    };
    vec![
        (market.clone(), json!({"sizing": all(100.0)})),
        (market.clone(), short("reverse")),
        (market.clone(), short("close")),
        (market.clone(), short("ignore")),
        (stop.clone(), with(short("reverse"), json!({"stop": {"type": "pct", "value": 0.8}}))),
        (brief, with(short("close"), json!({"stop": atr, "cooldown_bars": 4}))),
        (
            stop.clone(),
            json!({"sizing": {"type": "risk_pct", "value": 2.0}, "stop": atr,
            "max_holding_bars": 7}),
        ),
        (at_low.clone(), with(short("reverse"), json!({"max_daily_loss_pct": 1.5}))),
        (at_low, with(short("reverse"), json!({"stop": {"type": "bps", "value": 120.0}}))),
        (
            market.clone(),
            json!({"sizing": {"type": "risk_pct", "value": 1.0}, "cooldown_bars": 2,
            "stop": {"type": "price", "slot": LOW_SLOT}, "max_daily_loss_pct": 0.5}),
        ),
        (
            market.clone(),
            json!({"sizing": all(900.0), "max_leverage": 9.0, "allow_short": true,
            "on_opposite": "reverse", "max_holding_bars": 30}),
        ),
        (stop, json!({"sizing": all(2_500.0), "max_leverage": 25.0, "allow_short": true})),
        (
            market.clone(),
            json!({"sizing": {"type": "fixed_qty", "qty": 4.0}, "max_holding_bars": 3}),
        ),
    ]
}

/// More of them: limits, targets, trailing stops and adds.
fn resting_variants() -> Vec<(Value, Value)> {
    let market = json!({"type": "market"});
    let all = |value: f64| json!({"type": "pct_equity", "value": value});
    let atr = json!({"type": "atr", "slot": ATR_SLOT, "mult": 1.5});
    let near = json!({"type": "pct", "value": 0.7});
    let far = json!({"type": "pct", "value": 2.0});
    let limit = json!({"type": "limit", "offset_bps": 40.0});
    let limit_low = json!({"type": "limit", "price": LOW_SLOT, "tif_bars": 4});
    let stop_limit = json!({"type": "stop_limit", "offset_bps": 30.0, "limit_offset_bps": 10.0});
    let tight = json!({"type": "stop_limit", "offset_bps": 30.0, "limit_offset_bps": 0.0,
        "tif_bars": 5});
    let short = |policy: &str| {
        json!({"sizing": all(60.0), "allow_short": true,
        "on_opposite": policy})
    };
    vec![
        (market.clone(), with(short("reverse"), json!({"trailing": atr, "take_profit": far}))),
        (
            market.clone(),
            json!({"sizing": {"type": "risk_pct", "value": 1.0}, "trailing": near,
            "take_profit": {"type": "price", "slot": LOW_SLOT}, "allow_short": true}),
        ),
        (limit.clone(), with(short("reverse"), json!({"stop": near, "take_profit": near}))),
        (
            limit_low,
            with(
                short("close"),
                json!({"stop": near, "take_profit": far, "trailing": atr,
            "max_adds": 3}),
            ),
        ),
        (
            stop_limit.clone(),
            with(short("reverse"), json!({"trailing": near, "take_profit": near, "max_adds": 1})),
        ),
        (
            stop_limit,
            json!({"sizing": {"type": "vol_target", "annual_vol": 40.0, "slot": ATR_SLOT},
            "stop": atr, "take_profit": near, "max_adds": 2, "max_holding_bars": 9}),
        ),
        (tight, with(short("close"), json!({"stop": near, "take_profit": near, "max_adds": 2}))),
        (
            market.clone(),
            json!({"sizing": {"type": "fixed_qty", "qty": 2.0}, "max_adds": 4,
            "max_leverage": 3.0, "allow_short": true, "trailing": far, "stop": far}),
        ),
        (limit, json!({"sizing": all(300.0), "max_leverage": 3.0, "take_profit": far})),
    ]
}

/// Kinds of risk and orders that between them use every branch of the loop.
pub(super) fn variants() -> Vec<(Value, Value)> {
    plain_variants().into_iter().chain(resting_variants()).collect()
}

/// Executions that between them use every branch of the loop.
pub(super) fn executions() -> Vec<Execution> {
    [
        json!({}),
        json!({"bar_delay": 2, "intrabar": "path"}),
        json!({"bar_delay": 3, "finalize": "mark", "intrabar": "optimistic", "min_fee": 0.5}),
        json!({"lot": 0.25, "on_insufficient": "reject", "fixed": 0.01}),
        json!({"market_fill": "close", "limit_fill": "touch_v0", "intrabar": "optimistic"}),
        json!({"limit_fill": "through", "maker_bps": 0.5, "half_spread_bps": 1.5,
            "participation": 0.25, "impact": "sqrt", "intrabar": "path"}),
        json!({"participation": 0.125, "lot": 0.125, "impact": "zipline", "bar_delay": 2,
            "market_fill": "close", "conflict": "first"}),
        json!({"borrow_bps_year": 3e4, "funding_bps_year": -2e4, "cash_rate_year": 1e4,
            "conflict": "first", "intrabar": "optimistic"}),
        json!({"borrow_bps_year": 3e4, "funding_bps_year": 4e4, "intrabar": "path"}),
    ]
    .map(execution)
    .into_iter()
    .collect()
}

/// Calls `law` with every variant under every execution on a random market of its own.
fn everywhere(message_share: f64, law: impl Fn(&Program, &Execution, &Bars)) {
    let mut seed = 0;
    for (order, risk) in variants() {
        let program = puppet(order, risk);
        for execution in executions() {
            seed += 1;
            law(&program, &execution, &marked(seed, storm(seed, 700, message_share)));
        }
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

pub(super) fn assert_same(a: &RunResult, b: &RunResult) {
    assert_eq!(a.journal, b.journal);
    assert_eq!(bits(&a.metrics), bits(&b.metrics));
    assert_eq!((a.flags, a.events), (b.flags, b.events));
    assert_eq!(a.final_equity_quote.to_bits(), b.final_equity_quote.to_bits());
    assert_eq!(a.ambiguity_gap.to_bits(), b.ambiguity_gap.to_bits());
}

#[test]
fn passing_over_quiet_bars_changes_nothing() {
    for message_share in [0.03, 0.3, 1.0] {
        everywhere(message_share, |program, execution, bars| {
            let view = bars.view(0..bars.close.len());
            let mut pool = Pool::default();
            let columns = evaluate::columns(program, &view, &program.roots(), &|_| None, &mut pool);
            let signals =
                Signals::new(program, execution.conflict, &columns, view.len(), &mut pool);
            let volatility = Volatility::new(view.close, None);
            let inputs = Inputs {
                bars: view,
                volatility,
                program,
                columns: &columns,
                signals: &signals,
                execution,
                marks: marks(&view),
                bars_per_year: 8_760.0,
            };
            let mut ledger = Ledger::default();
            let score = Score { initial_quote: 1_000.0, detail: Detail::Full, first_bar: 0 };
            let mut each =
                |is_skipping| score_with_bounds(&inputs, &mut ledger, &score, is_skipping).unwrap();
            assert_same(&each(true), &each(false));
        });
    }
}

#[test]
fn a_prefix_of_the_bars_gives_a_prefix_of_the_account() {
    everywhere(0.2, |program, execution, bars| {
        let mut execution = execution.clone();
        execution.finalize = Finalize::Mark;
        let whole = go(program, &execution, bars).columns.unwrap();
        for n_bars in [5, 64, 333] {
            let view = bars.view(0..n_bars);
            let runs = &[(0, 0)];
            let programs = std::slice::from_ref(program);
            let part = run_batch(
                programs,
                &execution,
                &[view],
                runs,
                1_000.0,
                &[YEAR],
                Detail::Full,
                None,
            );
            let part = part.unwrap().remove(0).journal.unwrap().columns(&view);
            assert_eq!(bits(&part.equity_quote), bits(&whole.equity_quote[..n_bars]));
            assert_eq!(bits(&part.position_base), bits(&whole.position_base[..n_bars]));
            let n_trades = part.trades.len();
            assert_eq!(bits(&part.trades.net_pnl), bits(&whole.trades.net_pnl[..n_trades]));
            assert_eq!(part.trades.exit_bar, whole.trades.exit_bar[..n_trades]);
        }
    });
}

#[test]
fn prices_and_cash_twice_as_large_give_equity_twice_as_large() {
    everywhere(0.2, |program, execution, bars| {
        // The puppet's volatility is a range, and that is twice as large as well.
        let is_by_volatility = matches!(program.risk().sizing, Sizing::VolTarget { .. });
        let Costs { min_fee_quote, fixed_quote, .. } = execution.costs;
        if is_by_volatility || min_fee_quote > 0.0 || fixed_quote > 0.0 {
            return;
        }
        let mut double = bars.clone();
        for column in [&mut double.open, &mut double.high, &mut double.low, &mut double.close] {
            column.iter_mut().for_each(|price| *price *= 2.0);
        }
        let equity = |bars: &Bars, cash: f64| {
            let view = bars.view(0..bars.close.len());
            let runs = &[(0, 0)];
            let programs = std::slice::from_ref(program);
            run_batch(programs, execution, &[view], runs, cash, &[YEAR], Detail::Full, None)
                .unwrap()
                .remove(0)
                .journal
                .unwrap()
                .equity_quote(&view)
        };
        let doubled: Vec<f64> = equity(bars, 1_000.0).iter().map(|value| 2.0 * value).collect();
        assert_eq!(bits(&equity(&double, 2_000.0)), bits(&doubled));
    });
}

#[test]
fn higher_costs_on_the_same_fills_never_pay() {
    for seed in 0..20 {
        let bars = storm(seed, 500, 0.3);
        let risk = with(one_unit(), json!({"allow_short": true, "on_opposite": "reverse"}));
        let program = puppet(market(), risk);
        let mut last = f64::INFINITY;
        for scale in [0.0, 1.0, 2.0, 5.0] {
            let costs = json!({"fee_bps": 2.0 * scale, "base_bps": scale, "k_vol": 0.05 * scale});
            let result = go(&program, &execution(costs), &bars);
            assert!(result.final_equity_quote < last, "{seed} {scale}");
            last = result.final_equity_quote;
        }
    }
}

#[test]
fn no_order_fills_in_the_bar_that_made_it_and_cooldowns_hold() {
    everywhere(0.5, |program, execution, bars| {
        let trades = go(program, execution, bars).columns.unwrap().trades;
        let risk = program.risk();
        for k in 0..trades.len() {
            let entry = trades.entry_bar[k] as usize;
            let delay = execution.bar_delay;
            // Some bar early enough asked for this side.
            let is_first = execution.conflict == Conflict::First;
            let both = if is_first { 7.0 } else { 1.0 };
            let wished = if trades.side[k] > 0 { [1.0, 6.0, both] } else { [2.0, 8.0, 2.0] };
            assert!(entry >= delay);
            let asked = |t: usize| wished.contains(&bars.volume[t]);
            assert!((0..=entry - delay).any(asked), "{k}");
            // Several trades may have taken one position down.
            let is_new = k > 0 && trades.entry_bar[k] != trades.entry_bar[k - 1];
            if is_new && risk.on_opposite != OnOpposite::Reverse {
                let cooldown = risk.cooldown_bars.unwrap_or(0);
                assert!(entry >= trades.exit_bar[k - 1] as usize + cooldown);
            }
            let is_free = execution.participation.is_none() && bars.flags.iter().all(|f| *f == 0);
            let limit = risk.max_holding_bars.filter(|_| is_free);
            assert!(limit.is_none_or(|bars| trades.bars_held[k] as usize <= bars), "{k}");
        }
    });
}

#[test]
fn fills_lie_inside_their_bars_and_never_better_than_a_stop() {
    everywhere(0.3, |program, execution, bars| {
        let trades = go(program, execution, bars).columns.unwrap().trades;
        for k in 0..trades.len() {
            // A position built by several fills has their mean for a price.
            let is_one_fill = program.risk().max_adds == 0 && execution.participation.is_none();
            let entry = (trades.entry_bar[k], trades.entry_raw_px[k]);
            let exit = (trades.exit_bar[k], trades.exit_raw_px[k]);
            for (bar, price) in Some(entry).filter(|_| is_one_fill).into_iter().chain([exit]) {
                let t = bar as usize;
                assert!(bars.low[t] <= price && price <= bars.high[t], "trade {k} bar {t}");
                // The last bar closes what is open, whatever it is marked.
                let is_closed = bars.flags[t] & FLAG_CLOSED != 0;
                assert!(!is_closed || t + 1 == bars.close.len(), "trade {k} bar {t}");
            }
            let side = f64::from(trades.side[k]);
            assert!(side * (trades.entry_px[k] - trades.entry_raw_px[k]) >= 0.0);
            assert!(side * (trades.exit_px[k] - trades.exit_raw_px[k]) <= 0.0);
            assert!(trades.mae_bps[k] <= 0.0 && trades.mfe_bps[k] >= 0.0);
        }
    });
}

#[test]
fn a_strategy_that_only_holds_does_nothing() {
    let mut bars = storm(3, 300, 0.0);
    bars.volume.fill(4.0);
    let result = go(&puppet(market(), one_unit()), &execution(json!({})), &bars);
    let columns = result.columns.unwrap();
    assert_eq!(columns.equity_quote, vec![1_000.0; 300]);
    assert!(columns.trades.is_empty());
    assert_eq!(result.metrics[..4], [0.0; 4]);
    let names: Vec<_> = result.events.iter().collect();
    assert_eq!(names, []);
}

#[test]
fn a_batch_gives_the_same_bytes_for_any_number_of_threads_and_as_single_runs() {
    let programs: Vec<Program> =
        variants().into_iter().map(|(order, risk)| puppet(order, risk)).collect();
    let markets = [storm(1, 900, 0.2), storm(2, 400, 0.2)];
    let views: Vec<BarsView> =
        markets.iter().map(|market| market.view(0..market.close.len())).collect();
    let runs: Vec<(usize, usize)> =
        (0..60).map(|k| ((k * 7) % programs.len(), (k * 5) % views.len())).collect();
    let honest = execution(json!({}));
    let years = [8_760.0, 365.0];
    let batch = |runs: &[(usize, usize)], n_threads| {
        run_batch(&programs, &honest, &views, runs, 1_000.0, &years, Detail::Full, n_threads)
            .unwrap()
    };
    let one = batch(&runs, Some(1));
    for n_threads in [Some(2), Some(16), None] {
        batch(&runs, n_threads).iter().zip(&one).for_each(|(a, b)| assert_same(a, b));
    }
    let studied = |runs: &[(usize, usize)], n_threads| {
        let mut results = batch(runs, n_threads);
        let asked = Asked {
            execution: &honest,
            bars: &views,
            runs,
            initial_cash_quote: 1_000.0,
            bars_per_year: &years,
            n_threads,
        };
        study(&mut results, &asked, &programs[0]).unwrap();
        results
    };
    let whole = studied(&runs, Some(1));
    for n_threads in [Some(2), Some(16)] {
        studied(&runs, n_threads).iter().zip(&whole).for_each(|(a, b)| assert_same(a, b));
    }
    for ((run, of_all), plain) in runs.iter().zip(&whole).zip(&one) {
        assert_same(&studied(&[*run], None)[0], of_all);
        assert_eq!(of_all.metrics.len(), crate::metric::METRICS.len());
        assert_eq!(bits(&of_all.metrics[..plain.metrics.len()]), bits(&plain.metrics));
    }
    for (run, result) in runs.iter().zip(&one) {
        assert_same(&batch(&[*run], None)[0], result);
    }
    let summaries =
        run_batch(&programs, &honest, &views, &runs, 1_000.0, &years, Detail::Summary, None);
    for (summary, result) in summaries.unwrap().iter().zip(&one) {
        assert_eq!(bits(&summary.metrics), bits(&result.metrics));
        assert_eq!((summary.flags, summary.events), (result.flags, result.events));
        assert!(summary.journal.is_none());
    }
}

#[test]
fn metrics_of_a_run_are_those_of_its_equity() {
    everywhere(0.2, |program, execution, bars| {
        let result = go(program, execution, bars);
        let equity = &result.columns.as_ref().unwrap().equity_quote;
        let before = std::iter::once(&1_000.0).chain(equity);
        let returns: Vec<f64> = equity.iter().zip(before).map(|(e, b)| e / b - 1.0).collect();
        let names = ["total_return", "sharpe", "sortino", "max_drawdown", "calmar"];
        let only = names.map(str::to_owned);
        let options = Options { bars_per_year: 8_760.0, only: Some(&only), ..Options::default() };
        let scores = of_returns(&returns, &options).unwrap();
        assert_eq!(scores.metrics.len(), names.len());
        for ((name, value), of_run) in scores.metrics.iter().zip(&result.metrics) {
            let is_close = (value - of_run).abs() <= 1e-9 * value.abs().max(1e-3);
            assert!(is_close || value.is_nan() && of_run.is_nan(), "{name}: {value} {of_run}");
        }
    });
}

/// The first trade of each belief about bars, on the same entry.
fn first_trades(program: &Program, execution: &Execution, bars: &Bars) -> [Option<Trades>; 3] {
    [Intrabar::Pessimistic, Intrabar::Path, Intrabar::Optimistic].map(|intrabar| {
        let execution = Execution { intrabar, ..execution.clone() };
        let trades = go(program, &execution, bars).columns.unwrap().trades;
        (!trades.is_empty()).then_some(trades)
    })
}

#[test]
fn with_the_same_entry_the_pessimist_earns_no_more_than_the_path_and_that_than_the_optimist() {
    let mut n_apart = 0;
    for (order, risk) in variants() {
        let program = puppet(order, risk);
        for execution in executions() {
            // Without adds and partial fills a trade is a whole position.
            if program.risk().max_adds > 0 || execution.participation.is_some() {
                continue;
            }
            for seed in 0..12 {
                // Whatever comes after the first trade depends on what it left.
                let mut bars = storm(5_000 + seed, 80, 0.0);
                bars.volume[25 + seed as usize] = 1.0;
                let trades = first_trades(&program, &execution, &bars);
                let [Some(worst), Some(path), Some(best)] = &trades else {
                    assert!(trades.iter().all(Option::is_none));
                    continue;
                };
                let same =
                    |of: &Trades| (of.entry_bar[0], of.entry_px[0].to_bits(), of.qty[0].to_bits());
                assert!(same(worst) == same(path) && same(path) == same(best));
                // Later events may favour a position that an earlier bar has spared.
                let is_one_bar = worst.exit_bar[0] == best.exit_bar[0];
                if is_one_bar {
                    assert!(worst.net_pnl[0] <= path.net_pnl[0], "{seed}");
                    assert!(path.net_pnl[0] <= best.net_pnl[0], "{seed}");
                }
                n_apart += usize::from(worst.net_pnl[0] < best.net_pnl[0]);
            }
        }
    }
    assert!(n_apart > 20, "{n_apart}");
}

#[test]
fn a_run_that_is_split_at_a_flat_bar_is_the_whole_of_its_parts() {
    let mut n_split = 0;
    for seed in 0..40 {
        let bars = storm(9_000 + seed, 400, 0.3);
        let quantity = json!({"type": "fixed_qty", "qty": 0.5});
        let near = json!({"type": "pct", "value": 1.0});
        let risk = json!({"sizing": quantity, "stop": near, "take_profit": near, "trailing": near});
        let program = puppet(market(), risk);
        let execution = execution(json!({"finalize": "mark"}));
        let whole = go(&program, &execution, &bars).columns.unwrap();
        // Flat, and no message on its way.
        let is_quiet = |t: usize| whole.position_base[t] == 0.0 && bars.volume[t] == 9.0;
        let Some(split) = (200..300).find(|t| is_quiet(*t)) else {
            continue;
        };
        n_split += 1;
        let parts = [0..split + 1, split - 19..400].map(|range| {
            let view = bars.view(range);
            let programs = std::slice::from_ref(&program);
            let runs = &[(0, 0)];
            let detail = Detail::Full;
            run_batch(programs, &execution, &[view], runs, 1_000.0, &[YEAR], detail, None)
                .unwrap()
                .remove(0)
                .journal
                .unwrap()
                .columns(&view)
        });
        // The second part knows the twenty bars before it, and must not trade on them.
        let from = (split + 1) as u32;
        let second = &parts[1].trades;
        let shift = (split - 19) as u32;
        let first_own = second.entry_bar.iter().position(|bar| bar + shift >= from);
        let first_whole = whole.trades.entry_bar.iter().position(|bar| *bar >= from);
        let (Some(own), Some(of_whole)) = (first_own, first_whole) else {
            continue;
        };
        let n_trades = whole.trades.len() - of_whole;
        let tail = |values: &[f64], from: usize| bits(&values[from..from + n_trades]);
        assert_eq!(tail(&second.net_pnl, own), tail(&whole.trades.net_pnl, of_whole), "{seed}");
        let n_before = parts[0].trades.len();
        assert_eq!(bits(&parts[0].trades.net_pnl), bits(&whole.trades.net_pnl[..n_before]));
        assert_eq!(n_before, of_whole, "{seed}");
    }
    assert!(n_split > 20, "{n_split}");
}
