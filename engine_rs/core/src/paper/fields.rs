//! Reading a JSON object strictly: every field is asked for by name, and what is left is refused.

use crate::EngineError;
use serde_json::{Map, Value};

/// An object whose fields are taken one by one; what is left at the end is refused.
pub struct Fields<'a> {
    path: String,
    object: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Begins with the object at `path`.
    pub fn of(value: &'a Value, path: &str) -> Result<Self, EngineError> {
        let object = value.as_object().ok_or_else(|| refused(path, value, "an object"))?;
        Ok(Self { path: path.to_owned(), object, taken: Vec::new() })
    }

    /// The field, whatever it holds.
    pub fn value(&mut self, name: &'static str) -> Result<&'a Value, EngineError> {
        self.taken.push(name);
        let path = format!("{}/{name}", self.path);
        self.object.get(name).ok_or_else(|| refused(&path, "nothing", "a value"))
    }

    /// The field as a text.
    pub fn text(&mut self, name: &'static str) -> Result<String, EngineError> {
        let value = self.value(name)?;
        let path = format!("{}/{name}", self.path);
        value.as_str().map(str::to_owned).ok_or_else(|| refused(&path, value, "a text"))
    }

    /// The field as a whole number from `min` to `max`.
    pub fn integer(&mut self, name: &'static str, min: i64, max: i64) -> Result<i64, EngineError> {
        let value = self.value(name)?;
        integer(value, &format!("{}/{name}", self.path), min, max)
    }

    /// The field as a list of `min` to `max` items.
    pub fn list(
        &mut self,
        name: &'static str,
        min: usize,
        max: usize,
    ) -> Result<&'a [Value], EngineError> {
        let value = self.value(name)?;
        let path = format!("{}/{name}", self.path);
        let expected = format!("a list of {min} to {max}");
        let list = value.as_array().ok_or_else(|| refused(&path, value, &expected))?;
        if !(min..=max).contains(&list.len()) {
            return Err(refused(&path, format!("{} items", list.len()), &expected));
        }
        Ok(list)
    }

    /// The field as two whole numbers, the second no smaller than the first.
    pub fn pair(
        &mut self,
        name: &'static str,
        min: i64,
        max: i64,
    ) -> Result<(i64, i64), EngineError> {
        let list = self.list(name, 2, 2)?;
        let low = integer(&list[0], &format!("{}/{name}/0", self.path), min, max)?;
        let high = integer(&list[1], &format!("{}/{name}/1", self.path), low, max)?;
        Ok((low, high))
    }

    /// Refuses what was not asked for.
    pub fn end(&self) -> Result<(), EngineError> {
        let unknown = self.object.keys().find(|name| !self.taken.contains(&name.as_str()));
        match unknown {
            None => Ok(()),
            Some(name) => {
                let path = format!("{}/{name}", self.path);
                Err(refused(&path, "an unknown field", &self.taken.join(", ")))
            }
        }
    }
}

/// A whole number, also when it is written as a double.
pub fn integer(value: &Value, path: &str, min: i64, max: i64) -> Result<i64, EngineError> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = value.as_i64().or_else(|| {
        let real = value.as_f64()?;
        (real.fract() == 0.0 && real.abs() <= EXACT).then_some(real as i64)
    });
    match whole {
        Some(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(refused(path, value, &format!("a whole number, {min} to {max}"))),
    }
}

/// The member of a closed set that bears the name.
pub fn named<T: Copy>(
    path: &str,
    name: &str,
    find: fn(&str) -> Option<T>,
    all: &[(T, &'static str)],
) -> Result<T, EngineError> {
    let known: Vec<&str> = all.iter().map(|row| row.1).collect();
    find(name).ok_or_else(|| refused(path, name, &known.join(", ")))
}

/// A refusal of the field at `path`.
pub fn refused(path: &str, got: impl ToString, expected: &str) -> EngineError {
    EngineError::Field {
        path: path.to_owned(),
        got: got.to_string(),
        expected: expected.to_owned(),
    }
}
