//! Metrics of the two ends of the returns.

use super::returns::{from_one, from_two};
use super::sums::{Buffer, sums};
use super::{Compute, Flag, Metric, Outcome};
use crate::math::{exp, ln, sum};
use crate::random::normal;

/// Row of `tail_ratio`.
pub const TAIL_RATIO: Metric = Metric {
    name: "tail_ratio",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "95 % quantile of the returns over the 5 % quantile, without sign",
    null: "LOW_SAMPLE without a return, NO_TAIL if the 5 % quantile is zero",
    source: "empyrical tail_ratio",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            let tail = study.tail();
            if tail.p5 == 0.0 {
                return Outcome::Null(Flag::NoTail);
            }
            Outcome::Value((tail.p95 / tail.p5).abs())
        })
    }),
};

/// Row of `p5_bar`.
pub const P5_BAR: Metric = Metric {
    name: "p5_bar",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "5 % quantile of the returns, linear between neighbours",
    null: "LOW_SAMPLE without a return",
    source: "empyrical value_at_risk",
    compute: Compute::Study(|study| from_one(study, |study| Outcome::Value(study.tail().p5))),
};

/// Row of `es_1_bar`.
pub const ES_1_BAR: Metric = Metric {
    name: "es_1_bar",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean of the worst 1 % of the returns",
    null: "LOW_SAMPLE without a return",
    source: "empyrical conditional_value_at_risk",
    compute: Compute::Study(|study| from_one(study, |study| Outcome::Value(study.tail().es_1))),
};

/// Row of `es_5_bar`.
pub const ES_5_BAR: Metric = Metric {
    name: "es_5_bar",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean of the worst 5 % of the returns",
    null: "LOW_SAMPLE without a return",
    source: "empyrical conditional_value_at_risk",
    compute: Compute::Study(|study| from_one(study, |study| Outcome::Value(study.tail().es_5))),
};

/// Row of `var_gauss`.
pub const VAR_GAUSS: Metric = Metric {
    name: "var_gauss",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "5 % quantile of the normal with the mean and deviation (ddof 1) of the returns",
    null: "LOW_SAMPLE below two returns",
    source: "quantstats value_at_risk",
    compute: Compute::Study(|study| {
        from_two(study, |study| {
            let shape = study.shape();
            Outcome::Value(shape.mean + shape.deviation * normal(GAUSS_SHARE))
        })
    }),
};

/// Row of `es_gauss`.
pub const ES_GAUSS: Metric = Metric {
    name: "es_gauss",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "mean of the worst 5 % of that normal",
    null: "LOW_SAMPLE below two returns",
    source: "quantstats conditional_value_at_risk",
    compute: Compute::Study(|study| {
        from_two(study, |study| {
            let shape = study.shape();
            let density = normal_density(normal(GAUSS_SHARE));
            Outcome::Value(shape.mean - shape.deviation * density / GAUSS_SHARE)
        })
    }),
};

/// Row of `worst_bar`.
pub const WORST_BAR: Metric = Metric {
    name: "worst_bar",
    unit: "fraction",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "smallest return",
    null: "LOW_SAMPLE without a return",
    source: "extremum",
    compute: Compute::Study(|study| from_one(study, |study| Outcome::Value(study.shape().lowest))),
};

/// Row of `hill_5`.
pub const HILL_5: Metric = Metric {
    name: "hill_5",
    unit: "ratio",
    better: "higher",
    basis: "bar",
    needs: "returns",
    formula: "Hill's index of the 5 % largest of the losses: count over summed logarithms of losses over the largest one that is not counted; small for heavy tails",
    null: "LOW_SAMPLE without a return, NO_TAIL below twenty such losses or if they are all one",
    source: "Hill (1975), Annals of Statistics 3(5)",
    compute: Compute::Study(|study| {
        from_one(study, |study| {
            study.tail().hill_5.map_or(Outcome::Null(Flag::NoTail), Outcome::Value)
        })
    }),
};

/// The share of the normal's worst outcomes.
const GAUSS_SHARE: f64 = 0.05;
/// Fewer losses than this show no tail.
const FEW_LOSSES: usize = 20;

fn normal_density(z: f64) -> f64 {
    exp(-0.5 * z * z) / std::f64::consts::TAU.sqrt()
}

/// Quantiles, and means of what lies beyond them.
#[derive(Clone, Copy, Debug)]
pub struct Tail {
    /// 5 % quantile.
    pub p5: f64,
    /// 95 % quantile.
    pub p95: f64,
    /// Mean of the smallest 1 %, at least one.
    pub es_1: f64,
    /// Mean of the smallest 5 %, at least one.
    pub es_5: f64,
    /// Hill's index of the largest 5 % of the losses; None below twenty of them.
    pub hill_5: Option<f64>,
}

impl Tail {
    /// Of so many values; all zero of none.
    pub fn new(values: &[f64]) -> Self {
        let n = values.len();
        if n == 0 {
            return Self { p5: 0.0, p95: 0.0, es_1: 0.0, es_5: 0.0, hill_5: None };
        }
        let mut low = Ends::lowest(values, rank(n, 0.05) + 2);
        let mut high = Ends::highest(values, n - rank(n, 0.95));
        Self {
            p5: quantile(&mut low, n, 0.05),
            p95: quantile(&mut high, n, 0.95),
            es_1: low.lowest_mean(rank(n, 0.01)),
            es_5: low.lowest_mean(rank(n, 0.05)),
            hill_5: hill(values, &mut low),
        }
    }
}

/// Mean of the smallest values, ⌊(n − 1)·share⌋ + 1 of them; there must be one.
pub fn lowest_mean(values: &[f64], share: f64) -> f64 {
    let index = rank(values.len(), share);
    Ends::lowest(values, index + 1).lowest_mean(index)
}

/// Place of a quantile among sorted values, rounded down.
fn rank(n: usize, share: f64) -> usize {
    ((n - 1) as f64 * share) as usize
}

/// One end of a column: all values beyond some limit, in their order, and a copy to sort.
struct Ends {
    values: Buffer,
    work: Buffer,
    /// How many smaller values were left out.
    n_below: usize,
}

impl Ends {
    /// The `count` smallest values at least, and all that are as small as the largest of them.
    fn lowest(values: &[f64], count: usize) -> Self {
        Self::new(values, count, |value, limit| value <= limit, |sorted, at| sorted[at])
    }

    /// The same of the largest.
    fn highest(values: &[f64], count: usize) -> Self {
        let from_top = |sorted: &[f64], at: usize| sorted[sorted.len() - 1 - at];
        let mut ends = Self::new(values, count, |value, limit| value >= limit, from_top);
        ends.n_below = values.len() - ends.values.len();
        ends
    }

    fn new(
        values: &[f64],
        count: usize,
        is_in: impl Fn(f64, f64) -> bool,
        pick: impl Fn(&[f64], usize) -> f64,
    ) -> Self {
        // A look at every so-manyth value tells where the limit must lie; should it tell wrong,
        // all are taken. What is found does not depend on it.
        const LOOKS: usize = 2_048;
        let n = values.len();
        let mut kept = Buffer::with_capacity(n);
        let stride = n / LOOKS;
        if stride > 1 {
            let mut looks = Buffer::with_capacity(n / stride + 1);
            looks.extend(values.iter().step_by(stride));
            looks.sort_unstable_by(f64::total_cmp);
            let share = count as f64 / n as f64 * looks.len() as f64;
            let at = (share + 5.0 * share.sqrt() + 5.0) as usize;
            if at < looks.len() {
                let limit = pick(&looks, at);
                kept.resize(n, 0.0);
                let mut n_kept = 0;
                for value in values {
                    kept[n_kept] = *value;
                    n_kept += usize::from(is_in(*value, limit));
                }
                kept.truncate(n_kept);
            }
        }
        if kept.len() < count {
            kept.clear();
            kept.extend_from_slice(values);
        }
        let work = Buffer::of(&kept);
        Self { values: kept, work, n_below: 0 }
    }

    /// The value that would stand at `index` if all of the column were sorted.
    fn ranked(&mut self, index: usize) -> f64 {
        *self.work.select_nth_unstable_by(index - self.n_below, f64::total_cmp).1
    }

    /// Mean of the smallest values up to that place, summed in the order of the column.
    fn lowest_mean(&mut self, index: usize) -> f64 {
        let limit = self.ranked(index);
        let is_below = |value: f64| if value < limit { [value, 1.0] } else { [0.0, 0.0] };
        let [total, count] = sums(&self.values, is_below);
        let wanted = (index + 1) as f64;
        (total + (wanted - count) * limit) / wanted
    }
}

/// Linear between neighbours: type 7 of Hyndman and Fan.
fn quantile(ends: &mut Ends, n: usize, share: f64) -> f64 {
    let index = rank(n, share);
    let part = (n - 1) as f64 * share - index as f64;
    let low = ends.ranked(index);
    if index + 1 == n || part == 0.0 {
        return low;
    }
    // What follows in the sorted column is the smallest of what was put behind.
    let behind = &ends.work[index + 1 - ends.n_below..];
    let above = behind.iter().copied().fold(f64::INFINITY, f64::min);
    if part < 0.5 { low + (above - low) * part } else { above - (above - low) * (1.0 - part) }
}

fn hill(values: &[f64], low: &mut Ends) -> Option<f64> {
    let [n_losses] = sums(values, |value| [if value < 0.0 { 1.0 } else { 0.0 }]);
    let n_counted = (0.05 * n_losses) as usize;
    if n_counted < FEW_LOSSES {
        return None;
    }
    let limit = low.ranked(n_counted);
    let mut beyond = Buffer::with_capacity(n_counted);
    beyond.extend(low.values.iter().filter(|value| **value < limit).map(|value| value / limit));
    let total = sum(beyond.iter().map(|ratio| ln(*ratio)));
    (total > 0.0).then(|| n_counted as f64 / total)
}
