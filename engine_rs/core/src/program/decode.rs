//! JSON to a program. What each field may be is settled here; whether the parts fit together is
//! not.

use super::field::{Fields, whole};
use super::risk::Risk;
use super::series::{Account, Series};
use super::{
    Action, Arithmetic, Comparison, Function, Instruction, Level, MAX_INSTRUCTIONS, MAX_RULES,
    MAX_WINDOW_BARS, Op, OrderKind, Program, Rule, Slot,
};
use crate::EngineError;
use crate::bars::Field;
use crate::indicator::{self, INDICATORS};
use crate::parameter::Params;
use serde_json::Value;

const SCHEMA: &str = "program/0.1";
const TIMEFRAMES: [(&str, ()); 6] =
    [("1m", ()), ("5m", ()), ("15m", ()), ("1h", ()), ("4h", ()), ("1d", ())];
/// Most operands of one `and` or `or`.
const MAX_OPERANDS: usize = 1_024;

/// Reads a whole program.
pub fn program(document: &Value) -> Result<Program, EngineError> {
    let known = ["schema", "timeframe", "code", "rules", "risk", "output"];
    let fields = Fields::read(document, "", &known)?;
    fields.choice("schema", &[(SCHEMA, ())])?;
    fields.choice("timeframe", &TIMEFRAMES)?;
    let mut instructions = Vec::new();
    for (at, value) in fields.list("code", MAX_INSTRUCTIONS)?.iter().enumerate() {
        instructions.push(instruction(value, at)?);
    }
    let n_slots = instructions.len();
    let mut rules = Vec::new();
    for (at, value) in fields.list("rules", MAX_RULES)?.iter().enumerate() {
        rules.push(rule(value, at, n_slots)?);
    }
    let output = match fields.optional("output") {
        None => None,
        Some(_) => Some(fields.count("output", 0, n_slots.saturating_sub(1))?),
    };
    let risk = Risk::read(fields.value("risk")?, n_slots)?;
    let is_live = super::live(&instructions);
    Ok(Program { instructions, rules, risk, output, is_live })
}

fn instruction(value: &Value, at: usize) -> Result<Instruction, EngineError> {
    let path = format!("/code/{at}");
    let all = [
        "op", "w", "dep", "value", "field", "a", "b", "k", "name", "inputs", "params", "output",
        "xs", "dir",
    ];
    let fields = Fields::read(value, &path, &all)?;
    let word = fields.text("op")?;
    let own: &[&str] = match word {
        "const" | "bool" => &["value"],
        "price" => &["field"],
        "series" | "account" => &["name"],
        "neg" | "not" | "abs" | "sqrt" | "log" | "exp" => &["a"],
        "add" | "sub" | "mul" | "div" | "min" | "max" => &["a", "b"],
        "lt" | "le" | "eq" | "ne" => &["a", "b"],
        "shift" => &["a", "k"],
        "ind" => &["name", "inputs", "params", "output"],
        "and" | "or" => &["xs"],
        "cross" => &["dir", "a", "b"],
        _ => return Err(fields.refuse("op", "an operation of program/0.1")),
    };
    let mut known = vec!["op", "w", "dep"];
    known.extend(own);
    Fields::read(value, &path, &known)?;
    let latest_read_bars = match fields.optional("dep") {
        None => None,
        Some(dep) => {
            Some(dep.as_i64().ok_or_else(|| fields.refuse("dep", "a whole number or null"))?)
        }
    };
    let longest = MAX_INSTRUCTIONS * (MAX_WINDOW_BARS + 1);
    let lookback_bars = fields.count("w", 0, longest)?;
    Ok(Instruction { op: operation(word, &fields, at)?, lookback_bars, latest_read_bars })
}

fn operation(word: &str, fields: &Fields, at: usize) -> Result<Op, EngineError> {
    let a = || slot(fields, "a", at);
    let b = || slot(fields, "b", at);
    Ok(match word {
        "const" => Op::Const(fields.number("value")?),
        "bool" => Op::Bool(fields.flag("value")?),
        "price" => Op::Price(fields.choice(
            "field",
            &[
                ("open", Field::Open),
                ("high", Field::High),
                ("low", Field::Low),
                ("close", Field::Close),
                ("volume", Field::Volume),
            ],
        )?),
        "series" => Op::Series(fields.choice("name", &Series::NAMES)?),
        "account" => Op::Account(fields.choice("name", &Account::NAMES)?),
        "neg" => Op::Neg(a()?),
        "abs" => Op::Function(Function::Abs, a()?),
        "sqrt" => Op::Function(Function::Sqrt, a()?),
        "log" => Op::Function(Function::Log, a()?),
        "exp" => Op::Function(Function::Exp, a()?),
        "not" => Op::Not(a()?),
        "add" => Op::Arithmetic(Arithmetic::Add, a()?, b()?),
        "sub" => Op::Arithmetic(Arithmetic::Sub, a()?, b()?),
        "mul" => Op::Arithmetic(Arithmetic::Mul, a()?, b()?),
        "div" => Op::Arithmetic(Arithmetic::Div, a()?, b()?),
        "min" => Op::Arithmetic(Arithmetic::Min, a()?, b()?),
        "max" => Op::Arithmetic(Arithmetic::Max, a()?, b()?),
        "lt" => Op::Compare(Comparison::Lt, a()?, b()?),
        "le" => Op::Compare(Comparison::Le, a()?, b()?),
        "eq" => Op::Compare(Comparison::Eq, a()?, b()?),
        "ne" => Op::Compare(Comparison::Ne, a()?, b()?),
        "shift" => Op::Shift(a()?, fields.count("k", 0, MAX_WINDOW_BARS)?),
        "ind" => indicator(fields, at)?,
        "and" => Op::And(slots(fields, "xs", at)?),
        "or" => Op::Or(slots(fields, "xs", at)?),
        "cross" => {
            let is_over = fields.choice("dir", &[("over", true), ("under", false)])?;
            Op::Cross { is_over, a: a()?, b: b()? }
        }
        _ => return Err(fields.refuse("op", "an operation of program/0.1")),
    })
}

fn indicator(fields: &Fields, at: usize) -> Result<Op, EngineError> {
    let name = fields.text("name")?;
    let Some(row) = indicator::find(name) else {
        return Err(EngineError::UnknownName {
            kind: "indicator",
            name: name.to_owned(),
            known: INDICATORS.iter().map(|row| row.name).collect(),
        });
    };
    let inputs = slots(fields, "inputs", at)?;
    if inputs.len() != row.inputs.len() {
        return Err(fields.refuse("inputs", &format!("{} slots for {name}", row.inputs.len())));
    }
    let numbers = fields.list("params", row.params.len())?;
    let numbers: Option<Vec<f64>> = numbers.iter().map(Value::as_f64).collect();
    let numbers = numbers.ok_or_else(|| fields.refuse("params", "numbers"))?;
    let params = Params::from_slice(row.name, row.params, &numbers)?;
    let output = match fields.optional("output") {
        None => row.output(""),
        Some(_) => row.output(fields.text("output")?).filter(|_| row.outputs.len() > 1),
    };
    let Some(output) = output else {
        let names: Vec<&str> = row.outputs.iter().map(|output| output.name).collect();
        let expected = match names[..] {
            [_] => format!("nothing, as {name} has one output"),
            _ => format!("one of {}", names.join(", ")),
        };
        return Err(fields.refuse("output", &expected));
    };
    Ok(Op::Indicator { row, inputs, params, output })
}

fn slots(fields: &Fields, name: &str, at: usize) -> Result<Vec<Slot>, EngineError> {
    let items = fields.list(name, MAX_OPERANDS)?;
    let slots: Option<Vec<Slot>> = items.iter().map(whole).collect();
    let slots = slots.ok_or_else(|| fields.refuse(name, "numbers of slots"))?;
    if slots.iter().any(|slot| *slot >= at) {
        return Err(too_late(at));
    }
    Ok(slots)
}

fn slot(fields: &Fields, name: &str, at: usize) -> Result<Slot, EngineError> {
    let slot = fields.count(name, 0, MAX_INSTRUCTIONS)?;
    if slot < at { Ok(slot) } else { Err(too_late(at)) }
}

fn too_late(at: usize) -> EngineError {
    EngineError::Program { at, message: "reads a slot that is not yet written".to_owned() }
}

fn rule(value: &Value, at: usize, n_slots: usize) -> Result<Rule, EngineError> {
    let path = format!("/rules/{at}");
    let fields = Fields::read(value, &path, &["if", "then", "order"])?;
    let actions = [
        ("buy", Action::Buy),
        ("sell", Action::Sell),
        ("close", Action::Close),
        ("hold", Action::Hold),
    ];
    let action = fields.choice("then", &actions)?;
    let condition = fields.count("if", 0, n_slots.saturating_sub(1))?;
    let (order, tif_bars) = match fields.optional("order") {
        None => (OrderKind::Market, None),
        Some(value) => order(value, &fields.path("order"), n_slots)?,
    };
    if order != OrderKind::Market && !matches!(action, Action::Buy | Action::Sell) {
        return Err(fields.refuse("order", "a market order, as only entries rest"));
    }
    Ok(Rule { condition, action, order, tif_bars })
}

fn order(
    value: &Value,
    path: &str,
    n_slots: usize,
) -> Result<(OrderKind, Option<usize>), EngineError> {
    let all = ["type", "price", "offset_bps", "limit_offset_bps", "tif_bars"];
    let fields = Fields::read(value, path, &all)?;
    let kinds = [("market", 0), ("stop", 1), ("limit", 2), ("stop_limit", 3)];
    let kind = fields.choice("type", &kinds)?;
    let waits: &[&str] = &["type", "price", "offset_bps", "tif_bars"];
    Fields::read(value, path, [&all[..1], waits, waits, &all][kind])?;
    if kind == 0 {
        return Ok((OrderKind::Market, None));
    }
    let tif_bars = match fields.optional("tif_bars") {
        None => None,
        Some(_) => Some(fields.count("tif_bars", 1, 5_000_000)?),
    };
    let level = match (fields.optional("price"), fields.optional("offset_bps")) {
        (Some(_), None) => Level::Price(fields.count("price", 0, n_slots.saturating_sub(1))?),
        (None, Some(_)) => Level::OffsetBps(fields.within("offset_bps", -1e4, true, 1e6)?),
        _ => return Err(fields.refuse("type", "one of price and offset_bps beside it")),
    };
    let order = match kind {
        1 => OrderKind::Stop(level),
        2 => OrderKind::Limit(level),
        _ => OrderKind::StopLimit(level, fields.within("limit_offset_bps", 0.0, false, 1e6)?),
    };
    Ok((order, tif_bars))
}
