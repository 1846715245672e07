//! Named numbers that are no columns of the bars: what follows from one bar alone, and what the
//! account holds at its close.

use crate::bars::BarsView;
use crate::indicator::Range;
use serde_json::{Value, json};

/// What follows from one bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// Mean of high and low.
    Hl2,
    /// Mean of high, low and close.
    Hlc3,
    /// Mean of open, high, low and close.
    Ohlc4,
    /// Hour of the bar's open, UTC, 0 to 23.
    Hour,
    /// Weekday of the bar's open, UTC; Monday is 0.
    Weekday,
}

const NS_PER_HOUR: i64 = 3_600_000_000_000;
const NS_PER_DAY: i64 = 24 * NS_PER_HOUR;

impl Series {
    /// The names in programs.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("hl2", Self::Hl2),
        ("hlc3", Self::Hlc3),
        ("ohlc4", Self::Ohlc4),
        ("hour", Self::Hour),
        ("weekday", Self::Weekday),
    ];

    /// Where its values lie.
    pub fn range(self) -> Range {
        match self {
            Self::Hl2 | Self::Hlc3 | Self::Ohlc4 => Range::POSITIVE,
            Self::Hour => Range::Between(0.0, 23.0),
            Self::Weekday => Range::Between(0.0, 6.0),
        }
    }

    /// The value on bar `t`; unknown where prices are too large to be added.
    pub fn value(self, bars: &BarsView, t: usize) -> f64 {
        let (high, low, close) = (bars.high[t], bars.low[t], bars.close[t]);
        let value = match self {
            Self::Hl2 => (high + low) / 2.0,
            Self::Hlc3 => (high + low + close) / 3.0,
            Self::Ohlc4 => (bars.open[t] + high + low + close) / 4.0,
            Self::Hour => bars.ts[t].rem_euclid(NS_PER_DAY).div_euclid(NS_PER_HOUR) as f64,
            // Day 0, 1 January 1970, was a Thursday.
            Self::Weekday => (bars.ts[t].div_euclid(NS_PER_DAY) + 3).rem_euclid(7) as f64,
        };
        if value.is_finite() { value } else { f64::NAN }
    }

    /// Writes the value of every bar.
    pub fn column(self, bars: &BarsView, output: &mut [f64]) {
        output.iter_mut().enumerate().for_each(|(t, slot)| *slot = self.value(bars, t));
    }
}

/// What the account holds at the close of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Quantity, base: negative when short, 0 when flat.
    Position,
    /// Closes that the position has seen, this one included; 0 when flat.
    BarsInTrade,
    /// Price of the fill that opened the position; unknown when flat.
    EntryPrice,
}

impl Account {
    /// The names in programs.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("position", Self::Position),
        ("bars_in_trade", Self::BarsInTrade),
        ("entry_price", Self::EntryPrice),
    ];

    /// Where its values lie.
    pub fn range(self) -> Range {
        match self {
            Self::Position => Range::Any,
            Self::BarsInTrade | Self::EntryPrice => Range::POSITIVE,
        }
    }
}

/// Rows of the catalogue: names of what follows from a bar, and of what the account holds.
pub fn catalogue() -> [Value; 2] {
    let row = |name: &str, range: Range| {
        let [low, high] = range.bounds();
        json!({"name": name, "low": low, "high": high})
    };
    [
        Series::NAMES.iter().map(|(name, series)| row(name, series.range())).collect(),
        Account::NAMES.iter().map(|(name, account)| row(name, account.range())).collect(),
    ]
}

/// The account at one close, as a program sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holding {
    /// Quantity, base; negative when short.
    pub position_base: f64,
    /// Closes that the position has seen, this one included.
    pub n_bars: usize,
    /// Price of the fill that opened it; NaN when flat.
    pub entry_quote: f64,
}

impl Holding {
    /// Nothing is held.
    pub const FLAT: Self = Self { position_base: 0.0, n_bars: 0, entry_quote: f64::NAN };

    /// One of its numbers.
    pub fn value(&self, name: Account) -> f64 {
        match name {
            Account::Position => self.position_base,
            Account::BarsInTrade => self.n_bars as f64,
            Account::EntryPrice => self.entry_quote,
        }
    }
}
