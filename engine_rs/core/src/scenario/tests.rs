//! Tests of the walk that all families share: one path against its slow twin, and every family
//! however the work is divided.

use super::path::FLAG_CLIPPED;
use super::rows::PathRows;
use super::{FAMILIES, Family, Generated, blank, generate, identity, prepared};
use crate::EngineError;
use crate::bars::Bars;
use crate::math::{exp, ln};
use crate::random::{Purpose, Stream, family_key};
use serde_json::{Value, json};
use std::cell::Cell;

thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(256) };
}

/// Sub-steps in a block, for whoever walks on this thread.
pub(super) fn block_steps() -> usize {
    STEPS.get()
}

/// What a document makes when it is walked by blocks of so many sub-steps.
fn by_blocks(steps: usize, document: &Value) -> Generated {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        STEPS.set(steps);
        generate(document, None, true).unwrap()
    })
}

/// Documents of a family, as the contract tests have them.
fn documents(family: &Family) -> Vec<Value> {
    let cases: Value =
        serde_json::from_str(include_str!("../../../../tests/contract/families.json")).unwrap();
    let given = cases[family.name].as_array().cloned().unwrap_or_default();
    let whole = |case: Value| {
        let mut document = json!({
            "family": family.name, "timeframe": "1h", "calendar": "us_equity",
            "duration_bars": 1000, "seed": 7, "volume_model": "coupled", "n_sub": 3,
        });
        for (name, value) in case.as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    };
    given.into_iter().map(whole).collect()
}

fn drawn() -> impl Iterator<Item = &'static Family> {
    FAMILIES.iter().copied().filter(|family| !family.needs_source)
}

#[test]
fn the_length_of_the_blocks_changes_no_bit() {
    for document in drawn().flat_map(documents) {
        let usual = by_blocks(256, &document);
        for steps in [64, 100, 1000] {
            let made = by_blocks(steps, &document);
            assert!(made.bars == usual.bars, "{document} by {steps}");
            assert!(made.latent == usual.latent, "{document} by {steps}");
            assert_eq!(made.facts, usual.facts, "{document} by {steps}");
        }
    }
}

/// Rows of one path, as somewhere to write them.
fn rows_of(bars: &mut Bars, path: usize, rows: usize) -> PathRows<'_> {
    let at = path * rows..(path + 1) * rows;
    PathRows {
        ts: &mut bars.ts[at.clone()],
        known_at: &mut bars.known_at[at.clone()],
        open: &mut bars.open[at.clone()],
        high: &mut bars.high[at.clone()],
        low: &mut bars.low[at.clone()],
        close: &mut bars.close[at.clone()],
        volume: &mut bars.volume[at.clone()],
        hl_order: &mut bars.hl_order[at.clone()],
        flags: &mut bars.flags[at],
        latent: None,
    }
}

#[test]
fn the_order_in_which_paths_are_written_changes_no_bit() {
    const PATHS: usize = 7;
    for mut document in drawn().flat_map(documents) {
        document["paths"] = json!(PATHS);
        let usual = generate(&document, None, false).unwrap();
        let (scenario, market) = prepared(&document, None).unwrap();
        let rows = scenario.rows_per_path();
        let mut bars = blank(PATHS * rows);
        (bars.path, bars.asset, bars.t) =
            (usual.bars.path.clone(), usual.bars.asset.clone(), usual.bars.t.clone());
        for path in [4, 1, 6, 0, 5, 3, 2] {
            market.write_path(&scenario, path, rows_of(&mut bars, path, rows)).unwrap();
        }
        assert!(bars == usual.bars, "{document}");
        let hash = identity::dataset_hash(&bars, PATHS, scenario.assets.len());
        assert_eq!(usual.facts["dataset_hash"], hash, "{document}");
    }
}

fn refusal(changes: Value) -> Option<&'static str> {
    let mut document = json!({
        "family": "trend", "timeframe": "1h", "duration_bars": 20_000, "seed": 7,
        "params": {"drift": 0.0, "sigma": 2000.0, "drift_convention": "log"},
        "volume_model": "const", "n_sub": 1,
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    generate(&document, None, false).err().map(|error| error.code())
}

#[test]
fn an_extreme_that_leaves_every_price_is_refused_though_both_ends_stay() {
    let wild = json!([{"type": "mania", "at": 0, "bars": 20_000, "vol_mult": 20.0}]);
    let student = json!({"dist": "student_t", "nu": 3});
    // Ends are cut back to next to nothing, bridges between them are not.
    let changes = json!({"overlays": wild, "innovations": student, "guard": {"k": 1e-3}});
    assert_eq!(refusal(changes), Some("SCENARIO_EXPLODED"));
}

#[test]
fn a_volume_beyond_every_number_is_refused() {
    let changes = json!({
        "duration_bars": 100, "volume_model": "coupled",
        // Returns of ten deviations each, all remembered.
        "params": {"drift": 10.0, "sigma": 1.0}, "volume_params": {"phi": 0.999, "b": 10.0},
    });
    assert_eq!(refusal(changes), Some("SCENARIO_EXPLODED"));
}

fn document(n_sub: usize, bars: usize) -> Value {
    json!({
        "family": "trend", "timeframe": "1h", "duration_bars": bars, "seed": 7,
        "params": {"drift": 3.0, "sigma": 80.0}, "volume_model": "lognormal",
        "n_sub": n_sub,
    })
}

fn bars(document: &Value) -> Bars {
    generate(document, None, false).unwrap().bars
}

/// The same path, one draw and one formula at a time.
fn slow(n: usize, bars: usize) -> Bars {
    let stream = |purpose| Stream::scenario(7, family_key("trend"), 0, 0, purpose);
    let (diffusion, intrabar) = (stream(Purpose::Diffusion), stream(Purpose::Intrabar));
    let volume = stream(Purpose::Volume);
    let s = 80.0 * 1e-4;
    let m = 3.0 * 1e-4 - 0.5 * (s * s);
    let v = s * s / n as f64;
    let mut slow = Bars::default();
    let mut x = 0.0;
    for t in 0..bars {
        let open = x;
        let (mut high, mut low) = ((f64::NEG_INFINITY, 0), (f64::INFINITY, 0));
        for j in 0..n {
            let index = (t * n + j) as u64;
            let d = m / n as f64 + s / (n as f64).sqrt() * diffusion.normal(index);
            let next = x + d;
            let reach = |u: f64| ((next - x) * (next - x) - 2.0 * v * ln(u)).sqrt();
            let top = 0.5 * (x + next + reach(intrabar.uniform(2 * index)));
            let bottom = 0.5 * (x + next - reach(intrabar.uniform(2 * index + 1)));
            high = if top > high.0 { (top, j) } else { high };
            low = if bottom < low.0 { (bottom, j) } else { low };
            x = next;
        }
        let price = |x: f64| 100.0 * exp(x);
        let (o, c) = (price(open), price(x));
        slow.open.push(o);
        slow.close.push(c);
        slow.high.push(price(high.0.max(open)).max(o).max(c));
        slow.low.push(price(low.0.min(open)).min(o).min(c));
        slow.hl_order.push((low.1 as i64 - high.1 as i64).signum() as i8);
        slow.volume.push(1000.0 * exp(0.5 * volume.normal(t as u64) - 0.5 * (0.5 * 0.5)));
    }
    slow
}

#[test]
fn a_path_by_the_block_has_the_bits_of_one_draw_at_a_time() {
    for n_sub in [1, 3, 4, 7, 64] {
        let fast = bars(&document(n_sub, 300));
        let slow = slow(n_sub, 300);
        assert_eq!(fast.open, slow.open, "n_sub {n_sub}");
        assert_eq!(fast.high, slow.high, "n_sub {n_sub}");
        assert_eq!(fast.low, slow.low, "n_sub {n_sub}");
        assert_eq!(fast.close, slow.close, "n_sub {n_sub}");
        assert_eq!(fast.volume, slow.volume, "n_sub {n_sub}");
        assert_eq!(fast.hl_order, slow.hl_order, "n_sub {n_sub}");
    }
}

#[test]
fn the_order_of_the_extremes_is_told_when_sub_steps_tell_it() {
    let many = bars(&document(64, 1000)).hl_order;
    let share = |wanted: i8| many.iter().filter(|order| **order == wanted).count();
    assert_eq!(share(1) + share(-1) + share(0), 1000);
    assert!(share(1) > 350 && share(-1) > 350 && share(0) < 100);
    assert!(bars(&document(1, 1000)).hl_order.iter().all(|order| *order == 0));
}

#[test]
fn bars_follow_one_another_in_time_and_price() {
    let bars = bars(&document(4, 1000));
    assert_eq!(bars.ts[0], 946_857_600_000_000_000);
    assert_eq!(bars.open[0], 100.0);
    for t in 1..1000 {
        assert_eq!(bars.ts[t], bars.known_at[t - 1]);
        assert_eq!(bars.ts[t] - bars.ts[t - 1], 3_600_000_000_000);
        assert_eq!(bars.open[t], bars.close[t - 1]);
        assert_eq!(bars.t[t], t as u32);
    }
}

#[test]
fn ranges_measure_the_variance_that_was_put_in() {
    let mut document = document(4, 100_000);
    document["params"] = json!({"drift": 0.0, "sigma": 10.0, "drift_convention": "log"});
    let bars = bars(&document);
    let s2 = 1e-3 * 1e-3;
    let squares = (0..100_000).map(|t| {
        let range = ln(bars.high[t] / bars.low[t]);
        range * range / (4.0 * ln(2.0)) / s2
    });
    let ratio = crate::math::sum(squares) / 1e5;
    // Parkinson's estimator has a relative standard error of √(0.41/n); four of them.
    assert!((ratio - 1.0).abs() < 4.0 * (0.41_f64 / 1e5).sqrt() + 0.002, "{ratio}");
}

#[test]
fn a_tick_size_puts_every_price_on_the_grid() {
    let mut document = document(4, 1000);
    document["tick_size"] = json!(0.25);
    let coarse = bars(&document);
    document["tick_size"] = json!(null);
    let fine = bars(&document);
    for (coarse, fine) in [
        (&coarse.open, &fine.open),
        (&coarse.high, &fine.high),
        (&coarse.low, &fine.low),
        (&coarse.close, &fine.close),
    ] {
        for (rounded, exact) in coarse.iter().zip(fine) {
            assert_eq!((rounded / 0.25).fract(), 0.0);
            assert!((rounded - exact).abs() <= 0.125);
        }
    }
}

#[test]
fn a_price_rounded_to_nothing_is_refused() {
    let mut document = document(4, 100);
    document["tick_size"] = json!(1000.0);
    assert_eq!(generate(&document, None, false).unwrap_err().code(), "PRICE_NOT_POSITIVE");
}

#[test]
fn a_path_that_leaves_every_price_is_refused_with_its_place() {
    let mut document = document(4, 2000);
    document["params"] = json!({"drift": 500.0, "sigma": 1.0, "drift_convention": "log"});
    match generate(&document, None, false).unwrap_err() {
        // 0.05 a bar passes 50 at its thousandth bar, give or take the noise.
        EngineError::ScenarioExploded { path: 0, asset: 0, bar_index } => {
            assert!((998..=1001).contains(&bar_index), "{bar_index}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_guard_refuses_or_clips_counts_and_flags() {
    let mut document = document(1, 1000);
    document["params"] = json!({"drift": 0.0, "sigma": 10.0, "drift_convention": "log"});
    document["guard"] = json!({"mode": "error", "k": 3.0});
    let error = generate(&document, None, false).unwrap_err();
    assert_eq!(error.code(), "GUARD_EXCEEDED");
    document["guard"] = json!({"mode": "clip", "k": 3.0});
    let Generated { bars, facts, .. } = generate(&document, None, false).unwrap();
    let flagged: Vec<usize> = (0..1000).filter(|t| bars.flags[*t] == FLAG_CLIPPED).collect();
    // P(|z| ≥ 3) is 0.0027.
    assert!((1..=12).contains(&flagged.len()), "{flagged:?}");
    assert_eq!(facts["guard_events"], flagged.len());
    assert!(facts["max_abs_z"].as_f64().unwrap() > 3.0);
    assert!(error.to_string().contains(&format!("bar {}", flagged[0])), "{error}");
    for t in flagged {
        let size = ln(bars.close[t] / bars.open[t]).abs();
        assert!((size - 3.0 * 10e-4).abs() < 1e-12, "bar {t} moved by {size}");
    }
}
