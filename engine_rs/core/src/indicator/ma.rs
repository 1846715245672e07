//! Moving average.

use super::{Indicator, Warmup, window};
use crate::parameter::Params;

/// Row of the moving average.
pub const MA: Indicator = Indicator {
    name: "ma",
    source: "TA-Lib SMA",
    n_inputs: 1,
    reads: &[],
    params: &[window("n", 1.0)],
    warmup: Warmup { params: &["n"], plus_bars: -1 },
    compute,
};

/// Outputs computed at a time, so that what lies between fits the first cache.
const CHUNK_BARS: usize = 1_024;

/// Mean of the last `n` values.
///
/// Every window is summed afresh, by the same tree wherever it lies: sums of two, four, eight, …
/// neighbours, then those that make up `n`. Nothing is ever subtracted, so there is no drift and
/// a spike leaves no trace, and no sum waits for the one before it.
fn compute(columns: &[&[f64]], params: &Params, output: &mut [f64]) {
    let input = columns[0];
    let n = params.get("n") as usize;
    let n_unknown = (n - 1).min(output.len());
    let (unknown, known) = output.split_at_mut(n_unknown);
    unknown.fill(f64::NAN);
    let chunk_bars = CHUNK_BARS.max(2 * n.next_power_of_two());
    let mut scratch = [vec![0.0; chunk_bars + n], vec![0.0; chunk_bars + n]];
    for (index, means) in known.chunks_mut(chunk_bars).enumerate() {
        let start = index * chunk_bars;
        window_sums(&input[start..start + means.len() + n - 1], n, &mut scratch, means);
        for mean in means {
            *mean /= n as f64;
        }
    }
}

/// Writes into `sums[i]` the sum of `input[i..i + n]`.
fn window_sums(input: &[f64], n: usize, scratch: &mut [Vec<f64>; 2], sums: &mut [f64]) {
    let [this, next] = scratch;
    let mut level: &mut [f64] = &mut this[..input.len()];
    let mut wider: &mut [f64] = &mut next[..input.len()];
    level.copy_from_slice(input);
    let mut width = 1;
    let mut covered = 0;
    loop {
        if n & width != 0 {
            let part = &level[covered..covered + sums.len()];
            if covered == 0 {
                sums.copy_from_slice(part);
            } else {
                for (sum, value) in sums.iter_mut().zip(part) {
                    *sum += value;
                }
            }
            covered += width;
        }
        if 2 * width > n {
            return;
        }
        let n_left = level.len() - width;
        for (sum, (a, b)) in wider.iter_mut().zip(level.iter().zip(&level[width..])) {
            *sum = a + b;
        }
        std::mem::swap(&mut level, &mut wider);
        level = &mut level[..n_left];
        width *= 2;
    }
}
