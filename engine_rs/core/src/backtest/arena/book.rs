//! The book of an arena: how much it takes at which price, how a call auction clears against it,
//! and how long it remembers.
//!
//! It knows no strategy: what is asked for is a function of the price.

use crate::EngineError;
use crate::math::exp;
use crate::program::field::Fields;
use serde_json::Value;
use std::f64::consts::LN_2;

/// Furthest log price from the undisturbed one that the book has orders at: a half and twice it.
pub const REACH: f64 = LN_2;
/// How often an auction follows what its own price sets off, before the dealer takes the rest.
const MAX_ROUNDS: usize = 64;
/// Less than this share of what was asked for is what rounding leaves of it.
const ROUNDING: f64 = 1e-12;
const KNOWN: [&str; 3] = ["depth_base_per_bps", "permanent_fraction", "half_life_bars"];

/// Resting orders around a price, as many for sale above as wanted below, at equal distances of
/// the logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Book {
    /// What it takes for a move of the log price by 1.
    depth_base: f64,
    /// Share of a move that stays.
    permanent_fraction: f64,
    /// Share of the rest that is left a bar later.
    kept_fraction: f64,
}

/// How far the market is from where it would be, in log price.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Displacement {
    permanent: f64,
    passing: f64,
}

impl Displacement {
    /// All of it.
    pub fn value(&self) -> f64 {
        self.permanent + self.passing
    }
}

/// What an auction came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cleared {
    /// Displacement of the price that all who traded got.
    pub displacement: f64,
    /// What the book gave at it; negative for what it took.
    pub taken_base: f64,
    /// What was traded beyond that, which the dealer gave.
    pub left_base: f64,
}

impl Book {
    /// Reads the document of a book; every field must be there, and no other.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for a field that is missing, unknown or out of range.
    pub fn read(document: &Value) -> Result<Self, EngineError> {
        let fields = Fields::read(document, "", &KNOWN)?;
        let half_life_bars = fields.within("half_life_bars", 0.0, false, 1e6)?;
        Ok(Self {
            depth_base: 1e4 * fields.within("depth_base_per_bps", 0.0, true, 1e15)?,
            permanent_fraction: fields.within("permanent_fraction", 0.0, false, 1.0)?,
            // No half-life is a market that has forgotten by the next bar: exp(−∞).
            kept_fraction: exp(-LN_2 / half_life_bars),
        })
    }

    /// Clears a call auction around a market that is `middle` from where it would be.
    ///
    /// `asked` is what everybody but the book would buy, less what they would sell, at a price so
    /// far displaced. From the middle outwards, the price is the first found at which the book has
    /// what is asked for. Where there is none, since an order stands or falls with the price
    /// itself or the book has no more, the price is where the book still comes short of it.
    pub fn clear(&self, middle: f64, mut asked: impl FnMut(f64) -> f64) -> Cleared {
        let at = |taken_base: f64| middle + taken_base / self.depth_base;
        let first = asked(at(0.0));
        if first == 0.0 {
            return Cleared { displacement: middle, taken_base: 0.0, left_base: 0.0 };
        }
        let side = first.signum();
        let most = (self.depth_base * (REACH - side * middle)).max(0.0);
        let clipped = |base: f64| side * (side * base).clamp(0.0, most);
        // The book comes short at `near` and has enough at `far`, once that is found.
        let (mut near, mut far) = ((0.0, first), None);
        for _ in 0..MAX_ROUNDS {
            let base = clipped(near.1);
            if base == near.0 {
                break;
            }
            let wanted = asked(at(base));
            if side * wanted < side * base {
                far = Some(base);
                break;
            }
            near = (base, wanted);
        }
        if let Some(far) = far {
            near = halved(near, far, |base| asked(at(base)));
        }
        let (taken_base, wanted) = near;
        let left_base = wanted - taken_base;
        let is_rounding = left_base.abs() <= ROUNDING * wanted.abs();
        Cleared {
            displacement: at(taken_base),
            taken_base,
            left_base: if is_rounding { 0.0 } else { left_base },
        }
    }

    /// The displacement after an auction has taken so much from the book.
    #[must_use]
    pub fn moved(&self, before: Displacement, taken_base: f64) -> Displacement {
        let by = taken_base / self.depth_base;
        Displacement {
            permanent: before.permanent + self.permanent_fraction * by,
            passing: before.passing + (1.0 - self.permanent_fraction) * by,
        }
    }

    /// What is left of it a bar later.
    #[must_use]
    pub fn decayed(&self, before: Displacement) -> Displacement {
        Displacement { passing: before.passing * self.kept_fraction, ..before }
    }
}

/// The last quantity between `near` and `far`, halving what lies between, of which at least as much
/// is asked for, and what is.
fn halved(mut near: (f64, f64), mut far: f64, mut asked: impl FnMut(f64) -> f64) -> (f64, f64) {
    let side = (far - near.0).signum();
    loop {
        let middle = near.0 + (far - near.0) / 2.0;
        if middle == near.0 || middle == far {
            return near;
        }
        let wanted = asked(middle);
        if side * wanted >= side * middle {
            near = (middle, wanted);
        } else {
            far = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn book(permanent: f64, half_life: f64) -> Book {
        let document = json!({
            "depth_base_per_bps": 0.01,
            "permanent_fraction": permanent,
            "half_life_bars": half_life,
        });
        Book::read(&document).unwrap()
    }

    #[test]
    fn what_no_book_can_have_is_refused_at_its_place() {
        let whole =
            json!({"depth_base_per_bps": 1.0, "permanent_fraction": 0.5, "half_life_bars": 2.0});
        for (field, value) in [
            ("depth_base_per_bps", json!(0.0)),
            ("depth_base_per_bps", json!(-1.0)),
            ("depth_base_per_bps", json!(1e16)),
            ("depth_base_per_bps", json!("deep")),
            ("permanent_fraction", json!(-0.1)),
            ("permanent_fraction", json!(1.1)),
            ("half_life_bars", json!(-1.0)),
            ("half_life_bars", json!(2e6)),
            ("half_life_bars", Value::Null),
            ("width", json!(1.0)),
        ] {
            let mut document = whole.clone();
            document[field] = value;
            let message = Book::read(&document).unwrap_err().to_string();
            assert!(message.starts_with(&format!("/{field}: ")), "{message}");
        }
        for field in KNOWN {
            let mut document = whole.clone();
            document.as_object_mut().unwrap().remove(field);
            assert!(Book::read(&document).is_err(), "{field}");
        }
    }

    #[test]
    fn the_price_is_where_the_book_has_what_is_asked_for() {
        let book = book(1.0, 0.0);
        assert_eq!(
            book.clear(0.1, |_| 0.0),
            Cleared { displacement: 0.1, taken_base: 0.0, left_base: 0.0 }
        );
        // A hundred units of depth: ten move the log price by a tenth.
        for side in [1.0, -1.0] {
            let cleared = book.clear(0.0, |_| side * 10.0);
            let expected =
                Cleared { displacement: side * 0.1, taken_base: side * 10.0, left_base: 0.0 };
            assert_eq!(cleared, expected);
        }
        // Less is wanted of what is dearer: 20 − 100·x = 100·x.
        let cleared = book.clear(0.0, |x| 20.0 - 100.0 * x);
        assert!((cleared.displacement - 0.1).abs() < 1e-15 && cleared.left_base == 0.0);
        assert!((cleared.taken_base - 10.0).abs() < 1e-12);
    }

    #[test]
    fn a_price_that_sets_off_orders_is_followed() {
        let book = book(1.0, 0.0);
        // Ten at the market, and a stop of twenty that they reach.
        let cleared = book.clear(0.0, |x| if x >= 0.1 { 30.0 } else { 10.0 });
        assert_eq!((cleared.taken_base, cleared.left_base), (30.0, 0.0));
        assert_eq!(cleared.displacement, 0.3);
    }

    #[test]
    fn what_stands_or_falls_with_the_price_is_the_dealers() {
        let book = book(1.0, 0.0);
        // A limit of ten at 0.05, where the book has five.
        let cleared = book.clear(0.0, |x| if x <= 0.05 { 10.0 } else { 0.0 });
        assert!((cleared.displacement - 0.05).abs() < 1e-15);
        assert!((cleared.taken_base - 5.0).abs() < 1e-12);
        assert_eq!(cleared.taken_base + cleared.left_base, 10.0);
    }

    #[test]
    fn the_book_ends_at_its_reach() {
        let book = book(1.0, 0.0);
        for (side, middle) in [(1.0, 0.0), (-1.0, 0.0), (1.0, 0.2), (-1.0, -REACH)] {
            let cleared = book.clear(middle, |_| side * 1e6);
            assert!((cleared.displacement - side * REACH).abs() < 1e-15);
            assert!((cleared.taken_base - side * (REACH - side * middle) * 100.0).abs() < 1e-12);
            assert_eq!(cleared.taken_base + cleared.left_base, side * 1e6);
        }
        // Whoever asks for more the dearer it is finds the end of it too.
        let cleared = book.clear(0.0, |x| 10.0 + 200.0 * x);
        assert!((cleared.displacement - REACH).abs() < 1e-12);
    }

    #[test]
    fn a_move_stays_in_part_and_the_rest_halves_in_its_time() {
        let lasting = book(0.25, 2.0);
        let mut displacement = lasting.moved(Displacement::default(), 10.0);
        assert!((displacement.value() - 0.1).abs() < 1e-15);
        for _ in 0..2 {
            displacement = lasting.decayed(displacement);
        }
        assert!((displacement.value() - (0.025 + 0.0375)).abs() < 1e-15);
        let forgetful = book(0.0, 0.0);
        let after = forgetful.decayed(forgetful.moved(Displacement::default(), 10.0));
        assert_eq!(after.value(), 0.0);
        let stubborn = book(1.0, 0.0);
        let after = stubborn.decayed(stubborn.moved(Displacement::default(), 10.0));
        assert_eq!(after.value(), 0.1);
    }
}
