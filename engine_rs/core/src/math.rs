//! The only `exp`, `ln`, `pow` and their kin of the engine: one pinned implementation, the same
//! bits on every machine. Addition, multiplication, division and square root are exact everywhere
//! and need no such care.

/// e to the power `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// Natural logarithm of `x`.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `x` to the power `y`.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// e to the power `x`, less 1; keeps its digits where `x` is small.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Probability that a standard normal lies below `x`.
#[inline]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Replaces every value, which must be positive, finite and not subnormal, by its natural
/// logarithm: the bits of [`ln`].
///
/// The same operations in the same order as the pinned implementation, without its branches, so
/// that the compiler may take several values at a time.
///
/// Source: FreeBSD msun, `e_log.c`. Copyright (C) 1993 by Sun Microsystems, Inc. All rights
/// reserved. Developed at SunSoft, a Sun Microsystems, Inc. business. Permission to use, copy,
/// modify, and distribute this software is freely granted, provided that this notice is preserved.
pub fn ln_each(values: &mut [f64]) {
    // High word of √½, and what brings a mantissa in [√½, √2) to the exponent of 1.
    const ROOT_HALF: u64 = 0x3fe6_a09e << 32;
    const SHIFT: u64 = (0x3ff0_0000 << 32) - ROOT_HALF;
    const MANTISSA: u64 = (1 << 52) - 1;
    // 2^52 plus a number below 2^52 holds it in its mantissa: an exact conversion to a double.
    const TWO_POW_52: u64 = 0x4330_0000_0000_0000;
    const TWO_POW_52_AND_BIAS: f64 = 4_503_599_627_370_496.0 + 1_023.0;
    for value in values {
        debug_assert!(value.is_normal() && *value > 0.0);
        let bits = value.to_bits().wrapping_add(SHIFT);
        let k = f64::from_bits(bits >> 52 | TWO_POW_52) - TWO_POW_52_AND_BIAS;
        let f = f64::from_bits((bits & MANTISSA).wrapping_add(ROOT_HALF)) - 1.0;
        let half_square = 0.5 * f * f;
        let s = f / (2.0 + f);
        let z = s * s;
        let w = z * z;
        let even = w * (LN_2 + w * (LN_4 + w * LN_6));
        let odd = z * (LN_1 + w * (LN_3 + w * (LN_5 + w * LN_7)));
        let r = odd + even;
        *value = s * (half_square + r) + k * LN2_LOW - half_square + f + k * LN2_HIGH;
    }
}

/// Replaces every value `x` by e to the power `x`: the bits of [`exp`].
///
/// Values of 700 and more, up or down, and those below 2^-28 take the branches of the pinned
/// implementation; for the others the same operations run in the same order without them.
///
/// Source: FreeBSD msun, `e_exp.c`. Copyright (C) 2004 by Sun Microsystems, Inc. All rights
/// reserved. Permission to use, copy, modify, and distribute this software is freely granted,
/// provided that this notice is preserved.
pub fn exp_each(values: &mut [f64]) {
    // The pinned implementation compares high words: this is the first double above 2^-28 to it.
    let tiny = f64::from_bits(0x3e30_0001 << 32);
    // One pass without branches; NaN is not below 700 either.
    let all_moderate = values.iter().fold(true, |so_far, x| {
        let size = x.abs();
        so_far & (size < 700.0) & ((size >= tiny) | (size == 0.0))
    });
    if all_moderate {
        for value in values {
            *value = exp_moderate(*value);
        }
    } else {
        for value in values {
            *value = exp(*value);
        }
    }
}

#[inline(always)]
fn exp_moderate(x: f64) -> f64 {
    // Adding 1.5·2^52 and taking it off again rounds to a whole number, exactly.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    // As above, the first doubles above a high word.
    let half_ln2 = f64::from_bits(0x3fd6_2e43 << 32);
    let three_half_ln2 = f64::from_bits(0x3ff0_a2b2 << 32);
    let size = x.abs();

    // Number of halvings: towards zero from x / ln 2 ± ½; one next to zero; none at zero.
    let half = 0.5_f64.copysign(x);
    let scaled = (INVERSE_LN2 * x + half).abs();
    let rounded = (scaled + ROUND) - ROUND;
    let cut = if rounded > scaled { rounded - 1.0 } else { rounded };
    let many = if size >= three_half_ln2 { cut } else { 1.0 };
    let count = if size >= half_ln2 { many } else { 0.0 };
    let k = count.copysign(x);

    let high = x - k * LN2_HIGH;
    let low = k * LN2_LOW;
    let reduced = high - low;
    let square = reduced * reduced;
    let c = reduced
        - square
            * (EXP_1 + square * (EXP_2 + square * (EXP_3 + square * (EXP_4 + square * EXP_5))));
    let y = 1.0 + (reduced * c / (2.0 - c) - low + high);
    // 2^k: k lies in the low bits of 1.5·2^52 + k; the bias is added and all moved to the exponent.
    let power = f64::from_bits((k + ROUND).to_bits().wrapping_add(1023) << 52);
    y * power
}

const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const INVERSE_LN2: f64 = f64::from_bits(0x3ff7_1547_652b_82fe);
const LN_1: f64 = f64::from_bits(0x3fe5_5555_5555_5593);
const LN_2: f64 = f64::from_bits(0x3fd9_9999_9997_fa04);
const LN_3: f64 = f64::from_bits(0x3fd2_4924_9422_9359);
const LN_4: f64 = f64::from_bits(0x3fcc_71c5_1d8e_78af);
const LN_5: f64 = f64::from_bits(0x3fc7_4664_96cb_03de);
const LN_6: f64 = f64::from_bits(0x3fc3_9a09_d078_c69f);
const LN_7: f64 = f64::from_bits(0x3fc2_f112_df3e_5244);
const EXP_1: f64 = f64::from_bits(0x3fc5_5555_5555_553e);
const EXP_2: f64 = f64::from_bits(0xbf66_c16c_16be_bd93);
const EXP_3: f64 = f64::from_bits(0x3f11_566a_af25_de2c);
const EXP_4: f64 = f64::from_bits(0xbebb_bd41_c5d2_6bf1);
const EXP_5: f64 = f64::from_bits(0x3e66_3769_72be_a4d0);

/// Sum in index order, compensated after Neumaier, so that a long series loses nothing.
///
/// An empty series sums to zero.
///
/// Source: Neumaier (1974), "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
/// Summen", ZAMM 54.
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = 0.0_f64;
    let mut lost = 0.0_f64;
    for value in values {
        let next = total + value;
        // Both branches are exact; the larger operand keeps its bits, the smaller loses some.
        lost += if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    total + lost
}

/// A running sum, compensated as in [`sum`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    /// Adds one value.
    #[inline(always)]
    pub fn add(&mut self, value: f64) {
        // Knuth's form finds the same rounding error as Neumaier's, without a branch.
        let next = self.total + value;
        let part = next - self.total;
        self.lost += (self.total - (next - part)) + (value - part);
        self.total = next;
    }

    /// The sum so far.
    pub fn value(&self) -> f64 {
        self.total + self.lost
    }
}

/// Logarithm of each price over the one before it, good to the last bits even when they are
/// close; all must be positive. The first is of no use: there is no price before it.
///
/// Source: ln x = 2 artanh((x − 1)/(x + 1)), Abramowitz and Stegun 4.1.27.
#[inline(always)]
pub fn ln_ratios<const N: usize>(prices: &[f64; N]) -> [f64; N] {
    let mut halves = [0.0; N];
    let mut furthest = 0.0_f64;
    for k in 1..N {
        halves[k] = (prices[k] - prices[k - 1]) / (prices[k] + prices[k - 1]);
        furthest = if halves[k].abs() > furthest { halves[k].abs() } else { furthest };
    }
    // Without branches inside, so that several are done at once. The first term that is left out
    // is below 2^-64 of the result, or beyond 1/32 of no account.
    if furthest <= 1.0 / 256.0 {
        for y in &mut halves {
            let z = *y * *y;
            *y = 2.0 * (*y + *y * (z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0)))));
        }
    } else {
        for k in 1..N {
            let y = halves[k];
            let z = y * y;
            let tail = 1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z * (1.0 / 15.0)));
            let series = z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * tail)));
            halves[k] = 2.0 * (y + y * series);
            if y.abs() > 1.0 / 32.0 {
                halves[k] = ln(prices[k] / prices[k - 1]);
            }
        }
    }
    halves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_sum_is_the_sum() {
        let values = [1e100, 1.0, -1e100, 3.5, -1e-30, 1e16, 1.0];
        let mut running = Sum::default();
        values.iter().for_each(|value| running.add(*value));
        assert_eq!(running.value().to_bits(), sum(values).to_bits());
    }

    #[test]
    fn the_logarithm_of_a_ratio_agrees_with_that_of_the_quotient() {
        for step in 1..4_000 {
            let now = 100.0 * (1.0 + 0.000_05 * f64::from(step) - 0.1);
            let [_, there, back] = ln_ratios(&[100.0, now, 100.0]);
            let expected = ln(now / 100.0);
            // The quotient itself is only good to an ulp of one.
            assert!((there - expected).abs() <= 2.3e-16 + 4e-16 * expected.abs(), "{now}");
            assert!((there + back).abs() <= 2.3e-16);
        }
        assert_eq!(ln_ratios(&[7.0; 4])[1..], [0.0; 3]);
    }

    #[test]
    fn a_compensated_sum_keeps_what_a_plain_one_loses() {
        assert_eq!(sum([1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum([]), 0.0);
    }

    #[test]
    fn known_answers_hold_bit_for_bit() {
        assert_eq!(exp(1.0).to_bits(), 0x4005_bf0a_8b14_576a);
        assert_eq!(ln(2.0).to_bits(), 0x3fe6_2e42_fefa_39ef);
        assert_eq!(pow(2.0, 0.5).to_bits(), 0x3ff6_a09e_667f_3bcd);
        assert_eq!(exp_m1(1e-10), 1.000_000_000_05e-10);
        assert_eq!(normal_cdf(0.0), 0.5);
        assert!((normal_cdf(-1.959_963_984_540_054) - 0.025).abs() < 1e-16);
    }

    /// Doubles of every size below `limit`, both signs, with the values near which branches lie.
    fn sample(limit: f64) -> Vec<f64> {
        let stream = crate::random::Stream::new([7, 7], [0; 3]);
        let mut values = vec![0.0, -0.0, 1.0, -1.0, 0.5 * 2.0_f64.sqrt(), 2.0_f64.sqrt()];
        for high in
            [0x3fd6_2e42_u64, 0x3fd6_2e43, 0x3ff0_a2b1, 0x3ff0_a2b2, 0x3e30_0000, 0x3e30_0001]
        {
            for low in [0_u64, 1, 0xffff_ffff] {
                let value = f64::from_bits(high << 32 | low);
                values.extend([value, -value]);
            }
        }
        for k in -1000_i32..1000 {
            let near = f64::from(k) * 0.5 * LN2_HIGH;
            values.extend([near, near + 1e-12, near - 1e-12]);
        }
        for index in 0..100_000 {
            let size = stream.uniform(3 * index) * 40.0 - 35.0;
            let value = stream.uniform(3 * index + 1) * pow(2.0, size.floor());
            values.push(if stream.uniform(3 * index + 2) < 0.5 { value } else { -value });
            values.push((stream.uniform(3 * index) * 2.0 - 1.0) * limit);
        }
        values.retain(|value| value.abs() < limit);
        values
    }

    #[test]
    fn exponentials_by_the_array_have_the_bits_of_those_one_by_one() {
        let values = sample(700.0);
        // One value a time, lest a tiny one send all of them down the slow way.
        let mut by_array = values.clone();
        by_array.chunks_mut(1).for_each(exp_each);
        for (x, e) in values.iter().zip(&by_array) {
            assert_eq!(e.to_bits(), exp(*x).to_bits(), "exp({x:e})");
        }
        let mut extremes = [800.0, -800.0, f64::INFINITY, f64::NEG_INFINITY, 1.0];
        exp_each(&mut extremes);
        assert_eq!(extremes, [f64::INFINITY, 0.0, f64::INFINITY, 0.0, exp(1.0)]);
        let mut unknown = [f64::NAN, 1.0];
        exp_each(&mut unknown);
        assert!(unknown[0].is_nan() && unknown[1] == exp(1.0));
    }

    #[test]
    fn logarithms_by_the_array_have_the_bits_of_those_one_by_one() {
        let mut values = sample(1e300);
        values.iter_mut().for_each(|value| *value = value.abs());
        values.retain(|value| value.is_normal());
        values.extend([f64::MIN_POSITIVE, f64::MAX, 1.0 - f64::EPSILON, 1.0 + f64::EPSILON]);
        values.extend([crate::random::uniform(0), crate::random::uniform(u64::MAX)]);
        let mut by_array = values.clone();
        ln_each(&mut by_array);
        for (x, l) in values.iter().zip(&by_array) {
            assert_eq!(l.to_bits(), ln(*x).to_bits(), "ln({x:e})");
        }
    }
}
