//! What is odd about the rows of a source, and is reported instead of refused.

use super::document::Scenario;
use super::history::History;
use crate::math;
use serde_json::{Value, json};

/// Returns before a return by which its size is judged, and fewer than which judge nothing.
const WINDOW: usize = 100;
const WINDOW_MIN: usize = 20;

/// Scale of a normal variable whose median absolute deviation is 1: 1/Φ⁻¹(3/4).
const NORMAL_MAD: f64 = 1.4826;

/// An outlier is beyond so many scales.
const OUTLIER_SCALES: f64 = 25.0;

/// Rows without a range that make a run worth telling.
const RUN_MIN: usize = 3;

/// Places that are told of each kind.
const PLACES_MAX: usize = 5;

/// Outliers, runs of bars without a range, and splits and dividends, with the first places.
pub(super) fn quality(scenario: &Scenario, history: &History) -> Value {
    let (mut outliers, mut runs) = (Places::default(), Places::default());
    let mut longest = 0;
    for (asset, name) in scenario.assets.iter().enumerate() {
        let rows = history.of(asset);
        outliers.add(name, outlying_rows(&history.bars.close[rows.clone()]));
        let found = flat_runs(&history.bars.high[rows.clone()], &history.bars.low[rows]);
        longest = found.iter().map(|(_, length)| *length).fold(longest, usize::max);
        runs.add(name, found.into_iter().map(|(first, _)| first).collect());
    }
    let (applied, outside) = (history.actions_applied, history.actions_outside);
    json!({
        "outliers": {"bars": outliers.count, "first": outliers.first},
        "zero_range": {"runs": runs.count, "longest_bars": longest, "first": runs.first},
        "actions": {"applied": applied, "outside": outside},
    })
}

#[derive(Debug, Default)]
struct Places {
    count: usize,
    first: Vec<Value>,
}

impl Places {
    fn add(&mut self, asset: &str, rows: Vec<usize>) {
        let room = PLACES_MAX - self.first.len();
        self.count += rows.len();
        self.first.extend(rows.into_iter().take(room).map(|t| json!({"asset": asset, "t": t})));
    }
}

/// Rows whose log return is beyond 25 times the median absolute deviation of the 100 before it,
/// scaled to a normal's. Fewer than 20 returns before, or more than half of them alike, judge
/// nothing.
///
/// Source: Hampel (1974), "The influence curve and its role in robust estimation", JASA 69(346).
fn outlying_rows(close: &[f64]) -> Vec<usize> {
    let mut returns: Vec<f64> = close.windows(2).map(|pair| pair[1] / pair[0]).collect();
    math::ln_each(&mut returns);
    let mut sorted: Vec<f64> = Vec::with_capacity(WINDOW + 1);
    let mut rows = Vec::new();
    for (at, value) in returns.iter().enumerate() {
        if sorted.len() >= WINDOW_MIN {
            let scale = NORMAL_MAD * median_deviation(&sorted);
            if scale > 0.0 && value.abs() > OUTLIER_SCALES * scale {
                rows.push(at + 1);
            }
        }
        let place = |sorted: &[f64], value: f64| sorted.partition_point(|known| *known < value);
        sorted.insert(place(&sorted, *value), *value);
        if sorted.len() > WINDOW {
            sorted.remove(place(&sorted, returns[at - WINDOW]));
        }
    }
    rows
}

/// Median of the distances from the median, of values in order; of an even number of values the
/// upper of the middle two.
fn median_deviation(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    let median = sorted[n / 2];
    // Distances rise to both sides, so the nearest are found from the middle outwards.
    let (mut left, mut right) = (n / 2, n / 2);
    let mut distance = 0.0;
    for _ in 0..=n / 2 {
        let below = if left > 0 { median - sorted[left - 1] } else { f64::INFINITY };
        let above = if right < n { sorted[right] - median } else { f64::INFINITY };
        if above <= below {
            (distance, right) = (above, right + 1);
        } else {
            (distance, left) = (below, left - 1);
        }
    }
    distance
}

/// First row and length of each run of three bars or more whose high is their low.
fn flat_runs(high: &[f64], low: &[f64]) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut length = 0;
    for row in 0..=high.len() {
        if row < high.len() && high[row] == low[row] {
            length += 1;
            continue;
        }
        if length >= RUN_MIN {
            runs.push((row - length, length));
        }
        length = 0;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{flat_runs, median_deviation, outlying_rows};
    use crate::math::exp;
    use crate::random::{Purpose, Stream};

    /// Prices whose log returns are normal, by one hundredth.
    fn prices(n: usize) -> Vec<f64> {
        let stream = Stream::scenario(3, 0, 0, 0, Purpose::Diffusion);
        let mut x = 0.0;
        (0..n as u64)
            .map(|t| {
                x += 0.01 * stream.normal(t);
                exp(x)
            })
            .collect()
    }

    #[test]
    fn the_median_deviation_is_that_of_the_definition() {
        let stream = Stream::scenario(5, 0, 0, 0, Purpose::Diffusion);
        for n in [1, 2, 5, 20, 99, 100] {
            let mut values: Vec<f64> = (0..n).map(|t| stream.normal(t)).collect();
            values.sort_by(f64::total_cmp);
            let median = values[values.len() / 2];
            let mut distances: Vec<f64> = values.iter().map(|x| (x - median).abs()).collect();
            distances.sort_by(f64::total_cmp);
            assert_eq!(median_deviation(&values), distances[distances.len() / 2], "{n}");
        }
    }

    #[test]
    fn a_price_ten_times_too_high_is_an_outlier_up_and_down_and_nothing_else_is() {
        let mut close = prices(1000);
        assert_eq!(outlying_rows(&close), [0; 0]);
        close[500] *= 10.0;
        assert_eq!(outlying_rows(&close), [500, 501]);
    }

    #[test]
    fn a_return_is_judged_once_there_are_twenty_before_it_and_they_vary() {
        let mut close = prices(1000);
        close[20] *= 10.0;
        assert_eq!(outlying_rows(&close), [21]);
        let mut flat = vec![1.0; 200];
        flat[150] = 2.0;
        assert_eq!(outlying_rows(&flat), [0; 0]);
    }

    #[test]
    fn three_flat_bars_are_a_run_and_two_are_none() {
        let low = [1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0];
        let high = [1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 1.0];
        assert_eq!(flat_runs(&high, &low), [(3, 3), (7, 4)]);
        assert_eq!(flat_runs(&[], &[]), []);
    }
}
