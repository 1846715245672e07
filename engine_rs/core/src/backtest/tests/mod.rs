//! Tests of whole runs: what they share.

mod begin;
mod cases;
mod live;
mod orders;
mod plain;
mod plain_bar;
mod plain_decide;
mod properties;
mod sharing;

use super::cost::Volatility;
use super::ledger::Ledger;
use super::run::Inputs;
use super::score::{Score, marks, score_with_bounds};
use super::shared::Shared;
use super::signal::Signals;
use super::*;
use crate::bars::{Bars, BarsView, FLAG_CLOSED};
use crate::program::Program;
use crate::program::column::Pool;
use crate::program::evaluate;
use crate::random::{Purpose, Stream, family_key};

/// Rules that read the volume as a message: 1 buy, 2 sell, 3 close, 4 hold, 5 buy and hold,
/// 6 close and buy, 7 buy and sell, 8 close and sell; any other nothing.
fn puppet(order: Value, risk: Value) -> Program {
    let mut code = vec![json!({"op": "price", "field": "volume", "w": 0, "dep": 0})];
    for message in 1..=8 {
        code.push(json!({"op": "const", "value": f64::from(message), "w": 0}));
    }
    for message in 1..=8 {
        code.push(json!({"op": "eq", "a": 0, "b": message, "w": 0, "dep": 0}));
    }
    let is = |message: usize| 8 + message;
    let any = |messages: &[usize]| {
        let slots: Vec<usize> = messages.iter().map(|message| is(*message)).collect();
        json!({"op": "or", "xs": slots, "w": 0, "dep": 0})
    };
    code.extend([any(&[1, 5, 6, 7]), any(&[2, 7, 8]), any(&[3, 6, 8]), any(&[4, 5])]);
    code.push(json!({"op": "ind", "name": "atr", "inputs": [], "params": [3], "w": 3, "dep": 0}));
    code.push(json!({"op": "price", "field": "low", "w": 0, "dep": 0}));
    let program = json!({
        "schema": "program/0.1", "timeframe": "1h", "code": code, "output": null, "risk": risk,
        "rules": [
            {"if": 17, "then": "buy", "order": order}, {"if": 18, "then": "sell", "order": order},
            {"if": 19, "then": "close"}, {"if": 20, "then": "hold"},
        ],
    });
    Program::decode(&program.to_string()).unwrap()
}

/// Slot of the average true range of three bars in [`puppet`], and of the low.
const ATR_SLOT: usize = 21;
const LOW_SLOT: usize = 22;

fn execution(overrides: Value) -> Execution {
    let mut document = profiles()["honest_v1"].clone();
    for (name, value) in overrides.as_object().unwrap() {
        document[name] = value.clone();
    }
    Execution::read(&document).unwrap()
}

fn free(overrides: Value) -> Execution {
    let mut all = json!({"base_bps": 0.0, "k_vol": 0.0, "fee_bps": 0.0});
    all.as_object_mut().unwrap().extend(overrides.as_object().unwrap().clone());
    execution(all)
}

/// Bars from (open, high, low, close, message).
fn bars(rows: &[[f64; 5]]) -> Bars {
    let column = |k: usize| rows.iter().map(|row| row[k]).collect::<Vec<f64>>();
    Bars {
        ts: (0..rows.len() as i64).map(|t| t * 3_600_000_000_000).collect(),
        open: column(0),
        high: column(1),
        low: column(2),
        close: column(3),
        volume: column(4),
        hl_order: vec![0; rows.len()],
        ..Bars::default()
    }
}

/// A random walk with gaps and messages.
fn storm(seed: u64, n_bars: usize, message_share: f64) -> Bars {
    let draw = |lane| Stream::scenario(seed, family_key("test"), lane, 0, Purpose::Agents);
    let (steps, messages) = (draw(0), draw(1));
    let mut price = 100.0;
    let mut market = Bars { hl_order: Vec::new(), ..Bars::default() };
    for t in 0..n_bars as u64 {
        let z = |k| steps.normal(8 * t + k);
        let open = price * (1.0 + 0.004 * z(0));
        let close = open * (1.0 + 0.01 * z(1));
        let high = open.max(close) * (1.0 + 0.005 * z(2).abs());
        let low = open.min(close) * (1.0 - 0.005 * z(3).abs());
        let is_sent = messages.uniform(2 * t) < message_share;
        let message = (messages.uniform(2 * t + 1) * 9.0).floor();
        market.ts.push(t as i64 * 3_600_000_000_000);
        market.open.push(open);
        market.high.push(high);
        market.low.push(low);
        market.close.push(close);
        market.volume.push(if is_sent && message > 0.0 { message } else { 9.0 });
        market.hl_order.push((steps.bits(8 * t + 4) % 3) as i8 - 1);
        market.flags.push(0);
        price = close;
    }
    market
}

/// The same with marks on some bars, one seed in three.
fn marked(seed: u64, mut bars: Bars) -> Bars {
    let draw = Stream::scenario(seed, family_key("test"), 2, 0, Purpose::Agents);
    if seed.is_multiple_of(3) {
        for (t, flags) in bars.flags.iter_mut().enumerate() {
            let dice = draw.bits(t as u64) % 40;
            *flags = [1, 2, 4, 8, 16, 16].get(dice as usize).copied().unwrap_or(0);
        }
    }
    bars
}

/// A result with its columns laid out.
struct Outcome {
    columns: Option<Columns>,
    metrics: Vec<f64>,
    flags: u32,
    final_equity_quote: f64,
    events: Events,
}

fn lay_out(result: RunResult, bars: &Bars) -> Outcome {
    let view = bars.view(0..bars.close.len());
    let RunResult { metrics, flags, final_equity_quote, events, journal, .. } = result;
    let columns = journal.map(|journal| journal.columns(&view));
    Outcome { columns, metrics, flags, final_equity_quote, events }
}

fn go(program: &Program, execution: &Execution, bars: &Bars) -> Outcome {
    let view = bars.view(0..bars.close.len());
    let runs = &[(0, 0)];
    let programs = std::slice::from_ref(program);
    let detail = Detail::Full;
    let results = run_batch(programs, execution, &[view], runs, 1_000.0, &[8_760.0], detail, None);
    lay_out(results.unwrap().remove(0), bars)
}

fn one_unit() -> Value {
    json!({"sizing": {"type": "fixed_qty", "qty": 1.0}})
}

fn with(mut risk: Value, more: Value) -> Value {
    risk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    risk
}

fn market() -> Value {
    json!({"type": "market"})
}

fn fills(result: &Outcome) -> Vec<(u32, u32, f64, f64, &'static str)> {
    let trades = &result.columns.as_ref().unwrap().trades;
    (0..trades.len())
        .map(|k| {
            let reason = EXIT_REASONS[usize::from(trades.exit_reason[k])];
            (trades.entry_bar[k], trades.exit_bar[k], trades.entry_px[k], trades.exit_px[k], reason)
        })
        .collect()
}

const QUIET: [f64; 5] = [100.0, 101.0, 99.0, 100.0, 0.0];
