//! Client order ids: who asked, in which life, for which intent, as which child.
//!
//! `strategy(16) | epoch(24) | intent(48) | child(24) | check(16)`. The lower half names an order
//! in the log, so it is unique by itself: an intent's number holds six bits of its strategy.

/// Strategy number of orders that no strategy asked for: those of the kill switch.
pub const NO_STRATEGY: u16 = u16::MAX;
const STRATEGY_BITS: u32 = 6;
const ORDINAL_BITS: u32 = 18;

/// Number of a strategy's `ordinal`-th intent (from 1).
///
/// # Panics
///
/// Past 262,143 intents of one strategy, some 700 a day for a year.
pub fn intent_id(strategy: u16, ordinal: u64) -> u64 {
    assert!(ordinal > 0 && ordinal >> ORDINAL_BITS == 0, "18 bits number an intent");
    let low = u64::from(strategy) & ((1 << STRATEGY_BITS) - 1);
    (low << ORDINAL_BITS) | ordinal
}

/// The strategy that uttered an intent.
pub fn strategy_of(intent_id: u64) -> u16 {
    let low = (intent_id >> ORDINAL_BITS) as u16;
    if low == (1 << STRATEGY_BITS) - 1 { NO_STRATEGY } else { low }
}

/// Id of a child order.
///
/// # Panics
///
/// When a part is too large for its bits.
pub fn cloid(epoch: u32, intent_id: u64, child: u32) -> u128 {
    assert!(epoch >> 24 == 0 && intent_id >> 24 == 0 && child >> 24 == 0, "24 bits each");
    let strategy = u128::from(strategy_of(intent_id));
    let body = (strategy << 112)
        | (u128::from(epoch) << 88)
        | (u128::from(intent_id) << 40)
        | (u128::from(child) << 16);
    let check =
        (1..8).fold(0x5047_u16, |sum, word| sum.rotate_left(3) ^ (body >> (16 * word)) as u16);
    body | u128::from(check)
}

/// Lower half of an id: the name of the order in the log.
pub fn key(cloid: u128) -> u64 {
    cloid as u64
}

/// Intent that an order belongs to.
pub fn intent_of(key: u64) -> u64 {
    key >> 40
}

/// Ordinal of a child within its intent.
pub fn child_of(key: u64) -> u32 {
    ((key >> 16) & 0xFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_gives_back_its_parts() {
        for strategy in [0, 19, NO_STRATEGY] {
            let intent = intent_id(strategy, 77);
            let id = cloid(3, intent, 5);
            assert_eq!((id >> 112) as u16, strategy);
            assert_eq!(strategy_of(intent_of(key(id))), strategy);
            assert_eq!((intent_of(key(id)), child_of(key(id))), (intent, 5));
        }
    }

    #[test]
    fn the_lower_halves_of_different_orders_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for strategy in 0..20 {
            for ordinal in 1..20 {
                for child in 0..4 {
                    assert!(seen.insert(key(cloid(1, intent_id(strategy, ordinal), child))));
                }
            }
        }
    }
}
