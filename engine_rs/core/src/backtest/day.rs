//! The limit on the loss of one UTC day.

/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;

/// Where the day stands.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    /// Equity at or below this share of the day's first ends trading for the day.
    keep_fraction: f64,
    /// Open of the first bar of the next day, at the earliest.
    next_ts: i64,
    floor_quote: f64,
    /// Whether trading has ended for the day.
    pub is_blocked: bool,
}

impl Day {
    /// A limit of `max_loss_pct`; `ts` is the open of the first bar.
    pub fn new(max_loss_pct: f64, ts: i64, equity_quote: f64) -> Self {
        let keep_fraction = 1.0 - max_loss_pct / 100.0;
        let floor_quote = equity_quote * keep_fraction;
        Self { keep_fraction, next_ts: midnight_after(ts), floor_quote, is_blocked: false }
    }

    /// Comes to the bar that opens at `ts`; a new day begins with the equity of the close before.
    #[inline]
    pub fn turn(&mut self, ts: i64, equity_quote: impl FnOnce() -> f64) {
        if ts >= self.next_ts {
            self.next_ts = midnight_after(ts);
            self.floor_quote = equity_quote() * self.keep_fraction;
            self.is_blocked = false;
        }
    }

    /// Whether this equity ends trading for the day.
    #[inline]
    pub fn is_lost(&self, equity_quote: f64) -> bool {
        !self.is_blocked && equity_quote <= self.floor_quote
    }
}

fn midnight_after(ts: i64) -> i64 {
    ts.div_euclid(DAY_NS).saturating_add(1).saturating_mul(DAY_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_day_begins_with_the_equity_before_it() {
        let mut day = Day::new(10.0, DAY_NS - 1, 100.0);
        assert!(!day.is_lost(90.1) && day.is_lost(90.0));
        day.is_blocked = true;
        day.turn(DAY_NS - 1, || unreachable!("the same day"));
        assert!(!day.is_lost(50.0));
        day.turn(DAY_NS, || 50.0);
        assert!(!day.is_blocked && !day.is_lost(45.5) && day.is_lost(45.0));
    }
}
