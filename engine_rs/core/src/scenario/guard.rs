//! The guard: what happens to an increment that the model cannot well have meant.

use super::field::{one_of, only, refused, text};
use crate::EngineError;
use crate::math;
use crate::parameter::Param;
use serde_json::{Map, Value, json};

const K: Param = Param {
    name: "guard.k",
    unit: "standard deviations",
    min: 0.0,
    is_min_open: true,
    max: 1e3,
    default: Some(25.0),
    is_integer: false,
};

/// Every mode there is; the first is the default.
const MODES: &[&str] = &["error", "clip", "global"];

/// Limit of every increment, in standard deviations: its own conditional one, or with the mode
/// `global` that of the whole path's returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    mode: &'static str,
    /// The limit.
    pub k: f64,
}

impl Guard {
    /// Reads the object at `/guard`.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID`, `UNKNOWN_NAME` or `PARAM_RANGE`.
    pub fn read(given: Option<&Map<String, Value>>) -> Result<Self, EngineError> {
        let none = Map::new();
        let given = given.unwrap_or(&none);
        only("/guard", given, &["mode", "k"])?;
        let mode = one_of("guard mode", text(given, "/guard/mode", Some(MODES[0]))?, MODES)?;
        let default = K.default.expect("the guard has a default");
        let k = match given.get("k") {
            Some(value) => {
                let k = value.as_f64();
                let k = k.ok_or_else(|| refused("/guard/k", value.to_string(), "a number"))?;
                K.check("scenario", k).map_err(|error| error.placed("/guard/k".to_owned()))?
            }
            None => default,
        };
        Ok(Self { mode, k })
    }

    /// Both fields.
    pub fn to_json(self) -> Value {
        json!({"mode": self.mode, "k": self.k})
    }

    /// Whether an increment is measured by its own deviation.
    pub(super) fn limits_increments(self) -> bool {
        self.mode != "global"
    }

    /// Whether an increment beyond the limit is cut back instead of refused.
    pub(super) fn clips(self) -> bool {
        self.mode == "clip"
    }
}

/// With the mode `global`, refuses a path with a return beyond the limit, in units of the standard
/// deviation of all its returns.
///
/// # Errors
///
/// `GUARD_EXCEEDED`, with the first such bar.
pub(super) fn check_whole(
    guard: &Guard,
    path: usize,
    asset: usize,
    closes: &[f64],
) -> Result<(), EngineError> {
    if guard.limits_increments() {
        return Ok(());
    }
    let mut returns: Vec<f64> = closes.windows(2).map(|pair| pair[1] / pair[0]).collect();
    math::ln_each(&mut returns);
    let n = returns.len() as f64;
    let mean = math::sum(returns.iter().copied()) / n;
    let squares = returns.iter().map(|r| (r - mean) * (r - mean));
    let deviation = (math::sum(squares) / (n - 1.0)).sqrt();
    match returns.iter().position(|r| r.abs() >= guard.k * deviation && deviation > 0.0) {
        None => Ok(()),
        Some(at) => Err(EngineError::GuardExceeded {
            path,
            asset,
            bar_index: at + 1,
            z: returns[at] / deviation,
            k: guard.k,
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::generate;
    use serde_json::json;

    #[test]
    fn the_global_guard_measures_by_the_whole_path() {
        let document = |k: f64| {
            json!({
                "family": "trend", "timeframe": "1h", "duration_bars": 1000, "seed": 7,
                "params": {"drift": 0.0, "sigma": 80.0}, "volume_model": "const",
                "guard": {"mode": "global", "k": k},
            })
        };
        assert!(generate(&document(25.0), None, false).is_ok());
        let error = generate(&document(2.0), None, false).unwrap_err();
        assert_eq!(error.code(), "GUARD_EXCEEDED");
        match error {
            crate::EngineError::GuardExceeded { z, bar_index, .. } => {
                assert!(z.abs() >= 2.0 && bar_index > 0, "{z} at {bar_index}");
            }
            other => panic!("{other}"),
        }
    }
}
