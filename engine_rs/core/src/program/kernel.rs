//! Elementwise work on columns: arithmetic on numbers, comparisons to bits, logic on bits.
//!
//! A column of numbers marks unknown by NaN. A column of truth values is two bit columns, one for
//! true and one for false; a bar in neither is unknown, and so Kleene's logic is `&` and `|`.

use super::{Arithmetic, Comparison, Function};
use crate::math;
use crate::wide::widest;
use std::ops::Range;

/// A column of numbers, or one number for all bars.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// The same on every bar.
    Scalar(f64),
    /// One a bar.
    Column(&'a [f64]),
}

impl Numbers<'_> {
    /// The same of some of the bars.
    pub fn of(self, range: Range<usize>) -> Self {
        match self {
            Self::Scalar(value) => Self::Scalar(value),
            Self::Column(column) => Self::Column(&column[range]),
        }
    }
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

widest! {
    /// Writes `a op b`, unknown where either is or where the result is not finite.
    pub fn arithmetic(op: Arithmetic, a: Numbers, b: Numbers, output: &mut [f64]) {
        let n = output.len();
        with_shapes!(a, b, n, |x, y| match op {
            Arithmetic::Add => each(output, |t| x(t) + y(t)),
            Arithmetic::Sub => each(output, |t| x(t) - y(t)),
            Arithmetic::Mul => each(output, |t| x(t) * y(t)),
            Arithmetic::Div => each(output, |t| x(t) / y(t)),
            Arithmetic::Min => each(output, |t| least(x(t), y(t))),
            Arithmetic::Max => each(output, |t| -least(-x(t), -y(t))),
        });
    }
}

/// What [`arithmetic`] writes for two numbers.
pub fn combined(op: Arithmetic, a: f64, b: f64) -> f64 {
    known(match op {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::Min => least(a, b),
        Arithmetic::Max => -least(-a, -b),
    })
}

/// The smaller of two numbers, minus zero before zero; unknown if either is. The same whichever
/// comes first.
#[inline(always)]
fn least(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a.total_cmp(&b).is_lt() {
        a
    } else {
        b
    }
}

/// Writes a function of every value, unknown where it has none.
pub fn function(op: Function, a: Numbers, output: &mut [f64]) {
    match a {
        Numbers::Scalar(a) => output.fill(applied(op, a)),
        Numbers::Column(a) => {
            for (slot, value) in output.iter_mut().zip(a) {
                *slot = applied(op, *value);
            }
        }
    }
}

/// What [`function`] writes for one number.
pub fn applied(op: Function, a: f64) -> f64 {
    known(match op {
        Function::Abs => a.abs(),
        Function::Sqrt => a.sqrt(),
        Function::Log => math::ln(a),
        Function::Exp => math::exp(a),
    })
}

/// A number as it is, and what is not finite as unknown.
#[inline(always)]
fn known(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

/// Writes `value(t)` for every bar, unknown where it is not finite.
#[inline(always)]
fn each(output: &mut [f64], value: impl Fn(usize) -> f64) {
    for (t, slot) in output.iter_mut().enumerate() {
        *slot = known(value(t));
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

/// Bars whose bits make one word.
const WORD: usize = 64;

/// A word's bars of a column; past its end come unknowns, which set no bit.
struct Lane<'a> {
    numbers: Numbers<'a>,
    copy: [f64; WORD],
}

impl<'a> Lane<'a> {
    fn new(numbers: Numbers<'a>) -> Self {
        let fill = if let Numbers::Scalar(value) = numbers { value } else { f64::NAN };
        Self { numbers, copy: [fill; WORD] }
    }

    #[inline(always)]
    fn at(&mut self, start: usize) -> &[f64; WORD] {
        let Numbers::Column(column) = self.numbers else { return &self.copy };
        match column[start..].first_chunk() {
            Some(whole) => whole,
            None => {
                let rest = &column[start..];
                self.copy = [f64::NAN; WORD];
                self.copy[..rest.len()].copy_from_slice(rest);
                &self.copy
            }
        }
    }
}

/// Adds the bits of the bars for which `is_set` holds, word by word; bars past the last one are
/// unknown, unless both operands are the same on every bar.
#[inline(always)]
fn each_word(
    a: Numbers,
    b: Numbers,
    n_bars: usize,
    bits: &mut Bits,
    is_set: impl Fn(f64, f64) -> bool,
) {
    let (mut a, mut b) = (Lane::new(a), Lane::new(b));
    let n_before = bits.len();
    bits.resize(n_before + words(n_bars), 0);
    for (word, slot) in bits[n_before..].iter_mut().enumerate() {
        *slot = pack(a.at(word * WORD), b.at(word * WORD), &is_set);
    }
}

/// One bit for each bar of a word.
const BITS: [u64; WORD] = {
    let mut bits = [0; WORD];
    let mut k = 0;
    while k < WORD {
        bits[k] = 1 << k;
        k += 1;
    }
    bits
};

/// The bits of the bars for which `is_set` holds.
#[inline(always)]
fn pack(a: &[f64; WORD], b: &[f64; WORD], is_set: impl Fn(f64, f64) -> bool) -> u64 {
    // A comparison of doubles leaves a mask as wide as a word: no bit needs to be moved.
    let mut word = 0;
    for k in 0..WORD {
        word |= if is_set(a[k], b[k]) { BITS[k] } else { 0 };
    }
    word
}

/// Adds the bits of the bars where the comparison is true and, unless no one asks, where it is
/// false. What was added before must be whole words.
pub fn compare(
    op: Comparison,
    a: Numbers,
    b: Numbers,
    n_bars: usize,
    is_true: &mut Bits,
    is_false: Option<&mut Bits>,
) {
    pack_all(op, a, b, n_bars, is_true);
    trim(is_true, n_bars);
    if let Some(is_false) = is_false {
        // What is false one way round is true the other way round, or of the opposite.
        match op {
            Comparison::Lt => compare(Comparison::Le, b, a, n_bars, is_false, None),
            Comparison::Le => compare(Comparison::Lt, b, a, n_bars, is_false, None),
            Comparison::Eq => compare(Comparison::Ne, a, b, n_bars, is_false, None),
            Comparison::Ne => compare(Comparison::Eq, a, b, n_bars, is_false, None),
        }
    }
}

widest! {
    fn pack_all(op: Comparison, a: Numbers, b: Numbers, n_bars: usize, bits: &mut Bits) {
        // Every comparison with NaN is false, so an unknown sets neither bit.
        let differ = |a: f64, b: f64| (a < b) | (a > b);
        match op {
            Comparison::Lt => each_word(a, b, n_bars, bits, |a, b| a < b),
            Comparison::Le => each_word(a, b, n_bars, bits, |a, b| a <= b),
            Comparison::Eq => each_word(a, b, n_bars, bits, |a, b| a == b),
            Comparison::Ne => each_word(a, b, n_bars, bits, differ),
        }
    }
}

/// Clears the bits past the last bar.
fn trim(bits: &mut Bits, n_bars: usize) {
    if let Some(last) = bits.last_mut().filter(|_| !n_bars.is_multiple_of(WORD)) {
        *last &= (1 << (n_bars % WORD)) - 1;
    }
}

/// How two columns lie to one another on every bar: all that a cross in either direction needs.
#[derive(Clone, Debug, Default)]
pub struct Order {
    above: Bits,
    below: Bits,
    known: Bits,
}

impl Order {
    /// Forgets what was compared.
    pub fn clear(&mut self) {
        self.above.clear();
        self.below.clear();
        self.known.clear();
    }

    /// Compares two columns, or more of them; what was compared before must be whole words.
    pub fn extend(&mut self, a: Numbers, b: Numbers, n_bars: usize) {
        read_order(a, b, n_bars, self);
        for bits in [&mut self.above, &mut self.below, &mut self.known] {
            trim(bits, n_bars);
        }
    }

    /// Sets the bits of the bars on which the first column passes the second, upwards or
    /// downwards, and, unless no one asks, of those on which it does not.
    pub fn cross(&self, is_over: bool, is_true: &mut Bits, mut is_false: Option<&mut Bits>) {
        let beyond = if is_over { &self.above } else { &self.below };
        let (mut was_short, mut was_known) = (0, 0);
        for (beyond, known) in beyond.iter().zip(&self.known) {
            let short = known & !beyond;
            let crosses = beyond & ((short << 1) | was_short);
            is_true.push(crosses);
            if let Some(is_false) = &mut is_false {
                is_false.push(known & ((known << 1) | was_known) & !crosses);
            }
            was_short = short >> 63;
            was_known = known >> 63;
        }
    }
}

/// Bits of all `n_bars` bars.
pub fn all(n_bars: usize, bits: &mut Bits) {
    bits.clear();
    bits.resize(n_bars / 64, u64::MAX);
    if !n_bars.is_multiple_of(64) {
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

widest! {
    fn read_order(a: Numbers, b: Numbers, n_bars: usize, order: &mut Order) {
        let (mut a, mut b) = (Lane::new(a), Lane::new(b));
        let (n_before, n_words) = (order.above.len(), words(n_bars));
        let [above, below, known] =
            [&mut order.above, &mut order.below, &mut order.known].map(|bits| {
                bits.resize(n_before + n_words, 0);
                &mut bits[n_before..]
            });
        let parts = above.iter_mut().zip(below).zip(known);
        for (word, ((above, below), known)) in parts.enumerate() {
            let (a, b) = (a.at(word * WORD), b.at(word * WORD));
            *above = pack(a, b, |a, b| a > b);
            // Almost never is a bar neither above nor below.
            let mut differ = true;
            for k in 0..WORD {
                differ &= (a[k] > b[k]) | (a[k] < b[k]);
            }
            (*below, *known) = (!*above, u64::MAX);
            if !differ {
                *below = pack(a, b, |a, b| a < b);
                *known = *above | *below | pack(a, b, |a, b| a == b);
            }
        }
    }
}
