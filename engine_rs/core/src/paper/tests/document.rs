//! Universes for tests.

use serde_json::{Value, json};

pub const DAY: i64 = 86_400_000_000_000;
pub const HOUR: i64 = 3_600_000_000_000;

/// A universe of so many days without injections.
pub fn universe(seed: u64, days: i64) -> Value {
    let lengths = [(50, 150), (60, 180), (60, 240), (80, 240), (90, 270)];
    let strategies: Vec<Value> = (0..20)
        .map(|number| {
            let (fast, slow) = lengths[number % 5];
            json!({
                "strategy": number, "instrument": number / 5, "fast_bars": fast,
                "slow_bars": slow, "capital_ppm": 40_000,
            })
        })
        .collect();
    json!({
        "schema": "paper/0.1", "campaign": "c1-light", "run_seed": seed, "arm": "real",
        "days": days, "e0_uusd": 1_000_000_000_000_i64,
        "market": {
            "scenario": scenario(days),
            "seeds": [seed * 8, seed * 8 + 1, seed * 8 + 2, seed * 8 + 3],
        },
        "strategies": strategies, "limits": limits(), "controls_off": [], "injections": [],
    })
}

fn scenario(days: i64) -> Value {
    json!({
        "family": "vol_cluster", "timeframe": "1m", "calendar": "24x7",
        "duration_bars": days * 1_440,
        "params": {"form": "garch", "omega": 1.4, "alpha": 0.05, "beta": 0.93, "mu": 0.0},
        "volume_model": "lognormal",
        "volume_params": {"v0": 10_000.0, "sigma": 0.5, "phi": 0.6, "b": 0.5},
        "p0": 100.0, "n_sub": 4, "paths": 1, "innovations": {"dist": "normal"},
        "tick_size": 0.01, "overlays": [], "assets": ["A"],
        "guard": {"mode": "error", "k": 25}, "start": "2000-01-03T00:00:00Z",
    })
}

/// The limits of the design.
pub fn limits() -> Value {
    json!({
        "order_equity_ppm": 10_000, "order_volume_ppm": 100_000, "collar_ppm": 20_000,
        "collar_sigmas": 5, "strategy_gross_ppm": 40_000, "instrument_net_ppm": 150_000,
        "book_gross_ppm": 1_500_000, "book_net_ppm": 600_000, "strategy_orders_per_second": 5,
        "strategy_entries_per_hour": 60, "orders_per_second": 50, "messages_per_second": 100,
        "asset_breaker_ppm": 100_000, "asset_rearm_ppm": 30_000, "book_reduce_ppm": 15_000,
        "book_kill_ppm": 30_000, "lease_ttl_ns": 15_000_000_000_i64,
        "lease_renewal_ns": 5_000_000_000_i64, "ack_timeout_ns": 2_000_000_000_i64,
        "valid_for_ns": 5_000_000_000_i64, "cooldown_ns": 1_800_000_000_000_i64,
        "probation_ns": 7_200_000_000_000_i64, "probation_ppm": 250_000, "rearms_per_day": 3,
    })
}

/// A flash crash.
pub fn flash_crash(inj_id: u32, t_arm: i64) -> Value {
    json!({"inj_id": inj_id, "kind": "A1", "intensity": "light", "t_arm": t_arm, "params": {
        "lead": 0, "drop_bps": 1_500, "others_bps": [500, 1_000], "down_minutes": 10,
        "recover_minutes": 30, "recover_fraction_ppm": 800_000, "depth_ppm": 500_000,
        "spread_mult": 3, "latency_mult": 2, "reject_ppm": 10_000,
    }})
}

/// A crash of the broker.
pub fn process_crash(inj_id: u32, t_arm: i64) -> Value {
    json!({"inj_id": inj_id, "kind": "C1", "intensity": "light", "t_arm": t_arm,
           "params": {"domain": "P3"}})
}

/// A venue that leaves that share of requests unanswered.
pub fn api_timeout(inj_id: u32, t_arm: i64, unanswered_ppm: i64) -> Value {
    json!({"inj_id": inj_id, "kind": "D1", "intensity": "light", "t_arm": t_arm, "params": {
        "unanswered_ppm": unanswered_ppm, "executed_ppm": 500_000,
        "late_answer_ns": [3_000_000_000_i64, 60_000_000_000_i64],
        "max_duration_ns": 86_400_000_000_000_i64,
    }})
}

/// The light campaign: one flash crash, five crashes, one silent venue, in that many days.
pub fn light(seed: u64, days: i64) -> Value {
    assert!(days >= 22);
    let mut injections = vec![flash_crash(1, 8 * DAY + 9 * HOUR)];
    for day in 12..17 {
        injections.push(process_crash(day as u32, day * DAY + 10 * HOUR));
    }
    injections.push(api_timeout(20, 20 * DAY + 8 * HOUR, 50_000));
    let mut document = universe(seed, days);
    document["injections"] = Value::Array(injections);
    document
}

/// The same universe as the canary runs it: retries do not keep their client order id.
pub fn canary(mut document: Value) -> Value {
    document["arm"] = json!("canary");
    document["controls_off"] = json!(["K07"]);
    document
}
