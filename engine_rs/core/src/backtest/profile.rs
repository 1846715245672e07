//! Execution: how orders become fills and what they cost; the shipped profiles as data.

use super::cost::{Costs, Financing, Impact};
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

/// Which price of its bar a market order gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketFill {
    /// The open.
    Open,
    /// The close, which nobody can be sure to get.
    Close,
}

/// Which bars fill a limit, and at what price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitFill {
    /// A bar that reaches it; at the open if that is better.
    Touch,
    /// A bar that passes it, for whoever stands last in the queue; at the open if that is better.
    Through,
    /// A bar whose range holds it, and always at the limit: one that gaps beyond it fills nothing.
    TouchV0,
}

/// Which entry is decided when rules ask to buy and to sell on one bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// None.
    None,
    /// That of the first such rule of the document.
    First,
    /// The run is refused.
    Error,
}

/// How orders become fills and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Bars from a decision to the bar its order is active in; at least one.
    pub bar_delay: usize,
    /// Which price a market order gets.
    pub market_fill: MarketFill,
    /// Which bars fill a limit.
    pub limit_fill: LimitFill,
    /// Which entry is decided when rules contradict each other.
    pub conflict: Conflict,
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
    /// Share of a bar's volume that its fills may take together; None: all that is asked for.
    pub participation: Option<f64>,
    /// What holding costs.
    pub financing: Financing,
}

/// The fields of an execution document.
const KNOWN: [&str; 21] = [
    "bar_delay",
    "market_fill",
    "limit_fill",
    "intrabar",
    "conflict",
    "finalize",
    "lot",
    "on_insufficient",
    "base_bps",
    "k_vol",
    "fee_bps",
    "maker_bps",
    "min_fee",
    "fixed",
    "impact",
    "impact_y",
    "participation",
    "half_spread_bps",
    "borrow_bps_year",
    "funding_bps_year",
    "cash_rate_year",
];
const HUGE: f64 = 1e15;
const MAX_BPS: f64 = 1e4;
/// More than any money market has paid or asked.
const MAX_BPS_YEAR: f64 = 1e6;

/// The shipped profiles: a name and every field of an execution document.
pub fn profiles() -> Value {
    let honest = json!({
        "bar_delay": 1, "market_fill": "open", "limit_fill": "touch", "intrabar": "pessimistic",
        "conflict": "none", "finalize": "close", "lot": 0.0, "on_insufficient": "shrink",
        "base_bps": 1.0, "k_vol": 0.05, "fee_bps": 2.0, "maker_bps": null, "min_fee": 0.0,
        "fixed": 0.0, "impact": "none", "impact_y": 1.0, "participation": null,
        "half_spread_bps": 0.0, "borrow_bps_year": 0.0, "funding_bps_year": 0.0,
        "cash_rate_year": 0.0,
    });
    let with = |changes: Value| {
        let mut profile = honest.clone();
        for (name, value) in changes.as_object().into_iter().flatten() {
            profile[name] = value.clone();
        }
        profile
    };
    json!({
        "honest_v1": honest,
        "spec_v0": with(json!({
            "market_fill": "close", "limit_fill": "touch_v0", "intrabar": "optimistic",
        })),
        "stress_v1": with(json!({
            "bar_delay": 2, "base_bps": 2.0, "k_vol": 0.1, "fee_bps": 4.0,
        })),
    })
}

impl Execution {
    /// Reads a whole execution document; every field must be there, and no other. `maker_bps` and
    /// `participation` alone may be null.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for a field that is missing, unknown, or of a value no execution can have,
    /// such as a delay of no bars or a negative cost.
    pub fn read(document: &Value) -> Result<Self, EngineError> {
        let fields = Fields::read(document, "", &KNOWN)?;
        for name in ["maker_bps", "participation"] {
            if document.get(name).is_none() {
                return Err(fields.refuse(name, "a number or null"));
            }
        }
        Ok(Self {
            bar_delay: fields.count("bar_delay", 1, 1_000)?,
            market_fill: fields.choice(
                "market_fill",
                &[("open", MarketFill::Open), ("close", MarketFill::Close)],
            )?,
            limit_fill: fields.choice(
                "limit_fill",
                &[
                    ("touch", LimitFill::Touch),
                    ("through", LimitFill::Through),
                    ("touch_v0", LimitFill::TouchV0),
                ],
            )?,
            conflict: fields.choice(
                "conflict",
                &[("none", Conflict::None), ("first", Conflict::First), ("error", Conflict::Error)],
            )?,
            finalize: fields
                .choice("finalize", &[("close", Finalize::Close), ("mark", Finalize::Mark)])?,
            lot_base: fields.within("lot", 0.0, false, HUGE)?,
            on_insufficient: fields.choice(
                "on_insufficient",
                &[("shrink", OnInsufficient::Shrink), ("reject", OnInsufficient::Reject)],
            )?,
            costs: costs(&fields)?,
            intrabar: fields.choice(
                "intrabar",
                &[
                    ("pessimistic", Intrabar::Pessimistic),
                    ("path", Intrabar::Path),
                    ("optimistic", Intrabar::Optimistic),
                ],
            )?,
            participation: match fields.optional("participation") {
                None => None,
                Some(_) => Some(fields.within("participation", 0.0, true, 1.0)?),
            },
            financing: Financing {
                borrow_bps_year: fields.within("borrow_bps_year", 0.0, false, MAX_BPS_YEAR)?,
                funding_bps_year: either(&fields, "funding_bps_year")?,
                cash_bps_year: either(&fields, "cash_rate_year")?,
            },
        })
    }

    /// Whether fills depend on the volume of their bars.
    pub fn reads_volume(&self) -> bool {
        self.participation.is_some() || self.costs.impact != Impact::None
    }
}

fn costs(fields: &Fields) -> Result<Costs, EngineError> {
    let fee_bps = fields.within("fee_bps", 0.0, false, MAX_BPS)?;
    Ok(Costs {
        base_bps: fields.within("base_bps", 0.0, false, MAX_BPS)?,
        k_vol: fields.within("k_vol", 0.0, false, 1e3)?,
        fee_bps,
        maker_bps: match fields.optional("maker_bps") {
            None => fee_bps,
            Some(_) => fields.within("maker_bps", 0.0, false, MAX_BPS)?,
        },
        min_fee_quote: fields.within("min_fee", 0.0, false, HUGE)?,
        fixed_quote: fields.within("fixed", 0.0, false, HUGE)?,
        half_spread_bps: fields.within("half_spread_bps", 0.0, false, MAX_BPS)?,
        impact: {
            let factor = fields.within("impact_y", 0.0, false, 1e6)?;
            match fields.choice("impact", &[("none", 0), ("sqrt", 1), ("zipline", 2)])? {
                0 => Impact::None,
                1 => Impact::SquareRoot { factor },
                _ => Impact::Zipline,
            }
        },
    })
}

/// A rate of a year that may have either sign.
fn either(fields: &Fields, name: &str) -> Result<f64, EngineError> {
    fields.within(name, -MAX_BPS_YEAR, false, MAX_BPS_YEAR)
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
            ("market_fill", json!("noon")),
            ("limit_fill", json!("hope")),
            ("conflict", json!("last")),
            ("maker_bps", json!(-1.0)),
            ("impact", json!("linear")),
            ("impact_y", json!(-1.0)),
            ("participation", json!(0.0)),
            ("participation", json!(1.5)),
            ("half_spread_bps", json!(-0.5)),
            ("borrow_bps_year", json!(-1.0)),
            ("funding_bps_year", json!("1")),
            ("cash_rate_year", Value::Null),
            ("intrabar", json!("hopeful")),
            ("latency", json!(1)),
            ("min_fee", Value::Null),
        ] {
            let mut document = profiles()["honest_v1"].clone();
            document[field] = value;
            let message = Execution::read(&document).unwrap_err().to_string();
            assert!(message.starts_with(&format!("/{field}: ")), "{message}");
        }
        for field in KNOWN {
            let mut document = profiles()["honest_v1"].clone();
            document.as_object_mut().unwrap().remove(field);
            let message = Execution::read(&document).unwrap_err().to_string();
            assert!(message.starts_with(&format!("/{field}: ")), "{message}");
        }
    }
}
