//! Prices and quantities of fills: what a bar gives an order, before slippage, and what an
//! account can pay.

use super::cost::Costs;
use super::profile::LimitFill;

/// Price at which a stop fills at the open, if it does: a market that opens beyond the level
/// gives its open and not the level. `side` is +1 to buy, −1 to sell.
#[inline]
pub fn stop_at_open(side: f64, level_quote: f64, open: f64) -> Option<f64> {
    (side * open >= side * level_quote).then_some(open)
}

/// Price at which a stop fills inside a bar whose open did not reach it, if it does.
#[inline]
pub fn stop_within(side: f64, level_quote: f64, high: f64, low: f64) -> Option<f64> {
    let furthest = if side > 0.0 { high } else { low };
    (side * furthest >= side * level_quote).then_some(level_quote)
}

/// Price at which a limit fills at the open, if it does.
#[inline]
pub fn limit_at_open(rule: LimitFill, side: f64, limit_quote: f64, open: f64) -> Option<f64> {
    let is_filled = match rule {
        LimitFill::Touch => side * open <= side * limit_quote,
        LimitFill::Through => side * open < side * limit_quote,
        LimitFill::TouchV0 => open == limit_quote,
    };
    is_filled.then_some(open)
}

/// Price at which a limit fills inside a bar whose open did not fill it, if it does.
#[inline]
pub fn limit_within(
    rule: LimitFill,
    side: f64,
    limit_quote: f64,
    high: f64,
    low: f64,
) -> Option<f64> {
    let furthest = if side > 0.0 { low } else { high };
    let is_filled = match rule {
        LimitFill::Touch => side * furthest <= side * limit_quote,
        LimitFill::Through => side * furthest < side * limit_quote,
        LimitFill::TouchV0 => low <= limit_quote && limit_quote <= high,
    };
    is_filled.then_some(limit_quote)
}

/// What an account brings to an entry.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Equity at the price of the fill.
    pub equity_quote: f64,
    /// Position on the side of the entry, which it adds to.
    pub held_base: f64,
    /// Position on the other side, which shares the fill and its fee.
    pub closed_base: f64,
    /// Largest position, as a multiple of equity.
    pub max_leverage: f64,
}

/// Largest quantity that can be opened at `price_quote`, so that the position's value is at most
/// `max_leverage` times the equity that remains after the fee.
pub fn affordable_base(means: &Means, price_quote: f64, costs: &Costs, is_maker: bool) -> f64 {
    let Means { equity_quote, held_base, closed_base, max_leverage } = *means;
    // The fee is the larger of two amounts, so both must leave enough.
    let rate = costs.fee_fraction(is_maker);
    let held_quote = held_base * price_quote;
    let on_value = equity_quote - costs.fixed_quote - closed_base * price_quote * rate;
    let by_value =
        (max_leverage * on_value - held_quote) / (price_quote * (1.0 + max_leverage * rate));
    let by_floor = (max_leverage * (equity_quote - costs.min_fee_quote) - held_quote) / price_quote;
    // A hair less, so that rounding leaves no debt.
    by_value.min(by_floor).max(0.0) * (1.0 - 4e-15)
}

/// Less than this is no quantity: its value would not be held to the last digit.
const LEAST_BASE: f64 = 1e-100;

/// The quantity as a multiple of the lot, rounded down; 0 when it is no quantity at all.
pub fn whole_lots(quantity_base: f64, lot_base: f64) -> f64 {
    let quantity =
        if lot_base > 0.0 { (quantity_base / lot_base).floor() * lot_base } else { quantity_base };
    if quantity >= LEAST_BASE && quantity.is_finite() { quantity } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::cost::Impact;
    use super::*;

    /// Price of a stop over a whole bar.
    fn stop(side: f64, level: f64, [open, high, low]: [f64; 3]) -> Option<f64> {
        stop_at_open(side, level, open).or_else(|| stop_within(side, level, high, low))
    }

    #[test]
    fn the_fill_table_of_stops_holds_on_both_sides() {
        let (buy, sell) = (1.0, -1.0);
        for (side, level, bar, expected) in [
            (buy, 105.0, [100.0, 104.0, 99.0], None), // not reached
            (buy, 105.0, [100.0, 105.0, 99.0], Some(105.0)), // touched at the high
            (buy, 105.0, [100.0, 110.0, 99.0], Some(105.0)), // passed
            (buy, 105.0, [105.0, 110.0, 104.0], Some(105.0)), // opens on the level
            (buy, 105.0, [108.0, 110.0, 107.0], Some(108.0)), // opens beyond: a worse price
            (buy, 105.0, [108.0, 110.0, 100.0], Some(108.0)), // beyond, and back
            (sell, 95.0, [100.0, 104.0, 96.0], None),
            (sell, 95.0, [100.0, 104.0, 95.0], Some(95.0)),
            (sell, 95.0, [100.0, 104.0, 90.0], Some(95.0)),
            (sell, 95.0, [95.0, 96.0, 90.0], Some(95.0)),
            (sell, 95.0, [92.0, 93.0, 90.0], Some(92.0)),
            (sell, 95.0, [92.0, 100.0, 90.0], Some(92.0)),
        ] {
            assert_eq!(stop(side, level, bar), expected, "{side} {level} {bar:?}");
        }
    }

    #[test]
    fn what_is_affordable_can_be_paid_to_the_last_cent() {
        let costs = Costs {
            base_bps: 0.0,
            k_vol: 0.0,
            fee_bps: 10.0,
            maker_bps: 10.0,
            min_fee_quote: 0.0,
            fixed_quote: 1.0,
            half_spread_bps: 0.0,
            impact: Impact::None,
        };
        let means = |max_leverage, held_base, closed_base| Means {
            equity_quote: 1_000.0,
            held_base,
            closed_base,
            max_leverage,
        };
        for (max_leverage, held, closed) in
            [(1.0, 0.0, 0.0), (2.0, 0.0, 0.0), (1.0, 0.0, 7.0), (0.5, 0.0, 0.0), (1.0, 4.0, 0.0)]
        {
            let quantity = affordable_base(&means(max_leverage, held, closed), 50.0, &costs, false);
            let left = 1_000.0 - costs.fee_quote(quantity + closed, 50.0, false);
            assert!(((quantity + held) * 50.0 - max_leverage * left).abs() < 1e-9);
        }
        let floor = Costs { min_fee_quote: 900.0, ..costs };
        let at = |equity_quote| {
            let means = Means { equity_quote, ..means(1.0, 0.0, 0.0) };
            affordable_base(&means, 50.0, &floor, false)
        };
        assert!((at(1_000.0) - 2.0).abs() < 1e-13);
        assert_eq!(at(800.0), 0.0);
    }

    #[test]
    fn the_fill_table_of_limits_holds_on_both_sides() {
        use LimitFill::{Through, Touch, TouchV0};
        let limit = |rule, side, level, [open, high, low]: [f64; 3]| {
            limit_at_open(rule, side, level, open)
                .or_else(|| limit_within(rule, side, level, high, low))
        };
        for (bar, touch, through, v0) in [
            ([100.0, 104.0, 95.1], None, None, None),
            ([100.0, 104.0, 95.0], Some(95.0), None, Some(95.0)),
            ([100.0, 104.0, 94.0], Some(95.0), Some(95.0), Some(95.0)),
            ([95.0, 104.0, 95.0], Some(95.0), None, Some(95.0)),
            ([95.0, 104.0, 94.0], Some(95.0), Some(95.0), Some(95.0)),
            ([93.0, 96.0, 92.0], Some(93.0), Some(93.0), Some(95.0)),
            ([93.0, 94.0, 92.0], Some(93.0), Some(93.0), None),
        ] {
            for (rule, expected) in [(Touch, touch), (Through, through), (TouchV0, v0)] {
                assert_eq!(limit(rule, 1.0, 95.0, bar), expected, "{rule:?} {bar:?}");
                // A sale is a purchase in a mirror.
                let [open, high, low] = bar.map(|price| 200.0 - price);
                let found = limit(rule, -1.0, 105.0, [open, low, high]);
                assert_eq!(found, expected.map(|price| 200.0 - price), "{rule:?} {bar:?}");
            }
        }
    }

    #[test]
    fn lots_are_rounded_down_and_what_is_no_quantity_is_none() {
        assert_eq!(whole_lots(2.9, 0.5), 2.5);
        assert_eq!(whole_lots(0.4, 0.5), 0.0);
        assert_eq!(whole_lots(2.9, 0.0), 2.9);
        assert_eq!(whole_lots(f64::INFINITY, 0.0), 0.0);
        assert_eq!(whole_lots(f64::NAN, 0.0), 0.0);
        assert_eq!(whole_lots(1e-300, 0.0), 0.0);
    }
}
