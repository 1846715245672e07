//! Which stretches of the source a path takes, one after the other.
//!
//! Draws of a path, with n returns and blocks of b: `stationary` begins block k at ⌊u(2k)·n⌋ and
//! gives it the smallest length L ≥ 1 with (1 − 1/b)^L ≤ u(2k + 1); `circular` and `iid` begin
//! block k at ⌊u(k)·n⌋ and `moving` at ⌊u(k)·(n − b + 1)⌋. `permute` swaps, for k = 0 … n − 2,
//! place i = n − 1 − k with place ⌊u(k)·(i + 1)⌋. The last block ends with the path.

use super::Method;
use crate::random::Stream;

/// Draws that are made at once; an even number, since a stationary block takes two.
const HELD: usize = 32;
/// Stretches of (0, 1) for each of which the least length is known beforehand.
const GUIDES: usize = 1 << 10;
/// No draw is smaller than 2^-53, so no length with a smaller chance is ever drawn.
const RARE: f64 = 1.0 / (1_u64 << 53) as f64;

/// How a series is cut up.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    pub n: usize,
    method: Method,
    /// Bars of a block that has a fixed length.
    length: usize,
    lengths: Lengths,
}

impl Blocks {
    /// Blocks of `block_bars` out of `n` returns.
    pub(super) fn new(method: Method, block_bars: f64, n: usize) -> Self {
        let (length, mean) = match method {
            Method::Stationary => (1, block_bars),
            Method::Circular | Method::Moving => (block_bars as usize, 1.0),
            Method::Iid | Method::Permute => (1, 1.0),
        };
        Self { n, method, length, lengths: Lengths::new(mean, n) }
    }

    /// Whether a path needs a place of [`Self::n`] numbers to be drawn.
    pub(super) fn needs_order(&self) -> bool {
        self.method == Method::Permute
    }

    /// Gives `take` the stretches of a path, from and up to which return; together they are n.
    #[inline]
    pub(super) fn each(
        &self,
        stream: &Stream,
        order: &mut [u32],
        mut take: impl FnMut(usize, usize),
    ) {
        match self.method {
            Method::Stationary => self.each_stationary(stream, take),
            Method::Permute => {
                permute(stream, order);
                order.iter().for_each(|at| take(*at as usize, *at as usize + 1));
            }
            Method::Circular | Method::Iid => self.each_fixed(stream, self.n, take),
            Method::Moving => self.each_fixed(stream, self.n - self.length + 1, take),
        }
    }

    #[inline(always)]
    fn each_stationary(&self, stream: &Stream, mut take: impl FnMut(usize, usize)) {
        let n = self.n as f64;
        let mut left = self.n;
        let mut held = [0.0; HELD];
        for first in (0_u64..).step_by(HELD) {
            stream.fill_uniforms(first, &mut held);
            let (pairs, _) = held.as_chunks::<2>();
            for [begin, length] in pairs {
                let length = self.lengths.at(*length).min(left);
                self.wrap((begin * n) as usize, length, &mut take);
                left -= length;
                if left == 0 {
                    return;
                }
            }
        }
    }

    #[inline(always)]
    fn each_fixed(&self, stream: &Stream, n_starts: usize, mut take: impl FnMut(usize, usize)) {
        let n_starts = n_starts as f64;
        let mut left = self.n;
        let mut held = [0.0; HELD];
        for first in (0_u64..).step_by(HELD) {
            stream.fill_uniforms(first, &mut held);
            for begin in &held {
                let length = self.length.min(left);
                self.wrap((begin * n_starts) as usize, length, &mut take);
                left -= length;
                if left == 0 {
                    return;
                }
            }
        }
    }

    /// Takes `length` returns from `start` on; the first follows the last.
    #[inline(always)]
    fn wrap(&self, start: usize, length: usize, take: &mut impl FnMut(usize, usize)) {
        let end = start + length;
        if end <= self.n {
            return take(start, end);
        }
        // No block is longer than the series, so it comes round once.
        take(start, self.n);
        take(0, end - self.n);
    }
}

/// Puts the numbers below the length of `order` into a random order.
///
/// Source: Durstenfeld (1964), "Algorithm 235: random permutation", Communications of the ACM 7.
fn permute(stream: &Stream, order: &mut [u32]) {
    order.iter_mut().zip(0..).for_each(|(slot, at)| *slot = at);
    let mut held = [0.0; HELD];
    let mut first = 0;
    let mut end = order.len();
    while end > 1 {
        stream.fill_uniforms(first, &mut held);
        for draw in &held[..HELD.min(end - 1)] {
            order.swap(end - 1, (draw * end as f64) as usize);
            end -= 1;
        }
        first += HELD as u64;
    }
}

/// Geometric lengths by inversion: a table of chances, and where in it to begin looking.
#[derive(Clone, Debug)]
struct Lengths {
    /// Chance that a block is longer than its place in the table; ends with a zero.
    longer: Vec<f64>,
    /// Least length that a draw of each stretch of (0, 1) can have.
    guides: Vec<u32>,
}

impl Lengths {
    /// Lengths of the given mean, cut at `longest`: a path ends there anyway.
    fn new(mean: f64, longest: usize) -> Self {
        let goes_on = 1.0 - 1.0 / mean;
        let mut longer = vec![1.0];
        let mut chance = goes_on;
        while chance > RARE && longer.len() < longest {
            longer.push(chance);
            chance *= goes_on;
        }
        longer.push(0.0);
        let mut guides = vec![0; GUIDES];
        let mut length = 1;
        for (stretch, slot) in guides.iter_mut().enumerate().rev() {
            // Every draw of this stretch lies below its upper end.
            while (stretch + 1) as f64 / (GUIDES as f64) < longer[length] {
                length += 1;
            }
            *slot = length as u32;
        }
        Self { longer, guides }
    }

    /// The length of that draw.
    #[inline(always)]
    fn at(&self, draw: f64) -> usize {
        let mut length = self.guides[(draw * GUIDES as f64) as usize] as usize;
        while draw < self.longer[length] {
            length += 1;
        }
        length
    }
}
