//! The exchange alone, under random orders.

use crate::paper::clock::{MINUTE, SECOND};
use crate::paper::cloid::{cloid, intent_id};
use crate::paper::code::{Kind, Liquidity, OrderType, Reason, Truth};
use crate::paper::draw::{Draws, Purpose};
use crate::paper::exchange::{CALM, Exchange, Request, Weather};
use crate::paper::log::XLog;
use crate::paper::market::Bar;
use serde_json::json;
use std::collections::BTreeMap;

/// No random refusals.
const FAIR: Weather = Weather { reject_ppm: 0, ..CALM };

fn exchange() -> Exchange {
    Exchange::new(1, 1_000_000_000_000, XLog::new(&json!({"log": "exchange"})))
}

fn bar(open_tk: i64, low_tk: i64, high_tk: i64, close_tk: i64) -> Bar {
    Bar { open_tk, high_tk, low_tk, close_tk, volume_lot: 1_000_000 }
}

fn request(child: u32, order_type: OrderType, side: i8, qty_lot: i64, limit_tk: i64) -> Request {
    let cloid = cloid(1, intent_id(0, 1), child);
    let valid_until = i64::MAX;
    Request { cloid, instrument: 0, side, order_type, qty_lot, limit_tk, valid_until }
}

#[test]
fn a_market_order_fills_from_the_next_open_a_tenth_of_the_volume_a_minute() {
    let mut venue = exchange();
    let draws = Draws::new(1);
    let order = request(0, OrderType::Market, 1, 150_000, 0);
    venue.place(SECOND, &order, &FAIR, &draws).unwrap();
    let bars = [bar(10_000, 9_990, 10_010, 10_000)];
    assert!(venue.close_minute(MINUTE - 1, &bars).is_empty());
    let first = venue.open_minute(MINUTE, &bars, &FAIR);
    assert_eq!((first[0].qty_lot, first[0].px_tk), (100_000, 10_001));
    let second = venue.open_minute(2 * MINUTE, &bars, &FAIR);
    assert_eq!(second[0].qty_lot, 50_000);
    assert!(venue.open_minute(3 * MINUTE, &bars, &FAIR).is_empty());
    assert_eq!(venue.position_lot(0), 150_000);
    assert_eq!(venue.known(order.cloid).unwrap().truth, Truth::Filled);
}

#[test]
fn a_resting_limit_fills_at_its_price_when_it_is_crossed_and_not_when_it_is_touched() {
    let mut venue = exchange();
    let draws = Draws::new(1);
    let order = request(0, OrderType::Limit, 1, 50_000, 9_950);
    venue.place(SECOND, &order, &FAIR, &draws).unwrap();
    let touch = [bar(10_000, 9_950, 10_010, 10_000)];
    let cross = [bar(10_000, 9_949, 10_010, 10_000)];
    assert!(venue.open_minute(MINUTE, &cross, &FAIR).is_empty());
    assert!(venue.close_minute(2 * MINUTE - 1, &touch).is_empty());
    assert!(venue.open_minute(2 * MINUTE, &cross, &FAIR).is_empty());
    let trades = venue.close_minute(3 * MINUTE - 1, &cross);
    assert_eq!((trades[0].px_tk, trades[0].liquidity), (9_950, Liquidity::Maker));
}

#[test]
fn an_order_that_came_within_the_minute_is_not_filled_by_its_past() {
    let mut venue = exchange();
    let draws = Draws::new(1);
    let bars = [bar(10_000, 9_900, 10_010, 10_000)];
    venue.open_minute(MINUTE, &bars, &FAIR);
    let at_open = request(1, OrderType::Market, 1, 50_000, 0);
    venue.place(MINUTE, &at_open, &FAIR, &draws).unwrap();
    assert!(venue.open_minute(MINUTE, &bars, &FAIR).is_empty());
    venue.cancel(MINUTE, at_open.cloid).unwrap();
    let order = request(0, OrderType::Limit, 1, 50_000, 9_950);
    venue.place(MINUTE + SECOND, &order, &FAIR, &draws).unwrap();
    assert!(venue.close_minute(2 * MINUTE - 1, &bars).is_empty());
}

#[test]
fn an_id_is_taken_once_and_a_late_request_not_at_all() {
    let mut venue = exchange();
    let draws = Draws::new(1);
    let mut order = request(0, OrderType::Market, 1, 100, 0);
    order.valid_until = 5 * SECOND;
    let late = venue.place(6 * SECOND, &order, &FAIR, &draws);
    assert_eq!(late, Err(Reason::ExpiredRequest));
    let order = request(1, OrderType::Market, 1, 100, 0);
    venue.place(7 * SECOND, &order, &FAIR, &draws).unwrap();
    assert_eq!(venue.place(8 * SECOND, &order, &FAIR, &draws), Err(Reason::DupCloid));
    assert_eq!(venue.cancel(9 * SECOND, order.cloid), Ok(0));
    assert_eq!(venue.place(10 * SECOND, &order, &FAIR, &draws), Err(Reason::DupCloid));
    assert_eq!(venue.cancel(11 * SECOND, order.cloid), Err(Reason::NotOpen));
    let kinds: Vec<Kind> = venue.log().events().iter().map(|record| record.kind).collect();
    let expected = [
        Kind::XPhase,
        Kind::XRejected,
        Kind::XCreated,
        Kind::XRejected,
        Kind::XCancelled,
        Kind::XRejected,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn one_request_in_five_hundred_is_refused_for_no_reason_of_ours() {
    let mut venue = exchange();
    let draws = Draws::new(1);
    let refused = (0..20_000).filter(|child| {
        let order = request(*child, OrderType::Market, 1, 1, 0);
        venue.place(i64::from(*child) + 1, &order, &CALM, &draws).is_err()
    });
    let n_refused = refused.count();
    assert!((20..70).contains(&n_refused), "{n_refused}");
}

#[test]
fn random_orders_conserve_cash_and_stock_and_never_fill_beyond_what_is_left() {
    let draws = Draws::new(9);
    let draw =
        |bound: u64, index: u64| draws.below(bound, Purpose::InjectionDetails, 0, index) as i64;
    let mut venue = exchange();
    let mut left: BTreeMap<u128, i64> = BTreeMap::new();
    let (mut cash_uusd, mut position_lot) = (1_000_000_000_000, 0);
    let mut n_trades = 0;
    for minute in 1..3_000_i64 {
        let at = minute as u64 * 16;
        let open_tk = 9_900 + draw(200, at);
        let bars = [bar(open_tk, open_tk - draw(50, at + 1), open_tk + draw(50, at + 2), open_tk)];
        let mut trades = venue.open_minute(minute * MINUTE, &bars, &FAIR);
        for n in 0..2_u64 {
            let side = if draw(2, at + 3 + n) == 0 { 1 } else { -1 };
            let limit_tk = 9_850 + draw(300, at + 5 + n);
            let is_market = draw(3, at + 7 + n) == 0;
            let order_type = if is_market { OrderType::Market } else { OrderType::Limit };
            let qty_lot = 1_010 + draw(100_000, at + 9 + n);
            let limit_tk = if is_market { 0 } else { limit_tk };
            let order = request(minute as u32 * 2 + n as u32, order_type, side, qty_lot, limit_tk);
            venue.place(minute * MINUTE + SECOND, &order, &FAIR, &draws).unwrap();
            left.insert(order.cloid, qty_lot);
        }
        trades.extend(venue.close_minute((minute + 1) * MINUTE - 1, &bars));
        let mut traded_lot = 0;
        for trade in &trades {
            let leaves = left.get_mut(&trade.cloid).unwrap();
            *leaves -= trade.qty_lot;
            assert!(*leaves >= 0);
            assert!((bars[0].low_tk..=bars[0].high_tk).contains(&trade.px_tk));
            let side = i64::from(trade.side);
            cash_uusd -= side * trade.px_tk * trade.qty_lot + trade.fee_uusd;
            position_lot += side * trade.qty_lot;
            traded_lot += trade.qty_lot;
            n_trades += 1;
        }
        assert!(traded_lot <= 100_000);
        if draw(4, at + 12) == 0 {
            let first = venue.snapshot(0, u64::MAX).open.first().map(|open| open.cloid);
            if let Some(cloid) = first {
                venue.cancel((minute + 1) * MINUTE - 1, cloid).unwrap();
            }
        }
    }
    assert!(n_trades > 1_000);
    assert_eq!(venue.position_lot(0), position_lot);
    assert_eq!(venue.equity_uusd(|_| 0), cash_uusd);
}
