//! Random programs as the compiler could have made them, and random markets to run them on.

#![allow(clippy::unwrap_used)] // a test may panic; that is how it fails

use proving_core::backtest::{Execution, profiles};
use proving_core::bars::Bars;
use proving_core::indicator::{INDICATORS, Input};
use proving_core::parameter::Params;
use proving_core::random::Stream;
use serde_json::{Map, Value, json};

/// The same programs every time.
pub const SEED: u64 = 20_261_121;

/// Draws in a row.
pub struct Dice {
    stream: Stream,
    next: u64,
}

impl Dice {
    /// Draws of program number `lane`.
    pub fn new(lane: u64) -> Self {
        Self { stream: Stream::new([SEED, 7], [lane, 0, 0]), next: 0 }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        (self.stream.bits(self.next) % n as u64) as usize
    }

    /// One of the items.
    pub fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    /// A number from 0 to 1.
    pub fn real(&mut self) -> f64 {
        self.next += 1;
        self.stream.uniform(self.next)
    }
}

/// What a slot holds and what is true of it.
#[derive(Clone)]
struct Slot {
    is_number: bool,
    lookback: i64,
    latest: Option<i64>,
}

/// A program as the compiler could have made it.
pub fn sound(dice: &mut Dice) -> Value {
    let mut slots: Vec<Slot> = Vec::new();
    let mut code = Vec::new();
    let n_slots = 6 + dice.below(28);
    while code.len() < n_slots || !slots.iter().any(|slot| !slot.is_number) {
        let (mut instruction, slot) = instruction(dice, &slots);
        instruction["w"] = json!(slot.lookback);
        instruction["dep"] = json!(slot.latest);
        code.push(instruction);
        slots.push(slot);
    }
    let of_kind = |is_number: bool| -> Vec<usize> {
        (0..slots.len()).filter(|at| slots[*at].is_number == is_number).collect()
    };
    let (numbers, truths) = (of_kind(true), of_kind(false));
    let rules: Vec<Value> = (0..1 + dice.below(4)).map(|_| rule(dice, &numbers, &truths)).collect();
    json!({
        "schema": "program/0.1", "timeframe": "1h", "code": code, "rules": rules,
        "risk": risk(dice, &numbers), "output": null,
    })
}

fn instruction(dice: &mut Dice, slots: &[Slot]) -> (Value, Slot) {
    let pick = |dice: &mut Dice, is_number: bool| -> Option<usize> {
        let fitting: Vec<usize> =
            (0..slots.len()).filter(|at| slots[*at].is_number == is_number).collect();
        (!fitting.is_empty()).then(|| dice.of(&fitting))
    };
    let (a, b) = (pick(dice, true), pick(dice, true));
    let (x, y) = (pick(dice, false), pick(dice, false));
    let over = |reads: &[usize], is_number: bool, extra: i64| Slot {
        is_number,
        lookback: reads.iter().map(|at| slots[*at].lookback).max().unwrap_or(0) + extra,
        latest: reads.iter().filter_map(|at| slots[*at].latest).max(),
    };
    match (dice.below(15), a, b, x, y) {
        (0, ..) => {
            let value = dice.of(&[0.0, -1.0, 100.0, 1e-300, 1e300, 0.5]);
            (json!({"op": "const", "value": value}), over(&[], true, 0))
        }
        (1 | 2, Some(a), Some(b), ..) => {
            let op = dice.of(&["add", "sub", "mul", "div", "min", "max"]);
            (json!({"op": op, "a": a, "b": b}), over(&[a, b], true, 0))
        }
        (3 | 13, Some(a), Some(b), ..) => {
            let op = dice.of(&["lt", "le", "eq", "ne"]);
            (json!({"op": op, "a": a, "b": b}), over(&[a, b], false, 0))
        }
        (4, Some(a), Some(b), ..) => {
            let dir = dice.of(&["over", "under"]);
            (json!({"op": "cross", "dir": dir, "a": a, "b": b}), over(&[a, b], false, 1))
        }
        (5, _, _, Some(x), Some(y)) => {
            let op = dice.of(&["and", "or"]);
            (json!({"op": op, "xs": [x, y]}), over(&[x, y], false, 0))
        }
        (6, _, _, Some(x), _) => (json!({"op": "not", "a": x}), over(&[x], false, 0)),
        (7, Some(a), ..) => {
            let k = dice.below(9);
            let mut slot = over(&[a], true, k as i64);
            slot.latest = slot.latest.map(|bars| bars - k as i64);
            (json!({"op": "shift", "a": a, "k": k}), slot)
        }
        (8 | 9, Some(a), _, Some(x), _) => indicator(dice, slots, a, x),
        (10, Some(a), ..) => {
            let op = dice.of(&["abs", "sqrt", "log", "exp"]);
            (json!({"op": op, "a": a}), over(&[a], true, 0))
        }
        _ => (of_the_bar(dice), Slot { is_number: true, lookback: 0, latest: Some(0) }),
    }
}

/// What is read of a bar, or of the account at its close.
fn of_the_bar(dice: &mut Dice) -> Value {
    match dice.below(10) {
        0..3 => {
            let name = dice.of(&["hl2", "hlc3", "ohlc4", "hour", "weekday"]);
            json!({"op": "series", "name": name})
        }
        3 => {
            let name = dice.of(&["position", "bars_in_trade", "entry_price"]);
            json!({"op": "account", "name": name})
        }
        _ => {
            let field = dice.of(&["open", "high", "low", "close", "volume"]);
            json!({"op": "price", "field": field})
        }
    }
}

/// An indicator of the number in slot `a` or of the condition in slot `x`.
fn indicator(dice: &mut Dice, slots: &[Slot], a: usize, x: usize) -> (Value, Slot) {
    let row = dice.of(INDICATORS);
    let input = |kind: &Input| if *kind == Input::Truth { x } else { a };
    let inputs: Vec<usize> = row.inputs.iter().map(input).collect();
    let params: Vec<f64> = row
        .params
        .iter()
        .map(|param| if param.is_integer { 2.0 + dice.below(14) as f64 } else { 1.5 })
        .collect();
    let checked = Params::from_slice(row.name, row.params, &params).unwrap();
    let lookback = inputs.iter().map(|at| slots[*at].lookback).max().unwrap_or(0);
    let latest = inputs.iter().filter_map(|at| slots[*at].latest).max();
    let slot = Slot {
        is_number: true,
        lookback: lookback + row.warmup.bars(&checked) as i64,
        latest: if row.reads.is_empty() { latest } else { Some(0) },
    };
    let mut made = json!({"op": "ind", "name": row.name, "inputs": inputs, "params": params});
    if row.outputs.len() > 1 {
        made["output"] = json!(row.outputs[dice.below(row.outputs.len())].name);
    }
    (made, slot)
}

fn rule(dice: &mut Dice, numbers: &[usize], truths: &[usize]) -> Value {
    let then = dice.of(&["buy", "buy", "sell", "sell", "close", "hold"]);
    let mut rule = json!({"if": dice.of(truths), "then": then});
    if then == "buy" || then == "sell" {
        rule["order"] = match dice.below(3) {
            0 => json!({"type": "stop", "offset_bps": dice.of(&[-50.0, 0.0, 30.0])}),
            1 if !numbers.is_empty() => json!({"type": "stop", "price": dice.of(numbers)}),
            2 if dice.below(12) == 0 => json!({
                "type": dice.of(&["limit", "stop_limit"]), "offset_bps": 5.0, "tif_bars": 3,
            }),
            _ => json!({"type": "market"}),
        };
        if rule["order"]["type"] == "stop_limit" {
            rule["order"]["limit_offset_bps"] = json!(2.0);
        }
    }
    rule
}

fn risk(dice: &mut Dice, numbers: &[usize]) -> Value {
    let mut risk = json!({
        "sizing": match dice.below(4) {
            0 => json!({"type": "pct_equity", "value": 100.0}),
            1 => json!({"type": "fixed_qty", "qty": dice.of(&[1e-12, 1.0, 1e15])}),
            2 => json!({"type": "fixed_notional", "notional": dice.of(&[1.0, 1e9])}),
            _ => json!({"type": "pct_equity", "value": 300.0}),
        },
        "max_leverage": 3.0, "allow_short": dice.below(2) == 0,
        "on_opposite": dice.of(&["close", "reverse", "ignore"]),
    });
    match dice.below(4) {
        0 => risk["stop"] = json!({"type": "pct", "value": 1.0}),
        1 if !numbers.is_empty() => {
            risk["stop"] = json!({"type": "atr", "slot": dice.of(numbers), "mult": 2.0});
        }
        2 if !numbers.is_empty() => {
            risk["stop"] = json!({"type": "price", "slot": dice.of(numbers)})
        }
        _ => {}
    }
    if dice.below(3) == 0 && risk.get("stop").is_some() {
        risk["sizing"] = json!({"type": "risk_pct", "value": 5.0});
    }
    for (name, value) in [("max_holding_bars", 5), ("cooldown_bars", 3)] {
        if dice.below(3) == 0 {
            risk[name] = json!(value);
        }
    }
    if dice.below(3) == 0 {
        risk["max_daily_loss_pct"] = json!(2.0);
    }
    match dice.below(40) {
        0 => risk["take_profit"] = json!({"type": "bps", "value": 50.0}),
        1 => risk["trailing"] = json!({"type": "pct", "value": 2.0}),
        2 => risk["max_adds"] = json!(2),
        3 if !numbers.is_empty() => {
            let slot = dice.of(numbers);
            risk["sizing"] = json!({"type": "vol_target", "annual_vol": 0.2, "slot": slot});
        }
        _ => {}
    }
    risk
}

/// Markets from the tame to the barely possible.
pub fn market(dice: &mut Dice) -> Bars {
    let n_bars = 60 + dice.below(120);
    let scale = dice.of(&[1e-300, 1e-48, 1e-6, 1.0, 1.0, 1.0, 1.0, 1e6, 1e48]);
    let wildness = dice.of(&[0.0, 0.001, 0.02, 0.02, 0.5]);
    let mut bars = Bars::default();
    let mut price = 100.0;
    for t in 0..n_bars {
        let open = price;
        price *= 1.0 + wildness * (2.0 * dice.real() - 1.0);
        let (low, high) = (open.min(price), open.max(price));
        bars.ts.push(t as i64 * 7_200_000_000_000 - 50_000_000_000_000);
        bars.open.push(open * scale);
        bars.close.push(price * scale);
        bars.high.push(high * scale * (1.0 + wildness * dice.real()));
        bars.low.push(low * scale * (1.0 - wildness * dice.real()));
        bars.volume.push(if dice.below(5) == 0 { 0.0 } else { dice.real() * 1e6 });
        bars.hl_order.push(dice.below(3) as i8 - 1);
        bars.flags.push(if dice.below(9) == 0 { dice.below(32) as u8 } else { 0 });
    }
    bars
}

/// An execution that is mostly tame.
pub fn execution(dice: &mut Dice) -> Execution {
    let mut document: Map<String, Value> = profiles()["honest_v1"].as_object().unwrap().clone();
    for (name, values) in [
        ("bar_delay", json!([1, 2, 7])),
        ("finalize", json!(["close", "mark"])),
        ("lot", json!([0.0, 0.1, 1e9])),
        ("on_insufficient", json!(["shrink", "reject"])),
        ("base_bps", json!([0.0, 5.0, 1e4])),
        ("k_vol", json!([0.0, 0.05, 1e3])),
        ("fee_bps", json!([0.0, 2.0, 1e4])),
        ("min_fee", json!([0.0, 1.0, 1e15])),
        ("fixed", json!([0.0, 0.1, 1e15])),
        ("intrabar", json!(["pessimistic", "path", "optimistic"])),
        ("market_fill", json!(["open", "close"])),
        ("limit_fill", json!(["touch", "through", "touch_v0"])),
        ("conflict", json!(["none", "first", "error"])),
        ("maker_bps", json!([null, 0.0, 1e4])),
        ("impact", json!(["none", "none", "none", "sqrt", "zipline"])),
        ("impact_y", json!([1.0, 0.0, 1e6])),
        ("participation", json!([null, null, null, 0.01, 1.0])),
        ("half_spread_bps", json!([0.0, 1.0, 1e4])),
        ("borrow_bps_year", json!([0.0, 100.0, 1e6])),
        ("funding_bps_year", json!([0.0, 100.0, -1e6])),
        ("cash_rate_year", json!([0.0, 100.0, -1e6, 1e6])),
    ] {
        // Mostly the tame value, or nothing would ever trade.
        let items = values.as_array().unwrap();
        let value = if dice.below(8) > 0 { items[0].clone() } else { dice.of(items) };
        document.insert(name.to_owned(), value);
    }
    Execution::read(&Value::Object(document)).unwrap()
}
