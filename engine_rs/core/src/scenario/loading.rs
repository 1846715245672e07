//! The form `factor` of the family `factor`: log returns of each asset are its loading times those
//! of one common factor, and noise of its own.

use super::document::Scenario;
use super::factor::{FACTOR_ASSET, PAIRS_MAX, Writing, pairs};
use super::law::{self, Bound, Fact, Law};
use super::model::{BarDraws, Model, Outlook, Steps};
use super::path::{BLOCK_STEPS, FLAG_CLIPPED, PathFacts, Walker, blocks};
use super::rows::PathRows;
use super::{Facts, Market};
use crate::EngineError;
use crate::random::{Purpose, Stream};

/// Assets that one factor moves.
pub(super) struct Common {
    /// Loading of each asset.
    pub betas: Vec<f64>,
    /// Deviations of the assets' own noise, decimals.
    pub sigmas: Vec<f64>,
    /// The scenario of the factor alone.
    pub inner: Scenario,
    pub market: Box<dyn Market>,
}

/// The factor along one path, and what it did in the block at hand.
struct FactorWalk<'a> {
    walker: Walker<'a>,
    model: Box<dyn Model>,
    weather: Stream,
    /// Log level at the end of the bar before.
    x: f64,
    first: usize,
    from: [f64; BLOCK_STEPS],
    to: [f64; BLOCK_STEPS],
    variance: [f64; BLOCK_STEPS],
    outlook: [Outlook; BLOCK_STEPS],
    jump: [f64; BLOCK_STEPS],
    /// Gap at the opening of a session.
    gap: [f64; BLOCK_STEPS],
}

impl<'a> FactorWalk<'a> {
    fn new(scenario: &'a Scenario, path: usize, model: Box<dyn Model>) -> Self {
        let zeros = [0.0; BLOCK_STEPS];
        Self {
            walker: Walker::new(scenario, path, FACTOR_ASSET),
            model,
            weather: scenario.stream(path, Purpose::JumpEvent),
            x: 0.0,
            first: 0,
            from: zeros,
            to: zeros,
            variance: zeros,
            outlook: [Outlook::default(); BLOCK_STEPS],
            jump: zeros,
            gap: zeros,
        }
    }

    /// Walks the factor through a block, and adds to `facts` what a portfolio could foresee.
    fn block(
        &mut self,
        scenario: &Scenario,
        (first, last): (usize, usize),
        flags: &mut [PathRows<'_>],
        market: &Common,
        facts: &mut PathFacts,
    ) -> Result<(), EngineError> {
        let n = scenario.n_sub;
        self.first = first;
        self.walker.draw(first, last);
        self.walker.apply_guard(first, |bar_index| {
            flags.iter_mut().for_each(|rows| rows.flags[bar_index] |= FLAG_CLIPPED);
        })?;
        for bar_index in first..last {
            let bar = bar_index - first;
            let at = bar * n..(bar + 1) * n;
            let time = self.walker.time(bar_index);
            self.jump[bar] = self.model.jump(bar_index);
            let opens = time.opens_session;
            self.gap[bar] = self.walker.session_gap(bar_index, opens, self.model.as_ref());
            let weather = scenario.overlays.weather(bar_index, &self.weather);
            // What overlays add goes to each asset once, whatever its loading.
            let draws = BarDraws {
                bar_index,
                length: time.length,
                edge: weather.edge,
                volatility: weather.volatility,
                drift: 0.0,
                z: &self.walker.normals()[at.clone()],
            };
            let mut steps = Steps {
                x: self.x + self.jump[bar] + self.gap[bar],
                from: &mut self.from[at.clone()],
                to: &mut self.to[at.clone()],
                variance: &mut self.variance[at.clone()],
            };
            self.outlook[bar] = self.model.bar(&draws, &mut steps);
            self.x = self.to[at.end - 1];
            let own_scale = weather.volatility * time.length.sqrt();
            let square = market.square(&self.outlook[bar], own_scale, weather.drift);
            facts.foresee_square(square);
        }
        Ok(())
    }
}

impl Common {
    /// μ'Σ⁻¹μ of the simple returns of one bar, Σ being v·ββ' + D with D diagonal.
    ///
    /// Source: Sherman and Morrison (1950), Annals of Mathematical Statistics 21(1).
    fn square(&self, factor: &Outlook, own_scale: f64, drift: f64) -> f64 {
        let mean = factor.mean + factor.jump_mean;
        let v = factor.deviation * factor.deviation + factor.jump_variance;
        let (mut mm, mut mb, mut bb) = (0.0, 0.0, 0.0);
        for (beta, sigma) in self.betas.iter().zip(&self.sigmas) {
            let own = (sigma * own_scale) * (sigma * own_scale);
            let m = beta * mean + drift + 0.5 * (beta * beta * v + own);
            mm += m * m / own;
            mb += m * beta / own;
            bb += beta * beta / own;
        }
        (mm - v * mb * mb / (1.0 + v * bb)).max(0.0)
    }
}

/// One asset in a block of its factor.
struct Asset<'a> {
    beta: f64,
    sigma: f64,
    factor: &'a FactorWalk<'a>,
}

impl Model for Asset<'_> {
    fn deviation(&self) -> f64 {
        self.sigma
    }

    fn jump(&mut self, bar_index: usize) -> f64 {
        self.beta * self.factor.jump[bar_index - self.factor.first]
    }

    fn shared_gap(&self, bar_index: usize) -> f64 {
        self.beta * self.factor.gap[bar_index - self.factor.first]
    }

    fn bar(&mut self, bar: &BarDraws<'_>, steps: &mut Steps<'_>) -> Outlook {
        let n = bar.z.len();
        let at = (bar.bar_index - self.factor.first) * n;
        let common = &self.factor.outlook[bar.bar_index - self.factor.first];
        let own = self.sigma * bar.length.sqrt();
        let wide = own * bar.volatility / (n as f64).sqrt();
        let drift = bar.drift / n as f64;
        let (mut x, mut noise) = (steps.x, 0.0);
        for (j, z) in bar.z.iter().enumerate() {
            let step = self.factor.to[at + j] - self.factor.from[at + j];
            steps.from[j] = x;
            x += self.beta * step + wide * z + drift;
            steps.to[j] = x;
            steps.variance[j] = self.beta * self.beta * self.factor.variance[at + j] + wide * wide;
            noise += z;
        }
        let factor = self.beta * (common.deviation / bar.volatility);
        let deviation = (factor * factor + own * own).sqrt();
        let noise = noise / (n as f64).sqrt();
        Outlook {
            mean: self.beta * common.mean + bar.drift,
            deviation: deviation * bar.volatility,
            jump_mean: self.beta * common.jump_mean,
            jump_variance: self.beta * self.beta * common.jump_variance,
            surprise: (factor * common.surprise + own * noise) / deviation,
            state: common.state,
        }
    }
}

impl Market for Common {
    fn write_path(
        &self,
        scenario: &Scenario,
        path: usize,
        rows: PathRows<'_>,
    ) -> Result<PathFacts, EngineError> {
        let model = self.market.model(&self.inner, path);
        let model = model.expect("a family of one asset that draws has a model");
        let mut factor = FactorWalk::new(scenario, path, model);
        let mut writing = Writing::new(scenario, path, rows);
        for block in blocks(scenario) {
            factor.block(scenario, block, &mut writing.rows, self, &mut writing.facts)?;
            for walker in &mut writing.walkers {
                walker.draw(block.0, block.1);
            }
            writing.block(block, |asset| Asset {
                beta: self.betas[asset],
                sigma: self.sigmas[asset],
                factor: &factor,
            })?;
        }
        let of_factor = factor.walker.facts();
        writing.facts.max_abs_z = of_factor.max_abs_z;
        writing.facts.guard_events = of_factor.guard_events;
        writing.close()
    }

    fn laws(&self, scenario: &Scenario) -> Vec<Law> {
        let of_factor = self.market.laws(&self.inner);
        let expected = |name| {
            let law = of_factor.iter().find(|law| law.statistic == name)?;
            match law.bound {
                Bound::Near { expected } | Bound::Within { expected, .. } => Some(expected),
                Bound::Between { .. } => None,
            }
        };
        // Noise of its own brings an asset nearer to ranges that nothing bends.
        let bend = of_factor.iter().find_map(|law| match law.bound {
            Bound::Within { expected, distance } if law.statistic == "rogers_satchell_ratio" => {
                Some(distance - 0.01 + (expected - 1.0).abs())
            }
            _ => None,
        });
        let mut laws = bend.map_or(Vec::new(), |bend| law::of_ranges(scenario, bend));
        let (mean, variance) = (expected("mean"), expected("variance"));
        let own = |i: usize| self.sigmas[i] * self.sigmas[i];
        for i in 0..self.betas.len().min(PAIRS_MAX) {
            let (beta, asset) = (self.betas[i], [i as f64]);
            if let Some(mean) = mean {
                laws.push(Law::near("asset_mean", &asset, beta * mean));
            }
            if let Some(variance) = variance {
                let expected = beta * beta * variance + own(i);
                laws.push(Law::near("asset_variance", &asset, expected));
            }
        }
        if let Some(variance) = variance {
            laws.extend(pairs(self.betas.len()).map(|(i, j)| {
                let (a, b) = (self.betas[i], self.betas[j]);
                let whole = (a * a * variance + own(i)) * (b * b * variance + own(j));
                let expected = a * b * variance / whole.sqrt();
                Law::near("correlation", &[i as f64, j as f64], expected)
            }));
        }
        laws
    }

    fn burn_in_bars(&self, _scenario: &Scenario) -> usize {
        self.market.burn_in_bars(&self.inner)
    }

    fn facts(&self, scenario: &Scenario) -> Facts {
        // An asset may have little of what its factor shows.
        let of_factor = self.market.facts(&self.inner);
        let always = law::facts_of_independent_returns(scenario).shown;
        let is_free = |fact: &Fact| !always.contains(fact) || of_factor.undecided.contains(fact);
        let known = of_factor.shown.iter().chain(&of_factor.undecided);
        let undecided: Vec<Fact> = known.copied().filter(is_free).collect();
        let shown = always.iter().copied().filter(|fact| !undecided.contains(fact)).collect();
        Facts { shown, undecided }
    }

    fn warnings(&self, _scenario: &Scenario) -> Vec<String> {
        let texts = self.market.warnings(&self.inner);
        texts.into_iter().map(|text| format!("/params/factor{text}")).collect()
    }
}
