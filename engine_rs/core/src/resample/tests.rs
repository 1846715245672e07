//! The quick way against the plain one, the threads, the draws, and what is refused.

use super::*;
use crate::random::normals;

const METHODS: [Method; 5] =
    [Method::Stationary, Method::Circular, Method::Moving, Method::Iid, Method::Permute];

fn request(method: Method) -> Request {
    let block_bars = match method {
        Method::Stationary => 7.5,
        Method::Circular | Method::Moving => 7.0,
        Method::Iid | Method::Permute => 1.0,
    };
    Request { seed: 5, method, block_bars, first_path: 0, n_paths: 200, bars_per_year: 252.0 }
}

fn series(n: usize) -> Vec<f64> {
    let draws = normals(3, "bootstrap", 9, 0, n).unwrap();
    draws.iter().map(|z| 0.0005 + 0.01 * z).collect()
}

/// The returns of one path, as the plain way sees them.
fn drawn(returns: &[f64], request: &Request, path: u64) -> Vec<f64> {
    let blocks = Blocks::new(request.method, request.block_bars, returns.len());
    let key = [request.seed, family_key("bootstrap")];
    let stream = Stream::new(key, [path, 0, Purpose::Bootstrap as u64]);
    let mut made = Vec::new();
    let mut order = vec![0; returns.len()];
    blocks.each(&stream, &mut order, |start, end| made.extend_from_slice(&returns[start..end]));
    made
}

fn bits(columns: &[Vec<f64>]) -> Vec<u64> {
    columns.iter().flatten().map(|value| value.to_bits()).collect()
}

#[test]
fn the_quick_way_scores_what_the_plain_way_does() {
    for n in [2, 3, 31, 500, 2_000] {
        let returns = series(n);
        for method in METHODS {
            let mut asked = request(method);
            asked.block_bars = asked.block_bars.min(n as f64);
            let quick = bootstrap(&returns, &asked, None).unwrap();
            for path in 0..asked.n_paths {
                let mut order = drawn(&returns, &asked, path as u64);
                assert_eq!(order.len(), n);
                let slow = plain::scores(&mut order, asked.bars_per_year);
                for (column, expected) in quick.iter().zip(slow) {
                    let got = column[path];
                    let expected = finite(expected);
                    let is_close = (got - expected).abs() <= 1e-12 * expected.abs().max(1.0)
                        || (got.is_nan() && expected.is_nan());
                    assert!(is_close, "{method:?} {n} {path}: {got} {expected}");
                }
            }
        }
    }
}

#[test]
fn threads_and_company_change_no_bit() {
    let returns = series(700);
    for method in METHODS {
        let asked = request(method);
        let one = bootstrap(&returns, &asked, Some(1)).unwrap();
        for n_threads in [2, 16] {
            let many = bootstrap(&returns, &asked, Some(n_threads)).unwrap();
            assert_eq!(bits(&one), bits(&many), "{method:?}");
        }
        let later = Request { first_path: 70, n_paths: 50, ..asked };
        let some = bootstrap(&returns, &later, None).unwrap();
        let same: Vec<Vec<f64>> = one.iter().map(|column| column[70..120].to_vec()).collect();
        assert_eq!(bits(&some), bits(&same), "{method:?}");
    }
}

#[test]
fn a_permutation_takes_every_return_once() {
    let returns: Vec<f64> = (0..100).map(|t| f64::from(t) * 1e-4).collect();
    let mut taken = drawn(&returns, &request(Method::Permute), 3);
    assert_ne!(taken, returns);
    taken.sort_unstable_by(f64::total_cmp);
    assert_eq!(taken, returns);
}

#[test]
fn a_path_that_loses_all_ends_there() {
    let mut returns = series(60);
    returns[30] = -1.0;
    let [sharpe, drawdown, _, cagr, _] =
        bootstrap(&returns, &request(Method::Stationary), None).unwrap();
    let ruined = cagr.iter().filter(|growth| **growth == -1.0).count();
    assert!(ruined > 50 && ruined < 190, "{ruined}");
    for (path, growth) in cagr.iter().enumerate() {
        assert_eq!(*growth == -1.0, drawdown[path] == -1.0);
        assert!(sharpe[path].is_finite() || *growth == -1.0);
    }
}

#[test]
fn returns_that_never_differ_have_no_ratio_but_zeros_have_one() {
    let asked = request(Method::Stationary);
    let [sharpe, drawdown, factor, cagr, shortfall] = bootstrap(&[0.0; 40], &asked, None).unwrap();
    assert!(sharpe.iter().chain(&drawdown).chain(&cagr).chain(&shortfall).all(|v| *v == 0.0));
    assert!(factor.iter().all(|value| value.is_nan()));
    let [sharpe, ..] = bootstrap(&[0.001; 40], &asked, None).unwrap();
    assert!(sharpe.iter().all(|value| value.is_nan()));
}

#[test]
fn a_stretch_without_returns_among_returns_is_still_flat() {
    // Most paths of long blocks hold no return at all: their sums must not be rounding.
    let mut returns = vec![0.0; 400];
    returns[7] = 0.05;
    let asked = Request { block_bars: 200.0, ..request(Method::Circular) };
    let [sharpe, _, _, cagr, _] = bootstrap(&returns, &asked, None).unwrap();
    let flat: Vec<f64> =
        sharpe.iter().zip(&cagr).filter(|(_, growth)| **growth == 0.0).map(|(s, _)| *s).collect();
    assert!(!flat.is_empty() && flat.iter().all(|value| *value == 0.0), "{flat:?}");
}

#[test]
fn what_cannot_be_resampled_is_refused() {
    let returns = series(40);
    let asked = request(Method::Circular);
    let code = |returns: &[f64], asked: Request| {
        bootstrap(returns, &asked, None).err().map(|error| (error.code(), error.to_string()))
    };
    assert_eq!(code(&[0.1], asked).unwrap().0, "WINDOW_EXCEEDS_SERIES");
    for (broken, place) in [
        (Request { block_bars: 0.0, ..asked }, "/block"),
        (Request { block_bars: 2.5, ..asked }, "/block"),
        (Request { block_bars: 41.0, ..asked }, "/block"),
        (Request { block_bars: f64::NAN, ..asked }, "/block"),
        (Request { n_paths: PATHS_MAX + 1, ..asked }, "/n_paths"),
        (Request { bars_per_year: 0.0, ..asked }, "/bars_per_year"),
    ] {
        let (code, message) = code(&returns, broken).unwrap();
        assert!(code == "FIELD_INVALID" && message.starts_with(place), "{message}");
    }
    let (_, message) = code(&[0.1, f64::NAN, 0.2], asked).unwrap();
    assert!(message.starts_with("/returns/1"), "{message}");
    assert_eq!(Method::named("jackknife").unwrap_err().code(), "UNKNOWN_NAME");
}
