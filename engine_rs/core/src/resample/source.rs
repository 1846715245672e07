//! What is known of a series before any path is drawn, so that a path costs by the block and not
//! by the bar.

use crate::math::{self, Sum};

/// Share of the returns that an expected shortfall looks at.
const TAIL: f64 = 0.05;
/// How many times as many of the lowest returns are kept as one path needs: rarely does a path
/// take so few of them that they do not suffice.
const TAIL_MARGIN: usize = 3;
/// Beyond these, quotients of the growth curve would lose digits.
const CURVE_MAX: f64 = 1e150;

/// A series of returns with its running sums.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub returns: &'a [f64],
    pub bars_per_year: f64,
    pub mean: f64,
    pub largest: f64,
    /// Before each return, and after the last: sums of the returns less their mean, of their
    /// squares, of the gains and of the losses.
    pub sums: Vec<[f64; 4]>,
    /// Growth before each return, and after the last.
    pub curve: Vec<f64>,
    pub extremes: Extremes,
    /// One over the growth.
    pub inverse: Vec<f64>,
    /// Whether running products serve: no return loses all, and none of them grows too far.
    pub is_smooth: bool,
    pub tail: Tail,
}

impl<'a> Source<'a> {
    /// Reads a series that has been checked.
    pub(super) fn new(returns: &'a [f64], bars_per_year: f64) -> Self {
        let mean = math::sum(returns.iter().copied()) / returns.len() as f64;
        let mut running = [Sum::default(); 4];
        let mut growth = 1.0;
        let (mut sums, mut curve) = (vec![[0.0; 4]], vec![growth]);
        for value in returns {
            let centred = value - mean;
            let parts = [centred, centred * centred, value.max(0.0), value.min(0.0)];
            running.iter_mut().zip(parts).for_each(|(sum, part)| sum.add(part));
            sums.push(running.map(|sum| sum.value()));
            growth *= 1.0 + value;
            curve.push(growth);
        }
        let is_smooth = returns.iter().all(|value| *value > -1.0)
            && curve.iter().all(|growth| (1.0 / CURVE_MAX..=CURVE_MAX).contains(growth));
        let inverse = curve.iter().map(|growth| 1.0 / growth).collect();
        let largest = returns.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let (extremes, tail) = (Extremes::new(&curve), Tail::new(returns));
        Self {
            returns,
            bars_per_year,
            mean,
            largest,
            sums,
            curve,
            extremes,
            inverse,
            is_smooth,
            tail,
        }
    }
}

/// Smallest and largest value of every short stretch of a curve, from those of the stretches whose
/// length is a power of two: two of them cover any other.
#[derive(Debug)]
pub(super) struct Extremes {
    /// One row a power of two, from each place of the curve on.
    rows: Vec<Vec<[f64; 2]>>,
}

impl Extremes {
    /// Rows up to stretches of 64.
    const ROWS: usize = 7;
    /// A long curve has fewer rows, lest they take more memory than is worth it.
    const PAIRS_MAX: usize = 1 << 20;

    fn new(curve: &[f64]) -> Self {
        let mut rows = vec![curve.iter().map(|value| [*value; 2]).collect::<Vec<_>>()];
        for power in 1..Self::ROWS.min(Self::PAIRS_MAX / curve.len()) {
            let (half, last) = (1 << (power - 1), &rows[power - 1]);
            if last.len() <= half {
                break;
            }
            let row = last.iter().zip(&last[half..]).map(|(a, b)| wider(a, b)).collect();
            rows.push(row);
        }
        Self { rows }
    }

    /// Smallest and largest of `curve` from after `start` up to and with `end`, which is later.
    #[inline(always)]
    pub(super) fn between(&self, curve: &[f64], start: usize, end: usize) -> [f64; 2] {
        let power = (end - start).ilog2() as usize;
        match self.rows.get(power) {
            Some(row) => wider(&row[start + 1], &row[end + 1 - (1 << power)]),
            None => {
                let values = &curve[start + 1..=end];
                values.iter().fold([values[0]; 2], |so_far, value| wider(&so_far, &[*value; 2]))
            }
        }
    }
}

/// The smaller of the first and the larger of the second.
#[inline(always)]
fn wider(a: &[f64; 2], b: &[f64; 2]) -> [f64; 2] {
    [if a[0] < b[0] { a[0] } else { b[0] }, if a[1] > b[1] { a[1] } else { b[1] }]
}

/// The lowest returns of a series, by place and by rank.
#[derive(Debug)]
pub(super) struct Tail {
    /// Ascending.
    pub lowest: Vec<f64>,
    /// Rank of each of them, in the order of the series.
    pub ranks: Vec<u32>,
    /// How many of them stand before each return, and before the end.
    pub before: Vec<u32>,
}

impl Tail {
    fn new(returns: &[f64]) -> Self {
        let size = (TAIL_MARGIN * shortfall_bars(returns.len())).min(returns.len());
        let mut places: Vec<u32> = (0..returns.len() as u32).collect();
        places.sort_by(|a, b| returns[*a as usize].total_cmp(&returns[*b as usize]));
        places.truncate(size);
        let lowest = places.iter().map(|place| returns[*place as usize]).collect();
        let mut by_place: Vec<(u32, u32)> = places.into_iter().zip(0..).collect();
        by_place.sort_unstable();
        let mut before = Vec::with_capacity(returns.len() + 1);
        let mut count = 0;
        for place in 0..=returns.len() as u32 {
            before.push(count as u32);
            count += usize::from(by_place.get(count).is_some_and(|(next, _)| *next == place));
        }
        Self { lowest, ranks: by_place.into_iter().map(|(_, rank)| rank).collect(), before }
    }
}

/// How many of the smallest of `n` returns make the expected shortfall.
pub(super) fn shortfall_bars(n: usize) -> usize {
    ((n - 1) as f64 * TAIL) as usize + 1
}
