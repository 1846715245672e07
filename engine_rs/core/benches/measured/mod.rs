//! What is measured: a year of minutes, and one moving-average crossover over it.

use proving_core::backtest::{Detail, Execution, RunResult, profiles, run_batch};
use proving_core::bars::{Bars, BarsView};
use proving_core::program::Program;
use proving_core::scenario;
use serde_json::{Value, json};

/// Bars in a year of minutes.
pub const YEAR_BARS: usize = 525_600;
/// Bars of the sweep.
pub const SWEEP_BARS: usize = 50_000;

/// A market with a spread of ten basis points a bar.
pub fn bars(n_bars: usize) -> Bars {
    let document = json!({
        "family": "trend", "timeframe": "1m", "calendar": "24x7", "duration_bars": n_bars,
        "start": "2000-01-03T00:00:00Z", "seed": 1, "paths": 1, "assets": ["A"], "p0": 100.0,
        "params": {"drift": 0.0, "sigma": 10.0, "drift_convention": "ito"}, "n_sub": 4,
        "volume_model": "const",
        "volume_params": {"v0": 1000.0, "sigma": 0.5, "phi": 0.6, "b": 0.5},
        "innovations": {"dist": "normal"}, "tick_size": null, "overlays": [],
        "guard": {"mode": "error", "k": 25.0},
    });
    scenario::generate(&document, None, false).expect("the scenario is one").bars
}

/// Long while the fast average is above the slow one, as the compiler writes it down.
pub fn crossover(fast: usize, slow: usize) -> Program {
    let average = |n: usize| json!({"op": "ind", "name": "ma", "inputs": [0], "params": [n], "w": n - 1, "dep": 0});
    let cross = |dir: &str| json!({"op": "cross", "dir": dir, "a": 2, "b": 1, "w": slow, "dep": 0});
    let rule = |slot: usize, then: &str| json!({"if": slot, "then": then, "order": null});
    let price = json!({"op": "price", "field": "close", "w": 0, "dep": 0});
    let program = json!({
        "schema": "program/0.1", "timeframe": "1m", "output": null,
        "code": [price, average(slow), average(fast), cross("under"), cross("over")],
        "rules": [rule(4, "buy"), rule(3, "close")],
        "risk": {
            "sizing": {"type": "fixed_qty", "qty": 1.0}, "stop": null, "max_leverage": 1.0,
            "max_holding_bars": null, "max_daily_loss_pct": 100.0, "cooldown_bars": null,
            "allow_short": false, "on_opposite": "close", "max_adds": 0,
        },
    });
    Program::decode(&program.to_string()).expect("the program is one")
}

/// Fees and slippage as beside other tools.
pub fn execution() -> Execution {
    let mut fields: Value = profiles()["honest_v1"].clone();
    fields["base_bps"] = json!(2.0);
    fields["k_vol"] = json!(0.0);
    fields["fee_bps"] = json!(5.0);
    Execution::read(&fields).expect("the profile is one")
}

/// Runs every program over the same bars on one thread.
#[inline(never)]
pub fn run(programs: &[Program], bars: &BarsView, detail: Detail) -> Vec<RunResult> {
    let runs: Vec<(usize, usize)> = (0..programs.len()).map(|index| (index, 0)).collect();
    let year = [YEAR_BARS as f64];
    run_batch(programs, &execution(), &[*bars], &runs, 1e4, &year, detail, Some(1))
        .expect("everything can run")
}
