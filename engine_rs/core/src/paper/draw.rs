//! The stack's random numbers: addressed by what they are for, so that no fault moves a draw that
//! is not its own.

use crate::random::{Stream, family_key};

/// What a draw decides; part of its address. Numbers are those of the design, gaps are unused here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
#[allow(missing_docs)]
pub enum Purpose {
    Latency = 3,
    Rejects = 4,
    InjectionDetails = 8,
}

/// Draws of one universe.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    key: [u64; 2],
}

impl Draws {
    /// The draws under this seed.
    pub fn new(run_seed: u64) -> Self {
        Self { key: [run_seed, family_key("paper")] }
    }

    /// 64 random bits of one entity; the same whoever asks, and whenever.
    pub fn bits(&self, purpose: Purpose, entity: u64, index: u64) -> u64 {
        Stream::new(self.key, [entity, purpose as u64, 0]).bits(index)
    }

    /// A whole number in `0..bound`.
    pub fn below(&self, bound: u64, purpose: Purpose, entity: u64, index: u64) -> u64 {
        let wide = u128::from(self.bits(purpose, entity, index)) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// Whether an event of that probability happens, in parts per million.
    pub fn happens(&self, ppm: i64, purpose: Purpose, entity: u64, index: u64) -> bool {
        (self.below(1_000_000, purpose, entity, index) as i64) < ppm
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&self, low: i64, high: i64, purpose: Purpose, entity: u64, index: u64) -> i64 {
        low + self.below((high - low + 1) as u64, purpose, entity, index) as i64
    }
}

/// Delay of a message whose shortest delay is `least`: `least · (1 + 0.5 / x³)`, x in (0.15, 1].
///
/// Half of the messages take less than 3.6 times the least, none more than 150 times.
///
/// Source: the cubic tail is that of ABIDES' latency model (jpmorganchase/abides-jpmc-public).
pub fn latency(least: i64, bits: u64) -> i64 {
    // x in millionths, from 150,001 to 1,000,000.
    let x = 150_001 + i128::from(((u128::from(bits) * 850_000) >> 64) as u64);
    let tail = i128::from(least) * 500_000_000_000_000_000 / (x * x * x);
    least + tail as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_lies_between_one_and_a_half_and_150_times_the_least() {
        assert_eq!(latency(1_000_000, u64::MAX), 1_500_000);
        let longest = latency(1_000_000, 0);
        assert!(longest > 149_000_000 && longest < 150_000_000, "{longest}");
    }

    #[test]
    fn half_of_the_delays_are_below_3_7_times_the_least() {
        let draws = Draws::new(7);
        let n = 4_000;
        let short =
            (0..n).filter(|i| latency(1_000, draws.bits(Purpose::Latency, 1, *i)) < 3_700).count();
        assert!((1_900..2_200).contains(&short), "{short}");
    }

    #[test]
    fn a_draw_does_not_depend_on_who_asked_before() {
        let draws = Draws::new(7);
        let alone = draws.bits(Purpose::Rejects, 5, 9);
        draws.bits(Purpose::Rejects, 5, 8);
        draws.bits(Purpose::Latency, 5, 9);
        assert_eq!(draws.bits(Purpose::Rejects, 5, 9), alone);
        assert_ne!(draws.bits(Purpose::Latency, 5, 9), alone);
    }
}
