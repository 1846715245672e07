//! Fields of a JSON object, read strictly: each with its place, and none that nobody asked for.

use crate::EngineError;
use serde_json::{Map, Value};

/// One object of a document and where it stands.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    /// Takes `value`, which must be an object with no other keys than `known`.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for anything else, with the place of the first unknown key.
    pub fn read(value: &'a Value, path: &str, known: &[&str]) -> Result<Self, EngineError> {
        let Value::Object(map) = value else {
            return Err(refusal(path.to_owned(), value, "an object"));
        };
        for (name, value) in map {
            if !known.contains(&name.as_str()) {
                let expected = format!("one of {}", known.join(", "));
                return Err(refusal(format!("{path}/{name}"), value, &expected));
            }
        }
        Ok(Self { map, path: path.to_owned() })
    }

    /// JSON pointer to the field `name`.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// The field, unless it is missing or null.
    pub fn optional(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// The field.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` when it is missing or null, here and in all that follow.
    pub fn value(&self, name: &str) -> Result<&'a Value, EngineError> {
        self.optional(name).ok_or_else(|| EngineError::Field {
            path: self.path(name),
            got: "nothing".to_owned(),
            expected: "a value".to_owned(),
        })
    }

    /// Refuses the field `name`, which must be something else.
    pub fn refuse(&self, name: &str, expected: &str) -> EngineError {
        let got = self.map.get(name).unwrap_or(&Value::Null);
        refusal(self.path(name), got, expected)
    }

    /// A finite number.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for anything else.
    pub fn number(&self, name: &str) -> Result<f64, EngineError> {
        let number = self.value(name)?.as_f64().filter(|number| number.is_finite());
        number.ok_or_else(|| self.refuse(name, "a number"))
    }

    /// A number in `min..=max`; `min` itself is refused when `is_open`.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for anything else.
    pub fn within(
        &self,
        name: &str,
        min: f64,
        is_open: bool,
        max: f64,
    ) -> Result<f64, EngineError> {
        let number = self.number(name)?;
        let above = if is_open { number > min } else { number >= min };
        if above && number <= max {
            return Ok(number);
        }
        let sign = if is_open { "above" } else { "from" };
        Err(self.refuse(name, &format!("a number {sign} {min} up to {max}")))
    }

    /// A whole number in `min..=max`.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for anything else.
    pub fn count(&self, name: &str, min: usize, max: usize) -> Result<usize, EngineError> {
        whole(self.value(name)?)
            .filter(|count| (min..=max).contains(count))
            .ok_or_else(|| self.refuse(name, &format!("a whole number from {min} to {max}")))
    }

    /// A text.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for anything else.
    pub fn text(&self, name: &str) -> Result<&'a str, EngineError> {
        self.value(name)?.as_str().ok_or_else(|| self.refuse(name, "a text"))
    }

    /// A list of at most `max` items.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for anything else.
    pub fn list(&self, name: &str, max: usize) -> Result<&'a [Value], EngineError> {
        match self.value(name)? {
            Value::Array(items) if items.len() <= max => Ok(items),
            _ => Err(self.refuse(name, &format!("a list of at most {max}"))),
        }
    }

    /// What stands for one of a few words.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for another word.
    pub fn choice<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T, EngineError> {
        let given = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == given);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.refuse(name, &format!("one of {}", known.join(", ")))
        })
    }

    /// True or false; false when it is missing.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` for anything else.
    pub fn flag(&self, name: &str) -> Result<bool, EngineError> {
        match self.optional(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.refuse(name, "true or false")),
        }
    }
}

/// A whole number that is not negative, however it is spelled.
pub fn whole(value: &Value) -> Option<usize> {
    if let Some(count) = value.as_u64() {
        return usize::try_from(count).ok();
    }
    let real = value.as_f64()?;
    (real.fract() == 0.0 && (0.0..=9.007_199_254_740_992e15).contains(&real))
        .then_some(real as usize)
}

fn refusal(path: String, got: &Value, expected: &str) -> EngineError {
    let mut got = got.to_string();
    if got.chars().count() > 80 {
        got = got.chars().take(77).chain("...".chars()).collect();
    }
    EngineError::Field { path, got, expected: expected.to_owned() }
}
