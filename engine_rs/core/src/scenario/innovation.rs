//! The law of the draws: normal, or Student's with one scale for each bar.

use super::Family;
use super::field::{one_of, only, refused, text, whole};
use super::volume::MEAN_ABS_NORMAL;
use crate::EngineError;
use crate::random::Stream;
use serde_json::{Map, Value, json};

const NU_MIN: u64 = 3;
const NU_MAX: u64 = 30;
const NU_DEFAULT: u64 = 5;

/// The law of the draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Innovations {
    student: Option<Student>,
}

/// Student's law, scaled to variance one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Student {
    /// Degrees of freedom.
    nu: u64,
}

impl Innovations {
    /// Reads the object at `/innovations`.
    ///
    /// # Errors
    ///
    /// `FIELD_INVALID` or `UNKNOWN_NAME`; also for Student's law where the family cannot use it.
    pub fn read(given: Option<&Map<String, Value>>, family: &Family) -> Result<Self, EngineError> {
        let none = Map::new();
        let given = given.unwrap_or(&none);
        only("/innovations", given, &["dist", "nu"])?;
        let dist = text(given, "/innovations/dist", Some("normal"))?;
        match one_of("innovations", dist, &["normal", "student_t"])? {
            "student_t" if family.takes_student_t => {
                let nu = whole(given, "/innovations/nu", Some(NU_DEFAULT), NU_MIN, NU_MAX)?;
                Ok(Self { student: Some(Student { nu }) })
            }
            "student_t" => {
                let expected = format!("normal: {} has a law of its own", family.name);
                Err(refused("/innovations/dist", "student_t", expected))
            }
            _ if given.contains_key("nu") => {
                Err(refused("/innovations/nu", "a number", "nothing: only student_t has one"))
            }
            _ => Ok(Self { student: None }),
        }
    }

    /// Student's law, if it is that.
    #[inline]
    pub fn student(&self) -> Option<&Student> {
        self.student.as_ref()
    }

    /// Mean size of a draw: √(2/π) for normals; for Student's √((ν − 2)/π)·Γ((ν − 1)/2)/Γ(ν/2).
    pub(super) fn mean_size(&self) -> f64 {
        let Some(Student { nu }) = self.student else {
            return MEAN_ABS_NORMAL;
        };
        // Γ((k − 1)/2)/Γ(k/2), from k = 2 or 3 upwards in twos.
        let start = 2 + nu % 2;
        let root_pi = std::f64::consts::PI.sqrt();
        let first = if start == 2 { root_pi } else { 2.0 / root_pi };
        let ratio =
            (start..nu).step_by(2).fold(first, |ratio, k| ratio * (k - 1) as f64 / k as f64);
        ((nu - 2) as f64).sqrt() / root_pi * ratio
    }

    /// Fourth moment of a draw of variance one: 3 for normals, 3(ν − 2)/(ν − 4) for Student's, and
    /// infinite up to ν = 4.
    pub(super) fn fourth_moment(&self) -> f64 {
        self.even_moment(2)
    }

    /// Moment of order `2 * half` of a draw of variance one; infinite for Student's law with no
    /// more degrees of freedom than that.
    pub(super) fn even_moment(&self, half: u64) -> f64 {
        (1..=half).fold(1.0, |moment, k| {
            let odd = (2 * k - 1) as f64;
            match self.student {
                None => moment * odd,
                Some(Student { nu }) if nu > 2 * k => {
                    moment * odd * (nu - 2) as f64 / (nu - 2 * k) as f64
                }
                Some(_) => f64::INFINITY,
            }
        })
    }

    /// Every field.
    pub fn to_json(self) -> Value {
        match self.student {
            Some(Student { nu }) => json!({"dist": "student_t", "nu": nu}),
            None => json!({"dist": "normal"}),
        }
    }
}

impl Student {
    /// Degrees of freedom.
    pub fn nu(&self) -> u64 {
        self.nu
    }

    /// What the normals of the bars from `first` are multiplied by: √((ν − 2)/χ²), where χ² is the
    /// sum of the squares of draws t·ν to t·ν + ν − 1.
    ///
    /// Source: Student (1908), Biometrika 6(1), as a normal over the root of a chi-square.
    pub(super) fn fill_scales(&self, stream: &Stream, first: usize, scales: &mut [f64]) {
        let nu = self.nu as usize;
        let mut normals = [0.0; NU_MAX as usize];
        let normals = &mut normals[..nu];
        for (t, scale) in (first..).zip(scales) {
            stream.fill_normals((t * nu) as u64, normals);
            let chi_square = normals.iter().fold(0.0, |sum, z| sum + z * z);
            *scale = ((nu - 2) as f64 / chi_square).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::math::{ln, sum};
    use crate::scenario::generate;
    use serde_json::{Value, json};

    fn document(innovations: Value) -> Value {
        json!({
            "family": "trend", "timeframe": "1m", "duration_bars": 200_000, "seed": 3,
            "params": {"drift": 0, "sigma": 10, "drift_convention": "log"},
            "volume_model": "const", "innovations": innovations,
        })
    }

    #[test]
    fn student_draws_keep_the_variance_and_thicken_the_tails() {
        let made = generate(&document(json!({"dist": "student_t", "nu": 8})), None, false);
        let bars = made.unwrap().bars;
        let squares: Vec<f64> = (0..200_000)
            .map(|t| {
                let z = ln(bars.close[t] / bars.open[t]) / 10e-4;
                z * z
            })
            .collect();
        let variance = sum(squares.iter().copied()) / 2e5;
        let kurtosis =
            sum(squares.iter().map(|square| square * square)) / 2e5 / (variance * variance);
        assert!((variance - 1.0).abs() < 4.0 * (3.5_f64 / 2e5).sqrt(), "{variance}");
        // 3 + 6/(ν − 4), whose own standard error is large: the eighth moment does not exist.
        assert!((4.1..5.0).contains(&kurtosis), "{kurtosis}");
    }

    #[test]
    fn degrees_of_freedom_stay_within_bounds_and_belong_to_student() {
        for (innovations, code) in [
            (json!({"dist": "student_t", "nu": 2}), "FIELD_INVALID"),
            (json!({"dist": "student_t", "nu": 31}), "FIELD_INVALID"),
            (json!({"dist": "student_t", "nu": 3.5}), "FIELD_INVALID"),
            (json!({"dist": "normal", "nu": 5}), "FIELD_INVALID"),
            (json!({"dist": "cauchy"}), "UNKNOWN_NAME"),
            (json!({"dof": 5}), "FIELD_INVALID"),
        ] {
            let error = generate(&document(innovations.clone()), None, false).unwrap_err();
            assert_eq!(error.code(), code, "{innovations}");
        }
    }

    #[test]
    fn a_draw_beyond_the_guard_is_cut_back_counted_and_flagged() {
        let mut document = document(json!({"dist": "student_t", "nu": 3}));
        document["guard"] = json!({"k": 6.0});
        let made = generate(&document, None, false).unwrap();
        let flagged = made.bars.flags.iter().filter(|flags| **flags == 1).count();
        assert!(flagged > 10, "{flagged}");
        assert!(made.facts["guard_events"].as_u64().unwrap() >= flagged as u64);
        assert!(made.facts["max_abs_z"].as_f64().unwrap() > 6.0);
    }

    #[test]
    fn moments_of_draws_are_those_of_their_law() {
        let family = crate::scenario::FAMILIES[0];
        let read = |fields: Value| super::Innovations::read(fields.as_object(), family).unwrap();
        let normal = read(json!({}));
        assert_eq!((normal.mean_size(), normal.fourth_moment()), (0.797_884_560_802_865_4, 3.0));
        // E|t| of Student's law is 2√ν Γ((ν + 1)/2)/(√π Γ(ν/2)(ν − 1)), here by hand.
        for (nu, size, fourth) in [
            (3, std::f64::consts::FRAC_2_PI, f64::INFINITY),
            (4, std::f64::consts::FRAC_1_SQRT_2, f64::INFINITY),
            (5, 0.735_105_193_895_722_7, 9.0),
            (6, 0.75, 6.0),
        ] {
            let student = read(json!({"dist": "student_t", "nu": nu}));
            assert!((student.mean_size() - size).abs() < 1e-15, "{nu}: {}", student.mean_size());
            assert_eq!(student.fourth_moment(), fourth, "{nu}");
        }
        assert_eq!([1, 2, 3, 4].map(|half| normal.even_moment(half)), [1.0, 3.0, 15.0, 105.0]);
        // 105 (ν − 2)³/((ν − 4)(ν − 6)(ν − 8)).
        for (nu, eighth) in [(8, f64::INFINITY), (10, 1120.0)] {
            let student = read(json!({"dist": "student_t", "nu": nu}));
            assert!(student.even_moment(4) == eighth, "{nu}: {}", student.even_moment(4));
        }
    }
}
