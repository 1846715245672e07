//! When rules fire, as bits of bars, and on which bars a decision can change anything.

use super::profile::Conflict;
use crate::program::column::{Columns, Pool};
use crate::program::kernel::{Bits, or, words};
use crate::program::risk::OnOpposite;
use crate::program::{Action, Program};
use crate::wide::fetch;

/// How far ahead bars are looked for whose prices should be at hand.
const FETCHED_BARS: usize = 512;

/// What the rules ask for on one bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// +1 to buy, −1 to sell, 0 for neither, or for both where that is the same.
    pub side: i8,
    /// Number of the first rule that asks for it.
    pub rule: usize,
    /// Whether the position is to be closed.
    pub is_close: bool,
    /// Whether entries are withheld.
    pub is_hold: bool,
}

/// When rules fire, over all bars.
#[derive(Debug)]
pub struct Signals<'a> {
    rules: Vec<(Action, &'a Bits)>,
    /// Bars whose decision can change something for an account without position and orders, …
    pub flat: Bits,
    /// … with a long position, …
    pub long: Bits,
    /// … with a short one, …
    pub short: Bits,
    /// … and whatever it has.
    pub any: Bits,
    /// Bars on which a sale is asked for that is not allowed to an account without position.
    pub refused: Bits,
    /// Bars on which both buy and sell are asked for.
    pub conflicts: Bits,
    conflict: Conflict,
}

impl<'a> Signals<'a> {
    /// Reads the rules' conditions.
    pub fn new(
        program: &Program,
        conflict: Conflict,
        columns: &'a Columns,
        n_bars: usize,
        pool: &mut Pool,
    ) -> Signals<'a> {
        let rules: Vec<(Action, &Bits)> = program
            .rules()
            .iter()
            .map(|rule| (rule.action, columns.is_true(rule.condition)))
            .collect();
        let mut fired = |action| {
            let mut bits = pool.bits();
            bits.resize(words(n_bars), 0);
            rules.iter().filter(|(of, _)| *of == action).for_each(|(_, more)| or(&mut bits, more));
            bits
        };
        let mut signals = Signals {
            flat: fired(Action::Buy),
            long: fired(Action::Sell),
            short: fired(Action::Close),
            any: fired(Action::Hold),
            refused: pool.bits(),
            conflicts: pool.bits(),
            rules,
            conflict,
        };
        if conflict == Conflict::First {
            signals.resolve();
        }
        signals.combine(program);
        signals
    }

    /// The signals of a program whose rules cannot be known before they are asked.
    pub fn none() -> Self {
        let [flat, long, short, any, refused, conflicts] = [const { Bits::new() }; 6];
        let conflict = Conflict::None;
        Self { rules: Vec::new(), flat, long, short, any, refused, conflicts, conflict }
    }

    /// Takes back what is asked for on bars where an earlier rule asks for the opposite.
    fn resolve(&mut self) {
        for at in 0..self.flat.len() {
            let mut undecided = self.flat[at] & self.long[at];
            self.conflicts.push(undecided);
            for (action, bits) in &self.rules {
                let decided = bits[at] & undecided;
                match action {
                    Action::Buy => self.long[at] &= !decided,
                    Action::Sell => self.flat[at] &= !decided,
                    Action::Close | Action::Hold => continue,
                }
                undecided &= !decided;
            }
        }
    }

    /// Turns what is asked for into where it matters, word by word and in place.
    fn combine(&mut self, program: &Program) {
        let risk = program.risk();
        let may_short = if risk.allow_short { u64::MAX } else { 0 };
        let may_add = if risk.max_adds > 0 { u64::MAX } else { 0 };
        let heeds = if risk.on_opposite == OnOpposite::Ignore { 0 } else { u64::MAX };
        for at in 0..self.flat.len() {
            let (buy, sell) = (self.flat[at], self.long[at]);
            let (close, hold) = (self.short[at], self.any[at]);
            let (only_buy, only_sell) = (buy & !sell, sell & !buy);
            if self.conflict != Conflict::First {
                self.conflicts.push(buy & sell);
            }
            self.refused.push(only_sell & !hold & !may_short);
            self.flat[at] = (only_buy | (only_sell & may_short)) & !hold;
            self.long[at] = close | (only_sell & heeds) | (only_buy & may_add & !hold);
            self.short[at] = close | (only_buy & heeds) | (only_sell & may_add & !hold);
            self.any[at] = only_buy | only_sell | close;
        }
    }

    /// Gives the memory back.
    pub fn release(self, pool: &mut Pool) {
        for bits in [self.flat, self.long, self.short, self.any, self.refused, self.conflicts] {
            pool.give_bits(bits);
        }
    }

    /// Asks for what the columns hold of one more bar on which something is asked for, after bar
    /// `t` and those up to `fetched`, and of the one after it, so that the bar loop need not wait
    /// for it when it is there. Returns up to which bar it has been asked for.
    #[inline]
    pub fn fetch_after(&self, t: usize, fetched: usize, columns: &[&[f64]]) -> usize {
        let limit = columns[0].len().min(t + FETCHED_BARS);
        let from = fetched.max(t) + 1;
        if self.any.is_empty() || from >= limit {
            return fetched;
        }
        // One a bar is enough to be several signals ahead, as each is worked through in two.
        let bar = next(&self.any, from, limit);
        columns.iter().for_each(|column| fetch(column, bar + 1));
        bar.min(limit - 1)
    }

    /// What the rules ask for on bar `t`.
    pub fn wishes(&self, t: usize) -> Wishes {
        let mut wishes = Wishes::default();
        let (mut buyer, mut seller) = (None, None);
        for (rule, (action, bits)) in self.rules.iter().enumerate() {
            if bits[t / 64] >> (t % 64) & 1 == 0 {
                continue;
            }
            match action {
                Action::Buy => buyer = buyer.or(Some(rule)),
                Action::Sell => seller = seller.or(Some(rule)),
                Action::Close => wishes.is_close = true,
                Action::Hold => wishes.is_hold = true,
            }
        }
        let (side, rule) = entry(buyer, seller, self.conflict);
        wishes.side = side;
        wishes.rule = rule;
        wishes
    }
}

/// Side and rule of the entry, from the first rules that ask to buy and to sell.
pub fn entry(buyer: Option<usize>, seller: Option<usize>, conflict: Conflict) -> (i8, usize) {
    match (buyer, seller) {
        (Some(rule), None) => (1, rule),
        (None, Some(rule)) => (-1, rule),
        (Some(buyer), Some(seller)) if conflict == Conflict::First => {
            if buyer < seller {
                (1, buyer)
            } else {
                (-1, seller)
            }
        }
        _ => (0, 0),
    }
}

/// First bar in `from..limit` whose bit is set, else `limit`.
#[inline]
pub fn next(bits: &Bits, from: usize, limit: usize) -> usize {
    if from >= limit {
        return limit;
    }
    let mut at = from / 64;
    let mut word = bits[at] & (u64::MAX << (from % 64));
    let end = limit.div_ceil(64);
    loop {
        if word != 0 {
            return (64 * at + word.trailing_zeros() as usize).min(limit);
        }
        at += 1;
        if at >= end {
            return limit;
        }
        word = bits[at];
    }
}

/// Number of bars in `from..limit` whose bit is set.
pub fn count(bits: &Bits, from: usize, limit: usize) -> u64 {
    if from >= limit {
        return 0;
    }
    let (first, last) = (from / 64, (limit - 1) / 64);
    let low = u64::MAX << (from % 64);
    let high = u64::MAX >> (63 - (limit - 1) % 64);
    (first..=last)
        .map(|at| {
            let mut word = bits[at];
            word &= if at == first { low } else { u64::MAX };
            word &= if at == last { high } else { u64::MAX };
            u64::from(word.count_ones())
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_and_counted_as_one_by_one() {
        let mut bits = vec![0_u64; 5];
        let set = [0, 3, 63, 64, 127, 200, 255, 319];
        set.iter().for_each(|t| bits[t / 64] |= 1 << (t % 64));
        for from in 0..320 {
            for limit in [from, from + 1, 64, 65, 128, 250, 320] {
                let inside = || set.iter().filter(|t| (from..limit).contains(*t));
                assert_eq!(next(&bits, from, limit), inside().next().copied().unwrap_or(limit));
                assert_eq!(count(&bits, from, limit), inside().count() as u64);
            }
        }
    }
}
