//! Random programs, sound ones and broken ones, are run or refused, and never panic.
//!
//! The seed is fixed and printed: the same programs every time.

#![allow(clippy::unwrap_used)] // a test may panic; that is how it fails

use proving_core::backtest::{Detail, Execution, profiles, run_batch};
use proving_core::bars::Bars;
use proving_core::indicator::INDICATORS;
use proving_core::program::Program;
use proving_core::random::Stream;
use serde_json::{Map, Value, json};

const SEED: u64 = 20_261_121;

/// Number of programs: a few thousand, or what `PROVING_FUZZ_CASES` says.
#[allow(clippy::disallowed_methods)] // a test may be told from outside how long to look
fn n_programs() -> u64 {
    let asked = std::env::var("PROVING_FUZZ_CASES").ok();
    asked.map_or(3_000, |text| text.parse().expect("PROVING_FUZZ_CASES is a number"))
}

/// Draws in a row.
struct Dice {
    stream: Stream,
    next: u64,
}

impl Dice {
    fn new(lane: u64) -> Self {
        Self { stream: Stream::new([SEED, 7], [lane, 0, 0]), next: 0 }
    }

    fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        (self.stream.bits(self.next) % n as u64) as usize
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn real(&mut self) -> f64 {
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
fn sound(dice: &mut Dice) -> Value {
    let mut slots: Vec<Slot> = Vec::new();
    let mut code = Vec::new();
    let n_slots = 4 + dice.below(24);
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
    match (dice.below(10), a, b, x, y) {
        (0, ..) => {
            let value = dice.of(&[0.0, -1.0, 100.0, 1e-300, 1e300, 0.5]);
            (json!({"op": "const", "value": value}), over(&[], true, 0))
        }
        (1 | 2, Some(a), Some(b), ..) => {
            let op = dice.of(&["add", "sub", "mul", "div"]);
            (json!({"op": op, "a": a, "b": b}), over(&[a, b], true, 0))
        }
        (3, Some(a), Some(b), ..) => {
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
        (8, Some(a), ..) => {
            let row = dice.of(INDICATORS);
            let n = 2 + dice.below(30);
            let inputs: Vec<usize> = vec![a; row.n_inputs];
            let extra = row.warmup.plus_bars as i64 + n as i64;
            let mut slot = over(&inputs, true, extra);
            if inputs.is_empty() {
                slot.latest = Some(0);
            }
            (json!({"op": "ind", "name": row.name, "inputs": inputs, "params": [n]}), slot)
        }
        _ => {
            let field = dice.of(&["open", "high", "low", "close", "volume"]);
            let mut slot = over(&[], true, 0);
            slot.latest = Some(0);
            (json!({"op": "price", "field": field}), slot)
        }
    }
}

fn rule(dice: &mut Dice, numbers: &[usize], truths: &[usize]) -> Value {
    let then = dice.of(&["buy", "buy", "sell", "sell", "close", "hold"]);
    let mut rule = json!({"if": dice.of(truths), "then": then});
    if then == "buy" || then == "sell" {
        rule["order"] = match dice.below(3) {
            0 => json!({"type": "stop", "offset_bps": dice.of(&[-50.0, 0.0, 30.0])}),
            1 if !numbers.is_empty() => json!({"type": "stop", "price": dice.of(numbers)}),
            _ => json!({"type": "market"}),
        };
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
    risk
}

/// Breaks a document at one random place.
fn broken(dice: &mut Dice, document: &Value) -> Value {
    let mut copy = document.clone();
    break_within(dice, &mut copy);
    copy
}

fn break_within(dice: &mut Dice, value: &mut Value) {
    let is_deep_enough = dice.below(3) == 0;
    match value {
        Value::Object(map) if !map.is_empty() && !is_deep_enough => {
            let names: Vec<String> = map.keys().cloned().collect();
            let name = dice.of(&names);
            break_within(dice, &mut map[&name]);
        }
        Value::Array(items) if !items.is_empty() && !is_deep_enough => {
            let index = dice.below(items.len());
            break_within(dice, &mut items[index]);
        }
        _ => {
            let junk = [
                Value::Null,
                json!(-1),
                json!(0),
                json!(1e300),
                json!(9_007_199_254_740_993_u64),
                json!(0.5),
                json!("buy"),
                json!([]),
                json!({}),
                json!([0, 1, 2]),
                json!(true),
                json!(99),
            ];
            *value = dice.of(&junk);
        }
    }
}

/// Markets from the tame to the barely possible.
fn market(dice: &mut Dice) -> Bars {
    let n_bars = 60 + dice.below(120);
    let scale = dice.of(&[1e-300, 1e-6, 1.0, 1.0, 1.0, 1.0, 1e6, 1e300]);
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
    }
    bars
}

fn execution(dice: &mut Dice) -> Execution {
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
    ] {
        // Mostly the tame value, or nothing would ever trade.
        let items = values.as_array().unwrap();
        let value = if dice.below(4) > 0 { items[0].clone() } else { dice.of(items) };
        document.insert(name.to_owned(), value);
    }
    Execution::read(&Value::Object(document)).unwrap()
}

#[test]
fn random_programs_are_run_or_refused_and_never_panic() {
    println!("seed {SEED}");
    let (mut n_run, mut n_refused, mut n_traded) = (0, 0, 0);
    for lane in 0..n_programs() {
        let mut dice = Dice::new(lane);
        let document = sound(&mut dice);
        let program = Program::decode(&document.to_string());
        let program =
            program.unwrap_or_else(|refusal| panic!("program {lane}: {refusal}: {document}"));
        for _ in 0..4 {
            let text = broken(&mut dice, &document).to_string();
            n_refused += usize::from(Program::decode(&text).is_err());
            let cut = dice.below(text.len());
            let _ = Program::decode(&String::from_utf8_lossy(&text.as_bytes()[..cut]));
        }
        let bars = market(&mut dice);
        let view = bars.view(0..bars.close.len());
        let execution = execution(&mut dice);
        let cash = dice.of(&[1e-9, 1e4, 1e4, 1e4, 1e4, 1e15]);
        let detail = Detail::Full;
        let programs = &[program];
        let results =
            run_batch(programs, &execution, &[view], &[(0, 0)], cash, &[365.0], detail, None);
        if let Ok(results) = results {
            n_run += 1;
            let columns = results[0].journal.as_ref().unwrap().columns(&view);
            assert_eq!(columns.equity_quote.len(), bars.close.len());
            n_traded += usize::from(!columns.trades.is_empty());
        }
    }
    // Were hardly any run, refused or traded, the test would prove nothing.
    println!("{n_run} run, {n_traded} traded, {n_refused} refused");
    assert!(n_run > 2_000 && n_traded > 300 && n_refused > 5_000);
}
