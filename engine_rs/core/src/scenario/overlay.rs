//! Overlays: what befalls a market besides its own law. A row of `OVERLAYS` each.
//!
//! Those that move prices edit the increments before extremes are drawn; those that spoil data or
//! execution are recorded in the column `flags` and leave prices alone.

use super::field::{object, refused, text};
use super::path::BPS;
use crate::EngineError;
use crate::math::{ln, pow};
use crate::parameter::{Param, Params};
use crate::random::Stream;
use serde_json::{Map, Value, json};

/// Bit of the column `flags`: trading is halted in this bar.
pub const FLAG_HALTED: u8 = 2;
/// Bit of the column `flags`: this bar never reaches whoever watches the market.
pub const FLAG_MISSING: u8 = 4;
/// Bit of the column `flags`: whoever watches sees the bar before once more.
pub const FLAG_STALE: u8 = 8;
/// Bit of the column `flags`: the spread is wide in this bar.
pub const FLAG_WIDE_SPREAD: u8 = 16;

/// Most overlays that one scenario may have.
const OVERLAYS_MAX: usize = 32;

/// Draws of one overlay begin that far behind those of the one before it.
const DRAWS_APART: u64 = 1 << 32;

/// What overlays do to one bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weather {
    /// What is left of the predictable part of the increments.
    pub edge: f64,
    /// By how much the increments are widened.
    pub volatility: f64,
    /// Added to the log price over the bar.
    pub drift: f64,
    /// Added to the log price at the open.
    pub gap: f64,
    /// Bits for the column `flags`.
    pub flags: u8,
}

impl Weather {
    /// A bar that nothing befalls.
    pub const CLEAR: Self = Self { edge: 1.0, volatility: 1.0, drift: 0.0, gap: 0.0, flags: 0 };
}

/// One kind of overlay; a row of the table.
#[derive(Debug)]
pub struct Overlay {
    /// Name in documents.
    pub name: &'static str,
    /// Parameters, all numeric.
    pub params: &'static [Param],
    /// Changes the weather of bar `t`; the stream gives a draw of this overlay's own.
    apply: fn(&Params, u64, &dyn Fn() -> f64, &mut Weather),
}

const fn bars(name: &'static str, min: f64) -> Param {
    row(name, "bars", min, false, 5e6, true)
}

const fn row(
    name: &'static str,
    unit: &'static str,
    min: f64,
    is_min_open: bool,
    max: f64,
    is_integer: bool,
) -> Param {
    Param { name, unit, min, is_min_open, max, default: None, is_integer }
}

/// Every overlay there is.
pub const OVERLAYS: &[Overlay] = &[
    Overlay {
        name: "flash_crash",
        params: &[
            bars("at", 0.0),
            row("depth_pct", "percent of the price", 0.0, true, 95.0, false),
            bars("down_bars", 1.0),
            row("recover_frac", "fraction of the fall, in logs", 0.0, false, 1.0, false),
            bars("recover_bars", 1.0),
        ],
        apply: flash_crash,
    },
    Overlay {
        name: "bear",
        params: &[
            bars("at", 0.0),
            bars("bars", 1.0),
            row("drift", "bps per bar", -500.0, false, 500.0, false),
        ],
        apply: |params, t, _draw, weather| {
            if is_within(params, t) {
                weather.drift += params.get("drift") * BPS;
            }
        },
    },
    Overlay {
        name: "mania",
        params: &[
            bars("at", 0.0),
            bars("bars", 1.0),
            row("vol_mult", "times the deviation", 0.0, true, 20.0, false),
        ],
        apply: |params, t, _draw, weather| {
            if is_within(params, t) {
                weather.volatility *= params.get("vol_mult");
            }
        },
    },
    Overlay {
        name: "edge_decay",
        params: &[bars("from", 0.0), row("half_life", "bars", 0.0, true, 5e6, false)],
        apply: |params, t, _draw, weather| {
            let age = t as f64 - params.get("from");
            if age > 0.0 {
                weather.edge *= pow(0.5, age / params.get("half_life"));
            }
        },
    },
    Overlay {
        name: "gap",
        params: &[bars("at", 0.0), row("bps", "bps", -5000.0, false, 5000.0, false)],
        apply: |params, t, _draw, weather| {
            if t as f64 == params.get("at") {
                weather.gap += params.get("bps") * BPS;
            }
        },
    },
    Overlay {
        name: "halt",
        params: &[bars("at", 0.0), bars("bars", 1.0)],
        apply: |params, t, _draw, weather| {
            weather.flags |= if is_within(params, t) { FLAG_HALTED } else { 0 };
        },
    },
    Overlay {
        name: "missing_bars",
        params: &[row("p", "probability per bar", 0.0, false, 1.0, false)],
        apply: |params, _t, draw, weather| {
            weather.flags |= if draw() < params.get("p") { FLAG_MISSING } else { 0 };
        },
    },
    Overlay {
        name: "stale",
        params: &[row("p", "probability per bar", 0.0, false, 1.0, false)],
        apply: |params, _t, draw, weather| {
            weather.flags |= if draw() < params.get("p") { FLAG_STALE } else { 0 };
        },
    },
    Overlay {
        name: "spread_widen",
        params: &[
            bars("at", 0.0),
            bars("bars", 1.0),
            row("mult", "times the spread", 1.0, false, 1000.0, false),
        ],
        apply: |params, t, _draw, weather| {
            weather.flags |= if is_within(params, t) { FLAG_WIDE_SPREAD } else { 0 };
        },
    },
];

impl Overlay {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        let params: Vec<Value> = self.params.iter().map(Param::to_json).collect();
        json!({"name": self.name, "params": params})
    }
}

/// Whether bar `t` is one of `bars` bars from `at`.
fn is_within(params: &Params, t: u64) -> bool {
    let age = t as f64 - params.get("at");
    age >= 0.0 && age < params.get("bars")
}

/// Falls by `depth_pct` in equal steps of the log price, then takes back a part of it.
fn flash_crash(params: &Params, t: u64, _draw: &dyn Fn() -> f64, weather: &mut Weather) {
    let age = t as f64 - params.get("at");
    let (down, up) = (params.get("down_bars"), params.get("recover_bars"));
    let depth = ln(1.0 - params.get("depth_pct") / 100.0);
    if age >= 0.0 && age < down {
        weather.drift += depth / down;
    } else if age >= down && age < down + up {
        weather.drift -= params.get("recover_frac") * depth / up;
    }
}

/// The overlays of one scenario, in their order.
#[derive(Clone, Debug, Default)]
pub struct Overlays {
    list: Vec<(&'static Overlay, Params)>,
}

impl Overlays {
    /// Reads the list at `/overlays`; each entry is an object with `type` and its parameters.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID`, `UNKNOWN_NAME` or `PARAM_RANGE`.
    pub fn read(given: Option<&Value>) -> Result<Self, EngineError> {
        let Some(value) = given else {
            return Ok(Self::default());
        };
        let entries = value
            .as_array()
            .filter(|entries| entries.len() <= OVERLAYS_MAX)
            .ok_or_else(|| refused("/overlays", "something else", "a list of at most 32"))?;
        let read = |(index, entry): (usize, &Value)| {
            let path = format!("/overlays/{index}");
            let fields = object(&path, entry)?;
            let name = text(fields, &format!("{path}/type"), None)?;
            let overlay = named(name)?;
            let given: Map<String, Value> = fields
                .iter()
                .filter(|(key, _)| key.as_str() != "type")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let params = Params::read_at(&path, overlay.name, overlay.params, &given, &[])?;
            Ok((overlay, params))
        };
        let list = entries.iter().enumerate().map(read).collect::<Result<_, EngineError>>()?;
        Ok(Self { list })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The list with every field.
    pub fn to_json(&self) -> Value {
        let entries = self.list.iter().map(|(overlay, params)| {
            let mut fields = params.to_json();
            fields.insert("type".to_owned(), json!(overlay.name));
            Value::Object(fields)
        });
        Value::Array(entries.collect())
    }

    /// What befalls bar `t`; `stream` holds the draws of those that need one.
    #[inline]
    pub(super) fn weather(&self, t: usize, stream: &Stream) -> Weather {
        let mut weather = Weather::CLEAR;
        if self.list.is_empty() {
            return weather;
        }
        for (number, (overlay, params)) in (1_u64..).zip(&self.list) {
            let draw = || stream.uniform(number * DRAWS_APART + t as u64);
            (overlay.apply)(params, t as u64, &draw, &mut weather);
        }
        weather
    }
}

fn named(name: &str) -> Result<&'static Overlay, EngineError> {
    OVERLAYS.iter().find(|overlay| overlay.name == name).ok_or_else(|| EngineError::UnknownName {
        kind: "overlay",
        name: name.to_owned(),
        known: OVERLAYS.iter().map(|overlay| overlay.name).collect(),
    })
}
