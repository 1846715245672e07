//! A scenario as it was asked for: every field read, checked and completed by its default.
//!
//! What this engine cannot do is refused here and never ignored.

use super::calendar::{CALENDARS, Schedule, Timeframe, parse_utc};
use super::field::{
    WHOLE_MAX, number, object, one_of, only, optional_object, refused, required, text, whole,
};
use super::guard::Guard;
use super::innovation::Innovations;
use super::overlay::Overlays;
use super::volume::Volume;
use super::{FAMILIES, Family};
use crate::EngineError;
use crate::parameter::{Param, Params};
use crate::random::{Purpose, Stream, family_key};
use serde_json::{Map, Value, json};

const BARS_MIN: u64 = 100;
const BARS_MAX: u64 = 5_000_000;
const PATHS_MAX: u64 = 1_000_000;
/// Rows of one scenario, all paths together: 13.6 GB of columns.
const ROWS_MAX: u64 = 200_000_000;
const N_SUB_MAX: u64 = 64;

const FIELDS: [&str; 19] = [
    "family",
    "timeframe",
    "calendar",
    "duration_bars",
    "seed",
    "params",
    "volume_model",
    "volume_params",
    "p0",
    "n_sub",
    "paths",
    "innovations",
    "tick_size",
    "overlays",
    "assets",
    "guard",
    "start",
    "overnight_var_share",
    "source_hash",
];

const P0: Param = positive("p0", "price", 1e9, 100.0);
const TICK_SIZE: Param = positive("tick_size", "price", 1e9, 0.01);
/// Largest share of a day's variance that may pass overnight.
const OVERNIGHT_MAX: f64 = 0.95;

const fn positive(name: &'static str, unit: &'static str, max: f64, default: f64) -> Param {
    let (min, default) = (0.0, Some(default));
    Param { name, unit, min, is_min_open: true, max, default, is_integer: false }
}

/// A parameter that takes one of a few words.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Name in documents.
    pub name: &'static str,
    /// The words; the first is the default.
    pub values: &'static [&'static str],
}

/// A parameter that is a list or a table and has rules of its own.
#[derive(Clone, Copy, Debug)]
pub struct Structure {
    /// Name in documents.
    pub name: &'static str,
    /// What it must look like, in words.
    pub shape: &'static str,
    /// Whether it may be left out.
    pub is_optional: bool,
    /// Gives it back with every default filled in, or refuses it; None where it is left out.
    /// Rules that read other fields too belong to the family's `prepare`.
    pub(crate) complete: fn(&str, Option<&Value>) -> Result<Value, EngineError>,
}

impl Structure {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({"name": self.name, "shape": self.shape, "is_optional": self.is_optional})
    }
}

/// A scenario, whole.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Scenario {
    pub family: &'static Family,
    pub timeframe: Timeframe,
    /// One of [`CALENDARS`].
    pub calendar: &'static str,
    pub duration_bars: usize,
    pub seed: u64,
    pub params: Params,
    /// The word taken for each of the family's choices, in their order.
    pub choices: Vec<&'static str>,
    /// The family's lists and tables, completed, in their order.
    pub structures: Vec<Value>,
    pub volume: Volume,
    /// Price at log price 0.
    pub p0: f64,
    /// Sub-steps of a bar.
    pub n_sub: usize,
    pub paths: usize,
    pub innovations: Innovations,
    pub tick_size: Option<f64>,
    pub overlays: Overlays,
    pub assets: Vec<String>,
    pub guard: Guard,
    /// Opening time of bar 0 as written, and in nanoseconds UTC.
    pub start: String,
    pub start_ns: i64,
    /// Share of a day's variance that passes while a market with sessions is closed.
    pub overnight_var_share: f64,
    /// Digest of the rows a replay was given.
    pub source_hash: Option<String>,
    /// Family and asset under which a model of one asset draws; both are others where the model
    /// is part of a family with several assets.
    pub(super) draws_at: (&'static str, u64),
}

impl Scenario {
    /// Reads and completes a document.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for a missing, unknown, malformed or unsupported field; `UNKNOWN_NAME` for
    /// a family, timeframe, calendar, volume model or choice that its table does not hold;
    /// `PARAM_RANGE` for a number out of range.
    pub fn read(document: &Value) -> Result<Self, EngineError> {
        let fields = object("", document)?;
        only("", fields, &FIELDS)?;
        let family = family(text(fields, "/family", None)?)?;
        let timeframe = Timeframe::named(text(fields, "/timeframe", None)?)?;
        let calendar =
            one_of("calendar", text(fields, "/calendar", Some(CALENDARS[0]))?, &CALENDARS)?;
        let shortest = if family.keeps_length { 2 } else { BARS_MIN };
        let duration_bars = whole(fields, "/duration_bars", None, shortest, BARS_MAX)?;
        let paths = whole(fields, "/paths", Some(1), 1, PATHS_MAX)?;
        let assets = assets(fields, family)?;
        if duration_bars * paths * assets.len() as u64 > ROWS_MAX {
            let got = format!("{paths} paths of {} assets of {duration_bars} bars", assets.len());
            return Err(refused("/paths", got, format!("at most {ROWS_MAX} bars in all")));
        }
        let Given { params, choices, structures } =
            given("/params", required(fields, "/params")?, family)?;
        let (start, start_ns) = start(fields, timeframe, calendar, duration_bars)?;
        Ok(Self {
            family,
            timeframe,
            calendar,
            duration_bars: duration_bars as usize,
            seed: whole(fields, "/seed", None, 0, WHOLE_MAX)?,
            params,
            choices,
            structures,
            volume: Volume::read(
                text(fields, "/volume_model", None)?,
                optional_object(fields, "/volume_params")?,
            )?,
            p0: number(fields, &P0)?.expect("p0 has a default"),
            n_sub: whole(fields, "/n_sub", Some(4), 1, N_SUB_MAX)? as usize,
            paths: paths as usize,
            innovations: Innovations::read(optional_object(fields, "/innovations")?, family)?,
            tick_size: tick_size(fields)?,
            overlays: overlays(fields, family)?,
            assets,
            guard: Guard::read(optional_object(fields, "/guard")?)?,
            start,
            start_ns,
            overnight_var_share: overnight(fields, calendar)?,
            source_hash: source_hash(fields, family)?,
            draws_at: (family.name, 0),
        })
    }

    /// The word taken for the family's choice `name`.
    ///
    /// # Panics
    ///
    /// When the family has no such choice: a misspelling in this crate.
    pub fn choice(&self, name: &str) -> &'static str {
        let at = self.family.choices.iter().position(|choice| choice.name == name);
        self.choices[at.unwrap_or_else(|| panic!("no choice `{name}` in this table"))]
    }

    /// The family's list or table `name`, completed.
    ///
    /// # Panics
    ///
    /// When the family has no such structure: a misspelling in this crate.
    pub fn structure(&self, name: &str) -> &Value {
        let at = self.family.structures.iter().position(|structure| structure.name == name);
        &self.structures[at.unwrap_or_else(|| panic!("no structure `{name}` in this table"))]
    }

    /// The draws that a model of one asset takes for itself.
    pub(super) fn stream(&self, path: usize, purpose: Purpose) -> Stream {
        let (family, asset) = self.draws_at;
        Stream::scenario(self.seed, family_key(family), path as u64, asset, purpose)
    }

    /// Marks the bars of one asset that a source brought, as overlays say.
    pub(super) fn mark(&self, path: usize, asset: usize, flags: &mut [u8]) {
        let family = family_key(self.family.name);
        let purpose = Purpose::JumpEvent;
        let stream = Stream::scenario(self.seed, family, path as u64, asset as u64, purpose);
        self.overlays.mark(&stream, flags);
    }

    /// Rows of one path, all its assets together.
    pub fn rows_per_path(&self) -> usize {
        self.assets.len() * self.duration_bars
    }

    /// When each bar opens and closes.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(self.calendar, self.timeframe, self.start_ns)
    }

    /// Bars a year, and whether the source's own dates had to tell.
    ///
    /// A source's year is stated by its parameter or by a calendar with sessions; the default
    /// calendar says nothing about rows that bring their own index.
    pub fn bars_per_year(&self, ts: &[i64]) -> (f64, bool) {
        if !self.family.keeps_length || self.calendar != CALENDARS[0] {
            return (self.timeframe.bars_per_year(self.calendar), false);
        }
        let stated = self.params.get("bars_per_year");
        if stated > 0.0 {
            (stated, false)
        } else {
            (super::calendar::inferred_bars_per_year(ts), true)
        }
    }

    /// The document with every default filled in and nothing that is not part of its meaning.
    pub fn to_json(&self) -> Value {
        let params = params_json(self.family, &self.params, &self.choices, &self.structures);
        let mut document = json!({
            "family": self.family.name, "params": params,
            "timeframe": self.timeframe.name, "calendar": self.calendar,
            "duration_bars": self.duration_bars, "seed": self.seed, "paths": self.paths,
            "p0": self.p0, "n_sub": self.n_sub,
            "volume_model": self.volume.model_name(), "volume_params": self.volume.to_json(),
            "innovations": self.innovations.to_json(), "tick_size": self.tick_size,
            "overlays": self.overlays.to_json(), "assets": self.assets,
            "guard": self.guard.to_json(), "start": self.start,
        });
        // A market that never closes has no night to speak of.
        if self.calendar != CALENDARS[0] {
            document["overnight_var_share"] = json!(self.overnight_var_share);
        }
        if let Some(hash) = &self.source_hash {
            document["source_hash"] = json!(hash);
        }
        document
    }
}

pub(super) fn family(name: &str) -> Result<&'static Family, EngineError> {
    let found = FAMILIES.iter().find(|family| family.name == name);
    found.copied().ok_or_else(|| EngineError::UnknownName {
        kind: "family",
        name: name.to_owned(),
        known: FAMILIES.iter().map(|family| family.name).collect(),
    })
}

/// Parameters of a family: numbers, the words taken, lists and tables.
pub(super) struct Given {
    pub params: Params,
    pub choices: Vec<&'static str>,
    pub structures: Vec<Value>,
}

impl Given {
    /// All of them, completed.
    pub fn to_json(&self, family: &Family) -> Map<String, Value> {
        params_json(family, &self.params, &self.choices, &self.structures)
    }
}

fn params_json(
    family: &Family,
    params: &Params,
    choices: &[&'static str],
    structures: &[Value],
) -> Map<String, Value> {
    let mut fields = params.to_json();
    for (choice, word) in family.choices.iter().zip(choices) {
        fields.insert(choice.name.to_owned(), json!(word));
    }
    for (structure, value) in family.structures.iter().zip(structures) {
        fields.insert(structure.name.to_owned(), value.clone());
    }
    fields
}

/// Reads the parameters of a family from the object that stands at `place`.
pub(super) fn given(
    place: &str,
    value: &Value,
    family: &'static Family,
) -> Result<Given, EngineError> {
    let given = object(place, value)?;
    let words = family.choices.iter().map(|choice| choice.name);
    let names: Vec<&str> = words.chain(family.structures.iter().map(|row| row.name)).collect();
    let params = Params::read_at(place, family.name, family.params, given, &names)?;
    let mut choices = Vec::with_capacity(family.choices.len());
    for choice in family.choices {
        let path = format!("{place}/{}", choice.name);
        let word = text(given, &path, Some(choice.values[0]))?;
        choices.push(one_of(choice.name, word, choice.values)?);
    }
    let mut structures = Vec::with_capacity(family.structures.len());
    for structure in family.structures {
        let path = format!("{place}/{}", structure.name);
        let value = given.get(structure.name);
        if value.is_none() && !structure.is_optional {
            return Err(refused(&path, "nothing", structure.shape));
        }
        structures.push((structure.complete)(&path, value)?);
    }
    Ok(Given { params, choices, structures })
}

fn overlays(fields: &Map<String, Value>, family: &Family) -> Result<Overlays, EngineError> {
    let overlays = Overlays::read(fields.get("overlays"))?;
    match overlays.first_change().filter(|_| family.needs_source) {
        None => Ok(overlays),
        Some((at, name)) => {
            let expected = format!("one that only marks bars: {} has prices already", family.name);
            Err(refused(&format!("/overlays/{at}/type"), format!("`{name}`"), expected))
        }
    }
}

/// A fifth of the variance of a stock's day passes overnight unless the document says otherwise.
fn overnight(fields: &Map<String, Value>, calendar: &str) -> Result<f64, EngineError> {
    let default = if calendar == "us_equity" { 0.2 } else { 0.0 };
    let param = Param {
        name: "overnight_var_share",
        unit: "fraction of a day's variance",
        min: 0.0,
        is_min_open: false,
        max: if calendar == CALENDARS[0] { 0.0 } else { OVERNIGHT_MAX },
        default: Some(default),
        is_integer: false,
    };
    Ok(number(fields, &param)?.unwrap_or(default))
}

fn tick_size(fields: &Map<String, Value>) -> Result<Option<f64>, EngineError> {
    match fields.get(TICK_SIZE.name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => number(fields, &TICK_SIZE),
    }
}

fn assets(fields: &Map<String, Value>, family: &Family) -> Result<Vec<String>, EngineError> {
    let Some(value) = fields.get("assets") else {
        return Ok(vec!["A".to_owned()]);
    };
    let names: Option<Vec<String>> = value
        .as_array()
        .map(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    let is_listed = |names: &Vec<String>| {
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        let are_many = (1..=family.assets_max).contains(&names.len());
        are_many && sorted.len() == names.len() && !names.iter().any(String::is_empty)
    };
    names.filter(is_listed).ok_or_else(|| {
        let expected = match family.assets_max {
            1 => "a list with the name of one asset".to_owned(),
            most => format!("a list of 1 to {most} different names"),
        };
        refused("/assets", value.to_string(), expected)
    })
}

fn start(
    fields: &Map<String, Value>,
    timeframe: Timeframe,
    calendar: &str,
    bars: u64,
) -> Result<(String, i64), EngineError> {
    let written = text(fields, "/start", Some("2000-01-03T00:00:00Z"))?;
    let ns = parse_utc(written).ok_or_else(|| {
        refused("/start", format!("`{written}`"), "an instant in UTC, as 2000-01-03T00:00:00Z")
    })?;
    if !Schedule::reaches(calendar, timeframe, ns, bars) {
        let got = format!("{bars} bars of {} from {written}", timeframe.name);
        let is_early = ns < 0; // then no number of bars would do
        let path = if is_early { "/start" } else { "/duration_bars" };
        return Err(refused(path, got, "bars from 1678 on that end before 2262"));
    }
    Ok((written.to_owned(), ns))
}

fn source_hash(
    fields: &Map<String, Value>,
    family: &Family,
) -> Result<Option<String>, EngineError> {
    let is_hex = |text: &str| {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    match (fields.get("source_hash"), family.needs_source) {
        (None | Some(Value::Null), false) => Ok(None),
        (Some(Value::String(hash)), true) if is_hex(hash) => Ok(Some(hash.clone())),
        (value, true) => {
            let got = value.map_or("nothing".to_owned(), Value::to_string);
            Err(refused("/source_hash", got, "64 hexadecimal digits, lower case"))
        }
        (Some(value), false) => {
            let expected = format!("nothing: {} takes no source", family.name);
            Err(refused("/source_hash", value.to_string(), expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({
            "family": "trend", "timeframe": "1h", "duration_bars": 100, "seed": 42,
            "params": {"drift": 1.0, "sigma": 50.0}, "volume_model": "const",
        })
    }

    fn with(path: &str, value: Value) -> Value {
        let mut changed = document();
        match path.split_once('/') {
            Some((outer, inner)) => changed[outer][inner] = value,
            None => changed[path] = value,
        }
        changed
    }

    #[test]
    fn defaults_are_filled_in() {
        let completed = Scenario::read(&document()).unwrap().to_json();
        let expected = json!({
            "family": "trend", "timeframe": "1h", "calendar": "24x7", "duration_bars": 100,
            "seed": 42, "paths": 1, "p0": 100.0, "n_sub": 4,
            "params": {"drift": 1.0, "sigma": 50.0, "drift_convention": "ito"},
            "volume_model": "const",
            "volume_params": {"v0": 1000.0, "sigma": 0.5, "phi": 0.6, "b": 0.5},
            "innovations": {"dist": "normal"}, "tick_size": null, "overlays": [],
            "assets": ["A"], "guard": {"mode": "error", "k": 25.0},
            "start": "2000-01-03T00:00:00Z",
        });
        assert_eq!(completed, expected);
        assert_eq!(Scenario::read(&completed).unwrap().to_json(), expected);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (path, value, code, part) in [
            ("metadata", json!({}), "FIELD_INVALID", "/metadata"),
            ("family", json!("rough_vol"), "UNKNOWN_NAME", "trend, mean_revert"),
            ("timeframe", json!("2h"), "UNKNOWN_NAME", "15m"),
            ("timeframe", json!(60), "FIELD_INVALID", "/timeframe"),
            ("calendar", json!("lse"), "UNKNOWN_NAME", "24x7"),
            ("overnight_var_share", json!(0.1), "PARAM_RANGE", "overnight_var_share"),
            ("duration_bars", json!(99), "FIELD_INVALID", "100 to 5000000"),
            ("duration_bars", json!(100.5), "FIELD_INVALID", "/duration_bars"),
            ("seed", json!(9_007_199_254_740_992_u64), "FIELD_INVALID", "/seed"),
            ("seed", json!(-1), "FIELD_INVALID", "/seed"),
            ("params/drift", json!(500.5), "PARAM_RANGE", "trend.drift"),
            ("params/sigma", json!(0.0), "PARAM_RANGE", "trend.sigma"),
            ("params/sigma", json!("5"), "FIELD_INVALID", "/params/sigma"),
            ("params/form", json!("garch"), "FIELD_INVALID", "/params/form"),
            ("params/drift_convention", json!("simple"), "UNKNOWN_NAME", "ito, log"),
            ("volume_model", json!("heavy"), "UNKNOWN_NAME", "const, lognormal, coupled"),
            ("volume_params", json!({"v1": 1}), "FIELD_INVALID", "/volume_params/v1"),
            ("volume_params", json!({"v0": 0}), "PARAM_RANGE", "volume_params.v0"),
            ("p0", json!(0), "PARAM_RANGE", "p0"),
            ("n_sub", json!(65), "FIELD_INVALID", "/n_sub"),
            ("paths", json!(0), "FIELD_INVALID", "/paths"),
            ("innovations", json!({"dist": "cauchy"}), "UNKNOWN_NAME", "student_t"),
            ("innovations", json!({"dist": "normal", "nu": 5}), "FIELD_INVALID", "/innovations/nu"),
            ("tick_size", json!(-0.01), "PARAM_RANGE", "tick_size"),
            ("overlays", json!([{"bear": {}}]), "FIELD_INVALID", "/overlays"),
            ("assets", json!(["A", "B"]), "FIELD_INVALID", "/assets"),
            ("guard", json!({"mode": "ignore"}), "UNKNOWN_NAME", "error, clip, global"),
            ("guard", json!({"k": 0}), "PARAM_RANGE", "guard.k"),
            ("start", json!("2000-01-03"), "FIELD_INVALID", "/start"),
            ("source_hash", json!("0".repeat(64)), "FIELD_INVALID", "trend takes no source"),
        ] {
            let error = Scenario::read(&with(path, value.clone())).unwrap_err();
            assert_eq!(error.code(), code, "{path}: {value}: {error}");
            assert!(error.to_string().contains(part), "{path}: {value}: {error}");
        }
    }

    #[test]
    fn every_required_field_is_asked_for() {
        for name in ["family", "timeframe", "duration_bars", "seed", "params", "volume_model"] {
            let mut document = document();
            document.as_object_mut().unwrap().remove(name);
            let error = Scenario::read(&document).unwrap_err();
            assert!(error.to_string().contains(&format!("/{name}: got nothing")), "{error}");
        }
    }

    #[test]
    fn a_whole_number_may_be_spelled_as_a_fraction() {
        let scenario = Scenario::read(&with("seed", json!(42.0))).unwrap();
        assert_eq!(scenario.seed, 42);
    }

    #[test]
    fn bars_beyond_the_reach_of_64_bits_are_refused() {
        let mut document = with("timeframe", json!("1d"));
        document["duration_bars"] = json!(100_000);
        let error = Scenario::read(&document).unwrap_err();
        assert!(error.to_string().contains("2262"), "{error}");
    }

    #[test]
    fn more_rows_than_any_memory_holds_are_refused() {
        let mut document = with("paths", json!(1_000_000));
        document["duration_bars"] = json!(5_000_000);
        assert!(Scenario::read(&document).unwrap_err().to_string().contains("/paths"));
    }
}
