//! The only `exp`, `ln` and `pow` of the engine: one pinned implementation, the same bits on every
//! machine. Addition, multiplication, division and square root are exact everywhere and need no
//! such care.

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

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
