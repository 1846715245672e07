//! What windowed kernels share: means, sums over lags, and extremes of the last `n` values.
//!
//! Every window is worked out afresh from its own values, in an order that depends on `n` alone:
//! nothing is carried from window to window, so there is no drift, a spike leaves no trace, and a
//! window gives the same bits wherever it lies.

use crate::wide::widest;
use std::collections::VecDeque;

/// Outputs computed at a time, so that what lies between fits the first cache.
const CHUNK_BARS: usize = 1_024;
/// The same of means, which have sums twice beside input and output.
const MEANS_BARS: usize = 512;

/// Mean of the last `n` values, unknown before there are so many.
///
/// Every window is summed afresh, by the same tree wherever it lies: sums of two, four, eight, …
/// neighbours, then those that make up `n`. Nothing is ever subtracted, and no sum waits for the
/// one before it.
pub fn means(input: &[f64], n: usize, values: &mut [f64]) {
    let known = after_warmup(values, n - 1);
    if n == 1 {
        known.copy_from_slice(input);
        return;
    }
    let chunk_bars = MEANS_BARS.max(2 * n.next_power_of_two());
    let mut scratch = [vec![0.0; chunk_bars + n], vec![0.0; chunk_bars + n]];
    for (index, means) in known.chunks_mut(chunk_bars).enumerate() {
        let start = index * chunk_bars;
        window_means(&input[start..start + means.len() + n - 1], n, &mut scratch, means);
    }
}

/// Marks the first `n_bars` values unknown and returns the rest.
pub fn after_warmup(values: &mut [f64], n_bars: usize) -> &mut [f64] {
    let (unknown, known) = values.split_at_mut(n_bars.min(values.len()));
    unknown.fill(f64::NAN);
    known
}

/// Adds to `sums[i]`, which belongs to the window that begins at `input[i]`, the term of each bar
/// before its last one: `term(lag, change, i)`, where the change is from the window's last value
/// to that of `lag` bars before.
///
/// Changes instead of values, because what does not move then gives exactly nothing.
#[inline(always)]
fn add_over_lags(input: &[f64], n: usize, sums: &mut [f64], term: impl Fn(f64, f64, usize) -> f64) {
    let last = &input[n - 1..];
    for lag in 1..n {
        let before = &input[n - 1 - lag..];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum += term(lag as f64, before[i] - last[i], i);
        }
    }
}

/// Calls `write` with the last values, the weighted sums of the changes from them, and where to
/// put the results, a chunk at a time; `weight` is that of a lag.
#[inline(always)]
pub fn weighted(
    input: &[f64],
    n: usize,
    values: &mut [f64],
    weight: impl Fn(f64) -> f64,
    write: impl Fn(f64, f64) -> f64,
) {
    for (index, chunk) in after_warmup(values, n - 1).chunks_mut(CHUNK_BARS).enumerate() {
        let part = &input[index * CHUNK_BARS..];
        let mut sums = [0.0; CHUNK_BARS];
        let sums = &mut sums[..chunk.len()];
        add_over_lags(part, n, sums, |lag, change, _| weight(lag) * change);
        for ((value, sum), last) in chunk.iter_mut().zip(sums).zip(&part[n - 1..]) {
            *value = write(*last, *sum);
        }
    }
}

/// Writes `value(gap, total)` of each window: `gap` is the way from its last value to its mean,
/// and `total` the sum over its values of `size` of the way from the mean.
///
/// In two passes: the mean first, then the distances from it.
#[inline(always)]
pub fn spreads(
    input: &[f64],
    n: usize,
    values: &mut [f64],
    size: impl Fn(f64) -> f64,
    value: impl Fn(f64, f64) -> f64,
) {
    for (index, chunk) in after_warmup(values, n - 1).chunks_mut(CHUNK_BARS).enumerate() {
        let part = &input[index * CHUNK_BARS..];
        let (mut gaps, mut totals) = ([0.0; CHUNK_BARS], [0.0; CHUNK_BARS]);
        let (gaps, totals) = (&mut gaps[..chunk.len()], &mut totals[..chunk.len()]);
        add_over_lags(part, n, gaps, |_, change, _| change);
        gaps.iter_mut().for_each(|gap| *gap /= n as f64);
        totals.iter_mut().zip(gaps.iter()).for_each(|(total, gap)| *total = size(*gap));
        add_over_lags(part, n, totals, |_, change, i| size(change - gaps[i]));
        for ((slot, gap), total) in chunk.iter_mut().zip(gaps).zip(totals) {
            *slot = value(*gap, *total);
        }
    }
}

/// Largest of the last `n` values, or the smallest.
pub fn extremes(input: &[f64], n: usize, is_largest: bool, values: &mut [f64]) {
    let is_beaten = |old: f64, new: f64| if is_largest { old <= new } else { old >= new };
    // Bars that may still be the extreme of a window to come, the best first.
    let mut waiting: VecDeque<usize> = VecDeque::new();
    for (t, value) in values.iter_mut().enumerate() {
        while waiting.back().is_some_and(|last| is_beaten(input[*last], input[t])) {
            waiting.pop_back();
        }
        waiting.push_back(t);
        if waiting[0] + n <= t {
            waiting.pop_front();
        }
        *value = if t + 1 < n { f64::NAN } else { input[waiting[0]] };
    }
}

/// Writes what each value makes of the one `n` bars before it.
#[inline(always)]
pub fn changes(input: &[f64], n: usize, values: &mut [f64], change: impl Fn(f64, f64) -> f64) {
    let before = input;
    let now = &input[n.min(input.len())..];
    for ((value, before), now) in after_warmup(values, n).iter_mut().zip(before).zip(now) {
        *value = change(*before, *now);
    }
}

widest! {
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
            if 2 * wider > n {
                let last = Some((covered > 0, n as f64));
                add(is_double, &sums[covered..], width, means, last);
                return;
            }
            n_sums -= wider - width;
            add(is_double, sums, width, &mut to[..n_sums], None);
            std::mem::swap(&mut from, &mut to);
            width = wider;
        }
    }
}

#[inline(always)]
fn add(is_double: bool, sums: &[f64], width: usize, out: &mut [f64], last: Finish) {
    if is_double { quads(sums, width, out, last) } else { pairs(sums, width, out, last) }
}

/// Writes the sums of two neighbours `width` apart, or finishes the means with them.
#[inline(always)]
fn pairs(sums: &[f64], width: usize, out: &mut [f64], last: Finish) {
    let terms = sums.iter().zip(&sums[width..]);
    finish(terms.map(|(a, b)| a + b), out, last);
}

/// Writes the sums of four neighbours `width` apart, or finishes the means with them.
#[inline(always)]
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
    // Loops, not closures: one that is not inlined would not be wide.
    match last {
        None => {
            for (slot, sum) in slots {
                *slot = sum;
            }
        }
        Some((false, n)) => {
            for (slot, sum) in slots {
                *slot = sum / n;
            }
        }
        Some((true, n)) => {
            for (slot, sum) in slots {
                *slot = (*slot + sum) / n;
            }
        }
    }
}
