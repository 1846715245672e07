//! How much is risked: size of entries, protective stop, and the limits that close positions.

use super::Slot;
use super::field::Fields;
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
    /// So much that the position moves as much in a year as is wanted of the whole equity.
    VolTarget {
        /// Wanted volatility of a year, as a fraction.
        annual_vol: f64,
        /// Slot of the volatility per bar.
        slot: Slot,
    },
}

/// Where the protective stop lies; a target or a trailing stop as well.
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
    /// Price at which a gain is taken.
    pub take_profit: Option<Stop>,
    /// Stop that follows the best price; never a price of its own.
    pub trailing: Option<Stop>,
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
    /// How often an entry may add to a position on its own side.
    pub max_adds: usize,
}

const KNOWN: [&str; 11] = [
    "sizing",
    "stop",
    "take_profit",
    "trailing",
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
const MAX_ADDS: usize = 1_000;

impl Risk {
    /// Reads the `risk` object of a program with `n_slots` slots.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for whatever cannot be a limit of risk.
    pub fn read(value: &serde_json::Value, n_slots: usize) -> Result<Self, EngineError> {
        let fields = Fields::read(value, "/risk", &KNOWN)?;
        let bars = |name| match fields.optional(name) {
            None => Ok(None),
            Some(_) => fields.count(name, 1, MAX_BARS).map(Some),
        };
        let max_leverage = match fields.optional("max_leverage") {
            None => 1.0,
            Some(_) => fields.within("max_leverage", 0.0, true, 1_000.0)?,
        };
        let risk = Self {
            sizing: sizing(&fields, max_leverage, n_slots)?,
            stop: stop(&fields, "stop", n_slots)?,
            take_profit: stop(&fields, "take_profit", n_slots)?,
            trailing: stop(&fields, "trailing", n_slots)?,
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
            max_adds: match fields.optional("max_adds") {
                None => 0,
                Some(_) => fields.count("max_adds", 0, MAX_ADDS)?,
            },
        };
        let has_stop = risk.stop.is_some() || risk.trailing.is_some();
        if matches!(risk.sizing, Sizing::RiskPct(_)) && !has_stop {
            return Err(fields.refuse("stop", "a stop, which risk_pct measures its risk by"));
        }
        if matches!(risk.trailing, Some(Stop::Price(_))) {
            return Err(fields.refuse("trailing", "a distance, as a price does not follow"));
        }
        Ok(risk)
    }

    /// The slots it reads.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let sizing = match self.sizing {
            Sizing::VolTarget { slot, .. } => Some(slot),
            _ => None,
        };
        let levels = [self.stop, self.take_profit, self.trailing];
        levels.into_iter().flatten().filter_map(|level| level.slot()).chain(sizing)
    }
}

fn sizing(fields: &Fields, max_leverage: f64, n_slots: usize) -> Result<Sizing, EngineError> {
    let path = fields.path("sizing");
    let all = ["type", "value", "qty", "notional", "annual_vol", "slot"];
    let sizing = Fields::read(fields.value("sizing")?, &path, &all)?;
    let kinds = [
        ("pct_equity", 0),
        ("risk_pct", 1),
        ("fixed_qty", 2),
        ("fixed_notional", 3),
        ("vol_target", 4),
    ];
    let kind = sizing.choice("type", &kinds)?;
    let name = ["value", "value", "qty", "notional", "annual_vol"][kind];
    let max = [100.0 * max_leverage, 10.0, HUGE, HUGE, 100.0][kind];
    let known: &[&str] = if kind == 4 { &["type", name, "slot"] } else { &["type", name] };
    Fields::read(fields.value("sizing")?, &path, known)?;
    let value = sizing.within(name, 0.0, true, max)?;
    Ok(match kind {
        0 => Sizing::PctEquity(value),
        1 => Sizing::RiskPct(value),
        2 => Sizing::FixedQty(value),
        3 => Sizing::FixedNotional(value),
        _ => Sizing::VolTarget {
            annual_vol: value,
            slot: sizing.count("slot", 0, n_slots.saturating_sub(1))?,
        },
    })
}

fn stop(fields: &Fields, name: &str, n_slots: usize) -> Result<Option<Stop>, EngineError> {
    let Some(value) = fields.optional(name) else {
        return Ok(None);
    };
    let path = fields.path(name);
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
