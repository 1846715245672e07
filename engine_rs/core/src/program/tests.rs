//! Programs that are decoded or refused, and the values they give.

use super::sample::bars;
use super::*;
use serde_json::{Value, json};

fn document(code: Value, output: usize) -> Value {
    let last = code.as_array().unwrap().len() - 1;
    json!({
        "schema": "program/0.1", "timeframe": "1h", "code": code, "output": output,
        "rules": if output == last { json!([]) } else { json!([{"if": last, "then": "buy"}]) },
        "risk": {"sizing": {"type": "fixed_qty", "qty": 1.0}},
    })
}

fn values(code: Value, close: &[f64]) -> Vec<f64> {
    let output = code.as_array().unwrap().len() - 1;
    let program = Program::decode(&document(code, output).to_string()).unwrap();
    evaluate::output(&program, &bars(close).view(0..close.len())).unwrap()
}

fn same(found: &[f64], expected: &[f64]) {
    let agree = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(agree),
        "{found:?} is not {expected:?}"
    );
}

const UNKNOWN: f64 = f64::NAN;

#[test]
fn arithmetic_and_shifts_give_unknown_where_they_must() {
    let code = json!([
        {"op": "price", "field": "close", "w": 0, "dep": 0},
        {"op": "shift", "a": 0, "k": 1, "w": 1, "dep": -1},
        {"op": "sub", "a": 0, "b": 1, "w": 1, "dep": 0},
        {"op": "const", "value": 6.0, "w": 0},
        {"op": "div", "a": 3, "b": 2, "w": 1, "dep": 0},
        {"op": "neg", "a": 4, "w": 1, "dep": 0},
    ]);
    same(&values(code, &[1.0, 3.0, 3.0, 6.0]), &[UNKNOWN, -3.0, UNKNOWN, -2.0]);
}

#[test]
fn logic_follows_kleene() {
    // x is unknown, false, true on the three bars; y is true, z is false.
    let code = |last: Value| {
        let mut code = json!([
            {"op": "price", "field": "close", "w": 0, "dep": 0},
            {"op": "shift", "a": 0, "k": 1, "w": 1, "dep": -1},
            {"op": "lt", "a": 1, "b": 0, "w": 1, "dep": 0},
            {"op": "bool", "value": true, "w": 0},
            {"op": "bool", "value": false, "w": 0},
        ]);
        code.as_array_mut().unwrap().push(last);
        values(code, &[2.0, 1.0, 3.0])
    };
    let both = |op: &str, slot: usize| code(json!({"op": op, "xs": [2, slot], "w": 1, "dep": 0}));
    same(&both("and", 3), &[UNKNOWN, 0.0, 1.0]);
    same(&both("and", 4), &[0.0, 0.0, 0.0]);
    same(&both("or", 3), &[1.0, 1.0, 1.0]);
    same(&both("or", 4), &[UNKNOWN, 0.0, 1.0]);
    same(&code(json!({"op": "not", "a": 2, "w": 1, "dep": 0})), &[UNKNOWN, 1.0, 0.0]);
}

#[test]
fn comparisons_give_what_they_say() {
    let of = |op: &str| {
        values(
            json!([
                {"op": "price", "field": "close", "w": 0, "dep": 0},
                {"op": "const", "value": 2.0, "w": 0},
                {"op": op, "a": 0, "b": 1, "w": 0, "dep": 0},
            ]),
            &[1.0, 2.0, 3.0],
        )
    };
    for (op, expected) in [
        ("lt", [1.0, 0.0, 0.0]),
        ("le", [1.0, 1.0, 0.0]),
        ("eq", [0.0, 1.0, 0.0]),
        ("ne", [1.0, 0.0, 1.0]),
    ] {
        same(&of(op), &expected);
    }
}

#[test]
fn a_cross_is_seen_on_its_bar_even_across_a_word_of_bits() {
    let mut close = vec![1.0; 140];
    for t in [5, 64, 128] {
        close[t] = 3.0;
    }
    for (dir, expected) in [("over", [5, 64, 128]), ("under", [6, 65, 129])] {
        let found = values(
            json!([
                {"op": "price", "field": "close", "w": 0, "dep": 0},
                {"op": "const", "value": 2.0, "w": 0},
                {"op": "cross", "dir": dir, "a": 0, "b": 1, "w": 1, "dep": 0},
            ]),
            &close,
        );
        assert!(found[0].is_nan());
        let bars: Vec<usize> = (1..140).filter(|t| found[*t] == 1.0).collect();
        assert_eq!(bars, expected);
    }
}

#[test]
fn what_is_compared_block_by_block_is_what_whole_columns_give() {
    // Long enough for several blocks of bars; the second average begins far before its block.
    let step = |t: usize| ((t * 7_919 + t * t * 31) % 401) as f64 - 200.0;
    let close: Vec<f64> = (0..20_000).map(|t| 1_000.0 + step(t) + (t / 700 % 5) as f64).collect();
    let average = |n: usize| json!({"op": "ind", "name": "ma", "inputs": [0], "params": [n], "w": n - 1, "dep": 0});
    let price = json!({"op": "price", "field": "close", "w": 0, "dep": 0});
    let column = |n: usize| values(json!([price, average(n)]), &close);
    let (a, b) = (column(7), column(1_900));
    let compared = |op: Value| values(json!([price, average(7), average(1_900), op]), &close);
    let is_known = |t: usize| !a[t].is_nan() && !b[t].is_nan();
    let truth = |is_known: bool, is_true: bool| if is_known { f64::from(is_true) } else { UNKNOWN };

    let less = compared(json!({"op": "lt", "a": 1, "b": 2, "w": 1_899, "dep": 0}));
    let expected = (0..close.len()).map(|t| truth(is_known(t), a[t] < b[t]));
    same(&less, &expected.collect::<Vec<_>>());

    let cross = json!({"op": "cross", "dir": "over", "a": 1, "b": 2, "w": 1_900, "dep": 0});
    let over = compared(cross);
    let passes = |t: usize| a[t] > b[t] && a[t - 1] <= b[t - 1];
    let both = |t: usize| t > 0 && is_known(t) && is_known(t - 1);
    let expected = (0..close.len()).map(|t| truth(both(t), both(t) && passes(t)));
    same(&over, &expected.collect::<Vec<_>>());
    assert!(over.iter().filter(|value| **value == 1.0).count() > 1_000);
}

#[test]
fn a_program_that_says_what_is_not_so_is_refused() {
    let price = json!({"op": "price", "field": "close", "w": 0, "dep": 0});
    for (bad, code) in [
        (json!({"op": "shift", "a": 0, "k": 2, "w": 1, "dep": -2}), "PROGRAM_INVALID"),
        (json!({"op": "shift", "a": 0, "k": 2, "w": 2, "dep": 0}), "PROGRAM_INVALID"),
        (json!({"op": "shift", "a": 0, "k": -2, "w": 0, "dep": 2}), "FIELD_INVALID"),
        (json!({"op": "neg", "a": 1, "w": 0, "dep": 0}), "PROGRAM_INVALID"),
        (json!({"op": "not", "a": 0, "w": 0, "dep": 0}), "PROGRAM_INVALID"),
        (json!({"op": "and", "xs": [], "w": 0}), "PROGRAM_INVALID"),
        (json!({"op": "neg", "a": 0, "w": 0, "dep": 0, "b": 0}), "FIELD_INVALID"),
        (json!({"op": "peek", "a": 0, "w": 0, "dep": 0}), "FIELD_INVALID"),
        (
            json!({"op": "ind", "name": "ma", "inputs": [0], "params": [0.0], "w": 0, "dep": 0}),
            "PARAM_RANGE",
        ),
        (
            json!({"op": "ind", "name": "hma", "inputs": [0], "params": [3.0], "w": 2, "dep": 0}),
            "UNKNOWN_NAME",
        ),
    ] {
        let document = document(json!([price, bad]), 1);
        let refusal = Program::decode(&document.to_string()).unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
    }
    assert_eq!(Program::decode("{").unwrap_err().code(), "NOT_JSON");
}

#[test]
fn risk_without_what_it_needs_is_refused() {
    let code = json!([{"op": "bool", "value": true, "w": 0}]);
    let with = |risk: Value| {
        let mut document = document(code.clone(), 0);
        document["risk"] = risk;
        Program::decode(&document.to_string()).map(|_| ()).map_err(|refusal| refusal.to_string())
    };
    let pct = json!({"type": "pct_equity", "value": 100.0});
    assert_eq!(with(json!({"sizing": pct})), Ok(()));
    for (risk, place) in [
        (json!({"sizing": {"type": "risk_pct", "value": 1.0}}), "/risk/stop"),
        (json!({"sizing": {"type": "pct_equity", "value": 101.0}}), "/risk/sizing/value"),
        (json!({"sizing": {"type": "pct_equity", "qty": 1.0}}), "/risk/sizing/qty"),
        (json!({"sizing": pct, "stop": {"type": "price", "slot": 0}}), "instruction 0"),
        (json!({"sizing": pct, "stop": {"type": "pct", "value": 0}}), "/risk/stop/value"),
        (json!({"sizing": pct, "max_adds": -1}), "/risk/max_adds"),
        (json!({"sizing": pct, "cooldown_bars": 0}), "/risk/cooldown_bars"),
        (json!({"sizing": pct, "trailing": {"type": "price", "slot": 0}}), "/risk/trailing"),
        (json!({"sizing": pct, "take_profit": {"type": "pct", "value": -1}}), "/risk/take_profit"),
        (json!({"sizing": {"type": "vol_target", "annual_vol": 0.1}}), "/risk/sizing/slot"),
        (json!({"sizing": pct, "trail": null}), "/risk/trail"),
        (json!({"sizing": pct, "on_opposite": "flip"}), "/risk/on_opposite"),
    ] {
        let message = with(risk).unwrap_err();
        assert!(message.starts_with(place), "{message}");
    }
}

#[test]
fn functions_of_numbers_give_unknown_outside_their_domain() {
    let of = |op: &str, close: &[f64]| {
        let code = json!([
            {"op": "price", "field": "close", "w": 0, "dep": 0},
            {"op": "const", "value": 3.0, "w": 0},
            {"op": "sub", "a": 0, "b": 1, "w": 0, "dep": 0},
            {"op": op, "a": 2, "w": 0, "dep": 0},
        ]);
        values(code, close)
    };
    same(&of("abs", &[1.0, 3.0, 7.0]), &[2.0, 0.0, 4.0]);
    same(&of("sqrt", &[1.0, 3.0, 7.0]), &[UNKNOWN, 0.0, 2.0]);
    same(&of("log", &[1.0, 3.0, 4.0]), &[UNKNOWN, UNKNOWN, 0.0]);
    same(&of("exp", &[3.0, 800.0]), &[1.0, UNKNOWN]);
    let pair = |op: &str| {
        let code = json!([
            {"op": "price", "field": "close", "w": 0, "dep": 0},
            {"op": "shift", "a": 0, "k": 1, "w": 1, "dep": -1},
            {"op": op, "a": 0, "b": 1, "w": 1, "dep": 0},
        ]);
        values(code, &[1.0, 3.0, 2.0])
    };
    same(&pair("min"), &[UNKNOWN, 1.0, 2.0]);
    same(&pair("max"), &[UNKNOWN, 3.0, 3.0]);
}

#[test]
fn the_hour_and_the_weekday_are_those_of_the_open() {
    let of = |name: &str, ts: i64| {
        let code = json!([{"op": "series", "name": name, "w": 0, "dep": 0}]);
        let program = Program::decode(&document(code, 0).to_string()).unwrap();
        let mut bars = bars(&[8.0]);
        (bars.ts, bars.open, bars.high, bars.low) = (vec![ts], vec![6.0], vec![9.0], vec![5.0]);
        evaluate::output(&program, &bars.view(0..1)).unwrap()[0]
    };
    // 2020-01-01 was a Wednesday; the epoch was a Thursday, and the hour before it a Wednesday.
    let new_year = 1_577_836_800_000_000_000;
    assert_eq!((of("weekday", new_year), of("hour", new_year)), (2.0, 0.0));
    let late = new_year + 5 * 86_400_000_000_000 - 1;
    assert_eq!((of("weekday", late), of("hour", late)), (6.0, 23.0));
    assert_eq!((of("weekday", 0), of("weekday", -1), of("hour", -1)), (3.0, 2.0, 23.0));
    assert_eq!((of("hl2", 0), of("hlc3", 0), of("ohlc4", 0)), (7.0, 22.0 / 3.0, 7.0));
}

#[test]
fn bars_since_counts_from_the_last_time_and_is_unknown_before_the_first() {
    let code = json!([
        {"op": "price", "field": "close", "w": 0, "dep": 0},
        {"op": "shift", "a": 0, "k": 1, "w": 1, "dep": -1},
        {"op": "lt", "a": 1, "b": 0, "w": 1, "dep": 0},
        {"op": "ind", "name": "barssince", "inputs": [2], "params": [], "w": 1, "dep": 0},
    ]);
    let close = [1.0, 1.0, 2.0, 2.0, 1.0, 3.0, 3.0];
    same(&values(code, &close), &[UNKNOWN, UNKNOWN, 0.0, 1.0, 2.0, 0.0, 1.0]);
}

#[test]
fn an_output_must_be_named_where_there_are_several_and_only_there() {
    let price = json!({"op": "price", "field": "close", "w": 0, "dep": 0});
    let ind = |name: &str, params: Value, w: usize, output: Value| {
        let step = json!({
            "op": "ind", "name": name, "inputs": [0], "params": params, "output": output,
            "w": w, "dep": 0,
        });
        let made = Program::decode(&document(json!([price, step]), 1).to_string());
        made.map(|_| ()).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(ind("bbands", json!([3, 2]), 2, json!("width")), Ok(()));
    assert_eq!(ind("ma", json!([3]), 2, Value::Null), Ok(()));
    for (made, place) in [
        (ind("bbands", json!([3, 2]), 2, json!("top")), "/code/1/output: got \"top\""),
        (ind("bbands", json!([3, 2]), 2, Value::Null), "/code/1/output: got null"),
        (ind("ma", json!([3]), 2, json!("")), "/code/1/output: got \"\""),
        (ind("barssince", json!([]), 0, Value::Null), "instruction 1: slot 0"),
    ] {
        assert!(made.clone().unwrap_err().starts_with(place), "{made:?}");
    }
}

#[test]
fn what_depends_on_the_account_is_known_as_such_and_has_no_column() {
    let code = json!([
        {"op": "account", "name": "entry_price", "w": 0, "dep": 0},
        {"op": "price", "field": "close", "w": 0, "dep": 0},
        {"op": "sub", "a": 1, "b": 0, "w": 0, "dep": 0},
    ]);
    let program = Program::decode(&document(code, 2).to_string()).unwrap();
    assert!(program.reads_account());
    assert_eq!([0, 1, 2].map(|slot| program.is_live(slot)), [true, false, true]);
    let refusal = evaluate::output(&program, &bars(&[1.0]).view(0..1)).unwrap_err();
    assert!(refusal.to_string().starts_with("/output: got a slot that depends on the account"));
}

#[test]
fn orders_with_fields_that_do_not_fit_are_refused() {
    let asked = |order: Value| {
        let document = json!({
            "schema": "program/0.1", "timeframe": "1h",
            "code": [{"op": "bool", "value": true, "w": 0}],
            "rules": [{"if": 0, "then": "buy", "order": order}],
            "risk": {"sizing": {"type": "fixed_qty", "qty": 1.0}},
        });
        Program::decode(&document.to_string()).unwrap_err().to_string()
    };
    for (order, place) in [
        (json!({"type": "market", "tif_bars": 3}), "/rules/0/order/tif_bars"),
        (json!({"type": "limit"}), "/rules/0/order/type"),
        (json!({"type": "limit", "price": 0, "offset_bps": 1}), "/rules/0/order/type"),
        (json!({"type": "limit", "price": 0}), "instruction 0"),
        (json!({"type": "stop", "offset_bps": 1, "limit_offset_bps": 1}), "/rules/0/order/limit_"),
        (json!({"type": "stop_limit", "offset_bps": 1}), "/rules/0/order/limit_offset_bps"),
        (json!({"type": "stop", "offset_bps": 1, "tif_bars": 0}), "/rules/0/order/tif_bars"),
    ] {
        let message = asked(order);
        assert!(message.starts_with(place), "{message}");
    }
}
