//! Resampling of a series of returns: many paths of the same returns in another order, and what
//! each of them scores.
//!
//! The draws of path p stand at purpose bootstrap, path p and asset 0, under the purpose's own
//! name in the family's place, so a path does not depend on how many there are. What the scores
//! mean together (percentiles, errors, intervals) is reckoned elsewhere.

pub mod block_length;
mod blocks;
mod path;
mod plain;
mod source;
#[cfg(test)]
mod tests;

use crate::EngineError;
use crate::metric::check_bars_per_year;
use crate::random::{Purpose, Stream, family_key};
use blocks::Blocks;
use path::Scratch;
use rayon::prelude::*;
use source::Source;

/// Names of the columns of [`Scores`], in their order.
pub const STATISTICS: [&str; 5] =
    ["sharpe", "max_drawdown", "profit_factor_bar", "cagr", "es_5_bar"];

/// What one path scores, in the order of [`STATISTICS`]; NaN where there is no number.
type PathScores = [f64; STATISTICS.len()];

/// How the returns are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Blocks of geometric length that begin anywhere; the end is followed by the beginning.
    Stationary,
    /// Blocks of one length that begin anywhere; the end is followed by the beginning.
    Circular,
    /// Blocks of one length that end before the series does.
    Moving,
    /// Single returns, each from anywhere.
    Iid,
    /// Every return once, in another order.
    Permute,
}

impl Method {
    /// Every method by its name.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("stationary", Self::Stationary),
        ("circular", Self::Circular),
        ("moving", Self::Moving),
        ("iid", Self::Iid),
        ("permute", Self::Permute),
    ];

    /// The method of that name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn named(name: &str) -> Result<Self, EngineError> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, method)| *method).ok_or_else(|| EngineError::UnknownName {
            kind: "method",
            name: name.to_owned(),
            known: Self::NAMES.map(|(known, _)| known).to_vec(),
        })
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Root of every draw.
    pub seed: u64,
    /// How the returns are drawn.
    pub method: Method,
    /// Bars of a block; for `stationary` their mean, which need not be whole.
    pub block_bars: f64,
    /// Number of the first path.
    pub first_path: u64,
    /// How many paths.
    pub n_paths: usize,
    /// Bars in a year; annualises Sharpe ratio and growth.
    pub bars_per_year: f64,
}

/// Most paths of one request: a request is answered whole, in memory.
pub const PATHS_MAX: usize = 1_000_000;
/// Most returns: positions are kept in 32 bits.
const RETURNS_MAX: usize = 5_000_000;
/// Paths that share what a thread needs; a multiple of it leaves no thread a short share.
const BATCH_PATHS: usize = 32;

/// Scores `n_paths` paths drawn from `returns`: one column for each of [`STATISTICS`].
///
/// The bits do not depend on the number of threads; None takes the machine's cores. A path that
/// loses everything ends at that bar: its growth is −1 and its ratios are those up to there.
///
/// # Errors
///
/// Fewer than two returns, or one that is not finite; a block that is no whole number of bars
/// where it must be, or longer than the series; too many paths; a year without bars.
pub fn bootstrap(
    returns: &[f64],
    request: &Request,
    n_threads: Option<usize>,
) -> Result<[Vec<f64>; STATISTICS.len()], EngineError> {
    check(returns, request)?;
    let source = Source::new(returns, request.bars_per_year);
    let blocks = Blocks::new(request.method, request.block_bars, returns.len());
    let mut scores = vec![[f64::NAN; STATISTICS.len()]; request.n_paths];
    let key = [request.seed, family_key("bootstrap")];
    let mut batch = || {
        scores.par_chunks_mut(BATCH_PATHS).enumerate().for_each(|(index, slots)| {
            let mut scratch = Scratch::new(&source, &blocks);
            let first = request.first_path + (index * BATCH_PATHS) as u64;
            for (path, slot) in (first..).zip(slots) {
                let stream = Stream::new(key, [path, 0, Purpose::Bootstrap as u64]);
                *slot = path::scores(&source, &blocks, &stream, &mut scratch);
            }
        });
    };
    match n_threads {
        None => batch(),
        Some(n_threads) => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build();
            pool.expect("the system gives a process its threads").install(batch);
        }
    }
    Ok(std::array::from_fn(|column| scores.iter().map(|path| finite(path[column])).collect()))
}

/// Best block length for the stationary and for the circular bootstrap of a series, in bars.
///
/// # Errors
///
/// Fewer than 10 values, or one that is not finite.
pub fn optimal_block_bars(values: &[f64]) -> Result<(f64, f64), EngineError> {
    const FEWEST: usize = 10;
    let n = values.len();
    if n < FEWEST {
        let owner = "optimal block".to_owned();
        return Err(EngineError::TooShort { owner, got: n, needed: FEWEST });
    }
    check_finite(values)?;
    Ok(block_length::optimal_block_bars(values))
}

/// The number, or NaN for one that no double holds.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

fn check(returns: &[f64], request: &Request) -> Result<(), EngineError> {
    check_bars_per_year(request.bars_per_year)?;
    let n = returns.len();
    if n < 2 {
        return Err(EngineError::TooShort { owner: "bootstrap".to_owned(), got: n, needed: 2 });
    }
    let refused = |path: &str, got: String, expected: String| {
        Err(EngineError::Field { path: path.to_owned(), got, expected })
    };
    if n > RETURNS_MAX {
        return refused("/returns", format!("{n} of them"), format!("at most {RETURNS_MAX}"));
    }
    check_finite(returns)?;
    let block = request.block_bars;
    let may_be_broken = request.method == Method::Stationary;
    // A comparison that NaN fails.
    let is_within = block >= 1.0 && block <= n as f64;
    if !is_within || (!may_be_broken && block.fract() != 0.0) {
        let kind = if may_be_broken { "a number" } else { "a whole number" };
        return refused("/block", block.to_string(), format!("{kind} of bars from 1 to {n}"));
    }
    if request.n_paths > PATHS_MAX || request.first_path > u64::MAX / 2 {
        let got = format!("{} from {}", request.n_paths, request.first_path);
        return refused("/n_paths", got, format!("at most {PATHS_MAX}, from below 2^63"));
    }
    Ok(())
}

/// Refuses the first value that is not finite.
fn check_finite(values: &[f64]) -> Result<(), EngineError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => Err(EngineError::Field {
            path: format!("/returns/{row}"),
            got: values[row].to_string(),
            expected: "a finite number".to_owned(),
        }),
    }
}
