//! Cases that can be followed by hand.

use super::*;

#[test]
fn a_small_run_can_be_followed_by_hand() {
    let rows = [
        [100.0, 101.0, 99.0, 100.0, 1.0],  // decides to buy
        [102.0, 106.0, 101.0, 104.0, 0.0], // buys 5 at the open of 102
        [104.0, 108.0, 103.0, 107.0, 3.0], // decides to close
        [110.0, 111.0, 100.0, 100.0, 0.0], // sells at the open of 110
        [100.0, 101.0, 99.0, 100.0, 0.0],
    ];
    let risk = json!({"sizing": {"type": "fixed_qty", "qty": 5.0}});
    let costs = json!({"fee_bps": 10.0, "base_bps": 0.0, "k_vol": 0.0});
    let result = go(&puppet(market(), risk), &execution(costs), &bars(&rows));
    let columns = result.columns.as_ref().unwrap();
    let (bought, sold) = (5.0 * 102.0 * (10.0 * 1e-4), 5.0 * 110.0 * (10.0 * 1e-4));
    let cash = 1_000.0 - (510.0 + bought);
    let end = cash - (-550.0 + sold);
    assert_eq!(columns.cash_quote, [1_000.0, cash, cash, end, end]);
    assert_eq!(columns.position_base, [0.0, 5.0, 5.0, 0.0, 0.0]);
    let equity = [1_000.0, cash + 5.0 * 104.0, cash + 5.0 * 107.0, end, end];
    assert_eq!(columns.equity_quote, equity);
    assert_eq!(fills(&result), [(1, 3, 102.0, 110.0, "signal")]);
    let trades = &columns.trades;
    assert_eq!((trades.gross_pnl[0], trades.net_pnl[0]), (40.0, 40.0 - (bought + sold)));
    assert_eq!((trades.side[0], trades.bars_held[0], trades.entry_tag[0]), (1, 2, 0));
    assert!((trades.mae_bps[0] - 1e4 * (101.0 / 102.0 - 1.0)).abs() < 1e-9);
    assert!((trades.mfe_bps[0] - 1e4 * (110.0 / 102.0 - 1.0)).abs() < 1e-9);
    assert_eq!(result.final_equity_quote, end);
    let [win_rate, profit_factor, turnover, n_trades] = result.metrics[5..] else { panic!() };
    assert_eq!((win_rate, n_trades), (1.0, 1.0));
    assert!(profit_factor.is_nan());
    let years = 5.0 / 8_760.0;
    let expected = (510.0 + 550.0) / (equity.iter().sum::<f64>() / 5.0) / years;
    assert!((turnover / expected - 1.0).abs() < 1e-12);
    // Three of the metrics have no number, for equity never fell.
    use metric::Flag::{LowSample, NoDownside, NoDrawdown, NoLosses};
    let flags = [LowSample, NoDownside, NoDrawdown, NoLosses].map(metric::Flag::bit);
    assert_eq!(result.flags, flags.iter().sum::<u32>());
}

#[test]
fn slippage_and_fees_are_against_the_trade_on_both_sides() {
    let mut rows = [QUIET; 6];
    rows[1][4] = 2.0; // sells short at bar 2
    rows[3][4] = 3.0; // buys back at bar 4
    let risk = with(one_unit(), json!({"allow_short": true}));
    let costs = json!({"base_bps": 10.0, "k_vol": 0.0, "fee_bps": 0.0, "min_fee": 0.25});
    let result = go(&puppet(market(), risk), &execution(costs), &bars(&rows));
    let factor = 10.0 * 1e-4;
    let (sold, bought) = (100.0 * (1.0 - factor), 100.0 * (1.0 + factor));
    assert_eq!(fills(&result), [(2, 4, sold, bought, "signal")]);
    let trades = &result.columns.as_ref().unwrap().trades;
    assert_eq!((trades.side[0], trades.fees[0], trades.gross_pnl[0]), (-1, 0.5, 0.0));
    assert!((trades.slippage_cost[0] - 0.2).abs() < 1e-12);
    assert!((result.final_equity_quote - (1_000.0 - 0.2 - 0.5)).abs() < 1e-9);
}

/// One entry by order at bar 0, its bar 1, and a quiet bar 2.
fn stop_entry(
    side: f64,
    offset_bps: f64,
    bar: [f64; 4],
) -> Vec<(u32, u32, f64, f64, &'static str)> {
    let order = json!({"type": "stop", "offset_bps": offset_bps});
    let message = if side > 0.0 { 1.0 } else { 2.0 };
    let [o, h, l, c] = bar;
    let last = [c, c, c, c, 0.0];
    let rows = [[100.0, 100.0, 100.0, 100.0, message], [o, h, l, c, 0.0], last];
    let program = puppet(order, with(one_unit(), json!({"allow_short": true})));
    fills(&go(&program, &free(json!({})), &bars(&rows)))
}

#[test]
fn stop_entries_fill_at_their_level_or_at_a_worse_open() {
    for (side, bar, expected) in [
        (1.0, [100.0, 104.9, 99.0, 100.0], None),
        (1.0, [100.0, 105.0, 99.0, 100.0], Some(105.0)),
        (1.0, [107.0, 108.0, 99.0, 100.0], Some(107.0)),
        (-1.0, [100.0, 101.0, 95.1, 100.0], None),
        (-1.0, [100.0, 101.0, 95.0, 100.0], Some(95.0)),
        (-1.0, [93.0, 101.0, 92.0, 100.0], Some(93.0)),
    ] {
        let found = stop_entry(side, 500.0, bar).first().map(|fill| (fill.0, fill.2));
        assert_eq!(found, expected.map(|price| (1, price)), "{side} {bar:?}");
    }
}

/// A protective stop 5 % below (or above) an entry at bar 1; what bar 2 makes of it.
fn protective(side: f64, bar: [f64; 4]) -> Option<(u32, f64, &'static str)> {
    let mut rows = [QUIET; 4];
    rows[0][4] = if side > 0.0 { 1.0 } else { 2.0 };
    rows[2][..4].copy_from_slice(&bar);
    rows[3][..4].fill(bar[3]);
    let stop = json!({"stop": {"type": "pct", "value": 5.0}, "allow_short": true});
    let result = go(&puppet(market(), with(one_unit(), stop)), &free(json!({})), &bars(&rows));
    let fill = fills(&result)[0];
    (fill.4 != "end_of_data").then_some((fill.1, fill.3, fill.4))
}

#[test]
fn protective_stops_fill_at_their_level_or_at_a_worse_open() {
    for (side, bar, expected) in [
        (1.0, [100.0, 101.0, 95.1, 100.0], None),
        (1.0, [100.0, 101.0, 95.0, 100.0], Some(95.0)),
        (1.0, [94.0, 101.0, 93.0, 100.0], Some(94.0)),
        (-1.0, [100.0, 104.9, 99.0, 100.0], None),
        (-1.0, [100.0, 105.0, 99.0, 100.0], Some(105.0)),
        (-1.0, [106.0, 107.0, 99.0, 100.0], Some(106.0)),
    ] {
        let found = protective(side, bar);
        assert_eq!(found, expected.map(|price| (2, price, "stop")), "{side} {bar:?}");
    }
}

#[test]
fn the_distance_of_a_stop_is_frozen_at_the_decision_and_counted_from_the_fill() {
    let mut rows = [QUIET; 5];
    rows[0][4] = 1.0;
    rows[1][..4].copy_from_slice(&[200.0, 200.0, 196.0, 198.0]); // 5 below the fill: 195
    rows[2][..4].copy_from_slice(&[198.0, 198.0, 195.0, 198.0]);
    rows[3][..4].fill(198.0);
    rows[4][..4].fill(198.0);
    let stop = json!({"stop": {"type": "bps", "value": 500.0}});
    let result = go(&puppet(market(), with(one_unit(), stop)), &free(json!({})), &bars(&rows));
    assert_eq!(fills(&result), [(1, 2, 200.0, 195.0, "stop")]);
}

/// A buy stop at 105 with a protective stop at 100 and what one bar makes of both.
fn same_bar(intrabar: &str, close: f64, hl_order: i8) -> (usize, u64) {
    let order = json!({"type": "stop", "offset_bps": 500.0});
    let rows = [
        [100.0, 100.0, 100.0, 100.0, 1.0],
        [101.0, 106.0, 99.0, close, 0.0],
        [close, close, close, close, 0.0],
        [close, close, close, close, 0.0],
    ];
    let mut bars = bars(&rows);
    bars.hl_order[1] = hl_order;
    let risk = with(one_unit(), json!({"stop": {"type": "pct", "value": 5.0}}));
    let execution = free(json!({"intrabar": intrabar}));
    let result = go(&puppet(order, risk), &execution, &bars);
    let stopped =
        fills(&result).iter().filter(|fill| **fill == (1, 1, 105.0, 100.0, "stop")).count();
    (stopped, result.events.count(Event::Ambiguous))
}

#[test]
fn an_entry_and_its_stop_inside_one_bar_follow_the_chosen_belief() {
    for (intrabar, close, hl_order, expected) in [
        ("pessimistic", 103.0, 0, (1, 1)),
        ("optimistic", 103.0, 0, (0, 1)),
        ("optimistic", 99.5, 0, (1, 0)), // closes beyond the stop: certain
        ("pessimistic", 99.5, 0, (1, 0)),
        ("path", 103.0, 1, (1, 1)), // high, then low: through the stop after the entry
        ("path", 103.0, -1, (0, 1)), // low, then high: before it
        ("path", 103.0, 0, (1, 1)),
    ] {
        assert_eq!(same_bar(intrabar, close, hl_order), expected, "{intrabar} {close} {hl_order}");
    }
}

#[test]
fn an_entry_at_the_open_has_its_stop_live_for_the_whole_bar() {
    let mut rows = [QUIET; 3];
    rows[0][4] = 1.0;
    rows[1][2] = 94.0;
    let risk = with(one_unit(), json!({"stop": {"type": "pct", "value": 5.0}}));
    let result = go(&puppet(market(), risk), &free(json!({})), &bars(&rows));
    assert_eq!(fills(&result), [(1, 1, 100.0, 95.0, "stop")]);
    assert_eq!(result.events.count(Event::Ambiguous), 0);
}

/// Trades for messages on quiet bars of rising opens, so that a fill's price names its bar.
fn by_messages(messages: &[f64], execution: &Execution, risk: Value) -> Outcome {
    let rows: Vec<[f64; 5]> = messages
        .iter()
        .enumerate()
        .map(|(t, message)| {
            let price = 100.0 + t as f64;
            [price, price + 0.5, price - 0.5, price, *message]
        })
        .collect();
    go(&puppet(market(), with(one_unit(), risk)), execution, &bars(&rows))
}

fn kinds(result: &Outcome) -> Vec<(u32, u32, &'static str)> {
    fills(result).iter().map(|fill| (fill.0, fill.1, fill.4)).collect()
}

#[test]
fn rules_that_meet_a_position_do_what_risk_says() {
    let buy_then_sell = [1.0, 0.0, 2.0, 0.0, 0.0];
    let honest = free(json!({}));
    let go = |risk| by_messages(&buy_then_sell, &honest, risk);
    assert_eq!(kinds(&go(json!({}))), [(1, 3, "opposite")]);
    let both = go(json!({"on_opposite": "reverse", "allow_short": true}));
    assert_eq!(kinds(&both), [(1, 3, "opposite"), (3, 4, "end_of_data")]);
    assert_eq!(both.columns.as_ref().unwrap().trades.side, [1, -1]);
    assert_eq!(kinds(&go(json!({"on_opposite": "reverse"}))), [(1, 3, "opposite")]);
    assert_eq!(kinds(&go(json!({"on_opposite": "ignore"}))), [(1, 4, "end_of_data")]);
}

#[test]
fn the_halves_of_a_reversal_share_one_fee() {
    let execution = free(json!({"fixed": 3.0}));
    let risk = json!({"on_opposite": "reverse", "allow_short": true});
    let result = by_messages(&[1.0, 2.0, 0.0, 0.0], &execution, risk);
    let trades = &result.columns.as_ref().unwrap().trades;
    assert_eq!(trades.fees, [4.5, 4.5]);
}

#[test]
fn hold_and_conflict_keep_from_entering_and_a_close_comes_before_an_entry() {
    let honest = free(json!({}));
    let go = |messages: &[f64]| by_messages(messages, &honest, json!({}));
    assert_eq!(kinds(&go(&[5.0, 0.0, 0.0])), []);
    let conflict = go(&[7.0, 0.0, 7.0]);
    assert_eq!(kinds(&conflict), []);
    // The last bar decides nothing.
    assert_eq!(conflict.events.count(Event::RuntimeConflict), 1);
    assert_eq!(kinds(&go(&[6.0, 6.0, 0.0, 0.0])), [(1, 2, "signal")]);
    let refused = go(&[2.0, 1.0, 2.0, 2.0, 2.0]);
    assert_eq!(kinds(&refused), [(2, 3, "opposite")]);
    assert_eq!(refused.events.count(Event::ShortNotAllowed), 2);
}

#[test]
fn a_position_is_closed_when_its_time_is_over_or_the_day_is_lost() {
    let honest = free(json!({}));
    let timed = by_messages(&[1.0, 0.0, 0.0, 0.0, 0.0], &honest, json!({"max_holding_bars": 2}));
    assert_eq!(kinds(&timed), [(1, 3, "time")]);

    let mut rows = [QUIET; 30];
    rows[0][4] = 1.0;
    for row in &mut rows[3..] {
        *row = [90.0, 91.0, 79.0, 80.0, 1.0]; // a loss of 2 % of 1,000 and wishes to buy
    }
    let risk = with(one_unit(), json!({"max_daily_loss_pct": 2.0}));
    let result = go(&puppet(market(), risk), &honest, &bars(&rows));
    // No entry is decided before the first bar of the next day, which is bar 24.
    assert_eq!(kinds(&result), [(1, 4, "daily_loss"), (25, 29, "end_of_data")]);
    assert_eq!(result.events.count(Event::DailyLoss), 1);
}

#[test]
fn a_cooldown_counts_from_the_bar_that_ended_the_position() {
    let honest = free(json!({}));
    let wishes = [6.0; 9];
    let result = by_messages(&wishes, &honest, json!({"cooldown_bars": 3}));
    // Flat in bar 2: bars 2, 3 and 4 decide nothing; bar 5 does.
    assert_eq!(kinds(&result), [(1, 2, "signal"), (6, 7, "signal")]);
}

#[test]
fn sizes_are_what_was_asked_for_and_never_more_than_can_be_paid() {
    let sizes = |risk: Value, overrides: Value| {
        let mut rows = [QUIET; 5];
        rows[3][4] = 1.0;
        let result = go(&puppet(market(), risk), &execution(overrides), &bars(&rows));
        let columns = result.columns.unwrap();
        assert!(columns.cash_quote.iter().all(|cash| *cash >= 0.0));
        columns.trades.qty.first().copied()
    };
    let none = json!({"base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0});
    let sized = |kind: &str, name: &str, value: f64| json!({"sizing": {"type": kind, name: value}});
    assert_eq!(sizes(sized("fixed_qty", "qty", 2.5), none.clone()), Some(2.5));
    assert_eq!(sizes(sized("fixed_notional", "notional", 250.0), none.clone()), Some(2.5));
    assert_eq!(sizes(sized("pct_equity", "value", 25.0), none.clone()), Some(2.5));
    let stop = json!({"stop": {"type": "atr", "slot": ATR_SLOT, "mult": 2.0}});
    // The range is 2, twice that is lost at the stop, and 10 are risked.
    assert_eq!(sizes(with(sized("risk_pct", "value", 1.0), stop), none), Some(2.5));
    let stop = json!({"stop": {"type": "price", "slot": LOW_SLOT}});
    let lots = json!({"base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0, "lot": 0.75});
    assert_eq!(sizes(with(sized("risk_pct", "value", 0.25), stop), lots), Some(2.25));

    let all = sizes(sized("pct_equity", "value", 100.0), json!({})).unwrap();
    assert!(9.99 < all && all < 10.0);
    assert_eq!(sizes(sized("pct_equity", "value", 100.0), json!({"lot": 4.0})), Some(8.0));
    let reject = json!({"on_insufficient": "reject"});
    assert_eq!(sizes(sized("pct_equity", "value", 100.0), reject), None);
}

#[test]
fn a_short_that_runs_away_is_liquidated_and_then_ruined() {
    let row = |price: f64, message| [price, price, price, price, message];
    let risk = json!({"sizing": {"type": "pct_equity", "value": 100.0}, "allow_short": true});
    // Sold 10 at 100: equity 2,000 − 10 price; margin breaks above 133⅓, ruin comes at 200.
    let called =
        [row(100.0, 2.0), row(100.0, 0.0), row(130.0, 0.0), row(140.0, 0.0), row(150.0, 0.0)];
    let result = go(&puppet(market(), risk.clone()), &free(json!({})), &bars(&called));
    assert_eq!(fills(&result).len(), 1);
    assert_eq!((fills(&result)[0].1, fills(&result)[0].4), (4, "liquidation"));
    assert_eq!(result.events.count(Event::MarginCall), 1);

    let ruined = [row(100.0, 2.0), row(100.0, 0.0), row(250.0, 1.0), row(90.0, 0.0)];
    let result = go(&puppet(market(), risk), &free(json!({})), &bars(&ruined));
    assert_eq!((fills(&result)[0].1, fills(&result)[0].4), (2, "liquidation"));
    assert_eq!(result.metrics[0], -1.0);
    assert!(result.flags & metric::Flag::Ruin.bit() != 0);
    let equity = result.columns.unwrap().equity_quote;
    assert!(equity[2] < 0.0 && equity[3] == equity[2]);
}

#[test]
fn an_open_position_at_the_end_is_closed_or_marked() {
    let closed = by_messages(&[1.0, 0.0, 0.0], &free(json!({})), json!({}));
    assert_eq!(kinds(&closed), [(1, 2, "end_of_data")]);
    let marked = by_messages(&[1.0, 0.0, 0.0], &free(json!({"finalize": "mark"})), json!({}));
    assert_eq!(kinds(&marked), []);
    assert_eq!(marked.columns.unwrap().position_base, [0.0, 1.0, 1.0]);
    assert_eq!(marked.final_equity_quote, closed.final_equity_quote);
}

#[test]
fn what_cannot_be_run_is_refused() {
    let program = puppet(
        market(),
        with(
            one_unit(),
            json!({"stop": {"type": "atr", "slot": 21,
        "mult": 1.0}}),
        ),
    );
    let market = bars(&[QUIET; 5]);
    let programs = &[program];
    let refused = |n_bars: usize, runs: &[(usize, usize)], cash: f64, year: f64| {
        let honest = free(json!({}));
        let view = market.view(0..n_bars);
        run_batch(programs, &honest, &[view], runs, cash, &[year], Detail::Summary, None)
            .map(|_| ())
            .map_err(|refusal| refusal.to_string())
    };
    assert_eq!(refused(4, &[(0, 0)], 1.0, 1.0), Ok(()));
    for (found, expected) in [
        (refused(3, &[(0, 0)], 1.0, 1.0), "program 0: got 3 bars"),
        (refused(4, &[(0, 1)], 1.0, 1.0), "/runs/0: got (0, 1)"),
        (refused(4, &[(0, 0)], 0.0, 1.0), "/initial_cash: got 0"),
        (refused(4, &[(0, 0)], f64::NAN, 1.0), "/initial_cash: got NaN"),
        (refused(4, &[(0, 0)], 1.0, 0.0), "/bars_per_year: got 0"),
    ] {
        let message = found.unwrap_err();
        assert!(message.starts_with(expected), "{message}");
    }
}
