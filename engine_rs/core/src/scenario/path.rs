//! One path of log prices: sub-steps, bridge extremes and the bars they make, shared by every
//! family that draws its increments.
//!
//! What an increment is made of is the family's affair and does not belong here.
//!
//! Work goes in blocks of a few hundred sub-steps, so that draws, logarithms and exponentials are
//! taken by the array; each value is still computed by the same operations in the same order.

use super::document::{GuardMode, Scenario};
use super::volume::VolumeState;
use crate::EngineError;
use crate::math;
use crate::random::{Purpose, Stream, family_key};

/// One basis point.
pub(super) const BPS: f64 = 1e-4;

/// Bit of the column `flags`: an increment of this bar was cut back to the guard.
pub const FLAG_CLIPPED: u8 = 1;

/// Largest log price, up or down, relative to `p0`.
const LOG_PRICE_MAX: f64 = 50.0;

/// Sub-steps in a block; at least the 64 that one bar may have.
const BLOCK_STEPS: usize = 256;

/// Where one path's bars are written; every slice has one length, the number of bars.
#[allow(missing_docs)]
pub struct PathRows<'a> {
    pub ts: &'a mut [i64],
    pub known_at: &'a mut [i64],
    pub open: &'a mut [f64],
    pub high: &'a mut [f64],
    pub low: &'a mut [f64],
    pub close: &'a mut [f64],
    pub volume: &'a mut [f64],
    pub hl_order: &'a mut [i8],
    pub flags: &'a mut [u8],
}

/// What is worth knowing of a path beside its bars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PathFacts {
    /// Largest |z| that was drawn for an increment, before any clipping.
    pub max_abs_z: f64,
    /// Increments that reached the guard.
    pub guard_events: u64,
}

/// The law of one bar's increments, given the bars before: each of its sub-steps adds
/// `mean + scale · z`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub mean: f64,
    pub scale: f64,
    /// Variance of one sub-step; what the bridge between its ends needs.
    pub variance: f64,
    /// Standard deviation of the whole bar.
    pub deviation: f64,
}

/// A family's increments along one path.
pub(super) trait Diffusion {
    /// Law of the coming bar's increments.
    fn next_bar(&mut self) -> Step;

    /// Takes note of the log return `r` that the bar's increments came to.
    fn observe(&mut self, r: f64);
}

/// Writes path number `path` of the scenario into `rows`.
///
/// # Errors
///
/// `SCENARIO_EXPLODED` when the log price leaves ±50; `GUARD_EXCEEDED` when an increment reaches
/// the guard and the scenario does not clip.
pub(super) fn walk(
    scenario: &Scenario,
    path: usize,
    model: &mut impl Diffusion,
    mut rows: PathRows<'_>,
) -> Result<PathFacts, EngineError> {
    write_times(scenario, &mut rows);
    let mut walker = Walker::new(scenario, path);
    let bars = rows.close.len();
    let mut first = 0;
    while first < bars {
        let last = bars.min(first + BLOCK_STEPS / scenario.n_sub);
        walker.draw(first, last);
        walker.apply_guard(first, &mut rows)?;
        walker.advance(first, last, model, &mut rows)?;
        walker.bridge(first, last, &mut rows);
        walker.price(first, last, &mut rows);
        first = last;
    }
    Ok(walker.facts)
}

fn write_times(scenario: &Scenario, rows: &mut PathRows<'_>) {
    let bar_ns = scenario.timeframe.bar_ns;
    let mut ts = scenario.start_ns;
    for (open, close) in rows.ts.iter_mut().zip(rows.known_at.iter_mut()) {
        *open = ts;
        ts += bar_ns;
        *close = ts;
    }
}

/// State of a walk and the scratch arrays of one block.
struct Walker<'a> {
    scenario: &'a Scenario,
    path: usize,
    diffusion: Stream,
    intrabar: Stream,
    volumes: Stream,
    volume: VolumeState,
    /// Close of the bar before, a price.
    close: f64,
    facts: PathFacts,
    /// Sub-steps in this block.
    steps: usize,
    /// Standard normals of the increments.
    z: [f64; BLOCK_STEPS],
    /// Log price at the ends of the sub-steps; slot 0 is where the block begins.
    x: [f64; BLOCK_STEPS + 1],
    /// Variance of each sub-step.
    v: [f64; BLOCK_STEPS],
    /// ln u of the bridges: high and low of each sub-step by turns.
    ln_u: [f64; 2 * BLOCK_STEPS],
    /// Highest and lowest log price within each sub-step.
    high: [f64; BLOCK_STEPS],
    low: [f64; BLOCK_STEPS],
}

impl<'a> Walker<'a> {
    fn new(scenario: &'a Scenario, path: usize) -> Self {
        let family = family_key(scenario.family.name);
        let stream = |purpose| Stream::scenario(scenario.seed, family, path as u64, 0, purpose);
        Self {
            scenario,
            path,
            diffusion: stream(Purpose::Diffusion),
            intrabar: stream(Purpose::Intrabar),
            volumes: stream(Purpose::Volume),
            volume: scenario.volume.start(),
            close: scenario.p0,
            facts: PathFacts::default(),
            steps: 0,
            z: [0.0; BLOCK_STEPS],
            x: [0.0; BLOCK_STEPS + 1],
            v: [0.0; BLOCK_STEPS],
            ln_u: [0.0; 2 * BLOCK_STEPS],
            high: [0.0; BLOCK_STEPS],
            low: [0.0; BLOCK_STEPS],
        }
    }

    /// Draws everything that the bars `first` to `last` need and that no bar can change.
    fn draw(&mut self, first: usize, last: usize) {
        let n = self.scenario.n_sub;
        self.steps = (last - first) * n;
        let at = (first * n) as u64;
        self.diffusion.fill_normals(at, &mut self.z[..self.steps]);
        let ln_u = &mut self.ln_u[..2 * self.steps];
        self.intrabar.fill_uniforms(2 * at, ln_u);
        math::ln_each(ln_u);
    }

    /// Refuses or clips increments that no normal draw can make: |d − E d| < k·√v, where the left
    /// side is √v·|z|.
    fn apply_guard(&mut self, first: usize, rows: &mut PathRows<'_>) -> Result<(), EngineError> {
        let z = &mut self.z[..self.steps];
        let largest = z.iter().fold(0.0_f64, |largest, z| largest.max(z.abs()));
        self.facts.max_abs_z = self.facts.max_abs_z.max(largest);
        let guard = self.scenario.guard;
        if largest < guard.k {
            return Ok(());
        }
        for (step, z) in z.iter_mut().enumerate().filter(|(_, z)| z.abs() >= guard.k) {
            let bar_index = first + step / self.scenario.n_sub;
            if guard.mode == GuardMode::Error {
                let (path, z, k) = (self.path, *z, guard.k);
                return Err(EngineError::GuardExceeded { path, asset: 0, bar_index, z, k });
            }
            *z = guard.k.copysign(*z);
            self.facts.guard_events += 1;
            rows.flags[bar_index] |= FLAG_CLIPPED;
        }
        Ok(())
    }

    /// Walks the log price through the block, bar by bar, and takes each bar's volume.
    fn advance(
        &mut self,
        first: usize,
        last: usize,
        model: &mut impl Diffusion,
        rows: &mut PathRows<'_>,
    ) -> Result<(), EngineError> {
        let n = self.scenario.n_sub;
        let mut volume_z = [0.0; BLOCK_STEPS];
        let draws_volume = self.volume.draws();
        if draws_volume {
            self.volumes.fill_normals(first as u64, &mut volume_z[..last - first]);
        }
        let mut x = self.x[0];
        for (bar, volume) in rows.volume[first..last].iter_mut().enumerate() {
            let step = model.next_bar();
            let mut r = 0.0;
            for at in bar * n..(bar + 1) * n {
                let d = step.mean + step.scale * self.z[at];
                x += d;
                r += d;
                self.x[at + 1] = x;
                self.v[at] = step.variance;
            }
            if x.is_nan() || x.abs() > LOG_PRICE_MAX {
                let (path, bar_index) = (self.path, first + bar);
                return Err(EngineError::ScenarioExploded { path, asset: 0, bar_index });
            }
            model.observe(r);
            *volume = self.volume.next(volume_z[bar], r / step.deviation);
        }
        if draws_volume {
            let volumes = &mut rows.volume[first..last];
            math::exp_each(volumes);
            self.volume.scale(volumes);
        }
        Ok(())
    }

    /// Finds how far the price went between the ends of each sub-step, and leaves the log of each
    /// bar's high, low and close in `rows`.
    ///
    /// The maximum of a Brownian bridge from a to b with variance v is exactly
    /// ½(a + b + √((b − a)² − 2·v·ln u)); the minimum has − before the root.
    ///
    /// Source: Andersen and Brotherton-Ratcliffe (1996), "Exact exotics", Risk 9(10); Beaglehole,
    /// Dybvig and Zhou (1997), "Going to extremes", Financial Analysts Journal 53(1).
    fn bridge(&mut self, first: usize, last: usize, rows: &mut PathRows<'_>) {
        let steps = self.steps;
        let ends = self.x[..steps].iter().zip(&self.x[1..]);
        let laws = self.v.iter().zip(self.ln_u.as_chunks::<2>().0);
        let extremes = self.high.iter_mut().zip(&mut self.low);
        for (((a, b), (v, ln_u)), (high, low)) in ends.zip(laws).zip(extremes) {
            let square = (b - a) * (b - a);
            let up = (square - 2.0 * v * ln_u[0]).sqrt();
            let down = (square - 2.0 * v * ln_u[1]).sqrt();
            *high = 0.5 * (a + b + up);
            *low = 0.5 * (a + b - down);
        }
        let n = self.scenario.n_sub;
        for bar in 0..last - first {
            let (from, to) = (bar * n, (bar + 1) * n);
            let open = self.x[from];
            let (high, high_at) = extreme(&self.high[from..to], |new, old| new > old);
            let (low, low_at) = extreme(&self.low[from..to], |new, old| new < old);
            rows.high[first + bar] = high.max(open);
            rows.low[first + bar] = low.min(open);
            rows.close[first + bar] = self.x[to];
            rows.hl_order[first + bar] = i8::from(high_at < low_at) - i8::from(high_at > low_at);
        }
        self.x[0] = self.x[steps];
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
        // No family has opening gaps, so a bar opens on the bits at which the last one closed.
        for bar in first..last {
            rows.open[bar] = self.close;
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

#[cfg(test)]
mod tests {
    use super::FLAG_CLIPPED;
    use crate::bars::Bars;
    use crate::math::{exp, ln};
    use crate::random::{Purpose, Stream, family_key};
    use crate::scenario::{Generated, generate};
    use serde_json::{Value, json};

    fn document(n_sub: usize, bars: usize) -> Value {
        json!({
            "family": "trend", "timeframe": "1h", "duration_bars": bars, "seed": 7,
            "params": {"drift": 3.0, "sigma": 80.0}, "volume_model": "lognormal",
            "n_sub": n_sub,
        })
    }

    fn bars(document: &Value) -> Bars {
        generate(document, None).unwrap().bars
    }

    /// The same path, one draw and one formula at a time.
    fn slow(n: usize, bars: usize) -> Bars {
        let stream = |purpose| Stream::scenario(7, family_key("trend"), 0, 0, purpose);
        let (diffusion, intrabar) = (stream(Purpose::Diffusion), stream(Purpose::Intrabar));
        let volume = stream(Purpose::Volume);
        let s = 80.0 * 1e-4;
        let m = 3.0 * 1e-4 - 0.5 * (s * s);
        let v = s * s / n as f64;
        let mut slow = Bars::default();
        let mut x = 0.0;
        for t in 0..bars {
            let open = x;
            let (mut high, mut low) = ((f64::NEG_INFINITY, 0), (f64::INFINITY, 0));
            for j in 0..n {
                let index = (t * n + j) as u64;
                let d = m / n as f64 + s / (n as f64).sqrt() * diffusion.normal(index);
                let next = x + d;
                let reach = |u: f64| ((next - x) * (next - x) - 2.0 * v * ln(u)).sqrt();
                let top = 0.5 * (x + next + reach(intrabar.uniform(2 * index)));
                let bottom = 0.5 * (x + next - reach(intrabar.uniform(2 * index + 1)));
                high = if top > high.0 { (top, j) } else { high };
                low = if bottom < low.0 { (bottom, j) } else { low };
                x = next;
            }
            let price = |x: f64| 100.0 * exp(x);
            let (o, c) = (price(open), price(x));
            slow.open.push(o);
            slow.close.push(c);
            slow.high.push(price(high.0.max(open)).max(o).max(c));
            slow.low.push(price(low.0.min(open)).min(o).min(c));
            slow.hl_order.push((low.1 as i64 - high.1 as i64).signum() as i8);
            slow.volume.push(1000.0 * exp(0.5 * volume.normal(t as u64) - 0.5 * (0.5 * 0.5)));
        }
        slow
    }

    #[test]
    fn a_path_by_the_block_has_the_bits_of_one_draw_at_a_time() {
        for n_sub in [1, 3, 4, 7, 64] {
            let fast = bars(&document(n_sub, 300));
            let slow = slow(n_sub, 300);
            assert_eq!(fast.open, slow.open, "n_sub {n_sub}");
            assert_eq!(fast.high, slow.high, "n_sub {n_sub}");
            assert_eq!(fast.low, slow.low, "n_sub {n_sub}");
            assert_eq!(fast.close, slow.close, "n_sub {n_sub}");
            assert_eq!(fast.volume, slow.volume, "n_sub {n_sub}");
            assert_eq!(fast.hl_order, slow.hl_order, "n_sub {n_sub}");
        }
    }

    #[test]
    fn the_order_of_the_extremes_is_told_when_sub_steps_tell_it() {
        let many = bars(&document(64, 1000)).hl_order;
        let share = |wanted: i8| many.iter().filter(|order| **order == wanted).count();
        assert_eq!(share(1) + share(-1) + share(0), 1000);
        assert!(share(1) > 350 && share(-1) > 350 && share(0) < 100);
        assert!(bars(&document(1, 1000)).hl_order.iter().all(|order| *order == 0));
    }

    #[test]
    fn bars_follow_one_another_in_time_and_price() {
        let bars = bars(&document(4, 1000));
        assert_eq!(bars.ts[0], 946_857_600_000_000_000);
        assert_eq!(bars.open[0], 100.0);
        for t in 1..1000 {
            assert_eq!(bars.ts[t], bars.known_at[t - 1]);
            assert_eq!(bars.ts[t] - bars.ts[t - 1], 3_600_000_000_000);
            assert_eq!(bars.open[t], bars.close[t - 1]);
            assert_eq!(bars.t[t], t as u32);
        }
    }

    #[test]
    fn ranges_measure_the_variance_that_was_put_in() {
        let mut document = document(4, 100_000);
        document["params"] = json!({"drift": 0.0, "sigma": 10.0, "drift_convention": "log"});
        let bars = bars(&document);
        let s2 = 1e-3 * 1e-3;
        let squares = (0..100_000).map(|t| {
            let range = ln(bars.high[t] / bars.low[t]);
            range * range / (4.0 * ln(2.0)) / s2
        });
        let ratio = crate::math::sum(squares) / 1e5;
        // Parkinson's estimator has a relative standard error of √(0.41/n); four of them.
        assert!((ratio - 1.0).abs() < 4.0 * (0.41_f64 / 1e5).sqrt() + 0.002, "{ratio}");
    }

    #[test]
    fn a_tick_size_puts_every_price_on_the_grid() {
        let mut document = document(4, 1000);
        document["tick_size"] = json!(0.25);
        let coarse = bars(&document);
        document["tick_size"] = json!(null);
        let fine = bars(&document);
        for (coarse, fine) in [
            (&coarse.open, &fine.open),
            (&coarse.high, &fine.high),
            (&coarse.low, &fine.low),
            (&coarse.close, &fine.close),
        ] {
            for (rounded, exact) in coarse.iter().zip(fine) {
                assert_eq!((rounded / 0.25).fract(), 0.0);
                assert!((rounded - exact).abs() <= 0.125);
            }
        }
    }

    #[test]
    fn a_price_rounded_to_nothing_is_refused() {
        let mut document = document(4, 100);
        document["tick_size"] = json!(1000.0);
        assert_eq!(generate(&document, None).unwrap_err().code(), "PRICE_NOT_POSITIVE");
    }

    #[test]
    fn a_path_that_leaves_every_price_is_refused_with_its_place() {
        let mut document = document(4, 2000);
        document["params"] = json!({"drift": 500.0, "sigma": 1.0, "drift_convention": "log"});
        match generate(&document, None).unwrap_err() {
            // 0.05 a bar passes 50 at its thousandth bar, give or take the noise.
            crate::EngineError::ScenarioExploded { path: 0, asset: 0, bar_index } => {
                assert!((998..=1001).contains(&bar_index), "{bar_index}");
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_guard_refuses_or_clips_counts_and_flags() {
        let mut document = document(1, 1000);
        document["params"] = json!({"drift": 0.0, "sigma": 10.0, "drift_convention": "log"});
        document["guard"] = json!({"mode": "error", "k": 3.0});
        let error = generate(&document, None).unwrap_err();
        assert_eq!(error.code(), "GUARD_EXCEEDED");
        document["guard"] = json!({"mode": "clip", "k": 3.0});
        let Generated { bars, facts } = generate(&document, None).unwrap();
        let flagged: Vec<usize> = (0..1000).filter(|t| bars.flags[*t] == FLAG_CLIPPED).collect();
        // P(|z| ≥ 3) is 0.0027.
        assert!((1..=12).contains(&flagged.len()), "{flagged:?}");
        assert_eq!(facts["guard_events"], flagged.len());
        assert!(facts["max_abs_z"].as_f64().unwrap() > 3.0);
        assert!(error.to_string().contains(&format!("bar {}", flagged[0])), "{error}");
        for t in flagged {
            let size = ln(bars.close[t] / bars.open[t]).abs();
            assert!((size - 3.0 * 10e-4).abs() < 1e-12, "bar {t} moved by {size}");
        }
    }
}
