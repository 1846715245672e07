//! Bars: open, high, low, close and volume columns, and what must hold of them.

use crate::EngineError;
use crate::wide::widest;

/// Bit of the column `flags`: trading is halted in this bar.
pub const FLAG_HALTED: u8 = 2;
/// Bit of the column `flags`: this bar never reaches whoever watches the market.
pub const FLAG_MISSING: u8 = 4;
/// Bit of the column `flags`: whoever watches sees the bar before once more.
pub const FLAG_STALE: u8 = 8;
/// Bit of the column `flags`: the spread is wide in this bar.
pub const FLAG_WIDE_SPREAD: u8 = 16;
/// Prices beyond these are nobody's, and products of a few of them leave the doubles.
pub const PRICE_MIN: f64 = 1e-50;
#[allow(missing_docs)]
pub const PRICE_MAX: f64 = 1e50;
/// Bits of the bars in which nothing can be traded.
pub const FLAG_CLOSED: u8 = FLAG_HALTED | FLAG_MISSING | FLAG_STALE;

/// The columns of one path of one asset, borrowed from whoever owns them; all have one length.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct BarsView<'a> {
    /// Open time of each bar, nanoseconds UTC, strictly increasing.
    pub ts: &'a [i64],
    pub open: &'a [f64],
    pub high: &'a [f64],
    pub low: &'a [f64],
    pub close: &'a [f64],
    pub volume: &'a [f64],
    /// +1 the high came before the low, −1 after, 0 not known.
    pub hl_order: &'a [i8],
    /// Sum of the bits `FLAG_…`; empty where nobody has marked the bars.
    pub flags: &'a [u8],
}

/// The columns of any number of paths and assets, sorted by (path, asset, t).
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Bars {
    pub path: Vec<u32>,
    pub asset: Vec<u16>,
    /// Bar index within its path.
    pub t: Vec<u32>,
    /// Open time, nanoseconds UTC.
    pub ts: Vec<i64>,
    /// Close time, nanoseconds UTC: when the bar is known.
    pub known_at: Vec<i64>,
    pub open: Vec<f64>,
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub volume: Vec<f64>,
    pub hl_order: Vec<i8>,
    pub flags: Vec<u8>,
}

/// One of the columns that rules can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Field {
    Open,
    High,
    Low,
    Close,
    Volume,
}

impl Bars {
    /// The rows `range` as one path of one asset.
    pub fn view(&self, range: std::ops::Range<usize>) -> BarsView<'_> {
        BarsView {
            ts: &self.ts[range.clone()],
            open: &self.open[range.clone()],
            high: &self.high[range.clone()],
            low: &self.low[range.clone()],
            close: &self.close[range.clone()],
            volume: &self.volume[range.clone()],
            hl_order: &self.hl_order[range.clone()],
            flags: if self.flags.is_empty() { &[] } else { &self.flags[range] },
        }
    }
}

impl<'a> BarsView<'a> {
    /// The rows from a bar on.
    #[must_use]
    pub fn from(&self, first_bar: usize) -> Self {
        Self {
            ts: &self.ts[first_bar..],
            open: &self.open[first_bar..],
            high: &self.high[first_bar..],
            low: &self.low[first_bar..],
            close: &self.close[first_bar..],
            volume: &self.volume[first_bar..],
            hl_order: &self.hl_order[first_bar..],
            flags: self.flags.get(first_bar..).unwrap_or_default(),
        }
    }

    /// One of the columns.
    pub fn column(&self, field: Field) -> &'a [f64] {
        match field {
            Field::Open => self.open,
            Field::High => self.high,
            Field::Low => self.low,
            Field::Close => self.close,
            Field::Volume => self.volume,
        }
    }

    /// Number of bars.
    pub fn len(&self) -> usize {
        self.close.len()
    }

    /// Whether there is no bar.
    pub fn is_empty(&self) -> bool {
        self.close.is_empty()
    }

    /// Refuses bars that no market can have made.
    ///
    /// # Errors
    ///
    /// `LENGTH_MISMATCH`, `NAN_PRICE`, `PRICE_NOT_POSITIVE`, `PRICE_OUT_OF_RANGE`,
    /// `HIGH_BELOW_BODY`, `LOW_ABOVE_BODY`, `NEGATIVE_VOLUME`, `DUPLICATE_TS` or `UNSORTED_TS`,
    /// each with the first row that breaks it.
    pub fn check(&self) -> Result<(), EngineError> {
        let n = self.close.len();
        for (len, name) in [
            (self.ts.len(), "ts"),
            (self.open.len(), "open"),
            (self.high.len(), "high"),
            (self.low.len(), "low"),
            (self.volume.len(), "volume"),
            (self.hl_order.len(), "hl_order"),
            (if self.flags.is_empty() { n } else { self.flags.len() }, "flags"),
        ] {
            if len != n {
                return Err(EngineError::Bars {
                    code: "LENGTH_MISMATCH",
                    row: len.min(n),
                    got: format!("{len} values of {name} beside {n} of close"),
                    expected: "columns of one length",
                });
            }
        }
        if are_sound(self) && is_rising(self.ts) { Ok(()) } else { Err(self.first_fault()) }
    }

    fn first_fault(&self) -> EngineError {
        for row in 0..self.len() {
            if let Some((code, got, expected)) = self.fault(row) {
                return EngineError::Bars { code, row, got, expected };
            }
        }
        unreachable!("called only for bars that are not sound")
    }

    fn fault(&self, row: usize) -> Option<(&'static str, String, &'static str)> {
        let (o, h, l, c) = (self.open[row], self.high[row], self.low[row], self.close[row]);
        let v = self.volume[row];
        if row > 0 && self.ts[row] == self.ts[row - 1] {
            return Some(("DUPLICATE_TS", format!("ts {} twice", self.ts[row]), "each ts once"));
        }
        if row > 0 && self.ts[row] < self.ts[row - 1] {
            let got = format!("ts {} after {}", self.ts[row], self.ts[row - 1]);
            return Some(("UNSORTED_TS", got, "rising ts"));
        }
        for (price, name) in [(o, "open"), (h, "high"), (l, "low"), (c, "close")] {
            if !price.is_finite() {
                return Some(("NAN_PRICE", format!("{name} {price}"), "a finite price"));
            }
            if price <= 0.0 {
                return Some(("PRICE_NOT_POSITIVE", format!("{name} {price}"), "a price above 0"));
            }
            if !(PRICE_MIN..=PRICE_MAX).contains(&price) {
                let got = format!("{name} {price:e}");
                return Some(("PRICE_OUT_OF_RANGE", got, "a price from 1e-50 to 1e50"));
            }
        }
        if h < o || h < c {
            let got = format!("high {h} with open {o} and close {c}");
            return Some(("HIGH_BELOW_BODY", got, "high at or above open and close"));
        }
        if l > o || l > c {
            let got = format!("low {l} with open {o} and close {c}");
            return Some(("LOW_ABOVE_BODY", got, "low at or below open and close"));
        }
        if v.is_nan() || v.is_infinite() || v < 0.0 {
            return Some(("NEGATIVE_VOLUME", format!("volume {v}"), "a finite volume, 0 or more"));
        }
        None
    }
}

widest! {
    /// Whether prices and volumes of every row are sound: one pass without branches, since almost
    /// all bars are.
    fn are_sound(bars: &BarsView) -> bool {
        let mut sound = true;
        let bodies = bars.open.iter().zip(bars.close);
        for (((o, c), (h, l)), v) in bodies.zip(bars.high.iter().zip(bars.low)).zip(bars.volume) {
            // Each comparison is false for NaN; a bounded high and a positive low bound the rest.
            sound &= (*l >= PRICE_MIN) & (*h <= PRICE_MAX) & (*v >= 0.0) & (*v <= f64::MAX);
            sound &= (h >= o) & (h >= c) & (l <= o) & (l <= c);
        }
        sound
    }
}

widest! {
    /// Whether each time is above the one before it.
    fn is_rising(ts: &[i64]) -> bool {
        // The sign of a difference tells, as long as none is too large for its type; and in
        // practice none comes near that.
        const FAR: i64 = 1 << 62;
        let (Some(first), Some(last)) = (ts.first(), ts.last()) else { return true };
        if (-FAR..FAR).contains(first) && (-FAR..FAR).contains(last) {
            let (mut falls, mut leaves) = (0_i64, 0_i64);
            for (before, after) in ts.iter().zip(&ts[1..]) {
                falls |= !before.wrapping_sub(*after);
                leaves |= after ^ after.wrapping_shl(1);
            }
            if leaves >= 0 {
                return falls >= 0;
            }
        }
        ts.iter().zip(&ts[1..]).all(|(before, after)| before < after)
    }
}

/// Whether at least half of the times are this far from the one before; true of less than two.
pub fn are_mostly_apart(ts: &[i64], distance_ns: i64) -> bool {
    // Looked at in blocks, since regular bars have told by their middle.
    const BLOCK: usize = 8_192;
    let n_distances = ts.len().saturating_sub(1);
    let mut n_found = 0;
    for start in (0..n_distances).step_by(BLOCK) {
        n_found += n_apart(&ts[start..=(start + BLOCK).min(n_distances)], distance_ns);
        if 2 * n_found >= n_distances {
            return true;
        }
    }
    2 * n_found >= n_distances
}

widest! {
    /// How many of the times, of which there is one, are this far from the one before.
    fn n_apart(ts: &[i64], distance_ns: i64) -> usize {
        let mut n_found = 0_u64;
        for (before, after) in ts.iter().zip(&ts[1..]) {
            n_found += u64::from(after.wrapping_sub(*before) == distance_ns);
        }
        n_found as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars() -> Bars {
        Bars {
            ts: vec![1, 2, 3],
            open: vec![10.0, 11.0, 12.0],
            high: vec![12.0, 12.0, 13.0],
            low: vec![9.0, 10.0, 11.0],
            close: vec![11.0, 12.0, 12.0],
            volume: vec![1.0, 0.0, 2.0],
            hl_order: vec![1, 0, -1],
            ..Bars::default()
        }
    }

    #[test]
    fn sound_bars_are_accepted() {
        assert_eq!(bars().view(0..3).check(), Ok(()));
    }

    #[test]
    fn times_are_mostly_apart_what_half_of_them_are() {
        // The first half minutes, the others longer; then one minute less.
        let mut ts: Vec<i64> = (0..=100_000).map(|t| t * 60 + (t - 50_000).max(0) * 7).collect();
        assert!(are_mostly_apart(&ts, 60) && are_mostly_apart(&ts, 67));
        ts[0] -= 1;
        assert!(!are_mostly_apart(&ts, 60) && are_mostly_apart(&ts, 67));
        ts.reverse();
        assert!(!are_mostly_apart(&ts, 67) && are_mostly_apart(&ts, -67));
        assert!(are_mostly_apart(&[], 60) && are_mostly_apart(&[5], 60));
    }

    #[test]
    fn times_at_the_ends_of_their_type_are_ordered_like_any_other() {
        let with = |ts: [i64; 3]| {
            let mut bars = bars();
            bars.ts = ts.to_vec();
            bars.view(0..3).check().map_err(|refusal| refusal.code())
        };
        assert_eq!(with([i64::MIN, 0, i64::MAX]), Ok(()));
        assert_eq!(with([i64::MAX, i64::MIN, 0]), Err("UNSORTED_TS"));
        assert_eq!(with([0, i64::MAX, i64::MIN]), Err("UNSORTED_TS"));
        assert_eq!(with([i64::MIN, i64::MAX, i64::MAX]), Err("DUPLICATE_TS"));
    }

    #[test]
    fn each_broken_law_is_named_with_its_row() {
        type Break = fn(&mut Bars);
        let cases: [(&str, usize, Break); 10] = [
            ("NAN_PRICE", 1, |b| b.close[1] = f64::NAN),
            ("NAN_PRICE", 2, |b| b.high[2] = f64::INFINITY),
            ("PRICE_NOT_POSITIVE", 0, |b| b.low[0] = 0.0),
            ("PRICE_OUT_OF_RANGE", 1, |b| b.low[1] = 5e-324),
            ("PRICE_OUT_OF_RANGE", 2, |b| b.high[2] = 1e300),
            ("HIGH_BELOW_BODY", 1, |b| b.high[1] = 11.5),
            ("LOW_ABOVE_BODY", 2, |b| b.low[2] = 12.5),
            ("NEGATIVE_VOLUME", 1, |b| b.volume[1] = -1.0),
            ("DUPLICATE_TS", 2, |b| b.ts[2] = 2),
            ("UNSORTED_TS", 2, |b| b.ts[2] = 0),
        ];
        for (code, row, break_bars) in cases {
            let mut broken = bars();
            break_bars(&mut broken);
            match broken.view(0..3).check() {
                Err(EngineError::Bars { code: found, row: at, .. }) => {
                    assert_eq!((found, at), (code, row));
                }
                other => panic!("{code}: {other:?}"),
            }
        }
    }
}
