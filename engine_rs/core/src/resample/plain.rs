//! One path, scored bar by bar: for series that the quick way cannot hold, and its twin in tests.

use super::PathScores;
use super::source::shortfall_bars;
use crate::math;
use crate::metric::is_still;

/// Scores returns in their order; puts them out of it.
pub(super) fn scores(returns: &mut [f64], bars_per_year: f64) -> PathScores {
    let (mut growth, mut peak, mut lowest) = (1.0_f64, 1.0_f64, 1.0_f64);
    let mut n_bars = 0;
    for value in returns.iter() {
        growth *= 1.0 + value;
        peak = peak.max(growth);
        lowest = lowest.min(growth / peak);
        n_bars += 1;
        if growth <= 0.0 {
            break;
        }
    }
    let counted = &mut returns[..n_bars];
    let n = n_bars as f64;
    let gains = math::sum(counted.iter().map(|value| value.max(0.0)));
    let losses = math::sum(counted.iter().map(|value| value.min(0.0)));
    let annual_growth =
        if growth <= 0.0 { -1.0 } else { math::pow(growth, bars_per_year / n) - 1.0 };
    [
        sharpe(counted) * bars_per_year.sqrt(),
        lowest - 1.0,
        if losses == 0.0 { f64::NAN } else { gains / losses.abs() },
        annual_growth,
        shortfall(counted),
    ]
}

/// Mean over deviation (ddof 1) per bar; 0 where nothing was ever gained or lost, NaN where the
/// deviation is none beside the returns.
fn sharpe(returns: &[f64]) -> f64 {
    let n = returns.len() as f64;
    let mean = math::sum(returns.iter().copied()) / n;
    let squares = math::sum(returns.iter().map(|value| (value - mean) * (value - mean)));
    let deviation = (squares / (n - 1.0)).sqrt();
    let largest = returns.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    match is_still(deviation, largest) {
        _ if returns.len() < 2 => f64::NAN,
        false => mean / deviation,
        true if mean == 0.0 => 0.0,
        true => f64::NAN,
    }
}

/// Mean of the lowest returns.
fn shortfall(returns: &mut [f64]) -> f64 {
    let needed = shortfall_bars(returns.len());
    returns.sort_unstable_by(f64::total_cmp);
    math::sum(returns[..needed].iter().copied()) / needed as f64
}
