//! What may be given to a member of an open set (unit, range, default), and what was given,
//! checked.

use crate::EngineError;
use serde_json::{Map, Value, json};

/// One parameter as its table declares it.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Name in documents.
    pub name: &'static str,
    /// Unit, in words.
    pub unit: &'static str,
    /// Smallest value allowed.
    pub min: f64,
    /// Whether `min` itself is refused.
    pub is_min_open: bool,
    /// Largest value allowed.
    pub max: f64,
    /// Value when none is given; `None` makes the parameter required.
    pub default: Option<f64>,
    /// Whether only whole numbers are allowed.
    pub is_integer: bool,
}

impl Param {
    /// Row of the catalogue.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name, "unit": self.unit, "min": self.min, "max": self.max,
            "is_min_open": self.is_min_open, "default": self.default,
            "is_integer": self.is_integer,
        })
    }

    /// Gives `value` back if it is one this parameter may have.
    ///
    /// # Errors
    ///
    /// `PARAM_RANGE` outside the range, or for a fraction where a whole number is needed.
    pub fn check(&self, owner: &str, value: f64) -> Result<f64, EngineError> {
        let above = if self.is_min_open { value > self.min } else { value >= self.min };
        let whole = !self.is_integer || value.fract() == 0.0;
        if above && value <= self.max && whole {
            return Ok(value);
        }
        Err(EngineError::ParamRange {
            path: String::new(),
            owner: owner.to_owned(),
            param: self.name.to_owned(),
            got: value,
            min: self.min,
            is_min_open: self.is_min_open,
            max: self.max,
        })
    }
}

/// Values for every parameter of one member, in the order of its table.
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    values: Vec<(&'static str, f64)>,
}

impl Params {
    /// Reads `given` against the table, filling in defaults. Keys in `also_known` are left to
    /// the caller (choices and texts, which have no range).
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for a missing, unknown or non-numeric parameter, `PARAM_RANGE` for one out
    /// of range.
    pub fn read(
        owner: &str,
        table: &[Param],
        given: &Map<String, Value>,
        also_known: &[&str],
    ) -> Result<Self, EngineError> {
        Self::read_at("/params", owner, table, given, also_known)
    }

    /// The same for an object that stands at `place` in its document.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn read_at(
        place: &str,
        owner: &str,
        table: &[Param],
        given: &Map<String, Value>,
        also_known: &[&str],
    ) -> Result<Self, EngineError> {
        for name in given.keys() {
            let known = table.iter().any(|param| param.name == name.as_str());
            if !known && !also_known.contains(&name.as_str()) {
                return Err(EngineError::Field {
                    path: format!("{place}/{name}"),
                    got: "an unknown parameter".to_owned(),
                    expected: format!("a parameter of {owner}"),
                });
            }
        }
        let mut values = Vec::with_capacity(table.len());
        for param in table {
            let value = match (given.get(param.name), param.default) {
                (Some(value), _) => value.as_f64().ok_or_else(|| EngineError::Field {
                    path: format!("{place}/{}", param.name),
                    got: value.to_string(),
                    expected: "a number".to_owned(),
                })?,
                (None, Some(default)) => default,
                (None, None) => {
                    return Err(EngineError::Field {
                        path: format!("{place}/{}", param.name),
                        got: "nothing".to_owned(),
                        expected: format!("a number ({})", param.unit),
                    });
                }
            };
            let checked = param.check(owner, value);
            values.push((
                param.name,
                checked.map_err(|error| error.placed(format!("{place}/{}", param.name)))?,
            ));
        }
        Ok(Self { values })
    }

    /// Takes values in the order of the table, as a program gives them.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` when the count differs, `PARAM_RANGE` for a value out of range.
    pub fn from_slice(owner: &str, table: &[Param], given: &[f64]) -> Result<Self, EngineError> {
        if given.len() != table.len() {
            return Err(EngineError::Field {
                path: format!("/{owner}"),
                got: format!("{} parameters", given.len()),
                expected: format!("{}", table.len()),
            });
        }
        let pairs = table.iter().zip(given);
        let values = pairs
            .map(|(param, value)| Ok((param.name, param.check(owner, *value)?)))
            .collect::<Result<_, EngineError>>()?;
        Ok(Self { values })
    }

    /// Value of the parameter `name`.
    ///
    /// # Panics
    ///
    /// When the table has no such parameter: a misspelling in this crate.
    pub fn get(&self, name: &str) -> f64 {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no parameter `{name}` in this table")).1
    }

    /// The values, in the order of the table.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.values.iter().map(|(_, value)| *value)
    }

    /// All values, in the order of the table.
    pub fn to_json(&self) -> Map<String, Value> {
        self.values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    }
}
