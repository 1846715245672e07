//! Rules that look at the account.

use super::*;

/// Buys on the first bar, and closes on what `code`, which starts at slot 3, finds in its last
/// slot.
fn closing_on(code: &[Value], w: usize) -> Program {
    let mut all = vec![
        json!({"op": "price", "field": "volume", "w": 0, "dep": 0}),
        json!({"op": "const", "value": 1.0, "w": 0}),
        json!({"op": "eq", "a": 0, "b": 1, "w": 0, "dep": 0}),
    ];
    all.extend(code.iter().cloned());
    let last = all.len() - 1;
    all[last]["w"] = json!(w);
    let program = json!({
        "schema": "program/0.1", "timeframe": "1h", "code": all, "risk": one_unit(),
        "rules": [{"if": 2, "then": "buy"}, {"if": last, "then": "close"}],
    });
    Program::decode(&program.to_string()).unwrap()
}

fn account(name: &str) -> Value {
    json!({"op": "account", "name": name, "w": 0, "dep": 0})
}

fn rows(closes: &[f64]) -> Bars {
    let mut rows: Vec<[f64; 5]> =
        closes.iter().map(|close| [*close, close + 1.0, close - 1.0, *close, 0.0]).collect();
    rows[0][4] = 1.0;
    bars(&rows)
}

#[test]
fn a_position_can_be_closed_after_the_bars_it_was_held() {
    let code = [
        account("bars_in_trade"),
        json!({"op": "const", "value": 3.0, "w": 0}),
        json!({"op": "le", "a": 4, "b": 3, "w": 0, "dep": 0}),
    ];
    let result = go(&closing_on(&code, 0), &free(json!({})), &rows(&[100.0; 9]));
    // Filled in bar 1, whose close is the first it sees; bar 3 is the third, and bar 4 sells.
    assert_eq!(fills(&result), [(1, 4, 100.0, 100.0, "signal")]);
    // That is what a limit of three bars does.
    let limited = with(one_unit(), json!({"max_holding_bars": 3}));
    let mut messages = rows(&[100.0; 9]);
    messages.volume[0] = 1.0;
    let timed = go(&puppet(market(), limited), &free(json!({})), &messages);
    assert_eq!(fills(&timed), [(1, 4, 100.0, 100.0, "time")]);
}

#[test]
fn a_gain_can_be_taken_from_the_entry_price_which_is_unknown_when_flat() {
    let code = [
        account("entry_price"),
        json!({"op": "price", "field": "close", "w": 0, "dep": 0}),
        json!({"op": "sub", "a": 4, "b": 3, "w": 0, "dep": 0}),
        json!({"op": "const", "value": 5.0, "w": 0}),
        json!({"op": "le", "a": 6, "b": 5, "w": 0, "dep": 0}),
    ];
    let closes = [100.0, 101.0, 104.0, 105.0, 106.0, 107.0, 108.0];
    let result = go(&closing_on(&code, 0), &free(json!({})), &rows(&closes));
    // Bought at the open of bar 1, 101; 106 is the first close 5 above it.
    assert_eq!(fills(&result), [(1, 5, 101.0, 107.0, "signal")]);
}

#[test]
fn windows_and_shifts_over_the_account_begin_with_the_position() {
    // The close is the highest since three bars, all of which were in the trade.
    let code = [
        account("entry_price"),
        json!({"op": "ind", "name": "highest", "inputs": [3], "params": [3], "w": 2, "dep": 0}),
        json!({"op": "const", "value": 0.0, "w": 0}),
        json!({"op": "lt", "a": 5, "b": 4, "w": 0, "dep": 0}),
    ];
    let result = go(&closing_on(&code, 2), &free(json!({})), &rows(&[100.0; 9]));
    assert_eq!(fills(&result), [(1, 4, 100.0, 100.0, "signal")]);
    let code = [
        account("position"),
        json!({"op": "shift", "a": 3, "k": 2, "w": 2, "dep": -2}),
        json!({"op": "const", "value": 0.0, "w": 0}),
        json!({"op": "cross", "dir": "over", "a": 4, "b": 5, "w": 0, "dep": -2}),
    ];
    let result = go(&closing_on(&code, 3), &free(json!({})), &rows(&[100.0; 9]));
    assert_eq!(fills(&result), [(1, 4, 100.0, 100.0, "signal")]);
}

#[test]
fn a_short_position_is_negative() {
    let mut all = vec![
        json!({"op": "bool", "value": true, "w": 0}),
        account("position"),
        json!({"op": "const", "value": 0.0, "w": 0}),
        json!({"op": "lt", "a": 1, "b": 2, "w": 0, "dep": 0}),
    ];
    all.push(json!({"op": "eq", "a": 1, "b": 2, "w": 0, "dep": 0}));
    let program = json!({
        "schema": "program/0.1", "timeframe": "1h", "code": all,
        "risk": with(one_unit(), json!({"allow_short": true})),
        "rules": [{"if": 4, "then": "sell"}, {"if": 3, "then": "close"}],
    });
    let program = Program::decode(&program.to_string()).unwrap();
    let result = go(&program, &free(json!({})), &rows(&[100.0; 6]));
    let found: Vec<_> = fills(&result).iter().map(|fill| (fill.0, fill.1)).collect();
    assert_eq!(found, [(1, 2), (3, 4), (5, 5)]);
}
