//! How much is risked: size of entries, protective stop, and the limits that close positions.

use super::Slot;
use super::field::{Fields, whole};
use crate::EngineError;

/// How large an entry is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sizing {
    /// Percent of equity, as value of the position.
    PctEquity(f64),
    /// Percent of equity, as loss when the stop is met at its level.
    RiskPct(f64),
    /// Quantity, base.
    FixedQty(f64),
    /// Value, quote.
    FixedNotional(f64),
}

/// Where the protective stop lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop {
    /// A share of the decision bar's close away from the fill.
    Fraction(f64),
    /// A multiple of what the slot holds on the decision bar away from the fill.
    Multiple {
        /// Slot of the range.
        slot: Slot,
        /// How many of it.
        mult: f64,
    },
    /// At the price that the slot holds on the decision bar.
    Price(Slot),
}

impl Stop {
    /// The slot it reads, if it reads one.
    pub fn slot(&self) -> Option<Slot> {
        match self {
            Self::Fraction(_) => None,
            Self::Multiple { slot, .. } | Self::Price(slot) => Some(*slot),
        }
    }
}

/// What an entry rule does to a position on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum OnOpposite {
    Close,
    Reverse,
    Ignore,
}

/// The limits of risk of one strategy.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    /// Size of entries.
    pub sizing: Sizing,
    /// Protective stop of each position.
    pub stop: Option<Stop>,
    /// Bars after which a position is closed.
    pub max_holding_bars: Option<usize>,
    /// Bars after a position's end on whose closes no entry is decided.
    pub cooldown_bars: Option<usize>,
    /// Largest position, as a multiple of equity at the fill.
    pub max_leverage: f64,
    /// Whether entries may sell what is not held.
    pub allow_short: bool,
    /// What an entry rule does to a position on the other side.
    pub on_opposite: OnOpposite,
    /// Loss of a UTC day, in percent, that ends trading for the day.
    pub max_daily_loss_pct: Option<f64>,
}

const KNOWN: [&str; 9] = [
    "sizing",
    "stop",
    "max_holding_bars",
    "cooldown_bars",
    "max_leverage",
    "allow_short",
    "on_opposite",
    "max_daily_loss_pct",
    "max_adds",
];
/// Longer than any series: a year of minutes ten times over.
const MAX_BARS: usize = 5_000_000;
const HUGE: f64 = 1e15;

impl Risk {
    /// Reads the `risk` object of a program with `n_slots` slots.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for whatever cannot be a limit of risk.
    pub fn read(value: &serde_json::Value, n_slots: usize) -> Result<Self, EngineError> {
        let fields = Fields::read(value, "/risk", &KNOWN)?;
        if fields.optional("max_adds").is_some_and(|adds| whole(adds) != Some(0)) {
            return Err(fields.refuse("max_adds", "0"));
        }
        let bars = |name| match fields.optional(name) {
            None => Ok(None),
            Some(_) => fields.count(name, 1, MAX_BARS).map(Some),
        };
        let max_leverage = match fields.optional("max_leverage") {
            None => 1.0,
            Some(_) => fields.within("max_leverage", 0.0, true, 1_000.0)?,
        };
        let risk = Self {
            sizing: sizing(&fields, max_leverage)?,
            stop: stop(&fields, n_slots)?,
            max_holding_bars: bars("max_holding_bars")?,
            cooldown_bars: bars("cooldown_bars")?,
            max_leverage,
            allow_short: fields.flag("allow_short")?,
            on_opposite: match fields.optional("on_opposite") {
                None => OnOpposite::Close,
                Some(_) => fields.choice(
                    "on_opposite",
                    &[
                        ("close", OnOpposite::Close),
                        ("reverse", OnOpposite::Reverse),
                        ("ignore", OnOpposite::Ignore),
                    ],
                )?,
            },
            max_daily_loss_pct: match fields.optional("max_daily_loss_pct") {
                None => None,
                Some(_) => Some(fields.within("max_daily_loss_pct", 1e-6, false, 100.0)?),
            },
        };
        if matches!(risk.sizing, Sizing::RiskPct(_)) && risk.stop.is_none() {
            return Err(fields.refuse("stop", "a stop, which risk_pct measures its risk by"));
        }
        Ok(risk)
    }
}

fn sizing(fields: &Fields, max_leverage: f64) -> Result<Sizing, EngineError> {
    let path = fields.path("sizing");
    let sizing =
        Fields::read(fields.value("sizing")?, &path, &["type", "value", "qty", "notional"])?;
    let kinds = [("pct_equity", 0), ("risk_pct", 1), ("fixed_qty", 2), ("fixed_notional", 3)];
    let kind = sizing.choice("type", &kinds)?;
    let name = ["value", "value", "qty", "notional"][kind];
    let max = [100.0 * max_leverage, 10.0, HUGE, HUGE][kind];
    Fields::read(fields.value("sizing")?, &path, &["type", name])?;
    let value = sizing.within(name, 0.0, true, max)?;
    Ok([Sizing::PctEquity, Sizing::RiskPct, Sizing::FixedQty, Sizing::FixedNotional][kind](value))
}

fn stop(fields: &Fields, n_slots: usize) -> Result<Option<Stop>, EngineError> {
    let Some(value) = fields.optional("stop") else {
        return Ok(None);
    };
    let path = fields.path("stop");
    let stop = Fields::read(value, &path, &["type", "value", "slot", "mult"])?;
    let slot = || stop.count("slot", 0, n_slots.saturating_sub(1));
    let (known, stop): (&[&str], Stop) = match stop
        .choice("type", &[("pct", 0), ("bps", 1), ("atr", 2), ("price", 3)])?
    {
        0 => (&["type", "value"], Stop::Fraction(stop.within("value", 0.0, true, 1e6)? / 100.0)),
        1 => (&["type", "value"], Stop::Fraction(stop.within("value", 0.0, true, 1e8)? * 1e-4)),
        2 => {
            let mult = stop.within("mult", 0.0, true, 1e6)?;
            (&["type", "slot", "mult"], Stop::Multiple { slot: slot()?, mult })
        }
        _ => (&["type", "slot"], Stop::Price(slot()?)),
    };
    Fields::read(value, &path, known)?;
    Ok(Some(stop))
}
