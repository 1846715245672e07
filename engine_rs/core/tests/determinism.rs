//! Same seed, same bytes: whatever the order, the number of threads, or what else is asked for.

#![allow(clippy::unwrap_used)] // a refusal here is a failed test

use proving_core::bars::Bars;
use proving_core::parameter::Param;
use proving_core::scenario::{FAMILIES, Family, Generated, generate};
use serde_json::{Map, Value, json};
use std::ops::Range;

const N: usize = 400;

/// Parameters, and assets where there are several, under which each family is tested; the first
/// of those that the contract tests have.
fn case(family: &Family) -> Value {
    let cases: Value =
        serde_json::from_str(include_str!("../../../tests/contract/families.json")).unwrap();
    match cases[family.name].get(0) {
        Some(case) => case.clone(),
        None => json!({"params": middling(family)}),
    }
}

/// For each parameter without a default 1, or what lies in the lower half of its range.
fn middling(family: &Family) -> Map<String, Value> {
    let needed = family.params.iter().filter(|param| param.default.is_none());
    let value = |param: &Param| {
        if param.min < 1.0 && 1.0 < param.max {
            return 1.0;
        }
        param.min + 0.4 * (param.max - param.min)
    };
    needed.map(|param| (param.name.to_owned(), json!(value(param)))).collect()
}

fn document(name: &str, paths: usize, bars: usize) -> Value {
    let family = FAMILIES.iter().find(|family| family.name == name).unwrap();
    let largest_seed = (1_u64 << 53) - 1;
    let mut document = json!({
        "family": name, "timeframe": "1h", "duration_bars": bars, "seed": largest_seed,
        "volume_model": "coupled", "paths": paths,
    });
    for (name, value) in case(family).as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

/// Series of one path: one for each asset.
fn assets(document: &Value) -> usize {
    document["assets"].as_array().map_or(1, Vec::len)
}

fn drawn_families() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().filter(|family| !family.needs_source).map(|family| family.name)
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn with_threads(threads: usize, document: &Value) -> Generated {
    pool(threads).install(|| generate(document, None, false)).unwrap()
}

/// Bits of every number of the first rows of each of so many series, but for path and bar index.
fn bits_of(bars: &Bars, series: usize, rows: usize) -> Vec<Vec<u64>> {
    let n = bars.close.len() / series;
    let part = |at: usize| bits(bars, at * n..at * n + rows);
    (0..series).flat_map(part).collect()
}

fn bits(bars: &Bars, rows: Range<usize>) -> Vec<Vec<u64>> {
    let mut columns: Vec<Vec<u64>> = vec![
        bars.ts[rows.clone()].iter().map(|value| *value as u64).collect(),
        bars.known_at[rows.clone()].iter().map(|value| *value as u64).collect(),
        bars.hl_order[rows.clone()].iter().map(|value| *value as u64).collect(),
        bars.flags[rows.clone()].iter().map(|value| u64::from(*value)).collect(),
    ];
    for column in [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume] {
        columns.push(column[rows.clone()].iter().map(|value| value.to_bits()).collect());
    }
    columns
}

#[test]
fn one_two_and_sixteen_threads_make_the_same_bytes() {
    for family in drawn_families() {
        let document = document(family, 33, N);
        let alone = with_threads(1, &document);
        for threads in [2, 16] {
            let together = with_threads(threads, &document);
            assert_eq!(alone.bars, together.bars, "{family} with {threads} threads");
            assert_eq!(alone.facts, together.facts, "{family} with {threads} threads");
        }
    }
}

#[test]
fn a_longer_scenario_begins_with_the_shorter_one() {
    for family in drawn_families() {
        let (short, long) = (document(family, 1, N), document(family, 1, 3 * N + 1));
        let series = assets(&short);
        let short = generate(&short, None, false).unwrap().bars;
        let long = generate(&long, None, false).unwrap().bars;
        assert_eq!(bits_of(&short, series, N), bits_of(&long, series, N), "{family}");
    }
}

#[test]
fn more_paths_leave_the_first_ones_as_they_were() {
    for family in drawn_families() {
        let (few, many) = (document(family, 2, N), document(family, 7, N));
        let rows = assets(&few) * N;
        let few = generate(&few, None, false).unwrap().bars;
        let many = generate(&many, None, false).unwrap().bars;
        assert_eq!(bits(&few, 0..2 * rows), bits(&many, 0..2 * rows), "{family}");
        let at = 6 * rows + 3;
        assert_eq!((many.path[at], many.asset[at], many.t[at]), (6, 0, 3));
    }
}

#[test]
fn paths_seeds_and_families_differ_from_one_another() {
    let closes = |document: &Value, path: usize| {
        let bars = generate(document, None, false).unwrap().bars;
        bars.close[path * N..(path + 1) * N].to_vec()
    };
    let plain = document("trend", 2, N);
    let mut reseeded = plain.clone();
    reseeded["seed"] = json!(1);
    assert_ne!(closes(&plain, 0), closes(&plain, 1));
    assert_ne!(closes(&plain, 0), closes(&reseeded, 0));
    // A variance without memory is a trend's, but for the draws.
    let mut flat = document("vol_cluster", 2, N);
    flat["params"] = json!({"omega": 3600.0, "alpha": 0.0, "beta": 0.0});
    assert_ne!(closes(&plain, 0), closes(&flat, 0));
}

#[test]
fn the_refusal_reported_is_that_of_the_lowest_path() {
    let mut document = document("trend", 64, N);
    document["guard"] = json!({"mode": "error", "k": 3.4});
    let error = generate(&document, None, false).unwrap_err();
    assert_eq!(error.code(), "GUARD_EXCEEDED");
    for threads in [1, 2, 16] {
        let again = pool(threads).install(|| generate(&document, None, false)).unwrap_err();
        assert_eq!(again, error);
    }
}

#[test]
fn both_ends_of_every_parameter_give_sound_bars_or_a_named_refusal() {
    for family in FAMILIES.iter().filter(|family| !family.needs_source) {
        for param in family.params {
            let least = if param.is_min_open { f64::MIN_POSITIVE } else { param.min };
            for value in [least, param.max] {
                let mut document = document(family.name, 1, 100);
                document["volume_model"] = json!("lognormal");
                document["params"][param.name] = json!(value);
                match generate(&document, None, false) {
                    Ok(made) => assert_eq!(made.bars.view(0..100).check(), Ok(())),
                    // alpha and beta at their largest leave no room for each other.
                    Err(error) => assert_eq!(error.code(), "FIELD_INVALID", "{error}"),
                }
            }
        }
    }
}

#[test]
fn a_known_scenario_has_its_known_bars_and_hashes() {
    let document = json!({
        "family": "trend", "timeframe": "1h", "duration_bars": 100, "seed": 42,
        "params": {"drift": 1.0, "sigma": 50.0}, "volume_model": "lognormal",
    });
    let made = generate(&document, None, false).unwrap();
    let bars = &made.bars;
    let shown: Vec<String> = (0..3)
        .map(|t| {
            let times = (bars.ts[t] / 1_000_000_000, bars.known_at[t] / 1_000_000_000);
            let prices = [bars.open[t], bars.high[t], bars.low[t], bars.close[t]];
            format!("{times:?} {prices:?} {:?} {:+}", bars.volume[t], bars.hl_order[t])
        })
        .collect();
    let expected = [
        "(946857600, 946861200) [100.0, 100.13284523916471, 99.56141238431789, \
         99.65149842019466] 1728.935298392623 +0",
        "(946861200, 946864800) [99.65149842019466, 100.1513785037978, 99.38000346061168, \
         100.10555116833947] 618.4963176435084 -1",
        "(946864800, 946868400) [100.10555116833947, 100.16749518314984, 99.23631478388641, \
         99.79303599219436] 1078.7768764504042 +1",
    ];
    assert_eq!(shown, expected);
    // Whoever changes one of these changes what a scenario hash names: raise GENERATOR_VERSION.
    assert_eq!(
        made.facts["scenario_hash"],
        "97b1e48eec20b871d6272aea2c62e7a22e5f3c8a63c250b4e33d05e30f1c95fb"
    );
    assert_eq!(
        made.facts["dataset_hash"],
        "db0f959bbe2725b5c1dcce2986f9e6c1f9209e8dc48405166993a378cfad6024"
    );
}
