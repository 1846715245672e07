//! Sums over whole columns, several values side by side, and buffers that are used again.
//!
//! A piece of a column is summed in lanes, lane by lane in index order; the lanes are added up in
//! pairs and the pieces are compensated in index order. The order of additions depends on nothing
//! but the length, so the bits do not depend on the machine or the number of threads.

use crate::math::Sum;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Values that are summed side by side: as many as leave room for several sums.
const LANES: usize = 4;
/// The same for a single sum.
const WIDE: usize = 8;
/// Values between two compensated additions.
const PIECE: usize = 128;

/// Sums of `N` terms of every value.
#[inline(always)]
pub fn sums<const N: usize>(values: &[f64], terms: impl Fn(f64) -> [f64; N]) -> [f64; N] {
    let mut totals = [Sum::default(); N];
    for piece in values.chunks(PIECE) {
        let mut lanes = [[0.0; LANES]; N];
        let (fours, rest) = piece.as_chunks::<LANES>();
        for four in fours {
            for lane in 0..LANES {
                let term = terms(four[lane]);
                for k in 0..N {
                    lanes[k][lane] += term[k];
                }
            }
        }
        for (lane, value) in rest.iter().enumerate() {
            let term = terms(*value);
            for k in 0..N {
                lanes[k][lane] += term[k];
            }
        }
        for k in 0..N {
            totals[k].add(folded(&lanes[k]));
        }
    }
    totals.map(|total| total.value())
}

/// Sums of `N` terms of every pair of values at one place; the columns have one length.
#[inline(always)]
pub fn pair_sums<const N: usize>(
    a: &[f64],
    b: &[f64],
    terms: impl Fn(f64, f64) -> [f64; N],
) -> [f64; N] {
    assert_eq!(a.len(), b.len());
    let mut totals = [Sum::default(); N];
    for (a, b) in a.chunks(PIECE).zip(b.chunks(PIECE)) {
        let mut lanes = [[0.0; LANES]; N];
        let ((a_fours, a_rest), (b_fours, b_rest)) =
            (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a_fours.iter().zip(b_fours) {
            for lane in 0..LANES {
                let term = terms(a[lane], b[lane]);
                for k in 0..N {
                    lanes[k][lane] += term[k];
                }
            }
        }
        for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            let term = terms(*a, *b);
            for k in 0..N {
                lanes[k][lane] += term[k];
            }
        }
        for k in 0..N {
            totals[k].add(folded(&lanes[k]));
        }
    }
    totals.map(|total| total.value())
}

/// Sum of the products of two short columns of one length, side by side.
#[inline]
pub fn product_sum(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; WIDE];
    let ((a_fours, a_rest), (b_fours, b_rest)) = (a.as_chunks::<WIDE>(), b.as_chunks::<WIDE>());
    for (a, b) in a_fours.iter().zip(b_fours) {
        for lane in 0..WIDE {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[lane] += a * b;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// Product of a factor of every pair of values at one place, in four lanes.
#[inline(always)]
pub fn pair_product<const N: usize>(
    a: &[f64],
    b: &[f64],
    factors: impl Fn(f64, f64) -> [f64; N],
) -> [f64; N] {
    assert_eq!(a.len(), b.len());
    let mut lanes = [[1.0; LANES]; N];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for (lane, (a, b)) in a.iter().zip(b).enumerate() {
            let factor = factors(*a, *b);
            for k in 0..N {
                lanes[k][lane] *= factor[k];
            }
        }
    }
    lanes.map(|[a, b, c, d]| (a * b) * (c * d))
}

/// Smallest and largest value; 0 and 0 of none.
pub fn extremes(values: &[f64]) -> (f64, f64) {
    let Some(first) = values.first() else {
        return (0.0, 0.0);
    };
    let (mut low, mut high) = ([*first; WIDE], [*first; WIDE]);
    let (fours, rest) = values.as_chunks::<WIDE>();
    for four in fours {
        for lane in 0..WIDE {
            low[lane] = if four[lane] < low[lane] { four[lane] } else { low[lane] };
            high[lane] = if four[lane] > high[lane] { four[lane] } else { high[lane] };
        }
    }
    let low = low.iter().chain(rest).copied().fold(*first, f64::min);
    (low, high.iter().chain(rest).copied().fold(*first, f64::max))
}

fn folded(lanes: &[f64; LANES]) -> f64 {
    let [a, b, c, d] = *lanes;
    (a + b) + (c + d)
}

/// A column to work in, from a thread's own store; it goes back there.
#[derive(Debug)]
pub struct Buffer(Vec<f64>);

/// Buffers that a thread keeps, and how long they may be: fresh memory costs more than most sums.
const KEPT_BUFFERS: usize = 6;
const KEPT_VALUES: usize = 1 << 20;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

impl Buffer {
    /// An empty one with room for so many values.
    pub fn with_capacity(n: usize) -> Self {
        let mut column = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
        column.clear();
        column.reserve(n);
        Self(column)
    }

    /// A copy of `values`.
    pub fn of(values: &[f64]) -> Self {
        let mut buffer = Self::with_capacity(values.len());
        buffer.0.extend_from_slice(values);
        buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let column = std::mem::take(&mut self.0);
        if column.capacity() <= KEPT_VALUES {
            BUFFERS.with_borrow_mut(|kept| {
                if kept.len() < KEPT_BUFFERS {
                    kept.push(column);
                }
            });
        }
    }
}

impl Deref for Buffer {
    type Target = Vec<f64>;

    fn deref(&self) -> &Vec<f64> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<f64> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_counts_once_whatever_the_length() {
        for n in [0_u32, 1, 7, 8, 9, 127, 128, 129, 300] {
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            let n = f64::from(n);
            let expected = [n * (n + 1.0) / 2.0, n * (n + 1.0) * (2.0 * n + 1.0) / 6.0];
            assert_eq!(sums(&values, |x| [x, x * x]), expected);
            assert_eq!(pair_sums(&values, &values, |x, y| [x, x * y]), expected);
            assert_eq!(product_sum(&values, &values), expected[1]);
            assert_eq!(extremes(&values), (n.min(1.0), n));
        }
    }

    #[test]
    fn a_buffer_that_comes_back_is_empty() {
        drop(Buffer::of(&[1.0, 2.0]));
        assert!(Buffer::with_capacity(1).is_empty());
    }
}
