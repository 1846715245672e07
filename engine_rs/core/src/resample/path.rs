//! One path, scored by the block: sums from running sums, growth and drawdown from the growth
//! curve, the shortfall from counts of the lowest returns.

use super::PathScores;
use super::blocks::Blocks;
use super::plain;
use super::source::{Source, Tail, shortfall_bars};
use crate::math;
use crate::random::Stream;

/// What a thread uses again from path to path.
#[derive(Debug)]
pub(super) struct Scratch {
    /// How often the path took each of the lowest returns, by rank.
    counts: Vec<u32>,
    order: Vec<u32>,
    /// The path itself, where it is needed bar by bar.
    pub(super) returns: Vec<f64>,
}

impl Scratch {
    /// Room for one path.
    pub(super) fn new(source: &Source, blocks: &Blocks) -> Self {
        let order = vec![0; if blocks.needs_order() { blocks.n } else { 0 }];
        Self { counts: vec![0; source.tail.lowest.len()], order, returns: Vec::new() }
    }
}

/// Squares about the path's mean that are a smaller share than this of the squares about the
/// source's have lost digits in the subtraction.
const CANCELLED: f64 = 1e-3;
/// A deviation below this share of the source's largest return may be no more than rounding.
const NEARLY_FLAT: f64 = 1e-9;

/// Scores the path that `stream` draws.
pub(super) fn scores(
    source: &Source,
    blocks: &Blocks,
    stream: &Stream,
    scratch: &mut Scratch,
) -> PathScores {
    let found = source.is_smooth.then(|| smooth(source, blocks, stream, scratch)).flatten();
    found.unwrap_or_else(|| {
        let Scratch { order, returns, .. } = scratch;
        returns.clear();
        blocks.each(stream, order, |start, end| {
            returns.extend_from_slice(&source.returns[start..end]);
        });
        plain::scores(returns, source.bars_per_year)
    })
}

/// The scores, or nothing where the path must be looked at bar by bar.
fn smooth(
    source: &Source,
    blocks: &Blocks,
    stream: &Stream,
    scratch: &mut Scratch,
) -> Option<PathScores> {
    let Scratch { counts, order, .. } = scratch;
    counts.fill(0);
    let mut sums = [0.0; 4];
    let mut course = Course::new();
    blocks.each(stream, order, |start, end| {
        let (from, to) = (&source.sums[start], &source.sums[end]);
        for k in 0..4 {
            sums[k] += to[k] - from[k];
        }
        course.take(source, start, end);
        count(&source.tail, start, end, counts);
    });
    let n = blocks.n as f64;
    let [sum, squares, gains, losses] = sums;
    let about_mean = squares - sum * (sum / n);
    let deviation = (about_mean / (n - 1.0)).sqrt();
    if about_mean < CANCELLED * squares || deviation <= NEARLY_FLAT * source.largest {
        return None;
    }
    let annual = source.bars_per_year;
    Some([
        (source.mean + sum / n) / deviation * annual.sqrt(),
        course.lowest - 1.0,
        if losses == 0.0 { f64::NAN } else { gains / losses.abs() },
        math::pow(course.growth, annual / n) - 1.0,
        shortfall(&source.tail, counts, shortfall_bars(blocks.n))?,
    ])
}

/// Growth and drawdown so far.
#[derive(Clone, Copy, Debug)]
struct Course {
    growth: f64,
    /// Running peak over the last value: 1 or more.
    peak: f64,
    /// Smallest quotient of a value and the peak before it.
    lowest: f64,
}

impl Course {
    fn new() -> Self {
        Self { growth: 1.0, peak: 1.0, lowest: 1.0 }
    }

    /// Adds the returns from `start` up to `end` of the source.
    #[inline(always)]
    fn take(&mut self, source: &Source, start: usize, end: usize) {
        let (first, last) = (source.curve[start], source.curve[end]);
        let mut peak = self.peak * first;
        let [low, high] = source.extremes.between(&source.curve, start, end);
        if high > peak {
            // The order of high and low within the stretch decides.
            for value in &source.curve[start + 1..=end] {
                peak = if *value > peak { *value } else { peak };
                if *value < peak * self.lowest {
                    self.lowest = value / peak;
                }
            }
        } else if low < peak * self.lowest {
            self.lowest = low / peak;
        }
        self.peak = peak * source.inverse[end];
        self.growth *= last * source.inverse[start];
    }
}

/// Counts which of the lowest returns stand in a stretch.
#[inline(always)]
fn count(tail: &Tail, start: usize, end: usize, counts: &mut [u32]) {
    let within = tail.before[start] as usize..tail.before[end] as usize;
    for rank in &tail.ranks[within] {
        counts[*rank as usize] += 1;
    }
}

/// Mean of the lowest `needed` returns; none where fewer than that were counted.
fn shortfall(tail: &Tail, counts: &[u32], needed: usize) -> Option<f64> {
    let mut left = needed;
    let mut total = 0.0;
    for (value, count) in tail.lowest.iter().zip(counts) {
        let taken = left.min(*count as usize);
        total += value * taken as f64;
        left -= taken;
        if left == 0 {
            return Some(total / needed as f64);
        }
    }
    None
}
