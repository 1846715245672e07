//! The four words of each kind of record that several components write or read.

use super::code::{OrderType, Purpose};
use super::exchange::Trade;

/// What a FILL_CLAIM or FILL_CONFIRMED says of an execution, in its first two words.
pub fn execution_words(trade: &Trade) -> [i64; 2] {
    let exec = (trade.exec_id << 16) as i64;
    let place = (trade.instrument as i64) << 8 | i64::from(trade.liquidity.code());
    [exec | place, i64::from(trade.side) * trade.qty_lot]
}

/// The words of a FILL_CLAIM.
pub fn claim(trade: &Trade) -> [i64; 4] {
    let [execution, signed_lot] = execution_words(trade);
    [execution, signed_lot, trade.px_tk, trade.ts]
}

/// Unpacks the first word of a FILL_CLAIM or FILL_CONFIRMED: execution, instrument, liquidity.
pub fn execution_of(word: i64) -> (u64, usize, u8) {
    ((word >> 16) as u64, (word >> 8 & 0xFF) as usize, (word & 0xFF) as u8)
}

/// The words of an INTENT.
pub fn intent_words(
    strategy: u16,
    instrument: usize,
    side: i8,
    qty_lot: i64,
    purpose: Purpose,
) -> [i64; 4] {
    let place = instrument_side(instrument, side);
    [i64::from(strategy), place, qty_lot, i64::from(purpose.code())]
}

/// Packs what an ORDER_NEW says beside quantity and limit.
pub fn packed(order_type: OrderType, purpose: Purpose, replaces_child: Option<u32>) -> i64 {
    i64::from(order_type.code())
        | i64::from(purpose.code()) << 8
        | replaces_child.map_or(0, |child| i64::from(child) + 1) << 16
}

/// Instrument and side as one word: `instrument · 2 + (side > 0)`.
pub fn instrument_side(instrument: usize, side: i8) -> i64 {
    instrument as i64 * 2 + i64::from(side > 0)
}
