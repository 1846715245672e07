//! One path of log prices: sub-steps, bridge extremes and the bars they make, shared by every
//! family that draws its increments.
//!
//! What an increment is made of is the family's affair and does not belong here; what a family is
//! told and tells stands in `model`.
//!
//! Work goes in blocks of a few hundred sub-steps, so that draws, logarithms and exponentials are
//! taken by the array; each value is still computed by the same operations in the same order.

use super::calendar::{BarTime, Schedule};
use super::document::Scenario;
use super::guard;
use super::model::{BarDraws, Model, Outlook, Steps};
use super::overlay::Weather;
use super::rows::PathRows;
use super::volume::VolumeState;
use crate::EngineError;
use crate::math::{self, Sum};
use crate::random::{Purpose, Stream, family_key};

/// Bit of the column `flags`: an increment of this bar was cut back to the guard.
pub const FLAG_CLIPPED: u8 = 1;

/// Largest log price, up or down, relative to `p0`.
pub(super) const LOG_PRICE_MAX: f64 = 50.0;

/// Sub-steps that a block has room for; at least the 64 that one bar may have.
pub(super) const BLOCK_STEPS: usize = if cfg!(test) { 1024 } else { 256 };

/// Sub-steps that a block is given; tests walk by other lengths, which must not matter.
#[cfg(not(test))]
fn block_steps() -> usize {
    BLOCK_STEPS
}

#[cfg(test)]
use super::tests::block_steps;

/// Where the draws for opening gaps of sessions begin, beyond every bar's jump.
const SESSION_GAPS: u64 = 1 << 32;

/// What is worth knowing of a path beside its bars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PathFacts {
    /// Largest |z| that was drawn for an increment, before any clipping.
    pub max_abs_z: f64,
    /// Increments that reached the guard.
    pub guard_events: u64,
    /// Bars that a jump of the model opened.
    pub jump_events: u64,
    /// Sum over the bars of m²/(m² + s²), m and s² being mean and variance of the coming return.
    pub foresight: Sum,
    /// Bars in that sum; 0 where the coming return has no law.
    pub foreseen_bars: u64,
}

impl PathFacts {
    /// Takes note of a bar whose log return has this mean and variance, given the bars before.
    #[inline]
    pub(super) fn foresee(&mut self, mean: f64, variance: f64) {
        // Of a simple return, to second order in the deviation.
        let m = mean + 0.5 * variance;
        let square = m * m;
        self.foresight.add(if square > 0.0 { square / (square + variance) } else { 0.0 });
        self.foreseen_bars += 1;
    }

    /// Takes note of a bar of several assets by μ'Σ⁻¹μ of their simple returns.
    #[inline]
    pub(super) fn foresee_square(&mut self, square: f64) {
        self.foresight.add(square / (1.0 + square));
        self.foreseen_bars += 1;
    }
}

/// Writes path number `path` of a scenario with one asset into `rows`.
///
/// # Errors
///
/// `SCENARIO_EXPLODED` when the log price leaves ±50 or the volume all numbers; `GUARD_EXCEEDED`
/// when an increment reaches the guard and the scenario does not clip.
pub(super) fn walk(
    scenario: &Scenario,
    path: usize,
    model: &mut (impl Model + ?Sized),
    mut rows: PathRows<'_>,
) -> Result<PathFacts, EngineError> {
    let mut walker = Walker::new(scenario, path, 0);
    for (first, last) in blocks(scenario) {
        walker.draw(first, last);
        walker.block(first, last, model, &mut rows)?;
    }
    walker.close(&mut rows)
}

/// First bar and bar after the last of each block of a path.
pub(super) fn blocks(scenario: &Scenario) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (n_bars, step) = (scenario.duration_bars, block_steps() / scenario.n_sub);
    (0..n_bars).step_by(step).map(move |first| (first, n_bars.min(first + step)))
}

/// State of a walk and the scratch arrays of one block.
pub(super) struct Walker<'a> {
    scenario: &'a Scenario,
    schedule: Schedule,
    path: usize,
    asset: usize,
    diffusion: Stream,
    tails: Stream,
    gaps: Stream,
    events: Stream,
    intrabar: Stream,
    volumes: Stream,
    volume: VolumeState,
    /// Log price and price at the close of the bar before.
    x: f64,
    close: f64,
    facts: PathFacts,
    /// Sub-steps in this block.
    steps: usize,
    /// Draws of the increments, of variance one.
    z: [f64; BLOCK_STEPS],
    /// Scale of each bar's draws: 1 unless they are Student's.
    tail: [f64; BLOCK_STEPS],
    /// Gap at the open of each bar.
    gap: [f64; BLOCK_STEPS],
    /// Log price at both ends of each sub-step.
    from: [f64; BLOCK_STEPS],
    to: [f64; BLOCK_STEPS],
    /// Variance of each sub-step.
    v: [f64; BLOCK_STEPS],
    /// ln u of the bridges: high and low of each sub-step by turns.
    ln_u: [f64; 2 * BLOCK_STEPS],
    /// Highest and lowest log price within each sub-step.
    high: [f64; BLOCK_STEPS],
    low: [f64; BLOCK_STEPS],
}

impl<'a> Walker<'a> {
    pub fn new(scenario: &'a Scenario, path: usize, asset: usize) -> Self {
        let family = family_key(scenario.family.name);
        let stream =
            |purpose| Stream::scenario(scenario.seed, family, path as u64, asset as u64, purpose);
        Self {
            scenario,
            schedule: scenario.schedule(),
            path,
            asset,
            diffusion: stream(Purpose::Diffusion),
            tails: stream(Purpose::Vol),
            gaps: stream(Purpose::JumpSize),
            events: stream(Purpose::JumpEvent),
            intrabar: stream(Purpose::Intrabar),
            volumes: stream(Purpose::Volume),
            volume: scenario.volume.start(),
            x: 0.0,
            close: scenario.p0,
            facts: PathFacts::default(),
            steps: 0,
            z: [0.0; BLOCK_STEPS],
            tail: [1.0; BLOCK_STEPS],
            gap: [0.0; BLOCK_STEPS],
            from: [0.0; BLOCK_STEPS],
            to: [0.0; BLOCK_STEPS],
            v: [0.0; BLOCK_STEPS],
            ln_u: [0.0; 2 * BLOCK_STEPS],
            high: [0.0; BLOCK_STEPS],
            low: [0.0; BLOCK_STEPS],
        }
    }

    /// Draws the normals of the increments of the bars `first` to `last`.
    pub fn draw(&mut self, first: usize, last: usize) {
        let n = self.scenario.n_sub;
        self.steps = (last - first) * n;
        self.diffusion.fill_normals((first * n) as u64, &mut self.z[..self.steps]);
    }

    /// The normals of this block, for a family that mixes those of several assets.
    pub fn normals(&mut self) -> &mut [f64] {
        &mut self.z[..self.steps]
    }

    /// Writes the bars `first` to `last`, whose normals have been drawn.
    pub fn block(
        &mut self,
        first: usize,
        last: usize,
        model: &mut (impl Model + ?Sized),
        rows: &mut PathRows<'_>,
    ) -> Result<(), EngineError> {
        let n = self.scenario.n_sub;
        let ln_u = &mut self.ln_u[..2 * self.steps];
        self.intrabar.fill_uniforms(2 * (first * n) as u64, ln_u);
        math::ln_each(ln_u);
        if let Some(student) = self.scenario.innovations.student() {
            let tail = &mut self.tail[..last - first];
            student.fill_scales(&self.tails, first, tail);
            for (z, tail) in self.z[..self.steps].chunks_exact_mut(n).zip(tail) {
                z.iter_mut().for_each(|z| *z *= *tail);
            }
        }
        self.apply_guard(first, |bar_index| rows.flags[bar_index] |= FLAG_CLIPPED)?;
        self.advance(first, last, model, rows)?;
        self.bridge(first, last, rows)?;
        self.price(first, last, rows);
        Ok(())
    }

    /// Ends the walk: what can only be said of the whole path.
    pub fn close(self, rows: &mut PathRows<'_>) -> Result<PathFacts, EngineError> {
        guard::check_whole(&self.scenario.guard, self.path, self.asset, rows.close)?;
        Ok(self.facts)
    }

    /// Refuses or clips increments that no normal draw can make: |d − E d| < k·√v, where the left
    /// side is √v·|z|. Student's are cut back always, since they can.
    /// `mark` is called for each bar that is cut.
    pub fn apply_guard(
        &mut self,
        first: usize,
        mut mark: impl FnMut(usize),
    ) -> Result<(), EngineError> {
        let z = &mut self.z[..self.steps];
        let largest = z.iter().fold(0.0_f64, |largest, z| largest.max(z.abs()));
        self.facts.max_abs_z = self.facts.max_abs_z.max(largest);
        let guard = self.scenario.guard;
        if largest < guard.k || !guard.limits_increments() {
            return Ok(());
        }
        let clips = guard.clips() || self.scenario.innovations.student().is_some();
        for (step, z) in z.iter_mut().enumerate().filter(|(_, z)| z.abs() >= guard.k) {
            let bar_index = first + step / self.scenario.n_sub;
            if !clips {
                let (path, asset, z, k) = (self.path, self.asset, *z, guard.k);
                return Err(EngineError::GuardExceeded { path, asset, bar_index, z, k });
            }
            *z = guard.k.copysign(*z);
            self.facts.guard_events += 1;
            mark(bar_index);
        }
        Ok(())
    }

    /// Walks the log price through the block, bar by bar, and takes each bar's volume.
    fn advance(
        &mut self,
        first: usize,
        last: usize,
        model: &mut (impl Model + ?Sized),
        rows: &mut PathRows<'_>,
    ) -> Result<(), EngineError> {
        let n = self.scenario.n_sub;
        let mut volume_z = [0.0; BLOCK_STEPS];
        let draws_volume = self.volume.draws();
        if draws_volume {
            self.volumes.fill_normals(first as u64, &mut volume_z[..last - first]);
        }
        for bar_index in first..last {
            let bar = bar_index - first;
            let at = bar * n..(bar + 1) * n;
            let time = self.schedule.bar(bar_index);
            (rows.ts[bar_index], rows.known_at[bar_index]) = (time.ts, time.known_at);
            let weather = self.scenario.overlays.weather(bar_index, &self.events);
            rows.flags[bar_index] |= weather.flags;

            let jump = model.jump(bar_index);
            self.facts.jump_events += u64::from(jump != 0.0);
            let session_gap = self.session_gap(bar_index, time.opens_session, model);
            if session_gap != 0.0 {
                model.reopen(session_gap);
            }
            let gap = jump + weather.gap + session_gap + model.shared_gap(bar_index);
            self.gap[bar] = gap;
            let x = self.x + gap;
            let Weather { edge, volatility, drift, .. } = weather;
            let length = time.length;
            let z = &self.z[at.clone()];
            let draws = BarDraws { bar_index, length, edge, volatility, drift, z };
            let mut steps = Steps {
                x,
                from: &mut self.from[at.clone()],
                to: &mut self.to[at.clone()],
                variance: &mut self.v[at.clone()],
            };
            let outlook = model.bar(&draws, &mut steps);
            self.x = self.to[at.end - 1];
            if self.x.is_nan() || self.x.abs() > LOG_PRICE_MAX {
                return Err(self.exploded(bar_index));
            }
            rows.volume[bar_index] = self.volume.next(volume_z[bar], outlook.surprise);
            self.record(bar_index, gap, &outlook, rows);
        }
        if draws_volume {
            let volumes = &mut rows.volume[first..last];
            math::exp_each(volumes);
            self.volume.scale(volumes);
            if let Some(bar) = volumes.iter().position(|volume| !volume.is_finite()) {
                return Err(self.exploded(first + bar));
            }
        }
        Ok(())
    }

    /// When a bar opens and closes.
    pub fn time(&self, bar_index: usize) -> BarTime {
        self.schedule.bar(bar_index)
    }

    /// What is known of the path so far.
    pub fn facts(&self) -> &PathFacts {
        &self.facts
    }

    /// The draw of the gap before bar `bar_index`.
    pub fn gap_normal(&self, bar_index: usize) -> f64 {
        self.gaps.normal(SESSION_GAPS + bar_index as u64)
    }

    /// Deviation of an overnight gap, from that of a nominal bar.
    pub fn overnight_deviation(&self, deviation: f64) -> f64 {
        let share = self.scenario.overnight_var_share;
        let session = deviation * deviation * self.schedule.session_bars();
        (session * share / (1.0 - share)).sqrt()
    }

    /// Gap at the open of a session: the share of a day's variance that passes overnight.
    #[inline]
    pub fn session_gap(
        &self,
        bar_index: usize,
        opens_session: bool,
        model: &(impl Model + ?Sized),
    ) -> f64 {
        if !opens_session || bar_index == 0 || self.scenario.overnight_var_share == 0.0 {
            return 0.0;
        }
        self.overnight_deviation(model.deviation()) * self.gap_normal(bar_index)
    }

    #[inline]
    fn record(&mut self, bar_index: usize, gap: f64, outlook: &Outlook, rows: &mut PathRows<'_>) {
        let variance = outlook.deviation * outlook.deviation + outlook.jump_variance;
        self.facts.foresee(outlook.mean + outlook.jump_mean, variance);
        if let Some(latent) = &mut rows.latent {
            latent.mean[bar_index] = outlook.mean;
            latent.deviation[bar_index] = outlook.deviation;
            latent.jump[bar_index] = gap;
            latent.state[bar_index] = outlook.state;
        }
    }

    /// Finds how far the price went between the ends of each sub-step, and leaves the log of each
    /// bar's high, low and close in `rows`.
    ///
    /// The maximum of a Brownian bridge from a to b with variance v is exactly
    /// ½(a + b + √((b − a)² − 2·v·ln u)); the minimum has − before the root.
    ///
    /// Source: Andersen and Brotherton-Ratcliffe (1996), "Exact exotics", Risk 9(10); Beaglehole,
    /// Dybvig and Zhou (1997), "Going to extremes", Financial Analysts Journal 53(1).
    fn bridge(
        &mut self,
        first: usize,
        last: usize,
        rows: &mut PathRows<'_>,
    ) -> Result<(), EngineError> {
        let (n, steps) = (self.scenario.n_sub, self.steps);
        if self.scenario.innovations.student().is_some() {
            for (v, tail) in self.v[..steps].chunks_exact_mut(n).zip(&self.tail) {
                v.iter_mut().for_each(|v| *v *= tail * tail);
            }
        }
        let ends = self.from[..steps].iter().zip(&self.to);
        let laws = self.v.iter().zip(self.ln_u.as_chunks::<2>().0);
        let extremes = self.high.iter_mut().zip(&mut self.low);
        for (((a, b), (v, ln_u)), (high, low)) in ends.zip(laws).zip(extremes) {
            let square = (b - a) * (b - a);
            let up = (square - 2.0 * v * ln_u[0]).sqrt();
            let down = (square - 2.0 * v * ln_u[1]).sqrt();
            *high = 0.5 * (a + b + up);
            *low = 0.5 * (a + b - down);
        }
        for bar in 0..last - first {
            let (from, to) = (bar * n, (bar + 1) * n);
            let open = self.from[from];
            let (high, high_at) = extreme(&self.high[from..to], |new, old| new > old);
            let (low, low_at) = extreme(&self.low[from..to], |new, old| new < old);
            // A heavy tail can fling the price far between two ends that lie close together.
            if high > LOG_PRICE_MAX || low < -LOG_PRICE_MAX {
                return Err(self.exploded(first + bar));
            }
            rows.high[first + bar] = high.max(open);
            rows.low[first + bar] = low.min(open);
            rows.close[first + bar] = self.to[to - 1];
            rows.hl_order[first + bar] = i8::from(high_at < low_at) - i8::from(high_at > low_at);
        }
        Ok(())
    }

    fn exploded(&self, bar_index: usize) -> EngineError {
        EngineError::ScenarioExploded { path: self.path, asset: self.asset, bar_index }
    }

    /// Turns the logs that `bridge` left into prices.
    fn price(&mut self, first: usize, last: usize, rows: &mut PathRows<'_>) {
        let p0 = self.scenario.p0;
        for column in [&mut *rows.high, &mut *rows.low, &mut *rows.close] {
            let column = &mut column[first..last];
            math::exp_each(column);
            for price in column.iter_mut() {
                *price *= p0;
            }
        }
        let n = self.scenario.n_sub;
        for bar in first..last {
            // Without a gap a bar opens on the bits at which the last one closed.
            rows.open[bar] = if self.gap[bar - first] == 0.0 {
                self.close
            } else {
                p0 * math::exp(self.from[(bar - first) * n])
            };
            self.close = rows.close[bar];
        }
        if let Some(tick) = self.scenario.tick_size {
            let columns = [&mut *rows.open, &mut *rows.high, &mut *rows.low, &mut *rows.close];
            for price in columns.into_iter().flat_map(|column| &mut column[first..last]) {
                *price = (*price / tick).round() * tick;
            }
        }
        for bar in first..last {
            let (open, close) = (rows.open[bar], rows.close[bar]);
            rows.high[bar] = rows.high[bar].max(open).max(close);
            rows.low[bar] = rows.low[bar].min(open).min(close);
        }
    }
}

/// The first value that no later one beats, and its place.
#[inline]
fn extreme(values: &[f64], beats: impl Fn(f64, f64) -> bool) -> (f64, usize) {
    let mut best = (values[0], 0);
    for (at, value) in values.iter().enumerate().skip(1) {
        best = if beats(*value, best.0) { (*value, at) } else { best };
    }
    best
}
