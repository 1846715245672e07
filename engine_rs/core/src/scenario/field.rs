//! Fields of a JSON object, each read as the kind it must be or refused with its place.
//!
//! A `path` is the JSON pointer of the field; its last part is the field's name in the object that
//! is handed in. What the fields mean does not belong here.

use crate::EngineError;
use crate::parameter::Param;
use serde_json::{Map, Value};

/// Largest whole number that every reader of JSON agrees on: 2^53 − 1.
pub(super) const WHOLE_MAX: u64 = (1 << 53) - 1;

/// The refusal of the field at `path`.
pub(super) fn refused(
    path: &str,
    got: impl Into<String>,
    expected: impl Into<String>,
) -> EngineError {
    EngineError::Field { path: path.to_owned(), got: got.into(), expected: expected.into() }
}

/// Refuses the first field of the object at `path` that is not in `known`.
pub(super) fn only(
    path: &str,
    fields: &Map<String, Value>,
    known: &[&str],
) -> Result<(), EngineError> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let expected = format!("one of {}", known.join(", "));
            Err(refused(&format!("{path}/{name}"), "an unknown field", expected))
        }
        None => Ok(()),
    }
}

/// The word of `known` that equals `name`.
pub(super) fn one_of(
    kind: &'static str,
    name: &str,
    known: &[&'static str],
) -> Result<&'static str, EngineError> {
    let found = known.iter().find(|word| **word == name);
    found.copied().ok_or_else(|| EngineError::UnknownName {
        kind,
        name: name.to_owned(),
        known: known.to_vec(),
    })
}

/// `value` as an object.
pub(super) fn object<'a>(
    path: &str,
    value: &'a Value,
) -> Result<&'a Map<String, Value>, EngineError> {
    value.as_object().ok_or_else(|| refused(path, value.to_string(), "an object"))
}

/// The object at `path`, if the last part of the path is a field at all.
pub(super) fn optional_object<'a>(
    fields: &'a Map<String, Value>,
    path: &str,
) -> Result<Option<&'a Map<String, Value>>, EngineError> {
    fields.get(last(path)).map(|value| object(path, value)).transpose()
}

/// The value at `path`, which must be there.
pub(super) fn required<'a>(
    fields: &'a Map<String, Value>,
    path: &str,
) -> Result<&'a Value, EngineError> {
    fields.get(last(path)).ok_or_else(|| refused(path, "nothing", "a value"))
}

/// The text at `path`; without a default it must be there.
pub(super) fn text<'a>(
    fields: &'a Map<String, Value>,
    path: &str,
    default: Option<&'a str>,
) -> Result<&'a str, EngineError> {
    match (fields.get(last(path)), default) {
        (Some(value), _) => {
            value.as_str().ok_or_else(|| refused(path, value.to_string(), "a text"))
        }
        (None, Some(default)) => Ok(default),
        (None, None) => Err(refused(path, "nothing", "a text")),
    }
}

/// The whole number at `path`, from `min` to `max`; without a default it must be there.
pub(super) fn whole(
    fields: &Map<String, Value>,
    path: &str,
    default: Option<u64>,
    min: u64,
    max: u64,
) -> Result<u64, EngineError> {
    let expected = || format!("a whole number, {min} to {max}");
    let Some(value) = fields.get(last(path)) else {
        return default.ok_or_else(|| refused(path, "nothing", expected()));
    };
    // 42.0 is 42: canonical JSON spells both alike, so they must mean the same.
    let as_whole = |real: f64| {
        (real >= 0.0 && real <= WHOLE_MAX as f64 && real.fract() == 0.0).then_some(real as u64)
    };
    let given = value.as_u64().or_else(|| value.as_f64().and_then(as_whole));
    match given {
        Some(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(refused(path, value.to_string(), expected())),
    }
}

/// A number at the top level, in the range and with the default of `param`.
pub(super) fn number(
    fields: &Map<String, Value>,
    param: &Param,
) -> Result<Option<f64>, EngineError> {
    let Some(value) = fields.get(param.name) else {
        return Ok(param.default);
    };
    let path = format!("/{}", param.name);
    let number = value.as_f64().ok_or_else(|| refused(&path, value.to_string(), "a number"))?;
    param.check("scenario", number).map(Some).map_err(|error| error.placed(path))
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().expect("a split text has at least one part")
}
