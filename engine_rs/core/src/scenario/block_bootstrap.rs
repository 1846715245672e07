//! Bars of a source in another order: blocks of it, drawn with replacement.
//!
//! Draws of path p, at purpose bootstrap and asset 0, so that all assets share their blocks:
//! `stationary` begins a new block at bar t if u(2t)·b < 1, and always at bar 0, at bar
//! ⌊u(2t + 1)·n⌋ of the source; `circular` and `moving` begin block k, which is bars k·b to
//! k·b + b − 1, at ⌊u(k)·n⌋ and ⌊u(k)·(n − b + 1)⌋. Here n counts the bars that have one before
//! them, and the first comes after the last but for `moving`.

use super::document::{Choice, Scenario, Structure};
use super::field::refused;
use super::history::{ACTIONS, ADJUST, History};
use super::law::{FACTS, Law};
use super::path::{LOG_PRICE_MAX, PathFacts};
use super::quality::quality;
use super::rows::PathRows;
use super::{Facts, Family, Market};
use crate::EngineError;
use crate::bars::Bars;
use crate::math;
use crate::random::{Purpose, Stream, family_key};
use crate::resample::block_length::optimal_block_bars;
use serde_json::{Value, json};

pub(super) const BLOCK_BOOTSTRAP: Family = Family {
    name: "block_bootstrap",
    source: "Politis and Romano (1994), JASA 89(428); Politis and Romano (1992), in Exploring the \
             Limits of Bootstrap; Künsch (1989), Annals of Statistics 17(3)",
    params: &[],
    choices: &[
        Choice { name: "scheme", values: &["stationary", "circular", "moving"] },
        ADJUST,
        // `first`: path 0 is the source itself, as far as the scenario is long.
        Choice { name: "real_path", values: &["none", "first"] },
    ],
    structures: &[
        Structure {
            name: "block",
            shape: "a whole number of bars, 1 or more, or \"auto\"",
            is_optional: true,
            complete: complete_block,
        },
        ACTIONS,
    ],
    needs_source: true,
    keeps_length: false,
    assets_max: 256,
    takes_student_t: false,
    prepare,
};

/// Fewest rows of a source that can be resampled.
const ROWS_MIN: usize = 50;

/// Shortest block that `auto` gives.
const AUTO_MIN_BARS: usize = 5;

/// Bars whose draws are made at once.
const CHUNK_BARS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scheme {
    Stationary,
    Circular,
    Moving,
}

/// Which bars of the source a path takes, one after the other.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    scheme: Scheme,
    /// Bars that have one before them.
    n: usize,
    /// Bars of a block; for `stationary` their mean.
    length: usize,
}

/// A source and how it is cut up.
#[derive(Debug)]
struct Bootstrap {
    history: History,
    blocks: Blocks,
    /// What `auto` found before it was rounded.
    optimal_bars: Option<f64>,
    has_real_path: bool,
}

fn complete_block(path: &str, value: Option<&Value>) -> Result<Value, EngineError> {
    let given = value.cloned().unwrap_or(json!("auto"));
    let whole = given.as_f64().filter(|bars| *bars >= 1.0 && bars.fract() == 0.0);
    match whole {
        Some(bars) => Ok(json!(bars as u64)),
        None if given == json!("auto") => Ok(given),
        None => Err(refused(path, given.to_string(), "a whole number of bars, 1 or more, or auto")),
    }
}

fn prepare(scenario: &Scenario, source: Option<&Bars>) -> Result<Box<dyn Market>, EngineError> {
    if let Some(tick) = scenario.tick_size {
        return Err(refused("/tick_size", tick.to_string(), "null: bars keep their proportions"));
    }
    let history = History::read(scenario, source)?;
    if history.rows < ROWS_MIN {
        let owner = scenario.family.name.to_owned();
        return Err(EngineError::TooShort { owner, got: history.rows, needed: ROWS_MIN });
    }
    let n = history.rows - 1;
    let has_real_path = scenario.choice("real_path") == "first";
    if has_real_path && scenario.duration_bars > n {
        let expected = format!("at most {n}, the bars of the source, for a path that is real");
        return Err(refused("/duration_bars", scenario.duration_bars.to_string(), expected));
    }
    let scheme = match scenario.choice("scheme") {
        "stationary" => Scheme::Stationary,
        "circular" => Scheme::Circular,
        _ => Scheme::Moving,
    };
    let given = scenario.structure("block").as_u64();
    let optimal_bars = if given.is_none() { Some(optimal(&history, scheme)) } else { None };
    let length = match given {
        Some(bars) if bars <= n as u64 => bars as usize,
        Some(bars) => {
            let expected = format!("at most {n} bars, which the source has");
            return Err(refused("/params/block", bars.to_string(), expected));
        }
        None => (optimal_bars.unwrap_or(1.0).ceil() as usize).clamp(AUTO_MIN_BARS, n),
    };
    let blocks = Blocks { scheme, n, length };
    Ok(Box::new(Bootstrap { history, blocks, optimal_bars, has_real_path }))
}

/// Best block length for the squared returns, whose memory is the longest; of several assets the
/// longest.
fn optimal(history: &History, scheme: Scheme) -> f64 {
    let lengths = (0..history.assets()).map(|asset| {
        let squares: Vec<f64> = log_returns(history, asset).iter().map(|r| r * r).collect();
        let (stationary, circular) = optimal_block_bars(&squares);
        if scheme == Scheme::Stationary { stationary } else { circular }
    });
    lengths.fold(1.0, f64::max)
}

fn log_returns(history: &History, asset: usize) -> Vec<f64> {
    let close = &history.bars.close[history.of(asset)];
    let mut returns: Vec<f64> = close.windows(2).map(|pair| pair[1] / pair[0]).collect();
    math::ln_each(&mut returns);
    returns
}

impl Blocks {
    /// Gives the bars of a path from the first on: for each its row in the source, and whether it
    /// begins a block.
    fn rows(self, stream: Stream) -> impl Iterator<Item = (usize, bool)> {
        let mut u = [0.0; 2 * CHUNK_BARS];
        let mut at = 0;
        (0..).map(move |t: usize| {
            let (begins, draw, starts) = match self.scheme {
                Scheme::Stationary => {
                    let place = 2 * (t % CHUNK_BARS);
                    if place == 0 {
                        stream.fill_uniforms(2 * t as u64, &mut u);
                    }
                    (t == 0 || u[place] * (self.length as f64) < 1.0, u[place + 1], self.n)
                }
                Scheme::Circular | Scheme::Moving => {
                    let begins = t.is_multiple_of(self.length);
                    let draw = if begins { stream.uniform((t / self.length) as u64) } else { 0.0 };
                    let is_moving = self.scheme == Scheme::Moving;
                    (begins, draw, if is_moving { self.n - self.length + 1 } else { self.n })
                }
            };
            at = if begins { (draw * starts as f64) as usize } else { (at + 1) % self.n };
            (at + 1, begins || at == 0)
        })
    }

    /// Share of the pairs of bars so far apart that lie in one block.
    fn pairs_kept(self, lag: usize) -> f64 {
        let length = self.length as f64;
        match self.scheme {
            Scheme::Stationary => (0..lag).map(|_| 1.0 - 1.0 / length).product(),
            Scheme::Circular | Scheme::Moving => (1.0 - lag as f64 / length).max(0.0),
        }
    }
}

impl Market for Bootstrap {
    fn write_path(
        &self,
        scenario: &Scenario,
        path: usize,
        rows: PathRows<'_>,
    ) -> Result<PathFacts, EngineError> {
        let schedule = scenario.schedule();
        let (source, p0) = (&self.history.bars, scenario.p0);
        let family = family_key(scenario.family.name);
        let stream = Stream::scenario(scenario.seed, family, path as u64, 0, Purpose::Bootstrap);
        let is_real = self.has_real_path && path == 0;
        let mut taken = self.blocks.rows(stream);
        let mut assets = rows.by_asset(scenario.duration_bars);
        let mut scales = vec![0.0; assets.len()];
        let prices = p0 * math::exp(-LOG_PRICE_MAX)..=p0 * math::exp(LOG_PRICE_MAX);
        for t in 0..scenario.duration_bars {
            let drawn = taken.next().filter(|_| !is_real);
            let (row, begins) = drawn.unwrap_or((t + 1, t == 0));
            let time = schedule.bar(t);
            for (asset, (rows, scale)) in assets.iter_mut().zip(&mut scales).enumerate() {
                let from = asset * self.history.rows + row;
                if begins {
                    // Within a block all bars have one scale, so that it is the source's own curve.
                    let close = if t == 0 { p0 } else { rows.close[t - 1] };
                    *scale = close / source.close[from - 1];
                }
                (rows.ts[t], rows.known_at[t]) = (time.ts, time.known_at);
                rows.open[t] = *scale * source.open[from];
                rows.high[t] = *scale * source.high[from];
                rows.low[t] = *scale * source.low[from];
                rows.close[t] = *scale * source.close[from];
                rows.volume[t] = source.volume[from];
                rows.hl_order[t] = source.hl_order[from];
                if !prices.contains(&rows.close[t]) {
                    return Err(EngineError::ScenarioExploded { path, asset, bar_index: t });
                }
            }
        }
        for (asset, rows) in assets.iter_mut().enumerate() {
            scenario.mark(path, asset, rows.flags);
        }
        Ok(PathFacts::default())
    }

    fn laws(&self, _scenario: &Scenario) -> Vec<Law> {
        let mut laws = vec![
            Law::between("ks_to_source", &[], 1e-3, 1.0),
            Law::between("bars_from_source", &[], 1.0, 1.0),
        ];
        if self.history.assets() > 1 || self.has_real_path {
            return laws;
        }
        let returns = log_returns(&self.history, 0);
        let n = returns.len() as f64;
        let mean = math::sum(returns.iter().copied()) / n;
        let centred: Vec<f64> = returns.iter().map(|r| r - mean).collect();
        let variance = math::sum(centred.iter().map(|r| r * r)) / n;
        let is_even = self.blocks.scheme != Scheme::Moving;
        if is_even {
            laws.push(Law::near("mean", &[], mean));
            laws.push(Law::near("variance", &[], variance));
        }
        let mut lag = 1;
        while 4 * lag <= self.blocks.length && variance > 0.0 {
            let shifted = centred.iter().cycle().skip(lag);
            let products = centred.iter().zip(shifted).map(|(x, y)| x * y);
            let of_source = math::sum(products) / n / variance;
            // Pairs across the seams of blocks know nothing of one another.
            let expected = (self.blocks.pairs_kept(lag) - 1.0) * of_source;
            laws.push(if is_even {
                Law::near("acf_to_source", &[lag as f64], expected)
            } else {
                // The ends of the source lie in fewer blocks than its middle.
                let ends = self.blocks.length as f64 / n;
                Law::within("acf_to_source", &[lag as f64], expected, 0.01 + ends)
            });
            lag *= 2;
        }
        laws
    }

    fn facts(&self, _scenario: &Scenario) -> Facts {
        Facts { shown: Vec::new(), undecided: FACTS.to_vec() }
    }

    fn quality(&self, scenario: &Scenario) -> Value {
        let mut known = quality(scenario, &self.history);
        known["block_bars"] = json!(self.blocks.length);
        known["optimal_block_bars"] = json!(self.optimal_bars);
        known["real_path"] = if self.has_real_path { json!(0) } else { Value::Null };
        known
    }
}

#[cfg(test)]
mod tests {
    use crate::bars::Bars;
    use crate::math::{exp, ln};
    use crate::random::{Purpose, Stream, family_key};
    use crate::scenario::{Generated, generate, laws};
    use serde_json::{Value, json};

    const ROWS: usize = 120;

    /// Bars of which no two have the same proportions; `asset` moves the prices, not the times.
    fn series(asset: u64) -> Bars {
        let stream = Stream::scenario(9, 0, 0, asset, Purpose::Diffusion);
        let mut bars = Bars::default();
        let mut close = 40.0 * (asset + 1) as f64;
        for t in 0..ROWS as u64 {
            let open = close * exp(0.002 * stream.normal(3 * t));
            close = open * exp(0.01 * stream.normal(3 * t + 1));
            bars.ts.push(86_400_000_000_000 * t as i64);
            bars.open.push(open);
            bars.close.push(close);
            bars.high.push(open.max(close) * exp(0.003 * stream.uniform(3 * t + 2)));
            bars.low.push(open.min(close) * exp(-0.004 * stream.uniform(3 * t + 2)));
            bars.volume.push(1.0 + t as f64);
            bars.hl_order.push((t % 3) as i8 - 1);
        }
        bars
    }

    fn document(paths: usize, bars: usize, params: &Value) -> Value {
        json!({
            "family": "block_bootstrap", "timeframe": "1h", "duration_bars": bars, "seed": 4,
            "params": params, "volume_model": "const", "paths": paths, "calendar": "us_equity",
            "source_hash": "0".repeat(64),
        })
    }

    fn made(paths: usize, bars: usize, params: &Value) -> Generated {
        generate(&document(paths, bars, params), Some(&series(0)), false).unwrap()
    }

    /// Row of the source that each bar was copied from; its volume is its number.
    fn rows(bars: &Bars) -> Vec<usize> {
        bars.volume.iter().map(|volume| *volume as usize - 1).collect()
    }

    #[test]
    fn every_bar_is_a_bar_of_the_source_at_another_price() {
        for scheme in ["stationary", "circular", "moving"] {
            let bars = made(1, 2000, &json!({"scheme": scheme, "block": 7})).bars;
            let source = series(0);
            let mut before = 100.0;
            for (t, row) in rows(&bars).into_iter().enumerate() {
                assert!(row > 0, "the first bar of the source has none before it");
                let scale = before / source.close[row - 1];
                for (ours, theirs) in [
                    (bars.open[t], source.open[row]),
                    (bars.high[t], source.high[row]),
                    (bars.low[t], source.low[row]),
                    (bars.close[t], source.close[row]),
                ] {
                    assert!((ours / theirs / scale - 1.0).abs() < 1e-12, "{scheme} bar {t}");
                }
                assert_eq!(bars.hl_order[t], source.hl_order[row]);
                before = bars.close[t];
            }
        }
    }

    #[test]
    fn blocks_are_drawn_where_the_addresses_say() {
        let key = family_key("block_bootstrap");
        let stream = Stream::scenario(4, key, 1, 0, Purpose::Bootstrap);
        let n = ROWS - 1;
        let (mut at, mut stationary) = (0, Vec::new());
        for t in 0..600 {
            let begins = t == 0 || stream.uniform(2 * t) * 7.0 < 1.0;
            let start = (stream.uniform(2 * t + 1) * n as f64) as usize;
            at = if begins { start } else { (at + 1) % n };
            stationary.push(at + 1);
        }
        let start = |t: usize, starts: usize| {
            (stream.uniform((t / 7) as u64) * starts as f64) as usize + t % 7
        };
        let circular: Vec<usize> = (0..600).map(|t| start(t, n) % n + 1).collect();
        let moving: Vec<usize> = (0..600).map(|t| start(t, n - 6) + 1).collect();
        let expected = [("stationary", stationary), ("circular", circular), ("moving", moving)];
        for (scheme, expected) in expected {
            let bars = made(2, 600, &json!({"scheme": scheme, "block": 7})).bars;
            assert_eq!(rows(&bars)[600..], expected, "{scheme}");
        }
    }

    #[test]
    fn threads_length_and_other_paths_change_no_bar() {
        let params = json!({"block": 5});
        let pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        let few = pool(1).install(|| made(2, 300, &params));
        let many = pool(16).install(|| made(9, 300, &params));
        assert_eq!(few.bars.close, many.bars.close[..600]);
        assert_eq!(few.bars.ts, many.bars.ts[..600]);
        let long = made(1, 1000, &params).bars;
        assert_eq!(few.bars.close[..300], long.close[..300]);
        assert_ne!(few.bars.close[..300], few.bars.close[300..]);
    }

    #[test]
    fn times_are_those_of_the_documents_calendar_and_so_is_the_year() {
        let Generated { bars, facts, .. } = made(1, 100, &json!({}));
        assert_eq!(facts["bars_per_year"], 1764.0);
        assert_eq!(facts["a_inferred"], false);
        assert_eq!(facts["sharpe_max_bar"], Value::Null);
        // 2000-01-03T14:30:00Z, and the short last bar of that session.
        assert_eq!(bars.ts[0], 946_909_800_000_000_000);
        assert_eq!(bars.known_at[6] - bars.ts[6], 1_800_000_000_000);
    }

    #[test]
    fn assets_share_their_blocks() {
        let mut both = series(0);
        let other = series(1);
        for (ours, theirs) in [
            (&mut both.open, &other.open),
            (&mut both.high, &other.high),
            (&mut both.low, &other.low),
            (&mut both.close, &other.close),
            (&mut both.volume, &other.volume),
        ] {
            ours.extend(theirs);
        }
        both.ts.extend(&other.ts);
        both.hl_order.extend(&other.hl_order);
        let mut document = document(2, 400, &json!({"block": 9}));
        document["assets"] = json!(["A", "B"]);
        let bars = generate(&document, Some(&both), false).unwrap().bars;
        let alone = made(2, 400, &json!({"block": 9})).bars;
        let rows = rows(&bars);
        for path in 0..2 {
            let (first, second) = (path * 800, path * 800 + 400);
            assert_eq!(rows[first..second], rows[second..second + 400]);
            assert_eq!(bars.close[first..second], alone.close[path * 400..(path + 1) * 400]);
        }
        both.ts[ROWS] += 1;
        let error = generate(&document, Some(&both), false).unwrap_err();
        assert_eq!(error.code(), "UNALIGNED_TS");
    }

    #[test]
    fn the_real_path_is_the_source_and_is_told() {
        let mut document = document(2, ROWS - 1, &json!({"real_path": "first", "block": 3}));
        document["p0"] = json!(series(0).close[0]);
        let made = generate(&document, Some(&series(0)), false).unwrap();
        assert_eq!(made.bars.close[..ROWS - 1], series(0).close[1..]);
        assert_eq!(made.bars.open[..ROWS - 1], series(0).open[1..]);
        assert_eq!(made.facts["quality"]["real_path"], 0);
        document["duration_bars"] = json!(ROWS);
        let error = generate(&document, Some(&series(0)), false).unwrap_err();
        assert!(error.to_string().contains("/duration_bars: got 120, expected at most 119"));
    }

    #[test]
    fn an_automatic_block_is_told_and_no_shorter_than_five() {
        let quality = made(1, 100, &json!({})).facts["quality"].clone();
        let optimal = quality["optimal_block_bars"].as_f64().unwrap();
        assert_eq!(quality["block_bars"], optimal.ceil().max(5.0));
        let stated = made(1, 100, &json!({"block": 2})).facts["quality"].clone();
        assert_eq!(stated["block_bars"], 2);
        assert_eq!(stated["optimal_block_bars"], Value::Null);
    }

    #[test]
    fn a_path_that_leaves_every_price_is_refused_with_its_place() {
        let mut rising = series(0);
        for (t, close) in rising.close.iter_mut().enumerate() {
            *close = exp(0.499 * t as f64);
        }
        (rising.open, rising.high) = (rising.close.clone(), rising.close.clone());
        rising.low = rising.close.clone();
        let document = document(1, 200, &json!({"scheme": "moving", "block": 119}));
        match generate(&document, Some(&rising), false).unwrap_err() {
            // 0.499 a bar passes 50 with the bar that follows a hundred others.
            crate::EngineError::ScenarioExploded { path: 0, asset: 0, bar_index: 100 } => {}
            other => panic!("{other}"),
        }
    }

    #[test]
    fn its_laws_name_the_source_and_lags_up_to_a_quarter_of_a_block() {
        let document = document(1, 100, &json!({"block": 16}));
        let laws = laws(&document, Some(&series(0))).unwrap();
        let of = |name: &str| {
            let all = laws["laws"].as_array().unwrap().iter();
            all.filter(|law| law["statistic"] == name).cloned().collect::<Vec<_>>()
        };
        let lags: Vec<Value> =
            of("acf_to_source").iter().map(|law| law["arguments"][0].clone()).collect();
        assert_eq!(lags, [1.0, 2.0, 4.0]);
        let closes = series(0).close;
        let mean = ln(closes[ROWS - 1] / closes[0]) / (ROWS - 1) as f64;
        assert!((of("mean")[0]["expected"].as_f64().unwrap() - mean).abs() < 1e-12);
        assert_eq!(of("bars_from_source")[0]["low"], 1.0);
        assert_eq!(of("ks_to_source")[0]["low"], 1e-3);
    }

    #[test]
    fn what_cannot_be_resampled_is_refused_with_its_place() {
        for (field, value, code, part) in [
            ("block", json!(0), "FIELD_INVALID", "/params/block: got 0"),
            ("block", json!(2.5), "FIELD_INVALID", "/params/block"),
            ("block", json!("long"), "FIELD_INVALID", "/params/block"),
            ("block", json!(120), "FIELD_INVALID", "at most 119 bars"),
            ("scheme", json!("wild"), "UNKNOWN_NAME", "stationary, circular, moving"),
            ("real_path", json!("last"), "UNKNOWN_NAME", "none, first"),
            ("adjust", json!("both"), "UNKNOWN_NAME", "split, total_return, none"),
        ] {
            let document = document(1, 100, &json!({field: value}));
            let error = generate(&document, Some(&series(0)), false).unwrap_err();
            assert_eq!(error.code(), code, "{field}: {error}");
            assert!(error.to_string().contains(part), "{field}: {error}");
        }
        let mut ticks = document(1, 100, &json!({}));
        ticks["tick_size"] = json!(0.01);
        let refusal = |document: &Value, source: Option<&Bars>| {
            generate(document, source, false).unwrap_err().to_string()
        };
        assert!(refusal(&ticks, Some(&series(0))).contains("/tick_size"));
        assert!(refusal(&document(1, 100, &json!({})), None).contains("/source: got nothing"));
        let mut short = series(0);
        for column in
            [&mut short.open, &mut short.high, &mut short.low, &mut short.close, &mut short.volume]
        {
            column.truncate(49);
        }
        short.ts.truncate(49);
        short.hl_order.truncate(49);
        let message = refusal(&document(1, 100, &json!({})), Some(&short));
        assert!(message.contains("got 49 bars, expected at least 50"), "{message}");
    }
}
