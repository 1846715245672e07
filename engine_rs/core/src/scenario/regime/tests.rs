//! Tests of the chain, of the moments of states, and of what a hidden state lets one foresee.

use super::chain::{STATES_MAX, stationary};
use crate::math::{exp, ln, sum};
use crate::scenario::{Generated, generate, laws};
use serde_json::{Value, json};

const N: usize = 200_000;

fn document(bars: usize) -> Value {
    json!({
        "family": "regime", "timeframe": "1m", "duration_bars": bars, "seed": 31,
        "params": {
            "states": [
                {"type": "trend", "drift": 3.0, "sigma": 20.0, "drift_convention": "log"},
                {"type": "trend", "drift": -6.0, "sigma": 70.0, "drift_convention": "log"},
            ],
            "transition": [[0.95, 0.05], [0.2, 0.8]],
        },
        "volume_model": "const",
    })
}

fn made(document: &Value) -> Generated {
    generate(document, None, true).unwrap()
}

fn returns(made: &Generated) -> Vec<f64> {
    made.bars.open.iter().zip(&made.bars.close).map(|(o, c)| ln(c / o)).collect()
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count();
    sum(values) / n as f64
}

#[test]
fn the_long_run_is_solved_for_and_several_are_refused() {
    let mut matrix = [[0.0; STATES_MAX]; STATES_MAX];
    matrix[0][..3].copy_from_slice(&[0.5, 0.25, 0.25]);
    matrix[1][..3].copy_from_slice(&[0.5, 0.0, 0.5]);
    matrix[2][..3].copy_from_slice(&[0.25, 0.25, 0.5]);
    // The weather of Oz, by Kemeny and Snell: two fifths, a fifth, two fifths.
    let shares = stationary(&matrix, 3).unwrap();
    for (share, expected) in shares.iter().zip([0.4, 0.2, 0.4, 0.0, 0.0, 0.0]) {
        assert!((share - expected).abs() < 1e-15, "{shares:?}");
    }
    // One that goes in circles and one that ends have one long run; one that may end in two, two.
    matrix[0][..3].copy_from_slice(&[0.0, 1.0, 0.0]);
    matrix[1][..3].copy_from_slice(&[1.0, 0.0, 0.0]);
    assert_eq!(stationary(&matrix, 2).unwrap()[..2], [0.5, 0.5]);
    matrix[1][..3].copy_from_slice(&[0.0, 1.0, 0.0]);
    assert_eq!(stationary(&matrix, 2).unwrap()[..2], [0.0, 1.0]);
    matrix[0][..3].copy_from_slice(&[1.0, 0.0, 0.0]);
    assert_eq!(stationary(&matrix, 2), None);
}

#[test]
fn states_come_as_often_stay_as_long_and_move_as_was_asked_for() {
    let made = made(&document(N));
    let state = &made.latent.state;
    let wild = state.iter().filter(|state| **state == 1).count() as f64;
    // π₁ = 0.05/0.25; bars in a row count for (1 − 0.75)/(1 + 0.75) of as many apart.
    let error = (0.16_f64 / (N as f64 / 7.0)).sqrt();
    assert!((wild / N as f64 - 0.2).abs() < 4.0 * error, "{wild}");
    let ends = state.windows(2).filter(|pair| pair[0] == 1 && pair[1] == 0).count() as f64;
    assert!((wild / ends - 5.0).abs() < 4.0 * (20.0 / ends).sqrt(), "{}", wild / ends);
    let returns = returns(&made);
    for (number, drift, sigma) in [(0, 3e-4, 20e-4), (1, -6e-4, 70e-4)] {
        let own = returns.iter().zip(state).filter(|(_, state)| **state == number);
        let own: Vec<f64> = own.map(|(r, _)| *r).collect();
        let n = own.len() as f64;
        let centre = mean(own.iter().copied());
        assert!((centre - drift).abs() < 4.0 * sigma / n.sqrt(), "{centre}");
        let square = mean(own.iter().map(|r| (r - centre) * (r - centre)));
        assert!((square / (sigma * sigma) - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{square}");
    }
}

#[test]
fn what_is_foreseen_follows_from_the_returns_before_by_the_rule_of_bayes() {
    let made = made(&document(100));
    let (returns, t) = (returns(&made), 4);
    let states = [(3e-4, 20e-4), (-6e-4, 70e-4)];
    let transition = [[0.95, 0.05], [0.2, 0.8]];
    let density = |state: usize, r: f64| {
        let (mean, deviation): (f64, f64) = states[state];
        exp(-0.5 * ((r - mean) / deviation) * ((r - mean) / deviation)) / deviation
    };
    // Every way through bars 0 to 4, weighed by its probability and its returns.
    let mut weight = [0.0; 2];
    for way in 0..1_usize << t {
        let state = |bar: usize| if bar == 0 { 0 } else { way >> (bar - 1) & 1 };
        let product = (0..t).fold(1.0, |product, bar| {
            product * density(state(bar), returns[bar]) * transition[state(bar)][state(bar + 1)]
        });
        weight[state(t)] += product;
    }
    let wild = weight[1] / (weight[0] + weight[1]);
    let expected = (1.0 - wild) * 3e-4 - wild * 6e-4;
    assert!((made.latent.mean[t] - expected).abs() < 1e-12, "{wild}");
    let spread = (1.0 - wild) * 400e-8 + wild * 4900e-8 + wild * (1.0 - wild) * 81e-8;
    assert!((made.latent.deviation[t] - spread.sqrt()).abs() < 1e-12);
    assert!((0.001..0.999).contains(&wild), "{wild}");
}

#[test]
fn what_is_foreseen_is_right_on_average_whatever_the_draws() {
    for innovations in [json!({}), json!({"dist": "student_t", "nu": 6})] {
        let mut document = document(N);
        document["innovations"] = innovations;
        document["params"]["states"][0] =
            json!({"type": "mean_revert", "kappa": 0.2, "theta": 101.0, "sigma": 20.0});
        let made = made(&document);
        let returns = returns(&made);
        let latent = made.latent.mean.iter().zip(&made.latent.deviation);
        let foreseen: Vec<(f64, (&f64, &f64))> = returns.into_iter().zip(latent).collect();
        let z = |(r, (m, s)): &(f64, (&f64, &f64))| (r - *m) / *s;
        let bias = mean(foreseen.iter().map(z));
        assert!(bias.abs() < 4.0 / (N as f64).sqrt(), "{bias}");
        let square = mean(foreseen.iter().map(|each| z(each) * z(each)));
        assert!((square - 1.0).abs() < 0.04, "{square}");
        // A forecast that could be improved would go with what it missed.
        let missed = mean(foreseen.iter().map(|(r, (m, _))| (r - *m) * *m));
        let size = mean(foreseen.iter().map(|(_, (m, s))| (*m * *s) * (*m * *s)));
        assert!(missed.abs() < 4.0 * (size / N as f64).sqrt(), "{missed}");
        assert!(made.latent.state.contains(&0) && made.latent.state.contains(&1));
    }
}

#[test]
fn a_market_begins_in_its_first_state_or_in_any_as_the_document_says() {
    let mut document = document(100);
    document["paths"] = json!(2000);
    let wild = |document: &Value| {
        let made = made(document);
        (0..2000).filter(|path| made.latent.state[path * 100] == 1).count()
    };
    assert_eq!(wild(&document), 0);
    document["params"]["start"] = json!("stationary");
    // 400 expected, 18 their deviation.
    assert!((328..=472).contains(&wild(&document)), "{}", wild(&document));
}

#[test]
fn a_state_that_reverts_takes_up_the_price_where_the_last_one_left_it() {
    let mut document = document(5_000);
    document["params"]["states"] = json!([
        {"type": "trend", "drift": 50.0, "sigma": 1.0},
        {"type": "mean_revert", "kappa": 0.5, "theta": 100.0, "sigma": 1.0},
    ]);
    let made = made(&document);
    for t in 1..5_000 {
        let away = ln(made.bars.open[t] / 100.0);
        if made.latent.state[t] == 1 && away > 0.01 {
            let step = ln(made.bars.close[t] / made.bars.open[t]);
            let pull = -(1.0 - exp(-0.5)) * away;
            assert!((step - pull).abs() < 10e-4, "bar {t}: {step} beside {pull}");
        }
    }
    assert!(made.facts["max_price"].as_f64().unwrap() < 200.0);
}

#[test]
fn states_and_rows_that_make_no_chain_are_refused_in_their_place() {
    for (place, value, path) in [
        ("/params/transition", json!([[0.9, 0.2], [0.5, 0.5]]), "/params/transition/0: got"),
        ("/params/transition", json!([[1.0, 0.0], [0.5, 0.5 + 1e-11]]), "/params/transition/1"),
        ("/params/transition", json!([[1.5, -0.5], [0.5, 0.5]]), "/params/transition/0/0"),
        ("/params/transition", json!([[1.0, 0.0], [1.0]]), "/params/transition/1: got [1.0]"),
        ("/params/transition", json!([[1.0]]), "/params/transition: got 1 rows"),
        ("/params/transition", json!("half"), "/params/transition: got no list"),
        ("/params/transition", json!([[1.0, 0.0], [0.0, 1.0]]), "/params/transition: got several"),
        (
            "/params/transition",
            json!([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]),
            "/params/transition: got 3 rows, expected 2 rows",
        ),
        ("/params/states", json!([{"type": "trend"}]), "/params/states: got a list of 1"),
        ("/params/states/1/sigma", json!(0.0), "/params/states/1/sigma"),
        ("/params/states/1/drift", json!("up"), "/params/states/1/drift: got \"up\""),
        ("/params/states/0", json!({"type": "trend", "sigma": 1}), "/params/states/0/drift"),
        (
            "/params/states/0",
            json!({"type": "mean_revert", "kappa": 0.1, "theta": -1.0, "sigma": 5.0}),
            "/params/states/0/theta",
        ),
        (
            "/params/states/1",
            json!({"type": "trend", "drift": 0, "sigma": 5, "kappa": 1}),
            "/params/states/1/kappa",
        ),
    ] {
        let mut document = document(100);
        *document.pointer_mut(place).unwrap() = value;
        let error = generate(&document, None, false).unwrap_err();
        assert!(["FIELD_INVALID", "PARAM_RANGE"].contains(&error.code()), "{error}");
        let told = format!("{}: {error}", error.path().unwrap());
        assert!(told.starts_with(path) || error.to_string().starts_with(path), "{told}");
    }
    let mut document = document(100);
    document["params"]["states"][0]["type"] = json!("heston");
    let error = generate(&document, None, false).unwrap_err();
    assert_eq!(error.path(), Some("/params/states/0/type"));
    assert!(error.to_string().contains("one of trend, mean_revert"), "{error}");
}

#[test]
fn the_moments_it_promises_are_those_of_its_mixture() {
    let laws = laws(&document(1000), None).unwrap();
    let found = |name: &str| {
        let laws = laws["laws"].as_array().unwrap().iter();
        let law = laws.clone().find(|law| law["statistic"] == name).unwrap();
        law["expected"].as_f64().unwrap()
    };
    // By hand: π = (0.8, 0.2), means 3 and −6 bps, deviations 20 and 70 bps.
    let (variance, second) = (1300e-8 + 12.96e-8, 0.75);
    assert!((found("mean") - 1.2e-4).abs() < 1e-18);
    assert!((found("variance") / variance - 1.0).abs() < 1e-14);
    // The chain forgets at the rate of its second eigenvalue.
    assert!((found("acf") / (second * 12.96e-8 / variance) - 1.0).abs() < 1e-12);
}
