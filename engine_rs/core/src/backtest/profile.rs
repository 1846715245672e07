//! Execution: how orders become fills and what they cost; the shipped profiles as data.

use super::cost::Costs;
use crate::EngineError;
use crate::program::field::Fields;
use serde_json::{Value, json};

/// What becomes of a position that is open after the last bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finalize {
    /// It is closed at the last close, at full cost.
    Close,
    /// It is valued at the last close.
    Mark,
}

/// What becomes of an entry that the account cannot pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnInsufficient {
    /// It is made smaller.
    Shrink,
    /// It is dropped.
    Reject,
}

/// Which of two orders of events inside a bar is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intrabar {
    /// The worse.
    Pessimistic,
    /// The one that the bar's `hl_order` tells; the worse where it tells nothing.
    Path,
    /// The better.
    Optimistic,
}

/// How orders become fills and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Bars from a decision to the bar its order is active in; at least one.
    pub bar_delay: usize,
    /// What becomes of the last position.
    pub finalize: Finalize,
    /// Quantities are multiples of this; 0: any quantity.
    pub lot_base: f64,
    /// What becomes of an entry that cannot be paid.
    pub on_insufficient: OnInsufficient,
    /// Slippage and fees.
    pub costs: Costs,
    /// What is believed of a bar's inside.
    pub intrabar: Intrabar,
}

const KNOWN: [&str; 12] = [
    "bar_delay",
    "conflict",
    "finalize",
    "lot",
    "on_insufficient",
    "base_bps",
    "k_vol",
    "fee_bps",
    "min_fee",
    "fixed",
    "market_fill",
    "intrabar",
];
const HUGE: f64 = 1e15;

/// The shipped profiles: a name and every field of an execution document.
pub fn profiles() -> Value {
    json!({
        "honest_v1": {
            "bar_delay": 1, "conflict": "none", "finalize": "close", "lot": 0.0,
            "on_insufficient": "shrink", "base_bps": 1.0, "k_vol": 0.05, "fee_bps": 2.0,
            "min_fee": 0.0, "fixed": 0.0, "market_fill": "open", "intrabar": "pessimistic",
        },
    })
}

impl Execution {
    /// Reads a whole execution document; every field must be there, and no other.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for a field that is missing, unknown, or of a value no execution can have,
    /// such as a delay of no bars or a negative cost.
    pub fn read(document: &Value) -> Result<Self, EngineError> {
        let fields = Fields::read(document, "", &KNOWN)?;
        fields.choice("conflict", &[("none", ())])?;
        fields.choice("market_fill", &[("open", ())])?;
        Ok(Self {
            bar_delay: fields.count("bar_delay", 1, 1_000)?,
            finalize: fields
                .choice("finalize", &[("close", Finalize::Close), ("mark", Finalize::Mark)])?,
            lot_base: fields.within("lot", 0.0, false, HUGE)?,
            on_insufficient: fields.choice(
                "on_insufficient",
                &[("shrink", OnInsufficient::Shrink), ("reject", OnInsufficient::Reject)],
            )?,
            costs: Costs {
                base_bps: fields.within("base_bps", 0.0, false, 1e4)?,
                k_vol: fields.within("k_vol", 0.0, false, 1e3)?,
                fee_bps: fields.within("fee_bps", 0.0, false, 1e4)?,
                min_fee_quote: fields.within("min_fee", 0.0, false, HUGE)?,
                fixed_quote: fields.within("fixed", 0.0, false, HUGE)?,
            },
            intrabar: fields.choice(
                "intrabar",
                &[
                    ("pessimistic", Intrabar::Pessimistic),
                    ("path", Intrabar::Path),
                    ("optimistic", Intrabar::Optimistic),
                ],
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_can_be_read() {
        for (name, document) in profiles().as_object().unwrap() {
            assert!(Execution::read(document).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_no_execution_can_have_is_refused_at_its_place() {
        for (field, value) in [
            ("bar_delay", json!(0)),
            ("bar_delay", json!(1.5)),
            ("fee_bps", json!(-1.0)),
            ("lot", json!("1")),
            ("market_fill", json!("close")),
            ("intrabar", json!("hopeful")),
            ("latency", json!(1)),
            ("min_fee", Value::Null),
        ] {
            let mut document = profiles()["honest_v1"].clone();
            document[field] = value;
            let message = Execution::read(&document).unwrap_err().to_string();
            assert!(message.starts_with(&format!("/{field}: ")), "{message}");
        }
    }
}
