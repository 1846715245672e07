//! Programs that are decoded or refused, and the values they give.

use super::*;
use crate::bars::Bars;
use serde_json::{Value, json};

pub(crate) fn bars(close: &[f64]) -> Bars {
    let n_bars = close.len();
    Bars {
        ts: (0..n_bars as i64).map(|t| t * 3_600_000_000_000).collect(),
        open: close.to_vec(),
        high: close.to_vec(),
        low: close.to_vec(),
        close: close.to_vec(),
        volume: vec![1.0; n_bars],
        hl_order: vec![0; n_bars],
        ..Bars::default()
    }
}

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
        (json!({"sizing": pct, "max_adds": 1}), "/risk/max_adds"),
        (json!({"sizing": pct, "cooldown_bars": 0}), "/risk/cooldown_bars"),
        (json!({"sizing": pct, "trailing": null}), "/risk/trailing"),
        (json!({"sizing": pct, "on_opposite": "flip"}), "/risk/on_opposite"),
    ] {
        let message = with(risk).unwrap_err();
        assert!(message.starts_with(place), "{message}");
    }
}
