//! Overlays: what befalls a market besides its own law. A row of `OVERLAYS` each.
//!
//! Those that move prices edit the increments before extremes are drawn; those that spoil data or
//! execution are recorded in the column `flags` and leave prices alone.

use super::field::{object, refused, text};
use super::model::BPS;
pub use crate::bars::{FLAG_HALTED, FLAG_MISSING, FLAG_STALE, FLAG_WIDE_SPREAD};

use crate::EngineError;
use crate::math::{ln, pow};
use crate::parameter::{Param, Params};
use crate::random::Stream;
use serde_json::{Map, Value, json};

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
    /// Whether it only marks bars and leaves the increments alone.
    pub is_mark: bool,
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
        is_mark: false,
        apply: flash_crash,
    },
    Overlay {
        name: "bear",
        params: &[
            bars("at", 0.0),
            bars("bars", 1.0),
            row("drift", "bps per bar", -500.0, false, 500.0, false),
        ],
        is_mark: false,
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
        is_mark: false,
        apply: |params, t, _draw, weather| {
            if is_within(params, t) {
                weather.volatility *= params.get("vol_mult");
            }
        },
    },
    Overlay {
        name: "edge_decay",
        params: &[bars("from", 0.0), row("half_life", "bars", 0.0, true, 5e6, false)],
        is_mark: false,
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
        is_mark: false,
        apply: |params, t, _draw, weather| {
            if t as f64 == params.get("at") {
                weather.gap += params.get("bps") * BPS;
            }
        },
    },
    Overlay {
        name: "halt",
        params: &[bars("at", 0.0), bars("bars", 1.0)],
        is_mark: true,
        apply: |params, t, _draw, weather| {
            weather.flags |= if is_within(params, t) { FLAG_HALTED } else { 0 };
        },
    },
    Overlay {
        name: "missing_bars",
        params: &[row("p", "probability per bar", 0.0, false, 1.0, false)],
        is_mark: true,
        apply: |params, _t, draw, weather| {
            weather.flags |= if draw() < params.get("p") { FLAG_MISSING } else { 0 };
        },
    },
    Overlay {
        name: "stale",
        params: &[row("p", "probability per bar", 0.0, false, 1.0, false)],
        is_mark: true,
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
        is_mark: true,
        apply: |params, t, _draw, weather| {
            weather.flags |= if is_within(params, t) { FLAG_WIDE_SPREAD } else { 0 };
        },
    },
];

impl Overlay {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        let params: Vec<Value> = self.params.iter().map(Param::to_json).collect();
        json!({"name": self.name, "params": params, "is_mark": self.is_mark})
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
            let overlay = named(&path, name)?;
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

    /// The place and name of the first that changes prices.
    pub(super) fn first_change(&self) -> Option<(usize, &'static str)> {
        let names = self.list.iter().map(|(overlay, _)| *overlay).enumerate();
        names.filter(|(_, overlay)| !overlay.is_mark).map(|(at, overlay)| (at, overlay.name)).next()
    }

    /// Marks the bars of one asset that were not drawn bar by bar.
    pub(super) fn mark(&self, stream: &Stream, flags: &mut [u8]) {
        if !self.is_empty() {
            for (t, flags) in flags.iter_mut().enumerate() {
                *flags |= self.weather(t, stream).flags;
            }
        }
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

fn named(path: &str, name: &str) -> Result<&'static Overlay, EngineError> {
    OVERLAYS.iter().find(|overlay| overlay.name == name).ok_or_else(|| {
        let known: Vec<&str> = OVERLAYS.iter().map(|overlay| overlay.name).collect();
        let expected = format!("one of {}", known.join(", "));
        refused(&format!("{path}/type"), format!("`{name}`"), expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;
    use crate::scenario::{Generated, generate};

    const N: usize = 200;

    fn document(family: &str, overlays: Value) -> Value {
        let params = match family {
            "trend" => json!({"drift": 4.0, "sigma": 30.0, "drift_convention": "log"}),
            _ => json!({"omega": 20.0, "alpha": 0.15, "beta": 0.8, "mu": 2.0}),
        };
        json!({
            "family": family, "timeframe": "1h", "duration_bars": N, "seed": 9,
            "params": params, "volume_model": "coupled", "overlays": overlays,
        })
    }

    fn made(family: &str, overlays: Value) -> Generated {
        generate(&document(family, overlays), None, true).unwrap()
    }

    /// Log of each close over that of the same market without overlays.
    fn effect(family: &str, overlays: Value) -> Vec<f64> {
        let (with, without) = (made(family, overlays).bars, made(family, json!([])).bars);
        with.close.iter().zip(&without.close).map(|(with, without)| ln(with / without)).collect()
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} beside {expected}");
    }

    #[test]
    fn a_flash_crash_falls_to_its_depth_in_equal_steps_and_takes_back_its_part() {
        let effect = effect(
            "trend",
            json!([{"type": "flash_crash", "at": 50, "depth_pct": 20.0, "down_bars": 4,
                    "recover_frac": 0.75, "recover_bars": 10}]),
        );
        let depth = ln(0.8);
        assert!(effect[..50].iter().all(|log| *log == 0.0));
        for step in 0..4 {
            assert_near(effect[50 + step], depth * (step + 1) as f64 / 4.0);
        }
        for step in 0..10 {
            assert_near(effect[54 + step], depth * (1.0 - 0.075 * (step + 1) as f64));
        }
        effect[64..].iter().for_each(|log| assert_near(*log, 0.25 * depth));
        assert_near(exp(effect[53]), 0.8);
    }

    #[test]
    fn a_bear_adds_its_drift_to_each_of_its_bars() {
        let effect =
            effect("trend", json!([{"type": "bear", "at": 30, "bars": 20, "drift": -25.0}]));
        for (t, log) in effect.iter().enumerate() {
            assert_near(*log, -25e-4 * t.saturating_sub(29).min(20) as f64);
        }
    }

    #[test]
    fn a_mania_doubles_deviations_and_ranges_and_no_variance_feeds_on_it() {
        let mania = json!([{"type": "mania", "at": 40, "bars": 30, "vol_mult": 2.0}]);
        for (family, mean) in [("trend", 4e-4), ("vol_cluster", 2e-4)] {
            let (with, without) = (made(family, mania.clone()), made(family, json!([])));
            for t in 0..N {
                let factor = if (40..70).contains(&t) { 2.0 } else { 1.0 };
                let swing = |made: &Generated, price: &[f64]| ln(price[t] / made.bars.open[t]);
                let noise = |made: &Generated| swing(made, &made.bars.close) - mean;
                assert_near(noise(&with), factor * noise(&without));
                assert_near(with.latent.deviation[t], factor * without.latent.deviation[t]);
                if factor == 1.0 {
                    assert_near(swing(&with, &with.bars.high), swing(&without, &without.bars.high));
                }
            }
            assert_eq!(with.bars.volume, without.bars.volume, "{family}");
        }
    }

    #[test]
    fn an_edge_that_decays_is_half_after_its_half_life() {
        for (family, drift) in [("trend", 4e-4), ("vol_cluster", 2e-4)] {
            let overlay = json!([{"type": "edge_decay", "from": 20, "half_life": 40.0}]);
            let effect = effect(family, overlay.clone());
            assert!(effect[..=20].iter().all(|log| *log == 0.0));
            let steps: Vec<f64> =
                (1..N).map(|t| (effect[t] - effect[t - 1]) / drift + 1.0).collect();
            assert!((steps[60 - 1] - 0.5).abs() < 1e-9, "{}", steps[59]);
            assert!((steps[100 - 1] - 0.25).abs() < 1e-9, "{}", steps[99]);
            let latent = made(family, overlay).latent;
            assert_near(latent.mean[60], 0.5 * drift);
        }
    }

    #[test]
    fn a_gap_parts_an_open_from_the_close_before_and_nothing_else() {
        let gap = json!([{"type": "gap", "at": 80, "bps": -300.0}]);
        let bars = made("trend", gap.clone()).bars;
        for t in 1..N {
            let expected = if t == 80 { -0.03 } else { 0.0 };
            assert_near(ln(bars.open[t] / bars.close[t - 1]), expected);
        }
        let effect = effect("trend", gap);
        assert!(effect[..80].iter().all(|log| *log == 0.0));
        effect[80..].iter().for_each(|log| assert_near(*log, -0.03));
        let at_once = made("trend", json!([{"type": "gap", "at": 0, "bps": 100.0}])).bars;
        assert_near(ln(at_once.open[0] / 100.0), 0.01);
    }

    #[test]
    fn what_spoils_data_or_execution_is_flagged_and_moves_no_price() {
        let plain = made("trend", json!([])).bars;
        for (overlay, flag, first, last) in [
            (json!({"type": "halt", "at": 10, "bars": 3}), FLAG_HALTED, 10, 13),
            (
                json!({"type": "spread_widen", "at": 50, "bars": 5, "mult": 4.0}),
                FLAG_WIDE_SPREAD,
                50,
                55,
            ),
            (json!({"type": "missing_bars", "p": 1.0}), FLAG_MISSING, 0, N),
            (json!({"type": "stale", "p": 1.0}), FLAG_STALE, 0, N),
            (json!({"type": "stale", "p": 0.0}), FLAG_STALE, 0, 0),
        ] {
            let mut bars = made("trend", json!([overlay])).bars;
            for (t, flags) in bars.flags.iter().enumerate() {
                assert_eq!(*flags, if (first..last).contains(&t) { flag } else { 0 }, "bar {t}");
            }
            bars.flags.fill(0);
            assert_eq!(bars, plain);
        }
    }

    #[test]
    fn each_overlay_and_each_path_has_draws_of_its_own() {
        let mut document = document(
            "trend",
            json!([{"type": "missing_bars", "p": 0.3}, {"type": "stale", "p": 0.3}]),
        );
        document["duration_bars"] = json!(20_000);
        document["paths"] = json!(2);
        let flags = generate(&document, None, false).unwrap().bars.flags;
        let share = |wanted: &dyn Fn(usize) -> bool| {
            (0..20_000).filter(|t| wanted(*t)).count() as f64 / 2e4
        };
        let is = |t: usize, flag: u8| flags[t] & flag != 0;
        let (missing, stale) = (|t| is(t, FLAG_MISSING), |t| is(t, FLAG_STALE));
        // Four standard errors of a share of 0.3, and of one of 0.09.
        assert!((share(&missing) - 0.3).abs() < 4.0 * (0.21_f64 / 2e4).sqrt());
        assert!((share(&stale) - 0.3).abs() < 4.0 * (0.21_f64 / 2e4).sqrt());
        let tolerance = 4.0 * (0.09_f64 * 0.91 / 2e4).sqrt();
        assert!((share(&|t| missing(t) && stale(t)) - 0.09).abs() < tolerance);
        assert!((share(&|t| missing(t) && missing(t + 20_000)) - 0.09).abs() < tolerance);
    }

    #[test]
    fn overlays_add_up_and_enter_the_hash_in_their_order() {
        let bear = json!({"type": "bear", "at": 30, "bars": 20, "drift": -25.0});
        let gap = json!({"type": "gap", "at": 40, "bps": 50.0});
        let effect = effect("trend", json!([bear, gap, bear]));
        assert_near(effect[N - 1], 2.0 * 20.0 * -25e-4 + 0.005);
        let hash = |overlays: Value| made("trend", overlays).facts["scenario_hash"].clone();
        let mut later = gap.clone();
        later["at"] = json!(41);
        let hashes = [
            hash(json!([])),
            hash(json!([gap])),
            hash(json!([later])),
            hash(json!([gap, bear])),
            hash(json!([bear, gap])),
        ];
        for (i, a) in hashes.iter().enumerate() {
            assert!(hashes[..i].iter().all(|b| a != b));
        }
        let mut spelled = gap.clone();
        spelled["bps"] = json!(50);
        assert_eq!(hash(json!([spelled])), hashes[1]);
    }

    #[test]
    fn what_an_overlay_may_not_be_is_refused_with_its_place() {
        let bear = json!({"type": "bear", "at": 30, "bars": 20, "drift": -25.0});
        let with = |name: &str, value: Value| {
            let mut changed = bear.clone();
            changed[name] = value;
            json!([bear, changed])
        };
        let mut short = bear.clone();
        short.as_object_mut().unwrap().remove("bars");
        for (overlays, code, path) in [
            (json!({}), "FIELD_INVALID", "/overlays"),
            (json!([3]), "FIELD_INVALID", "/overlays/0"),
            (json!([{"at": 3}]), "FIELD_INVALID", "/overlays/0/type"),
            (with("type", json!("bull")), "FIELD_INVALID", "/overlays/1/type"),
            (with("drfit", json!(1)), "FIELD_INVALID", "/overlays/1/drfit"),
            (with("drift", json!("x")), "FIELD_INVALID", "/overlays/1/drift"),
            (with("drift", json!(501)), "PARAM_RANGE", "/overlays/1/drift"),
            (with("at", json!(1.5)), "PARAM_RANGE", "/overlays/1/at"),
            (with("at", json!(-1)), "PARAM_RANGE", "/overlays/1/at"),
            (with("bars", json!(0)), "PARAM_RANGE", "/overlays/1/bars"),
            (json!([bear, short]), "FIELD_INVALID", "/overlays/1/bars"),
            (json!(vec![bear.clone(); 33]), "FIELD_INVALID", "/overlays"),
        ] {
            let error = generate(&document("trend", overlays), None, false).unwrap_err();
            assert_eq!((error.code(), error.path()), (code, Some(path)), "{error}");
        }
    }
}
