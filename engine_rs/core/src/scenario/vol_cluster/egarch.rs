//! EGARCH: the logarithm of the variance moves, by a draw's size and by its sign.

use super::{MEASURABLE, burn_in_bars, facts, of_leverage, of_uncorrelated_returns};
use crate::EngineError;
use crate::math::{exp, ln, normal_cdf};
use crate::scenario::document::Scenario;
use crate::scenario::field::refused;
use crate::scenario::innovation::Innovations;
use crate::scenario::law::{Fact, Law};
use crate::scenario::model::{BPS, BarDraws, Even, Model, Outlook, Steps};
use crate::scenario::{Facts, Univariate};

/// Largest size of the long-run ln h of egarch, h in bps²: that of 2000 bps is 15.2.
pub(super) const LEVEL_MAX: f64 = 16.0;

/// Largest long-run deviation of ln h of egarch: a variance that is often twenty times its median
/// and often a twentieth of it is beyond every market.
const SPREAD_MAX: f64 = 3.0;

/// How far ln h may go from its long run, so that no draw takes it to infinity.
const REACH: f64 = 25.0;

/// The form `egarch`: ln h' = ω + β ln h + α(|z| − E|z|) + γz.
#[derive(Clone, Copy, Debug)]
pub(super) struct Egarch {
    omega: f64,
    alpha: f64,
    beta: f64,
    gamma: f64,
    /// bps per bar.
    mu: f64,
    /// E|z|.
    mean_size: f64,
    /// Long-run mean of ln h.
    level: f64,
    /// ln h of the coming bar, h in bps².
    ln_h: f64,
}

impl Egarch {
    /// Takes ω, α, β and γ, and μ in bps per bar; refuses what has no variance to speak of.
    pub fn new(
        [omega, alpha, beta, gamma]: [f64; 4],
        mu: f64,
        innovations: Innovations,
    ) -> Result<Self, EngineError> {
        let level = omega / (1.0 - beta);
        if level.abs() > LEVEL_MAX {
            let got = format!("omega {omega} and beta {beta}");
            let expected = format!(
                "omega/(1 - beta) of -{LEVEL_MAX} to {LEVEL_MAX} for egarch \
                 (the logarithm of the variance in bps squared)"
            );
            return Err(refused("/params/omega", got, expected));
        }
        let mean_size = innovations.mean_size();
        let egarch = Self { omega, alpha, beta, gamma, mu, mean_size, level, ln_h: level };
        if egarch.spread() > SPREAD_MAX {
            let got = format!("alpha {alpha}, gamma {gamma} and beta {beta}");
            let expected = format!(
                "a deviation of ln h, which is √((alpha²(1 − E|z|²) + gamma²)/(1 − beta²)), of \
                 at most {SPREAD_MAX} for egarch (the variance must be one that a market has)"
            );
            return Err(refused("/params/alpha", got, expected));
        }
        Ok(egarch)
    }

    /// Variance of what a draw adds to ln h.
    fn stir(&self) -> f64 {
        let size = 1.0 - self.mean_size * self.mean_size;
        self.alpha * self.alpha * size + self.gamma * self.gamma
    }

    /// Long-run deviation of ln h.
    fn spread(&self) -> f64 {
        (self.stir() / (1.0 - self.beta * self.beta)).sqrt()
    }

    /// E h^power for normal draws, as a product over all earlier draws.
    ///
    /// Source: Nelson (1991), theorem A1.2.
    fn mean_power(&self, power: f64) -> f64 {
        let Self { alpha, beta, gamma, mean_size, .. } = *self;
        let half =
            |c: f64, slope: f64| exp(0.5 * (c * slope) * (c * slope)) * normal_cdf(c * slope);
        let (mut log, mut c) = (power * self.level, power);
        while c > 1e-3 {
            let mean = half(c, alpha + gamma) + half(c, alpha - gamma);
            log += ln(mean) - c * alpha * mean_size;
            c *= beta;
        }
        // What the rest adds, but for terms of the order c³.
        exp(log + 0.5 * self.stir() * c * c / (1.0 - beta * beta))
    }
}

impl Univariate for Egarch {
    type Model = Self;

    fn model(&self, _scenario: &Scenario, _path: usize) -> Self {
        *self
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let spread = self.spread();
        // The harmonic mean, as if ln h were normal.
        let calm = exp(self.level - 0.5 * spread * spread) * BPS * BPS;
        let mut laws = of_uncorrelated_returns(scenario, self.mu, calm);
        if self.beta <= MEASURABLE {
            laws.push(Law::near("log_variance_mean", &[], self.level + 2.0 * ln(BPS)));
            laws.push(Law::near("log_variance_deviation", &[], spread));
            if spread > 0.0 {
                laws.push(Law::near("log_variance_acf", &[1.0], self.beta));
                laws.push(Law::near("log_variance_acf", &[10.0], power(self.beta, 10)));
            }
        }
        // With Student's draws the mean of e^|z|, and so of h, is infinite.
        let is_measurable = self.beta <= MEASURABLE && spread <= 1.0;
        if is_measurable && scenario.innovations.student().is_none() {
            let mean = self.mean_power(1.0);
            let variance = mean * BPS * BPS;
            laws.push(Law::within("variance", &[], variance, 0.05 * variance));
            laws.push(Law::within("variance_mean", &[], variance, 0.05 * variance));
            let kurtosis = 3.0 * self.mean_power(2.0) / (mean * mean);
            laws.push(Law::within("kurtosis", &[], kurtosis, 0.2 * kurtosis));
        }
        laws.extend(of_leverage(self.gamma));
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        burn_in_bars(self.beta)
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        let spread = self.spread();
        let mut facts = facts(scenario, self.stir().sqrt(), 0.5 * spread * spread, self.gamma);
        if spread > 0.0 {
            facts.undecided.push(Fact::ConditionalHeavyTails);
        }
        facts
    }
}

impl Model for Egarch {
    fn deviation(&self) -> f64 {
        exp(0.5 * self.ln_h) * BPS
    }

    #[inline]
    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let even = Even {
            predictable: self.mu * BPS * bar.length,
            constant: 0.0,
            deviation: exp(0.5 * self.ln_h) * BPS * bar.length.sqrt(),
        };
        let (own, outlook) = even.walk(bar, steps);
        let z = (own - even.predictable) / even.deviation;
        let moved = self.alpha * (z.abs() - self.mean_size) + self.gamma * z;
        let ln_h = self.omega + self.beta * self.ln_h + moved;
        self.ln_h = ln_h.clamp(self.level - REACH, self.level + REACH);
        outlook
    }
}

fn power(base: f64, exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}
