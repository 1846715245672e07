//! Metrics of a bare series of returns, such as a fund's.

use super::drawdown::Drawdown;
use super::returns::Moments;
use super::study::{Columns, Rates, Study};
use super::sums::{Buffer, extremes};
use super::trades::TradeTotals;
use super::{METRICS, Metric, PIECE_BARS, Record, check_bars_per_year};
use crate::EngineError;

/// What is known of a series beside its returns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Bars in a year.
    pub bars_per_year: f64,
    /// Least acceptable and riskless return, per bar.
    pub rates: Rates,
    /// Returns of the benchmark over the same bars.
    pub benchmark: Option<&'a [f64]>,
    /// When each bar opened, ns UTC.
    pub ts: Option<&'a [i64]>,
    /// Names of the metrics that are wanted; None wants all.
    pub only: Option<&'a [String]>,
}

/// Metrics of a bare series of returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Name and value of each metric that needs no run; NaN for null.
    pub metrics: Vec<(&'static str, f64)>,
    /// Bits of [`super::Flag`].
    pub flags: u32,
}

/// Scores simple returns, one a bar. Returns after equity has fallen to zero do not count.
///
/// # Errors
///
/// `FIELD_INVALID` for options that are no numbers, a year without bars, a return or a
/// benchmark's that is not finite, and columns of another length; `UNKNOWN_NAME` for a metric
/// that is wanted and not there.
pub fn of_returns(returns: &[f64], options: &Options) -> Result<Scores, EngineError> {
    check(returns, options)?;
    let Options { bars_per_year, rates, benchmark, ts, only } = *options;
    let mut equity = Buffer::with_capacity(returns.len());
    let sums = Sums::new(returns, rates, &mut equity);
    let n_bars = equity.len();
    // A sum tells whether all that went into it was finite; the rest is looked at one by one.
    check_finite("returns", returns, n_bars == returns.len() && sums.all.is_finite())?;
    let counted = &returns[..n_bars];
    let growth = equity.last().copied().unwrap_or(1.0);
    let excess = sums.excess.dispersion(n_bars, again(counted, rates.rf));
    let over_minimum = match &sums.over_minimum {
        None => excess,
        Some(moments) => moments.dispersion(n_bars, again(counted, rates.mar)),
    };
    let record = Record {
        n_bars,
        bars_per_year,
        growth,
        excess,
        over_minimum,
        max_drawdown: sums.drawdown.deepest(),
        mean_growth: f64::NAN,
        traded_growth: f64::NAN,
        trades: TradeTotals::default(),
        is_ruined: growth <= 0.0,
    };
    let known = Columns {
        returns: counted,
        equity: &equity,
        initial: 1.0,
        ts: ts.map(|ts| &ts[..n_bars]),
        benchmark: benchmark.map(|benchmark| &benchmark[..n_bars]),
        trades: None,
        activity: None,
    };
    let wanted = |metric: &Metric| {
        let is_named = |only: &[String]| only.iter().any(|name| name == metric.name);
        metric.needs != "run" && only.is_none_or(is_named)
    };
    let (values, flags) = Study::new(&record, known, rates).compute(wanted);
    let names = METRICS.iter().filter(|metric| wanted(metric)).map(|metric| metric.name);
    Ok(Scores { metrics: names.zip(values).collect(), flags })
}

/// Sums that one walk through the returns gathers.
struct Sums {
    excess: Moments,
    /// None where it is the same.
    over_minimum: Option<Moments>,
    drawdown: Drawdown,
    /// Of the returns; not finite if one of them is not.
    all: f64,
}

impl Sums {
    /// Fills `equity`, which begins at 1, up to the bar on which nothing is left.
    fn new(returns: &[f64], rates: Rates, equity: &mut Vec<f64>) -> Self {
        let mut sums = Self {
            excess: Moments::default(),
            over_minimum: (rates.mar != rates.rf).then(Moments::default),
            drawdown: Drawdown::new(1.0),
            all: 0.0,
        };
        let (mut level, mut grown) = (1.0, [0.0; PIECE_BARS]);
        for few in returns.chunks(PIECE_BARS) {
            grow(few, level, &mut grown);
            let grown = &grown[..few.len()];
            level = grown[few.len() - 1];
            let (lowest, _) = extremes(grown);
            let at = if lowest > 0.0 { None } else { grown.iter().position(|value| *value <= 0.0) };
            let n_counted = at.map_or(few.len(), |at| at + 1);
            equity.extend_from_slice(&grown[..n_counted]);
            sums.drawdown.add_all(&grown[..n_counted]);
            sums.all += add_over(&mut sums.excess, &few[..n_counted], rates.rf);
            if let Some(moments) = &mut sums.over_minimum {
                add_over(moments, &few[..n_counted], rates.mar);
            }
            if at.is_some() {
                break;
            }
        }
        sums
    }
}

/// Equity that begins at `level`, from returns; `grown` is as long or longer.
///
/// Each quarter of a piece is multiplied up from 1 and then brought to its level, as the quarters
/// need not wait for one another.
fn grow(returns: &[f64], level: f64, grown: &mut [f64; PIECE_BARS]) {
    const QUARTER: usize = PIECE_BARS / 4;
    let mut level = level;
    if let Ok(whole) = <&[f64; PIECE_BARS]>::try_from(returns) {
        let mut own = [1.0; 4];
        for at in 0..QUARTER {
            for (quarter, own) in own.iter_mut().enumerate() {
                *own *= 1.0 + whole[quarter * QUARTER + at];
                grown[quarter * QUARTER + at] = *own;
            }
        }
        for quarter in grown.chunks_mut(QUARTER) {
            quarter.iter_mut().for_each(|value| *value *= level);
            level = quarter[QUARTER - 1];
        }
    } else {
        for (slot, value) in grown.iter_mut().zip(returns) {
            level *= 1.0 + value;
            *slot = level;
        }
    }
}

/// Adds returns less a rate, and gives a sum of them that is finite only if all of them are.
fn add_over(moments: &mut Moments, returns: &[f64], rate: f64) -> f64 {
    let mut excess = [0.0; PIECE_BARS];
    let excess = &mut excess[..returns.len()];
    excess.iter_mut().zip(returns).for_each(|(excess, value)| *excess = value - rate);
    moments.add(excess);
    let mut lanes = [0.0; 4];
    for few in excess.chunks(4) {
        few.iter().zip(&mut lanes).for_each(|(value, lane)| *lane += value);
    }
    lanes.iter().sum()
}

/// Every return less a rate once more.
fn again(returns: &[f64], rate: f64) -> impl FnOnce(&mut dyn FnMut(f64)) {
    move |add| returns.iter().for_each(|value| add(value - rate))
}

/// Refuses a column with a value that is not finite, unless it is known that there is none.
fn check_finite(name: &str, column: &[f64], is_known: bool) -> Result<(), EngineError> {
    let lost = |column: &[f64]| column.iter().position(|value| !value.is_finite());
    match if is_known { None } else { lost(column) } {
        None => Ok(()),
        Some(row) => Err(EngineError::Field {
            path: format!("/{name}/{row}"),
            got: column[row].to_string(),
            expected: "a finite number".to_owned(),
        }),
    }
}

fn check(returns: &[f64], options: &Options) -> Result<(), EngineError> {
    let refused = |path: String, got: String, expected: &str| {
        Err(EngineError::Field { path, got, expected: expected.to_owned() })
    };
    check_bars_per_year(options.bars_per_year)?;
    for (path, number) in [("/mar", options.rates.mar), ("/rf", options.rates.rf)] {
        if !number.is_finite() {
            return refused(path.to_owned(), number.to_string(), "a finite number");
        }
    }
    check_finite("benchmark", options.benchmark.unwrap_or_default(), false)?;
    let lengths =
        [("benchmark", options.benchmark.map(<[f64]>::len)), ("ts", options.ts.map(<[i64]>::len))];
    for (name, length) in lengths {
        if let Some(length) = length.filter(|length| *length != returns.len()) {
            let expected = format!("{}, one a return", returns.len());
            return refused(format!("/{name}"), format!("{length} values"), &expected);
        }
    }
    let ts = options.ts.unwrap_or_default();
    if let Some(row) = ts.windows(2).position(|pair| pair[0] >= pair[1]) {
        let expected = "a later time than that of the bar before";
        return refused(format!("/ts/{}", row + 1), ts[row + 1].to_string(), expected);
    }
    let known: Vec<_> =
        METRICS.iter().filter(|each| each.needs != "run").map(|each| each.name).collect();
    let unknown = |name: &&String| !known.contains(&name.as_str());
    match options.only.and_then(|only| only.iter().find(unknown)) {
        None => Ok(()),
        Some(name) => Err(EngineError::UnknownName { kind: "metric", name: name.clone(), known }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Flag;
    use super::*;

    const FIRST: [&str; 5] = ["total_return", "sharpe", "sortino", "max_drawdown", "calmar"];

    fn options(only: Option<&[String]>) -> Options<'_> {
        Options { bars_per_year: 252.0, only, ..Options::default() }
    }

    /// The first metrics.
    fn of(returns: &[f64]) -> ([f64; 5], u32) {
        let only = FIRST.map(str::to_owned);
        let scores = of_returns(returns, &options(Some(&only))).unwrap();
        let values: Vec<f64> = scores.metrics.iter().map(|(_, value)| *value).collect();
        (values.try_into().unwrap(), scores.flags)
    }

    #[test]
    fn a_metric_scores_alone_as_in_company() {
        let stream = crate::random::Stream::new([3, 3], [0; 3]);
        let series: Vec<f64> = (0..300).map(|t| 0.02 * stream.normal(t)).collect();
        let whole = of_returns(&series, &options(None)).unwrap().metrics;
        assert!(whole.len() > 40);
        for (name, value) in whole {
            let only = [name.to_owned()];
            let alone = of_returns(&series, &options(Some(&only))).unwrap().metrics;
            assert_eq!(alone.len(), 1);
            assert_eq!((alone[0].0, alone[0].1.to_bits()), (name, value.to_bits()));
        }
    }

    #[test]
    fn what_is_no_number_or_of_another_length_is_refused() {
        let path = |returns: &[f64], options: &Options| {
            of_returns(returns, options).unwrap_err().path().unwrap_or_default().to_owned()
        };
        let plain = options(None);
        assert_eq!(path(&[0.1, f64::NAN], &plain), "/returns/1");
        assert_eq!(path(&[0.1], &Options { benchmark: Some(&[]), ..plain }), "/benchmark");
        assert_eq!(
            path(&[0.1], &Options { benchmark: Some(&[f64::INFINITY]), ..plain }),
            "/benchmark/0"
        );
        assert_eq!(path(&[0.1], &Options { ts: Some(&[1, 2]), ..plain }), "/ts");
        assert_eq!(path(&[0.1, 0.1], &Options { ts: Some(&[2, 2]), ..plain }), "/ts/1");
        assert_eq!(path(&[0.1], &Options { bars_per_year: 0.0, ..plain }), "/bars_per_year");
        let rates = Rates { mar: f64::NAN, rf: 0.0 };
        assert_eq!(path(&[0.1], &Options { rates, ..plain }), "/mar");
        let only = ["win_rate".to_owned()];
        assert_eq!(of_returns(&[0.1], &options(Some(&only))).unwrap_err().code(), "UNKNOWN_NAME");
    }

    #[test]
    fn a_worked_example_holds() {
        // Equity 1, 1.1, 0.99, 1.089: mean 1/30, and deviations of 0.1 twice up and once down.
        let ([total, sharpe, sortino, drawdown, calmar], flags) = of(&[0.1, -0.1, 0.1]);
        let deviation = (2.0 * (1.0_f64 / 15.0) * (1.0 / 15.0) + (2.0 / 15.0) * (2.0 / 15.0)) / 2.0;
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
        close(total, 0.089);
        close(sharpe, (1.0 / 30.0) / deviation.sqrt() * 252_f64.sqrt());
        close(sortino, (1.0 / 30.0) / (0.01_f64 / 3.0).sqrt() * 252_f64.sqrt());
        close(drawdown, -0.1);
        close(calmar, (crate::math::pow(1.089, 84.0) - 1.0) / 0.1);
        assert_eq!(flags, Flag::LowSample.bit());
    }

    #[test]
    fn the_first_bar_counts_in_the_drawdown() {
        assert_eq!(of(&[-0.5, 0.1]).0[3], -0.5);
    }

    #[test]
    fn what_has_no_number_is_null_with_its_flag() {
        let low = Flag::LowSample.bit();
        let (flat, flags) = of(&[0.0; 30]);
        assert_eq!(flat[..4], [0.0; 4]);
        assert!(flat[4].is_nan());
        assert_eq!(flags, Flag::ZeroDispersion.bit() | Flag::NoDrawdown.bit());

        let (steady, flags) = of(&[0.25; 30]);
        assert!(steady[1].is_nan() && steady[2].is_nan() && steady[4].is_nan());
        let expected = Flag::ZeroDispersion.bit() | Flag::NoDownside.bit();
        assert_eq!(flags, expected | Flag::NoDrawdown.bit());

        let (short, flags) = of(&[0.1]);
        assert!(short[1].is_nan() && short[2].is_nan());
        assert_eq!(flags, low | Flag::NoDrawdown.bit());
    }

    #[test]
    fn ruin_ends_the_series() {
        let (ruined, flags) = of(&[0.1, -1.5, 9.0]);
        assert_eq!((ruined[0], flags), (-1.0, Flag::Ruin.bit() | Flag::LowSample.bit()));
        assert_eq!(ruined[1], of(&[0.1, -1.5]).0[1]);
    }

    #[test]
    fn returns_that_hardly_differ_keep_their_deviation() {
        // The mean is a million times the deviation: squares alone would lose it.
        let series: Vec<f64> = (0..100).map(|t| 0.01 + 1e-8 * f64::from(t % 2)).collect();
        let expected = 0.010_000_005 / (1e-8 * 0.5 * (100.0_f64 / 99.0).sqrt()) * 252_f64.sqrt();
        assert!((of(&series).0[1] / expected - 1.0).abs() < 1e-6);
    }
}
