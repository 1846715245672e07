//! Orders, partial fills, marks and financing in cases that can be followed by hand.

use super::*;

/// Rows with a message on the first.
fn after_message(message: f64, more: &[[f64; 4]]) -> Bars {
    let rows: Vec<[f64; 5]> = std::iter::once([100.0, 100.0, 100.0, 100.0, message])
        .chain(more.iter().map(|[o, h, l, c]| [*o, *h, *l, *c, 9.0]))
        .collect();
    bars(&rows)
}

fn protected(stop: f64, target: f64) -> Value {
    let pct = |value: f64| json!({"type": "pct", "value": value});
    with(one_unit(), json!({"stop": pct(stop), "take_profit": pct(target)}))
}

#[test]
fn a_target_is_a_limit_and_a_trailing_stop_follows_bars_that_are_over() {
    let row = |high: f64, low: f64, close: f64| [100.0, high, low, close];
    let costs = json!({"base_bps": 10.0, "maker_bps": 0.0, "k_vol": 0.0});
    let bars = after_message(1.0, &[row(104.0, 99.0, 100.0), row(106.0, 99.0, 100.0)]);
    let target = with(one_unit(), json!({"take_profit": {"type": "price", "slot": LOW_SLOT}}));
    // The low of the decision bar is its close, so this target is none, and nothing is entered.
    let refused = go(&puppet(market(), target), &execution(costs.clone()), &bars);
    assert_eq!((fills(&refused).len(), refused.events.count(Event::NoLevel)), (0, 1));
    let result = go(&puppet(market(), protected(50.0, 5.0)), &execution(costs), &bars);
    let entry = 100.0 * (1.0 + 10.0 * 1e-4);
    assert_eq!(fills(&result), [(1, 2, entry, entry + 5.0, "take_profit")]);

    let trailing = with(one_unit(), json!({"trailing": {"type": "bps", "value": 500.0}}));
    let rows = [row(110.0, 96.0, 109.0), [109.0, 112.0, 106.0, 111.0], [111.0, 111.0, 90.0, 95.0]];
    let result = go(&puppet(market(), trailing), &free(json!({})), &after_message(1.0, &rows));
    // Bar 1 leaves it at 105, which bar 2 does not reach; that leaves 107 for bar 3.
    assert_eq!(fills(&result), [(1, 3, 100.0, 107.0, "trailing")]);
}

/// What becomes of a buy limit at 98 in one bar.
fn limit_entry(
    intrabar: &str,
    bar: [f64; 4],
    order: i8,
) -> Vec<(u32, u32, f64, f64, &'static str)> {
    let limit = json!({"type": "limit", "offset_bps": 200.0});
    let mut bars = after_message(1.0, &[bar, [bar[3]; 4], [bar[3]; 4]]);
    bars.hl_order[1] = order;
    let execution = free(json!({"intrabar": intrabar}));
    let result = go(&puppet(limit, protected(2.0, 3.0)), &execution, &bars);
    fills(&result)
}

#[test]
fn a_limit_met_on_the_way_down_has_its_stop_ahead_and_its_target_in_doubt() {
    let last = |fills: Vec<(u32, u32, f64, f64, &'static str)>| fills.last().map(|fill| fill.4);
    let none = limit_entry("pessimistic", [100.0, 101.0, 98.5, 99.0], 0);
    assert_eq!(none, []);
    for (intrabar, close, order, expected) in [
        ("pessimistic", 100.0, 0, "end_of_data"),
        ("path", 100.0, 0, "end_of_data"),
        ("path", 100.0, 1, "end_of_data"), // the high was before the low, and so the entry
        ("path", 100.0, -1, "take_profit"),
        ("optimistic", 100.0, 1, "take_profit"),
        ("pessimistic", 101.5, 0, "take_profit"), // closes beyond it: certain
    ] {
        let found = limit_entry(intrabar, [100.0, 102.0, 97.0, close], order);
        assert_eq!((found[0].0, found[0].2), (1, 98.0));
        assert_eq!(last(found), Some(expected), "{intrabar} {close} {order}");
    }
    for intrabar in ["pessimistic", "path", "optimistic"] {
        let found = limit_entry(intrabar, [100.0, 102.0, 95.0, 101.5], -1);
        assert_eq!(found, [(1, 1, 98.0, 96.0, "stop")], "{intrabar}");
    }
}

#[test]
fn a_stop_limit_fills_between_its_levels_or_becomes_a_limit() {
    let order = json!({"type": "stop_limit", "offset_bps": 200.0, "limit_offset_bps": 0.0});
    let quiet = [100.0, 101.0, 99.0, 100.0];
    let entry = |rows: &[[f64; 4]]| {
        let program = puppet(order.clone(), one_unit());
        let found = fills(&go(&program, &free(json!({})), &after_message(1.0, rows)));
        found.first().map(|fill| (fill.0, fill.2))
    };
    assert_eq!(entry(&[quiet, quiet]), None);
    assert_eq!(entry(&[[100.0, 103.0, 99.0, 100.0], quiet]), Some((1, 102.0)));
    assert_eq!(entry(&[[102.0, 103.0, 101.0, 102.0], quiet]), Some((1, 102.0)));
    assert_eq!(entry(&[[104.0, 105.0, 101.0, 104.0], quiet]), Some((1, 102.0)));
    // Opens beyond both and stays there: from then on a limit, which the next bar opens below.
    assert_eq!(entry(&[[104.0, 105.0, 103.0, 104.0], quiet]), Some((2, 100.0)));
}

#[test]
fn what_the_volume_does_not_give_is_filled_in_later_bars_and_each_exit_is_a_trade() {
    let mut rows = [QUIET; 9];
    rows.iter_mut().for_each(|row| row[4] = 10.0);
    rows[0][4] = 1.0;
    rows[1] = [100.0, 101.0, 99.0, 100.0, 10.0];
    rows[2] = [106.0, 107.0, 105.0, 106.0, 10.0];
    rows[5][4] = 3.0;
    let risk = json!({"sizing": {"type": "fixed_qty", "qty": 6.0}});
    let share = free(json!({"participation": 0.4, "fixed": 1.0}));
    let result = go(&puppet(market(), risk), &share, &bars(&rows));
    let columns = result.columns.as_ref().unwrap();
    // Four at 100 and two at 106; the message to close is a bar of volume 3.
    assert_eq!(columns.position_base, [0.0, 4.0, 6.0, 6.0, 6.0, 6.0, 2.0, 0.0, 0.0]);
    let mean = (4.0 * 100.0 + 2.0 * 106.0) / 6.0;
    assert_eq!(fills(&result), [(1, 6, mean, 100.0, "signal"), (1, 7, mean, 100.0, "signal")]);
    assert_eq!(columns.trades.qty, [4.0, 2.0]);
    let (two, one) = (2.0 * (4.0 / 6.0), 2.0 - 2.0 * (4.0 / 6.0));
    assert_eq!(columns.trades.fees, [two + 1.0, one + 1.0]);
}

#[test]
fn nothing_fills_while_the_market_is_closed_and_a_wide_spread_costs_more() {
    for flag in [2, 4, 8] {
        let mut market_bars = after_message(1.0, &[[100.0; 4], [103.0; 4], [105.0; 4]]);
        market_bars.flags = vec![0, flag, 0, 0];
        let result = go(&puppet(market(), one_unit()), &free(json!({})), &market_bars);
        assert_eq!(fills(&result), [(2, 3, 103.0, 105.0, "end_of_data")], "{flag}");
    }
    let mut wide = after_message(1.0, &[[100.0; 4], [100.0; 4]]);
    wide.flags = vec![1, 16, 1];
    let costs = json!({"base_bps": 1.0, "half_spread_bps": 2.0});
    let result = go(&puppet(market(), one_unit()), &free(costs), &wide);
    assert_eq!(fills(&result)[0].2, 100.0 * (1.0 + 15.0 * 1e-4));
}

#[test]
fn cash_earns_and_what_is_held_pays_bar_by_bar() {
    let bars = after_message(2.0, &[[100.0; 4], [100.0; 4], [100.0; 4]]);
    let rates = json!({"borrow_bps_year": 876.0, "finalize": "mark"});
    let short = with(one_unit(), json!({"allow_short": true}));
    let result = go(&puppet(market(), short), &free(rates), &bars);
    let equity = result.columns.unwrap().equity_quote;
    // A tenth of a basis point of 100 in each bar that ends with the position.
    let expected = [1_000.0, 999.999, 999.998, 999.997];
    assert!(equity.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{equity:?}");

    let idle = free(json!({"cash_rate_year": 87_600.0, "finalize": "mark"}));
    let result = go(&puppet(market(), one_unit()), &idle, &after_message(9.0, &[[1.0; 4]]));
    assert_eq!(result.columns.unwrap().equity_quote, [1_001.0, 1_001.0 + 1.001]);
}

#[test]
fn an_entry_may_add_to_its_own_side_as_often_as_risk_says() {
    let rows: Vec<[f64; 5]> =
        (0..7).map(|t| [100.0 + f64::from(t), 110.0, 99.0, 100.0 + f64::from(t), 1.0]).collect();
    let risk = with(one_unit(), json!({"max_adds": 2, "max_leverage": 2.0}));
    let result = go(&puppet(market(), risk), &free(json!({})), &bars(&rows));
    assert_eq!(result.columns.as_ref().unwrap().position_base, [0.0, 1.0, 2.0, 3.0, 3.0, 3.0, 0.0]);
    assert_eq!(fills(&result), [(1, 6, 102.0, 106.0, "end_of_data")]);
}

#[test]
fn a_bar_that_allows_two_outcomes_is_run_both_ways() {
    let bars = after_message(1.0, &[[100.0; 4], [100.0, 111.0, 89.0, 100.0], [100.0; 4]]);
    let program = puppet(market(), protected(10.0, 10.0));
    let gap = |execution: &Execution| {
        let views = [bars.view(0..4)];
        let programs = std::slice::from_ref(&program);
        let detail = Detail::Summary;
        let results =
            run_batch(programs, execution, &views, &[(0, 0)], 1_000.0, &[1.0], detail, None);
        let result = results.unwrap().remove(0);
        let is_coarse = result.flags & metric::Flag::BarResolutionTooCoarse.bit() != 0;
        (result.ambiguity_gap, result.final_equity_quote, is_coarse)
    };
    for (intrabar, equity) in [("pessimistic", 990.0), ("path", 990.0), ("optimistic", 1_010.0)] {
        let found = gap(&free(json!({"intrabar": intrabar})));
        assert_eq!(found, (2.0, equity, true), "{intrabar}");
    }
}

#[test]
fn a_position_that_ends_in_a_halt_moves_its_price_by_the_volume_there_was() {
    for (impact, share) in [("sqrt", 0.0), ("zipline", 1e3 * 1e-4 * 0.04)] {
        let rows = [[100.0, 100.0, 100.0, 100.0, 5.0], [100.0, 100.0, 100.0, 100.0, 0.0]];
        let mut halted = after_message(1.0, &rows.map(|[o, h, l, c, _]| [o, h, l, c]));
        halted.volume[1..].copy_from_slice(&[5.0, 0.0]);
        halted.flags = vec![0, 0, 2];
        let costs = free(json!({"impact": impact}));
        let found = fills(&go(&puppet(market(), one_unit()), &costs, &halted));
        assert_eq!(found[0].4, "end_of_data");
        assert!((found[0].3 - 100.0 * (1.0 - share)).abs() < 1e-9, "{impact}: {found:?}");
    }
}

#[test]
fn an_account_that_outgrows_every_number_is_refused() {
    let rich = free(json!({"cash_rate_year": 1e6, "finalize": "mark"}));
    let quiet = bars(&[QUIET; 200]);
    let view = [quiet.view(0..200)];
    let programs = [puppet(market(), one_unit())];
    let run =
        |year: f64| run_batch(&programs, &rich, &view, &[(0, 0)], 1.0, &[year], Detail::Full, None);
    assert!(run(1_000.0).is_ok());
    assert_eq!(run(1.0).unwrap_err().code(), "NON_FINITE");
}

#[test]
fn contradictions_and_bars_without_volume_are_refused_where_they_matter() {
    let mut rows = [QUIET; 5];
    rows.iter_mut().for_each(|row| row[4] = 9.0);
    rows[2][4] = 7.0;
    let asked = |rows: &[[f64; 5]], overrides: Value| {
        let market_bars = bars(rows);
        let views = [market_bars.view(0..rows.len())];
        let programs = &[puppet(market(), one_unit())];
        let execution = free(overrides);
        let detail = Detail::Full;
        run_batch(programs, &execution, &views, &[(0, 0)], 1_000.0, &[1.0], detail, None)
            .map(|results| results[0].journal.as_ref().unwrap().trades(&views[0]).len())
            .map_err(|refusal| (refusal.code(), refusal.to_string()))
    };
    assert_eq!(asked(&rows, json!({})), Ok(0));
    assert_eq!(asked(&rows, json!({"conflict": "first"})), Ok(1));
    let (code, message) = asked(&rows, json!({"conflict": "error"})).unwrap_err();
    assert_eq!(code, "RUNTIME_CONFLICT");
    assert!(message.starts_with("bar 2: "), "{message}");
    // The last bar decides nothing, and so contradicts nothing.
    assert_eq!(asked(&rows[..3], json!({"conflict": "error"})), Ok(0));
    rows[3][4] = 0.0;
    for overrides in [json!({"participation": 0.5}), json!({"impact": "sqrt"})] {
        let (code, message) = asked(&rows, overrides).unwrap_err();
        assert_eq!(code, "ZERO_VOLUME");
        assert!(message.contains("row 3"), "{message}");
    }
}
