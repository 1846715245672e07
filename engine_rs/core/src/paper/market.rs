//! The market: one path of bars an instrument, in ticks and lots, and the falls laid over it.
//!
//! The paths come from the scenario engine and are the same for every arm of a seed; a fall is a
//! factor on them and nothing else.

use super::clock::{MINUTE, MINUTES_PER_DAY};
use super::universe::Universe;
use crate::EngineError;
use crate::math::{exp, ln};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One minute of one instrument: prices in ticks of 0.01, volume in lots of 0.0001.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Bar {
    pub open_tk: i64,
    pub high_tk: i64,
    pub low_tk: i64,
    pub close_tk: i64,
    pub volume_lot: i64,
}

/// A fall of every instrument that begins at one minute, and its partial recovery.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Fall {
    pub start_minute: i64,
    /// Depth by instrument.
    pub drop_bps: Vec<i64>,
    pub down_minutes: i64,
    pub recover_minutes: i64,
    pub recover_fraction_ppm: i64,
}

impl Fall {
    /// What a price at minute `minute` (its open) is multiplied by.
    ///
    /// A crash feeds itself: in logs the fall grows with the square of time, so that its last half
    /// holds three quarters of it. The recovery is a straight line, and what is not recovered
    /// stays lost.
    fn factor(&self, instrument: usize, minute: i64) -> f64 {
        let elapsed = minute - self.start_minute;
        let depth = self.drop_bps[instrument] as f64 / 10_000.0;
        if elapsed <= 0 || depth == 0.0 {
            return 1.0;
        }
        if elapsed <= self.down_minutes {
            let share = elapsed as f64 / self.down_minutes as f64;
            return exp(ln(1.0 - depth) * share * share);
        }
        let share = (elapsed - self.down_minutes) as f64 / self.recover_minutes as f64;
        let recovered = share.min(1.0) * self.recover_fraction_ppm as f64 / 1e6;
        1.0 - depth * (1.0 - recovered)
    }
}

/// Every path of the universe and the falls that have struck it.
#[derive(Clone, Debug)]
pub struct Market {
    paths: Vec<Vec<Bar>>,
    falls: Vec<Fall>,
}

impl Market {
    /// The undisturbed market of a universe.
    ///
    /// # Errors
    ///
    /// Whatever the scenario engine refuses.
    pub fn generate(universe: &Universe) -> Result<Self, EngineError> {
        Ok(Self::new(bars(universe)?))
    }

    /// A market of these paths.
    pub fn new(paths: Vec<Vec<Bar>>) -> Self {
        Self { paths, falls: Vec::new() }
    }

    /// Number of instruments.
    pub fn n_instruments(&self) -> usize {
        self.paths.len()
    }

    /// Lets a fall begin.
    pub fn strike(&mut self, fall: Fall) {
        self.falls.push(fall);
    }

    /// The bar as it would be without any fall.
    pub fn undisturbed(&self, instrument: usize, minute: i64) -> Bar {
        self.paths[instrument][minute as usize]
    }

    /// Number of falls that have struck.
    pub fn n_falls(&self) -> usize {
        self.falls.len()
    }

    /// The bar as it is.
    pub fn bar(&self, instrument: usize, minute: i64) -> Bar {
        self.bar_before(instrument, minute, self.falls.len())
    }

    /// The bar as it would be had only the first `n_falls` struck.
    pub fn bar_before(&self, instrument: usize, minute: i64, n_falls: usize) -> Bar {
        let bar = self.undisturbed(instrument, minute);
        let falls = &self.falls[..n_falls];
        if falls.is_empty() {
            return bar;
        }
        let factor =
            |at: i64| -> f64 { falls.iter().map(|fall| fall.factor(instrument, at)).product() };
        let (first, last) = (factor(minute), factor(minute + 1));
        let middle = 0.5 * (first + last);
        let open_tk = scaled(bar.open_tk, first);
        let close_tk = scaled(bar.close_tk, last);
        Bar {
            open_tk,
            high_tk: scaled(bar.high_tk, middle).max(open_tk).max(close_tk),
            low_tk: scaled(bar.low_tk, middle).min(open_tk).min(close_tk),
            close_tk,
            volume_lot: bar.volume_lot,
        }
    }

    /// SHA-256 of a day's undisturbed bars: the same in every arm of a seed.
    pub fn digest(&self, day: i64) -> [u8; 32] {
        let mut hasher = Sha256::new();
        let minutes = (day * MINUTES_PER_DAY) as usize..((day + 1) * MINUTES_PER_DAY) as usize;
        let mut bytes = Vec::with_capacity(40 * minutes.len());
        for path in &self.paths {
            bytes.clear();
            for bar in &path[minutes.clone()] {
                for word in [bar.open_tk, bar.high_tk, bar.low_tk, bar.close_tk, bar.volume_lot] {
                    bytes.extend_from_slice(&word.to_le_bytes());
                }
            }
            hasher.update(&bytes);
        }
        hasher.finalize().into()
    }
}

fn scaled(px_tk: i64, factor: f64) -> i64 {
    ((px_tk as f64 * factor).round() as i64).max(1)
}

/// The paths of a universe, one an instrument, in ticks and lots.
///
/// # Errors
///
/// Whatever the scenario engine refuses.
pub fn bars(universe: &Universe) -> Result<Vec<Vec<Bar>>, EngineError> {
    universe.market_seeds.iter().map(|seed| path(universe, *seed)).collect()
}

fn path(universe: &Universe, seed: u64) -> Result<Vec<Bar>, EngineError> {
    let mut scenario = universe.scenario.clone();
    scenario.insert("seed".to_owned(), Value::from(seed));
    let generated = crate::scenario::generate(&Value::Object(scenario), None, false)?;
    let source = &generated.bars;
    assert_eq!(source.close.len() as i64, universe.n_minutes(), "one path of one asset");
    let rows = 0..source.close.len();
    let ticks = |price: f64| (price / 0.01).round() as i64;
    Ok(rows
        .map(|row| Bar {
            open_tk: ticks(source.open[row]),
            high_tk: ticks(source.high[row]),
            low_tk: ticks(source.low[row]),
            close_tk: ticks(source.close[row]),
            volume_lot: (source.volume[row] / 0.0001).floor() as i64,
        })
        .collect())
}

/// What has been delivered of the market: the only prices that the system under test knows.
#[derive(Clone, Debug)]
pub struct Feed {
    last: Vec<Bar>,
    /// Closes so far by instrument, and their running sums (`sums[i][k]` = sum of the first k).
    closes: Vec<Vec<i64>>,
    sums: Vec<Vec<i64>>,
    /// Mean absolute return of a minute by instrument, thousandths of a millionth.
    sigma_ppb: Vec<i64>,
    /// When the last bar closed.
    closed_at: i64,
}

impl Feed {
    /// Before the first bar; the opening prices are known.
    pub fn new(market: &Market) -> Self {
        let n = market.n_instruments();
        let flat = |instrument| {
            let open_tk = market.undisturbed(instrument, 0).open_tk;
            Bar { open_tk, high_tk: open_tk, low_tk: open_tk, close_tk: open_tk, volume_lot: 0 }
        };
        Self {
            last: (0..n).map(flat).collect(),
            closes: vec![Vec::new(); n],
            sums: vec![vec![0]; n],
            sigma_ppb: vec![0; n],
            closed_at: 0,
        }
    }

    /// Takes in the bar of `minute` of every instrument.
    pub fn take(&mut self, market: &Market, minute: i64) {
        for instrument in 0..self.last.len() {
            let bar = market.bar(instrument, minute);
            let before = self.last[instrument].close_tk;
            let change_ppb = (bar.close_tk - before).abs() * 1_000_000_000 / before;
            let sigma = &mut self.sigma_ppb[instrument];
            // An exponential mean over 30 bars: weight 2 / (30 + 1).
            *sigma += (change_ppb - *sigma) * 2 / 31;
            self.last[instrument] = bar;
            self.closes[instrument].push(bar.close_tk);
            let sum = self.sums[instrument].last().copied().unwrap_or(0);
            self.sums[instrument].push(sum + bar.close_tk);
        }
        self.closed_at = (minute + 1) * MINUTE;
    }

    /// Last delivered close: what positions are valued at.
    pub fn mark_tk(&self, instrument: usize) -> i64 {
        self.last[instrument].close_tk
    }

    /// Volume of the last delivered minute.
    pub fn volume_lot(&self, instrument: usize) -> i64 {
        self.last[instrument].volume_lot
    }

    /// Deviation of a minute, parts per billion.
    pub fn sigma_ppb(&self, instrument: usize) -> i64 {
        self.sigma_ppb[instrument]
    }

    /// Close of the last delivered bar.
    pub fn closed_at(&self) -> i64 {
        self.closed_at
    }

    /// Number of bars delivered.
    pub fn n_bars(&self) -> usize {
        self.closes.first().map_or(0, Vec::len)
    }

    /// Sum of the last `n_bars` closes; `None` before there are so many.
    pub fn sum_of_closes(&self, instrument: usize, n_bars: usize) -> Option<i64> {
        let sums = &self.sums[instrument];
        let end = sums.len() - 1;
        Some(sums[end] - sums[end.checked_sub(n_bars)?])
    }

    /// Return over the last five minutes in millionths; `None` before there are six bars.
    pub fn return_5m_ppm(&self, instrument: usize) -> Option<i64> {
        let closes = &self.closes[instrument];
        let now = closes.last()?;
        let then = closes[closes.len().checked_sub(6)?];
        Some((now - then) * 1_000_000 / then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market() -> Market {
        let bar = Bar {
            open_tk: 10_000,
            high_tk: 10_010,
            low_tk: 9_990,
            close_tk: 10_000,
            volume_lot: 5,
        };
        Market::new(vec![vec![bar; 60]; 2])
    }

    fn fall(drop_bps: Vec<i64>) -> Fall {
        Fall {
            start_minute: 5,
            drop_bps,
            down_minutes: 10,
            recover_minutes: 30,
            recover_fraction_ppm: 800_000,
        }
    }

    #[test]
    fn a_fall_of_no_depth_changes_nothing() {
        let mut struck = market();
        struck.strike(fall(vec![0, 0]));
        for minute in 0..60 {
            assert_eq!(struck.bar(0, minute), market().bar(0, minute));
        }
    }

    #[test]
    fn a_fall_reaches_its_depth_and_recovers_its_share() {
        let mut struck = market();
        struck.strike(fall(vec![1_500, 500]));
        assert_eq!(struck.bar(0, 4), market().bar(0, 4));
        assert_eq!(struck.bar(0, 5).open_tk, 10_000);
        assert_eq!(struck.bar(0, 14).close_tk, 8_500);
        assert_eq!(struck.bar(1, 14).close_tk, 9_500);
        assert_eq!(struck.bar(0, 44).close_tk, 9_700);
        assert_eq!(struck.bar(0, 59).close_tk, 9_700);
    }

    #[test]
    fn the_last_five_minutes_of_a_fall_of_15_percent_pass_10_percent() {
        let mut struck = market();
        struck.strike(fall(vec![1_500, 500]));
        let mut feed = Feed::new(&struck);
        for minute in 0..=14 {
            feed.take(&struck, minute);
        }
        let lead = feed.return_5m_ppm(0);
        assert!(lead.is_some_and(|r| r < -110_000), "{lead:?}");
        assert!(feed.return_5m_ppm(1).is_some_and(|r| r > -50_000));
    }

    #[test]
    fn a_bar_under_a_fall_still_holds_its_open_and_close() {
        let mut struck = market();
        struck.strike(fall(vec![9_000, 500]));
        for minute in 0..60 {
            let bar = struck.bar(0, minute);
            assert!(bar.low_tk <= bar.open_tk.min(bar.close_tk), "{minute}");
            assert!(bar.high_tk >= bar.open_tk.max(bar.close_tk), "{minute}");
        }
    }
}
