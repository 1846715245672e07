//! Elementwise work on columns: arithmetic on numbers, comparisons to bits, logic on bits.
//!
//! A column of numbers marks unknown by NaN. A column of truth values is two bit columns, one for
//! true and one for false; a bar in neither is unknown, and so Kleene's logic is `&` and `|`.

use super::{Arithmetic, Comparison};

/// A column of numbers, or one number for all bars.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// The same on every bar.
    Scalar(f64),
    /// One a bar.
    Column(&'a [f64]),
}

/// Bits of 64 bars each, the earliest lowest; bits past the last bar are zero.
pub type Bits = Vec<u64>;

/// Number of words for so many bars.
pub fn words(n_bars: usize) -> usize {
    n_bars.div_ceil(64)
}

/// Calls `$body` with `$x` and `$y` as functions of the bar, once for each pair of shapes, so
/// that no loop asks for the shape.
macro_rules! with_shapes {
    ($a:expr, $b:expr, $n:expr, |$x:ident, $y:ident| $body:expr) => {
        match ($a, $b) {
            (Numbers::Column(a), Numbers::Column(b)) => {
                let (a, b) = (&a[..$n], &b[..$n]);
                let ($x, $y) = (|t: usize| a[t], |t: usize| b[t]);
                $body
            }
            (Numbers::Column(a), Numbers::Scalar(b)) => {
                let a = &a[..$n];
                let ($x, $y) = (|t: usize| a[t], |_: usize| b);
                $body
            }
            (Numbers::Scalar(a), Numbers::Column(b)) => {
                let b = &b[..$n];
                let ($x, $y) = (|_: usize| a, |t: usize| b[t]);
                $body
            }
            (Numbers::Scalar(a), Numbers::Scalar(b)) => {
                let ($x, $y) = (|_: usize| a, |_: usize| b);
                $body
            }
        }
    };
}

/// Writes `a op b`, unknown where either is or where the result is not finite.
pub fn arithmetic(op: Arithmetic, a: Numbers, b: Numbers, output: &mut [f64]) {
    let n = output.len();
    with_shapes!(a, b, n, |x, y| match op {
        Arithmetic::Add => each(output, |t| x(t) + y(t)),
        Arithmetic::Sub => each(output, |t| x(t) - y(t)),
        Arithmetic::Mul => each(output, |t| x(t) * y(t)),
        Arithmetic::Div => each(output, |t| x(t) / y(t)),
    });
}

/// Writes `value(t)` for every bar, unknown where it is not finite.
fn each(output: &mut [f64], value: impl Fn(usize) -> f64) {
    for (t, slot) in output.iter_mut().enumerate() {
        let real = value(t);
        *slot = if real.is_finite() { real } else { f64::NAN };
    }
}

/// Writes the column negated.
pub fn negate(a: Numbers, output: &mut [f64]) {
    match a {
        Numbers::Scalar(a) => output.fill(-a),
        Numbers::Column(a) => {
            for (slot, value) in output.iter_mut().zip(a) {
                *slot = -value;
            }
        }
    }
}

/// Writes the value of `k` bars ago, unknown in the first `k` bars.
pub fn shift(a: Numbers, k: usize, output: &mut [f64]) {
    let k = k.min(output.len());
    output[..k].fill(f64::NAN);
    let rest = &mut output[k..];
    match a {
        Numbers::Scalar(a) => rest.fill(a),
        Numbers::Column(a) => rest.copy_from_slice(&a[..rest.len()]),
    }
}

/// Sets the bits of the bars where the comparison is true and where it is false.
pub fn compare(
    op: Comparison,
    a: Numbers,
    b: Numbers,
    n_bars: usize,
    is_true: &mut Bits,
    is_false: &mut Bits,
) {
    // Every comparison with NaN is false, so an unknown sets neither bit.
    with_shapes!(a, b, n_bars, |x, y| match op {
        Comparison::Lt => pack2(n_bars, is_true, is_false, |t| x(t) < y(t), |t| x(t) >= y(t)),
        Comparison::Le => pack2(n_bars, is_true, is_false, |t| x(t) <= y(t), |t| x(t) > y(t)),
        Comparison::Eq => {
            pack2(n_bars, is_true, is_false, |t| x(t) == y(t), |t| (x(t) < y(t)) | (x(t) > y(t)))
        }
        Comparison::Ne => {
            pack2(n_bars, is_true, is_false, |t| (x(t) < y(t)) | (x(t) > y(t)), |t| x(t) == y(t))
        }
    });
}

fn pack2(
    n_bars: usize,
    is_true: &mut Bits,
    is_false: &mut Bits,
    yes: impl Fn(usize) -> bool,
    no: impl Fn(usize) -> bool,
) {
    is_true.clear();
    is_false.clear();
    for start in (0..n_bars).step_by(64) {
        let n = (n_bars - start).min(64);
        is_true.push(pack(start, n, &yes));
        is_false.push(pack(start, n, &no));
    }
}

/// Up to 64 bits from `start` on.
#[inline]
fn pack(start: usize, n: usize, bit: impl Fn(usize) -> bool) -> u64 {
    let mut word = 0;
    if n == 64 {
        for byte in 0..8 {
            let flags: [u8; 8] = std::array::from_fn(|k| u8::from(bit(start + 8 * byte + k)));
            word |= gather(u64::from_le_bytes(flags)) << (8 * byte);
        }
    } else {
        for k in 0..n {
            word |= u64::from(bit(start + k)) << k;
        }
    }
    word
}

/// The lowest bit of each of eight bytes, side by side.
#[inline]
fn gather(bytes: u64) -> u64 {
    // Byte k lands in bit 56 + k of the product, and nothing else reaches those bits.
    bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Sets the bits of the bars where `a` passes `b`: upwards, unless the operands are swapped.
///
/// `above` and `below_or_at` say of each bar whether a > b and whether a <= b.
pub fn cross(above: &Bits, below_or_at: &Bits, is_true: &mut Bits, is_false: &mut Bits) {
    is_true.clear();
    is_false.clear();
    let mut carry_low = 0;
    let mut carry_known = 0;
    for (up, low) in above.iter().zip(below_or_at) {
        let known = up | low;
        let was_low = (low << 1) | carry_low;
        let was_known = (known << 1) | carry_known;
        is_true.push(up & was_low);
        is_false.push(known & was_known & !(up & was_low));
        carry_low = low >> 63;
        carry_known = known >> 63;
    }
}

/// Bits of all `n_bars` bars.
pub fn all(n_bars: usize, bits: &mut Bits) {
    bits.clear();
    bits.resize(n_bars / 64, u64::MAX);
    if n_bars % 64 > 0 {
        bits.push((1 << (n_bars % 64)) - 1);
    }
}

/// Keeps the bits that `other` has too.
pub fn and(bits: &mut Bits, other: &Bits) {
    bits.iter_mut().zip(other).for_each(|(word, mask)| *word &= mask);
}

/// Adds the bits that `other` has.
pub fn or(bits: &mut Bits, other: &Bits) {
    bits.iter_mut().zip(other).for_each(|(word, mask)| *word |= mask);
}
