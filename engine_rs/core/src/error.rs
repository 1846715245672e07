//! Every refusal of the engine: its code for programs and its sentence for people.
//!
//! What the world may do wrong is a variant here. What only this project can do wrong is an
//! assertion, and stays one in release builds.

use std::fmt;

/// Why the engine refused to work on what it was given.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineError {
    /// Text that should be JSON is not.
    Json {
        /// What the parser said.
        message: String,
    },
    /// A field of a document is missing or not of the form it must have.
    Field {
        /// JSON pointer to the field.
        path: String,
        /// What stands there.
        got: String,
        /// What should.
        expected: String,
    },
    /// A name that its table does not hold.
    UnknownName {
        /// What is named: family, indicator, metric, …
        kind: &'static str,
        /// The name that was given.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A parameter outside its range.
    ParamRange {
        /// JSON pointer to it, empty where it did not come from a document.
        path: String,
        /// Family or indicator that the parameter belongs to.
        owner: String,
        /// Its name.
        param: String,
        /// The value that was given.
        got: f64,
        /// Smallest allowed.
        min: f64,
        /// Whether `min` itself is refused.
        is_min_open: bool,
        /// Largest allowed.
        max: f64,
    },
    /// Bars that no market can have made, or that a run cannot use.
    Bars {
        /// Which law is broken, for programs: `NAN_PRICE`, `DUPLICATE_TS`, …
        code: &'static str,
        /// Row, from zero; the first that breaks it.
        row: usize,
        /// What stands there.
        got: String,
        /// What should.
        expected: &'static str,
    },
    /// A path left every price that can be written down.
    ScenarioExploded {
        /// Path, from zero.
        path: usize,
        /// Asset, from zero.
        asset: usize,
        /// Bar, from zero.
        bar_index: usize,
    },
    /// An increment beyond the guard of its own scale.
    GuardExceeded {
        /// Path, from zero.
        path: usize,
        /// Asset, from zero.
        asset: usize,
        /// Bar, from zero.
        bar_index: usize,
        /// Size in standard deviations.
        z: f64,
        /// The limit.
        k: f64,
    },
    /// A program that the compiler could not have made.
    Program {
        /// Instruction, from zero.
        at: usize,
        /// What is wrong with it.
        message: String,
    },
    /// Rules ask to buy and to sell on one bar, in a run that forbids it.
    Conflict {
        /// Number of the bar.
        bar: usize,
    },
    /// A series too short for what is asked of it.
    TooShort {
        /// What needs the bars.
        owner: String,
        /// How many there are.
        got: usize,
        /// How many there must be.
        needed: usize,
    },
}

impl EngineError {
    /// The refusal of a value out of range or of an unknown name, with its place in the document.
    pub(crate) fn placed(self, path: String) -> Self {
        match self {
            Self::ParamRange { owner, param, got, min, is_min_open, max, .. } => {
                Self::ParamRange { path, owner, param, got, min, is_min_open, max }
            }
            Self::UnknownName { name, known, .. } => Self::Field {
                path,
                got: format!("`{name}`"),
                expected: format!("one of {}", known.join(", ")),
            },
            other => other,
        }
    }

    /// JSON pointer to what is wrong, where it is a field of a document.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Field { path, .. } | Self::ParamRange { path, .. } if !path.is_empty() => {
                Some(path)
            }
            _ => None,
        }
    }

    /// Stable name of the error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "NOT_JSON",
            Self::Field { .. } => "FIELD_INVALID",
            Self::UnknownName { .. } => "UNKNOWN_NAME",
            Self::ParamRange { .. } => "PARAM_RANGE",
            Self::Bars { code, .. } => code,
            Self::ScenarioExploded { .. } => "SCENARIO_EXPLODED",
            Self::GuardExceeded { .. } => "GUARD_EXCEEDED",
            Self::Program { .. } => "PROGRAM_INVALID",
            Self::Conflict { .. } => "RUNTIME_CONFLICT",
            Self::TooShort { .. } => "WINDOW_EXCEEDS_SERIES",
        }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { message } => write!(f, "got text that is not JSON ({message})"),
            Self::Field { path, got, expected } => {
                write!(f, "{path}: got {got}, expected {expected}")
            }
            Self::UnknownName { kind, name, known } => {
                write!(f, "{kind} `{name}` is not known; expected one of {}", known.join(", "))
            }
            Self::ParamRange { owner, param, got, min, is_min_open, max, .. } => {
                let above = if *is_min_open { "above " } else { "" };
                write!(f, "{owner}.{param}: got {got}, expected {above}{min} to {max}")
            }
            Self::Bars { row, got, expected, .. } => {
                write!(f, "row {row}: got {got}, expected {expected}")
            }
            Self::ScenarioExploded { path, asset, bar_index } => write!(
                f,
                "path {path}, asset {asset}, bar {bar_index}: the log price left -50 to 50, or the \
                 volume every number [lower the drift, the volatility, the volume's sigma, phi \
                 or b, or the number of bars]"
            ),
            Self::GuardExceeded { path, asset, bar_index, z, k } => write!(
                f,
                "path {path}, asset {asset}, bar {bar_index}: got an increment of {z} standard \
                 deviations, expected less than {k}"
            ),
            Self::Program { at, message } => write!(f, "instruction {at}: {message}"),
            Self::Conflict { bar } => {
                write!(
                    f,
                    "bar {bar}: got rules to buy and to sell, expected one of them [set conflict]"
                )
            }
            Self::TooShort { owner, got, needed } => {
                write!(f, "{owner}: got {got} bars, expected at least {needed}")
            }
        }
    }
}

impl std::error::Error for EngineError {}

impl From<serde_json::Error> for EngineError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json { message: error.to_string() }
    }
}
