//! Same seed, same bytes: whatever the order, the number of threads, or what else is asked for.

#![allow(clippy::unwrap_used)] // a refusal here is a failed test

use proving_core::bars::Bars;
use proving_core::scenario::{FAMILIES, Generated, generate};
use serde_json::{Value, json};

const N: usize = 400;

fn document(family: &str, paths: usize, bars: usize) -> Value {
    let params = match family {
        "trend" => json!({"drift": 1.0, "sigma": 60.0}),
        "vol_cluster" => json!({"omega": 20.0, "alpha": 0.1, "beta": 0.85}),
        "factor" => json!({
            "betas": [1.2], "sigmas": [30.0],
            "factor": {"family": "heston", "params": {
                "kappa": 0.2, "theta": 400.0, "xi": 15.0, "rho": -0.5,
            }},
        }),
        "heston" => json!({"kappa": 0.2, "theta": 400.0, "xi": 15.0, "rho": -0.5}),
        "mean_revert" => json!({"kappa": 0.05, "theta": 110.0, "sigma": 60.0}),
        "shock_mix" => json!({"p_jump": 0.05, "jump_mu": -20.0, "jump_sigma": 80.0}),
        "regime" => json!({
            "states": [
                {"type": "trend", "drift": 2.0, "sigma": 30.0},
                {"type": "mean_revert", "kappa": 0.1, "theta": 100.0, "sigma": 90.0},
            ],
            "transition": [[0.95, 0.05], [0.1, 0.9]], "start": "stationary",
        }),
        "agents" => json!({}),
        other => panic!("no parameters are known here for {other}"),
    };
    let largest_seed = (1_u64 << 53) - 1;
    json!({
        "family": family, "timeframe": "1h", "duration_bars": bars, "seed": largest_seed,
        "params": params, "volume_model": "coupled", "paths": paths,
    })
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

/// Bits of every number of the first `rows` rows, but for path and bar index.
fn bits(bars: &Bars, rows: usize) -> Vec<Vec<u64>> {
    let mut columns: Vec<Vec<u64>> = vec![
        bars.ts[..rows].iter().map(|value| *value as u64).collect(),
        bars.known_at[..rows].iter().map(|value| *value as u64).collect(),
        bars.hl_order[..rows].iter().map(|value| *value as u64).collect(),
        bars.flags[..rows].iter().map(|value| u64::from(*value)).collect(),
    ];
    for column in [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume] {
        columns.push(column[..rows].iter().map(|value| value.to_bits()).collect());
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
fn assets_come_out_alike_for_any_number_of_threads_and_bars() {
    let with = |bars: usize| {
        let mut document = document("factor", 5, bars);
        document["assets"] = json!(["A", "B", "C"]);
        document["params"]["betas"] = json!([1.2, -0.5, 0.0]);
        document["params"]["sigmas"] = json!([30.0, 10.0, 5.0]);
        document
    };
    let alone = with_threads(1, &with(N));
    for threads in [2, 16] {
        assert_eq!(alone.bars, with_threads(threads, &with(N)).bars, "{threads} threads");
    }
    let long = with_threads(2, &with(2 * N)).bars;
    for series in 0..15 {
        assert_eq!(alone.bars.close[series * N..][..N], long.close[series * 2 * N..][..N]);
    }
}

#[test]
fn a_longer_scenario_begins_with_the_shorter_one() {
    for family in drawn_families() {
        let short = generate(&document(family, 1, N), None, false).unwrap().bars;
        let long = generate(&document(family, 1, 3 * N + 1), None, false).unwrap().bars;
        assert_eq!(bits(&short, N), bits(&long, N), "{family}");
    }
}

#[test]
fn more_paths_leave_the_first_ones_as_they_were() {
    for family in drawn_families() {
        let few = generate(&document(family, 2, N), None, false).unwrap().bars;
        let many = generate(&document(family, 7, N), None, false).unwrap().bars;
        assert_eq!(bits(&few, 2 * N), bits(&many, 2 * N), "{family}");
        assert_eq!((many.path[6 * N + 3], many.asset[6 * N + 3], many.t[6 * N + 3]), (6, 0, 3));
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
                    // Some bounds depend on another parameter, such as those of alpha and beta.
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
