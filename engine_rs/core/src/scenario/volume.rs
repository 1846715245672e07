//! Volume of each bar: constant, lognormal, or moving with the size of the bar's return.

use super::field::{one_of, only};
use crate::EngineError;
use crate::parameter::{Param, Params};
use serde_json::{Map, Value};

/// Mean of |z| for a standard normal z: √(2/π).
pub(super) const MEAN_ABS_NORMAL: f64 = 0.797_884_560_802_865_4;

const PARAMS: &[Param] = &[
    row("v0", "base units", 0.0, true, 1e15, 1000.0),
    row("sigma", "log units", 0.0, false, 5.0, 0.5),
    row("phi", "fraction", 0.0, false, 0.999, 0.6),
    row("b", "log units", 0.0, false, 10.0, 0.5),
];

const fn row(
    name: &'static str,
    unit: &'static str,
    min: f64,
    is_min_open: bool,
    max: f64,
    default: f64,
) -> Param {
    Param { name, unit, min, is_min_open, max, default: Some(default), is_integer: false }
}

/// Every volume model there is.
const MODELS: &[&str] = &["const", "lognormal", "coupled"];

/// A volume model and its parameters.
///
/// Every model takes all four parameters, so that they enter the hash alike; `const` uses only
/// `v0`, `lognormal` also `sigma`.
#[derive(Clone, Debug)]
pub struct Volume {
    model: &'static str,
    params: Params,
}

impl Volume {
    /// Reads the name of the model and its parameters.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_NAME`, `FIELD_INVALID` or `PARAM_RANGE`.
    pub fn read(model: &str, given: Option<&Map<String, Value>>) -> Result<Self, EngineError> {
        let model = one_of("volume model", model, MODELS)?;
        let none = Map::new();
        let given = given.unwrap_or(&none);
        let names: Vec<&str> = PARAMS.iter().map(|param| param.name).collect();
        only("/volume_params", given, &names)?;
        let params = Params::read_at("/volume_params", "volume_params", PARAMS, given, &[])?;
        Ok(Self { model, params })
    }

    /// Name of the model in documents.
    pub fn model_name(&self) -> &'static str {
        self.model
    }

    /// Whether volume follows the size of the return.
    pub fn is_coupled(&self) -> bool {
        self.model == "coupled" && self.params.get("b") > 0.0
    }

    /// All parameters.
    pub fn to_json(&self) -> Map<String, Value> {
        self.params.to_json()
    }

    /// The state from which the volumes of one path follow.
    pub(super) fn start(&self) -> VolumeState {
        let (v0, sigma) = (self.params.get("v0"), self.params.get("sigma"));
        match self.model {
            "lognormal" => VolumeState::Lognormal { v0, sigma },
            "coupled" => VolumeState::Coupled {
                v0,
                sigma,
                phi: self.params.get("phi"),
                b: self.params.get("b"),
                excess: 0.0,
            },
            _ => VolumeState::Const { v0 },
        }
    }
}

/// Volumes of one path, bar after bar.
#[derive(Clone, Copy, Debug)]
pub(super) enum VolumeState {
    Const {
        v0: f64,
    },
    Lognormal {
        v0: f64,
        sigma: f64,
    },
    Coupled {
        v0: f64,
        sigma: f64,
        phi: f64,
        b: f64,
        /// ln V − ln v0 of the bar before; 0 before bar 0.
        excess: f64,
    },
}

impl VolumeState {
    /// Whether each bar draws a normal.
    pub fn draws(&self) -> bool {
        !matches!(self, Self::Const { .. })
    }

    /// Volume of the next bar, from its draw `z` and its diffusive return in units of its
    /// conditional standard deviation: whole if no model draws, else ln V − ln v0, which
    /// [`Self::scale`] completes.
    ///
    /// Source: Cont (2001), Quantitative Finance 1, for the coupling of volume and volatility.
    #[inline]
    pub fn next(&mut self, z: f64, scaled_return: f64) -> f64 {
        match self {
            Self::Const { v0 } => *v0,
            // Less half the variance, so that the mean is v0.
            Self::Lognormal { sigma, .. } => *sigma * z - 0.5 * (*sigma * *sigma),
            Self::Coupled { sigma, phi, b, excess, .. } => {
                let surprise = scaled_return.abs() - MEAN_ABS_NORMAL;
                *excess = *phi * *excess + *b * surprise + *sigma * z;
                *excess
            }
        }
    }

    /// Brings exponentials of what [`Self::next`] gave to the level of the volume.
    pub fn scale(&self, volumes: &mut [f64]) {
        let (Self::Const { v0 } | Self::Lognormal { v0, .. } | Self::Coupled { v0, .. }) = self;
        for volume in volumes {
            *volume *= v0;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::math::{ln, sum};
    use crate::scenario::generate;
    use serde_json::{Value, json};

    fn volumes(model: &str, params: Value) -> Vec<f64> {
        let document = json!({
            "family": "trend", "timeframe": "1m", "duration_bars": 40_000, "seed": 3,
            "params": {"drift": 0, "sigma": 5}, "volume_model": model, "volume_params": params,
        });
        generate(&document, None, false).unwrap().bars.volume
    }

    #[test]
    fn a_constant_volume_is_constant() {
        assert!(volumes("const", json!({"v0": 7.5})).iter().all(|volume| *volume == 7.5));
    }

    #[test]
    fn a_lognormal_volume_has_its_mean_and_width() {
        let volumes = volumes("lognormal", json!({"v0": 10.0, "sigma": 0.3}));
        let n = volumes.len() as f64;
        let mean = sum(volumes.iter().copied()) / n;
        // Relative standard deviation of a lognormal: √(e^σ² − 1) = 0.307.
        assert!((mean / 10.0 - 1.0).abs() < 4.0 * 0.307 / n.sqrt(), "{mean}");
        let logs = volumes.iter().map(|volume| ln(volume / 10.0) + 0.045);
        let variance = sum(logs.map(|log| log * log)) / n;
        assert!((variance / 0.09 - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance}");
    }

    #[test]
    fn a_coupled_volume_remembers_the_bar_before() {
        let volumes = volumes("coupled", json!({"phi": 0.6, "b": 0.0}));
        let logs: Vec<f64> = volumes.iter().map(|volume| ln(volume / 1000.0)).collect();
        let lagged = sum(logs.windows(2).map(|pair| pair[0] * pair[1]));
        let memory = lagged / sum(logs.iter().map(|log| log * log));
        assert!((memory - 0.6).abs() < 4.0 * (0.64_f64 / 4e4).sqrt(), "{memory}");
    }
}
