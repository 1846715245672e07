//! Random programs, sound ones and broken ones, are run or refused, and never panic; and however
//! they are evaluated, they give the same.
//!
//! The seed is fixed and printed: the same programs every time.

#![allow(clippy::unwrap_used)] // a test may panic; that is how it fails

mod programs;

use programs::{Dice, SEED, execution, market, sound};
use proving_core::backtest::{Detail, RunResult, run_batch};
use proving_core::bars::BarsView;
use proving_core::program::{Program, evaluate, event};
use serde_json::{Value, json};

/// Number of programs: a few thousand, or what `PROVING_FUZZ_CASES` says.
#[allow(clippy::disallowed_methods)] // a test may be told from outside how long to look
fn n_programs() -> u64 {
    let asked = std::env::var("PROVING_FUZZ_CASES").ok();
    asked.map_or(3_000, |text| text.parse().expect("PROVING_FUZZ_CASES is a number"))
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

#[test]
fn random_programs_are_run_or_refused_and_never_panic() {
    println!("seed {SEED}");
    let (mut n_run, mut n_refused, mut n_traded) = (0, 0, 0);
    let mut n_live = 0;
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
        match results {
            Ok(results) => {
                n_run += 1;
                let columns = results[0].journal.as_ref().unwrap().columns(&view);
                assert_eq!(columns.equity_quote.len(), bars.close.len());
                let has_traded = !columns.trades.is_empty();
                n_traded += usize::from(has_traded);
                n_live += usize::from(has_traded && programs[0].reads_account());
            }
            Err(refusal) => {
                let known = [
                    "WINDOW_EXCEEDS_SERIES",
                    "RUNTIME_CONFLICT",
                    "ZERO_VOLUME",
                    "PRICE_OUT_OF_RANGE",
                    "NON_FINITE",
                ];
                assert!(known.contains(&refusal.code()), "{lane}: {refusal}");
            }
        }
    }
    // Were hardly any run, refused or traded, the test would prove nothing.
    println!("{n_run} run, {n_traded} traded, {n_live} of them live, {n_refused} refused");
    assert!(n_run > 2_000 && n_traded > 300 && n_refused > 5_000);
    assert!(n_live > 30, "{n_live}");
}

/// Bits of numbers, every unknown the same.
fn bits(values: &[f64]) -> Vec<u64> {
    let one = |value: &f64| if value.is_nan() { u64::MAX } else { value.to_bits() };
    values.iter().map(one).collect()
}

#[test]
fn bar_by_bar_and_by_columns_every_slot_holds_the_same_bits() {
    let mut n_slots = 0;
    for lane in 0..n_programs() / 2 {
        let mut dice = Dice::new(lane);
        let document = sound(&mut dice);
        let program = Program::decode(&document.to_string()).unwrap();
        let bars = market(&mut dice);
        let view = bars.view(0..bars.close.len());
        let one_by_one = event::bar_by_bar(&program, &view);
        for (slot, found) in one_by_one.iter().enumerate().filter(|(_, found)| !found.is_empty()) {
            let expected = evaluate::column(&program, &view, slot);
            assert_eq!(
                bits(found),
                bits(&expected),
                "seed {SEED}, {lane}, slot {slot}: {document}"
            );
            n_slots += 1;
        }
    }
    assert!(n_slots > 10_000, "{n_slots}");
}

/// The same program with a condition in every rule that looks at the account and always holds.
fn looking_at_the_account(document: &Value) -> Value {
    let mut document = document.clone();
    let code = document["code"].as_array_mut().unwrap();
    let first = code.len();
    let account = |op: Value| {
        let mut step = op;
        step["w"] = json!(0);
        step["dep"] = json!(0);
        step
    };
    code.push(account(json!({"op": "account", "name": "position"})));
    code.push(json!({"op": "const", "value": 0.0, "w": 0}));
    code.push(account(json!({"op": "lt", "a": first, "b": first + 1})));
    code.push(account(json!({"op": "le", "a": first + 1, "b": first})));
    code.push(account(json!({"op": "or", "xs": [first + 2, first + 3]})));
    let rules = document["rules"].as_array().unwrap().clone();
    for (at, rule) in rules.iter().enumerate() {
        let condition = rule["if"].as_u64().unwrap() as usize;
        let code = document["code"].as_array_mut().unwrap();
        let lookback = code[condition]["w"].clone();
        let xs = [condition, first + 4];
        code.push(json!({"op": "and", "xs": xs, "w": lookback, "dep": 0}));
        let last = code.len() - 1;
        document["rules"][at]["if"] = json!(last);
    }
    document
}

fn identity(result: &RunResult, bars: &BarsView) -> (Vec<u64>, Vec<u64>, String) {
    let columns = result.journal.as_ref().unwrap().columns(bars);
    let events: Vec<_> = result.events.iter().collect();
    let trades = format!("{:?} {} {events:?}", columns.trades, result.flags);
    (bits(&result.metrics), bits(&columns.equity_quote), trades)
}

#[test]
fn a_run_that_could_be_evaluated_by_columns_is_the_same_bar_by_bar() {
    let (mut n_run, mut n_traded) = (0, 0);
    for lane in 0..n_programs() / 2 {
        let mut dice = Dice::new(lane);
        let document = sound(&mut dice);
        let program = Program::decode(&document.to_string()).unwrap();
        let bars = market(&mut dice);
        let execution = execution(&mut dice);
        if program.reads_account() {
            continue;
        }
        let live = Program::decode(&looking_at_the_account(&document).to_string()).unwrap();
        assert!(live.reads_account());
        let view = bars.view(0..bars.close.len());
        let programs = [program, live];
        let run = |program| {
            let runs = [(program, 0)];
            let detail = Detail::Full;
            run_batch(&programs, &execution, &[view], &runs, 1e4, &[365.0], detail, None)
        };
        let (Ok(by_columns), Ok(bar_by_bar)) = (run(0), run(1)) else {
            continue;
        };
        let expected = identity(&by_columns[0], &view);
        assert_eq!(identity(&bar_by_bar[0], &view), expected, "seed {SEED}, {lane}: {document}");
        n_run += 1;
        n_traded += usize::from(expected.2.contains("entry_bar: [") && by_columns[0].flags == 0);
    }
    assert!(n_run > 500 && n_traded > 30, "{n_run} {n_traded}");
}
