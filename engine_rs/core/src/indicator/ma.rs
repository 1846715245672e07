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
    if n == 1 {
        known.copy_from_slice(input);
        return;
    }
    let chunk_bars = CHUNK_BARS.max(2 * n.next_power_of_two());
    let mut scratch = [vec![0.0; chunk_bars + n], vec![0.0; chunk_bars + n]];
    for (index, means) in known.chunks_mut(chunk_bars).enumerate() {
        let start = index * chunk_bars;
        window_means(&input[start..start + means.len() + n - 1], n, &mut scratch, means);
    }
}

/// Writes into `means[i]` the mean of `input[i..i + n]`; `n` is at least two.
fn window_means(input: &[f64], n: usize, scratch: &mut [Vec<f64>; 2], means: &mut [f64]) {
    let [this, next] = scratch;
    let (mut from, mut to): (&mut [f64], &mut [f64]) = (this, next);
    // Sums of `width` neighbours: in `input` at first, then in `from`.
    let (mut width, mut n_sums) = (1, input.len());
    // Bars of each window whose sum `means` holds already.
    let mut covered = 0;
    loop {
        let sums = if width == 1 { input } else { &from[..n_sums] };
        if n & width != 0 {
            for (mean, sum) in means.iter_mut().zip(&sums[covered..]) {
                *mean = if covered == 0 { *sum } else { *mean + sum };
            }
            covered += width;
        }
        // Two doublings at a time, unless the sums between them are needed.
        let is_double = n & (2 * width) == 0;
        let wider = if is_double { 4 * width } else { 2 * width };
        let add = if is_double { quads } else { pairs };
        if 2 * wider > n {
            add(&sums[covered..], width, means, Some((covered > 0, n as f64)));
            return;
        }
        n_sums -= wider - width;
        add(sums, width, &mut to[..n_sums], None);
        std::mem::swap(&mut from, &mut to);
        width = wider;
    }
}

/// Writes the sums of two neighbours `width` apart, or finishes the means with them.
fn pairs(sums: &[f64], width: usize, out: &mut [f64], last: Finish) {
    let terms = sums.iter().zip(&sums[width..]);
    finish(terms.map(|(a, b)| a + b), out, last);
}

/// Writes the sums of four neighbours `width` apart, or finishes the means with them.
fn quads(sums: &[f64], width: usize, out: &mut [f64], last: Finish) {
    let left = sums.iter().zip(&sums[width..]);
    let right = sums[2 * width..].iter().zip(&sums[3 * width..]);
    finish(left.zip(right).map(|((a, b), (c, d))| (a + b) + (c + d)), out, last);
}

/// For the last step of a mean: whether parts of the sums are there already, and the divisor.
type Finish = Option<(bool, f64)>;

#[inline(always)]
fn finish(sums: impl Iterator<Item = f64>, out: &mut [f64], last: Finish) {
    let slots = out.iter_mut().zip(sums);
    match last {
        None => slots.for_each(|(slot, sum)| *slot = sum),
        Some((false, n)) => slots.for_each(|(slot, sum)| *slot = sum / n),
        Some((true, n)) => slots.for_each(|(slot, sum)| *slot = (*slot + sum) / n),
    }
}
