//! How long the blocks of a bootstrap should be, estimated from the series itself.

use crate::math::{self, ln, pow};
use std::f64::consts::LN_10;

/// Best expected block length for the stationary and for the circular bootstrap, in bars; never
/// more than 3·√n or n/3. A series that does not vary needs no blocks: 1.
///
/// Source: Politis and White (2004), "Automatic block-length selection for the dependent
/// bootstrap", Econometric Reviews 23(1); Patton, Politis and White (2009), correction, 28(4).
///
/// # Panics
///
/// For fewer than 10 values.
pub fn optimal_block_bars(values: &[f64]) -> (f64, f64) {
    let n = values.len();
    assert!(n >= 10);
    let real = n as f64;
    let mean = math::sum(values.iter().copied()) / real;
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let covariances = covariances(&centred);
    let m = covariances.len() - 1;
    let (mut g, mut spectrum) = (0.0, covariances[0]);
    for (lag, covariance) in covariances.iter().enumerate().skip(1) {
        let share = lag as f64 / m as f64;
        // A window flat at first, so that the nearest lags count in full.
        let weight = if share <= 0.5 { 1.0 } else { 2.0 * (1.0 - share) };
        g += 2.0 * weight * lag as f64 * covariance;
        spectrum += 2.0 * weight * covariance;
    }
    if spectrum == 0.0 {
        return (1.0, 1.0);
    }
    let longest = (3.0 * real.sqrt()).min(real / 3.0).ceil();
    let length = |spread: f64| {
        let ratio = 2.0 * (g * g) / (spread * (spectrum * spectrum));
        (pow(ratio, 1.0 / 3.0) * pow(real, 1.0 / 3.0)).min(longest)
    };
    (length(2.0), length(4.0 / 3.0))
}

/// Autocovariances up to twice the lag after which several in a row are insignificant.
fn covariances(centred: &[f64]) -> Vec<f64> {
    let n = centred.len();
    let real = n as f64;
    let run = 5.max(n.ilog10() as usize);
    let most = real.sqrt().ceil() as usize + run;
    let bound = 2.0 * (ln(real) / LN_10 / real).sqrt();
    // Sums of squares without the first and without the last values, one more at each lag.
    let squares = math::sum(centred.iter().map(|value| value * value));
    let (mut later, mut earlier) = (squares, squares);
    let mut small_in_a_row = 0;
    let mut last = most;
    let mut covariances = Vec::new();
    for lag in 0..=most.min(n - 2) {
        // The lags that decide are those before this one.
        if lag >= run && small_in_a_row >= run && last == most {
            last = (2 * (lag - run).max(1)).min(most);
        }
        if lag > last {
            break;
        }
        later -= centred[lag] * centred[lag];
        earlier -= centred[n - 1 - lag] * centred[n - 1 - lag];
        let product = dot(&centred[lag..], &centred[..n - lag]);
        let correlation = product.abs() / (later * earlier).sqrt();
        small_in_a_row = if correlation < bound { small_in_a_row + 1 } else { 0 };
        covariances.push(product / real);
    }
    covariances.truncate(last + 1);
    covariances
}

/// Sum of products in a fixed order that a machine can take eight at a time.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (x_eights, x_rest) = x.as_chunks::<8>();
    let (y_eights, y_rest) = y.as_chunks::<8>();
    for (x, y) in x_eights.iter().zip(y_eights) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    let rest = x_rest.iter().zip(y_rest).map(|(x, y)| x * y);
    math::sum(sums.into_iter().chain(rest))
}
