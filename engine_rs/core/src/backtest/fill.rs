//! Prices and quantities of fills: what a bar gives an order, before slippage, and what an
//! account can pay.

use super::cost::Costs;

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

/// Largest quantity that can be opened at `price_quote`, so that its value is at most
/// `max_leverage` times the cash that remains after the fee; `closed_base` shares the fill and its
/// fee.
pub fn affordable_base(
    cash_quote: f64,
    max_leverage: f64,
    price_quote: f64,
    closed_base: f64,
    costs: &Costs,
) -> f64 {
    // The fee is the larger of two amounts, so both must leave enough.
    let rate = costs.fee_bps * 1e-4;
    let on_value = cash_quote - costs.fixed_quote - closed_base * price_quote * rate;
    let by_value = max_leverage * on_value / (price_quote * (1.0 + max_leverage * rate));
    let by_floor = max_leverage * (cash_quote - costs.min_fee_quote) / price_quote;
    // A hair less, so that rounding leaves no debt.
    by_value.min(by_floor).max(0.0) * (1.0 - 4e-15)
}

/// The quantity as a multiple of the lot, rounded down; 0 when it is no quantity at all.
pub fn whole_lots(quantity_base: f64, lot_base: f64) -> f64 {
    let quantity =
        if lot_base > 0.0 { (quantity_base / lot_base).floor() * lot_base } else { quantity_base };
    if quantity > 0.0 && quantity.is_finite() { quantity } else { 0.0 }
}

#[cfg(test)]
mod tests {
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
            min_fee_quote: 0.0,
            fixed_quote: 1.0,
        };
        for (max_leverage, closed) in [(1.0, 0.0), (2.0, 0.0), (1.0, 7.0), (0.5, 0.0)] {
            let quantity = affordable_base(1_000.0, max_leverage, 50.0, closed, &costs);
            let left = 1_000.0 - costs.fee_quote(quantity + closed, 50.0);
            assert!((quantity * 50.0 - max_leverage * left).abs() < 1e-9);
        }
        let floor = Costs { min_fee_quote: 900.0, ..costs };
        assert!((affordable_base(1_000.0, 1.0, 50.0, 0.0, &floor) - 2.0).abs() < 1e-13);
        assert_eq!(affordable_base(800.0, 1.0, 50.0, 0.0, &floor), 0.0);
    }

    #[test]
    fn lots_are_rounded_down_and_what_is_no_quantity_is_none() {
        assert_eq!(whole_lots(2.9, 0.5), 2.5);
        assert_eq!(whole_lots(0.4, 0.5), 0.0);
        assert_eq!(whole_lots(2.9, 0.0), 2.9);
        assert_eq!(whole_lots(f64::INFINITY, 0.0), 0.0);
        assert_eq!(whole_lots(f64::NAN, 0.0), 0.0);
    }
}
